"""A device that none of us wrote: TangoTest, the C++ server that Tango itself brings."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.framework.clients.beamline import Beamline

DEVICE = "sys/tg_test/1"


def program() -> str | None:
    """Where TangoTest is: RONDA_TANGO_TEST, or where Debian's package `tango-test` puts it."""
    places = [os.environ.get("RONDA_TANGO_TEST"), shutil.which("TangoTest"), "/usr/lib/tango/TangoTest"]
    return next((place for place in places if place and Path(place).exists()), None)


@pytest.fixture(scope="session")
def foreign(demo) -> Iterator[Any]:
    """TangoTest in the demo's database; a client of it."""
    found = program()
    if found is None:
        pytest.skip("Debian's package tango-test is not installed")
    host, _, port = demo.exports["TANGO_HOST"].rpartition(":")
    database = tango.Database(host, int(port))
    info = tango.DbDevInfo()
    info.name, info._class, info.server = DEVICE, "TangoTest", "TangoTest/test"
    database.add_device(info)
    server = subprocess.Popen(
        [found, "test", "-ORBendPoint", "giop:tcp:127.0.0.1:"],
        env={**os.environ, "TANGO_HOST": demo.exports["TANGO_HOST"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield wait_for_device(demo, server)
    finally:
        server.kill()
        server.wait()
        database.delete_device(DEVICE)


def wait_for_device(demo: Any, server: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + 60
    while True:
        assert server.poll() is None, f"TangoTest ended with {server.returncode}"
        try:
            proxy = demo.device(DEVICE)
            proxy.ping()
        except tango.DevFailed:
            assert time.monotonic() < deadline, "TangoTest does not answer"
            time.sleep(0.3)
        else:
            return proxy


@pytest.fixture(scope="session")
def beamline(demo) -> Iterator[Beamline]:
    """The demo beamline."""
    exports = demo.exports
    connected = Beamline.connect(
        exports["TANGO_HOST"], exports["RONDA_REDIS_URL"].strip("'"), exports["RONDA_BEAMLINE"], os.environ
    )
    yield connected
    connected.close()
