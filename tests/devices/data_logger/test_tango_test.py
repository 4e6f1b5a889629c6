"""TangoTest, a C++ server that none of us wrote, is kept beside ours with all its types."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tango

from ronda.framework.tango.values import is_kept, type_of
from tests.devices.conftest import wait_until
from tests.devices.data_logger.conftest import kept, newest
from tests.devices.sampling.conftest import DEVICE, program


@pytest.fixture
def foreign(rig) -> Iterator[Any]:
    """TangoTest in the database of the rig; a client of it."""
    found = program()
    if found is None:
        pytest.skip("Debian's package tango-test is not installed")
    info = tango.DbDevInfo()
    info.name, info._class, info.server = DEVICE, "TangoTest", "TangoTest/test"
    rig.database().add_device(info)
    server = subprocess.Popen(
        [found, "test", "-ORBendPoint", "giop:tcp:127.0.0.1:"],
        env={**os.environ, "TANGO_HOST": rig.tango_host},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    proxy = rig.proxy

    def answers() -> bool:
        assert server.poll() is None, f"TangoTest ended with {server.returncode}"
        try:
            proxy(DEVICE).ping()
        except tango.DevFailed:
            return False
        return True

    try:
        wait_until(answers, "TangoTest answers")
        yield proxy(DEVICE)
    finally:
        server.kill()
        server.wait()


def test_all_its_types_are_kept_with_their_values(rig, foreign, tmp_path):
    folder = tmp_path / "archive"
    rules = [
        {"device": DEVICE, "period": 1.0, "exclude": ["throw_exception"]},
        {"tango_class": "DataLogger", "attributes": ["Subscribed"]},
    ]
    rig.register("log", {"logger": {"kind": "data_logger", "folder": str(folder), "rules": rules}})
    rig.start("log")
    described = {one.name: one for one in foreign.attribute_list_query() if is_kept(one)}
    without = ("throw_exception", "no_value")
    expected = {f"{DEVICE}/{name}".lower(): one for name, one in described.items() if name not in without}
    types = {type_of(one) for one in expected.values()}
    assert {"DevBoolean", "DevDouble", "DevString", "DevState", "DevULong64", "DevUChar"} <= types
    assert {str(one.data_format) for one in expected.values()} == {"SCALAR", "SPECTRUM"}

    own = f"{rig.proxy('logger').name()}/subscribed"
    wait_until(lambda: kept(folder).keys() >= {own, *expected}, "all are kept")
    found = kept(folder)
    assert {name: found[name] for name in expected} == {name: type_of(one) for name, one in expected.items()}

    error = newest(folder, f"{DEVICE}/no_value")
    assert error is not None
    assert (error.kind, error.value) == ("error", None)

    foreign.long_scalar_w = 1234
    foreign.string_scalar = "Käse"
    foreign.double_spectrum = [1.5, 2.5, -3.5]

    def comes(name: str, value: Any) -> None:
        def is_there() -> bool:
            last = newest(folder, f"{DEVICE}/{name}")
            return last is not None and last.kind == "value" and np.array_equal(last.value, value)

        wait_until(is_there, f"{name} is {value}")

    comes("long_scalar_w", 1234)
    comes("string_scalar", foreign.string_scalar)
    comes("double_spectrum", [1.5, 2.5, -3.5])
    rig.servers["log"].end()
