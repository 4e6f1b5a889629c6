"""The Eiger simulator of `tickit-devices`, in an environment of its own: an independent witness of SIMPLON 1.8 and Stream V2.

Its images are messages of a real detector. It lacks: the limits `min` and `max` of parameters, the number of the series in the
answer to `arm` (it always says 2, so that our driver finds no image of its other series), the states `configure` and `acquire`, and images
that are not bslz4.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

from ronda.devices.camera.contract import Setup
from ronda.devices.camera.drivers.simplon import Simplon
from ronda.devices.camera.simplon_rest import SimplonRest
from ronda.devices.camera.stream_v2 import StreamReceiver, image_of
from ronda.framework.errors import HardwareFault, RondaError
from ronda.framework.stream.frames.packed import PackedFrame
from tests.devices.conftest import wait_until
from tests.ports import free_port

PACKAGES = ("tickit-devices==0.4.1", "cbor2<5.7")
"""Later versions of cbor2 give messages that it cannot change."""

INSTALL_LIMIT = 50.0
"""Seconds that installing may take."""

FILE = """
- type: tickit_devices.eiger.Eiger
  name: eiger
  inputs: {{}}
  host: 127.0.0.1
  port: {rest}
  stream_legacy_port: {legacy}
  stream_cbor_port: {stream}
"""


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of its control and of its stream."""
    folder: Path = tmp_path_factory.mktemp("tickit")
    try:
        venv.create(folder / "env", with_pip=True)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this Python makes no environments with pip (Debian's package python3-venv): {error}")
    install = [folder / "env" / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
    try:
        done = subprocess.run(install, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"tickit-devices could not be installed within {INSTALL_LIMIT:g} s")
    if done.returncode:
        pytest.skip(f"pip cannot install tickit-devices on Python {sys.version_info[:2]}: {done.stderr[-300:]}")
    rest, legacy, stream = free_port(), free_port(), free_port()
    file = folder / "eiger.yaml"
    file.write_text(FILE.format(rest=rest, legacy=legacy, stream=stream))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([folder / "env" / "bin" / "tickit", "all", file], stdout=log, stderr=log)
    control = SimplonRest("witness", f"127.0.0.1:{rest}", 150.0)

    def answers() -> bool:
        try:
            return bool(control.get("detector status state"))
        except RondaError:
            if process.poll() is not None:
                pytest.skip(f"tickit does not run with what pip installed: {(folder / 'log').read_text()[-500:]}")
            return False

    try:
        wait_until(answers, "the witness answers", 150)
        control.close()
        yield rest, stream
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_our_driver_finds_out_what_it_can_and_arms_it(witness: tuple[int, int]) -> None:
    rest, stream = witness
    parameters = Simplon.Parameters(
        kind="camera", driver="simplon", address=f"127.0.0.1:{rest}", stream_port=stream, timeout=60
    )
    driver = Simplon("det", parameters)
    driver.connect()
    known = driver.capabilities()
    assert (known.width, known.height, known.dtype) == (4148, 4362, "<u2")
    assert "Eiger X 16M" in known.model
    driver.prepare(Setup(0.04, 1, (0, 0, known.width, known.height)))
    control = SimplonRest("det", f"127.0.0.1:{rest}", 150.0)
    assert control.get("detector config count_time")["value"] == 0.04
    assert control.get("detector status state")["value"] == "ready"
    driver.disconnect()
    assert control.get("detector status state")["value"] == "idle"
    control.close()


def test_its_messages_are_understood_and_an_image_of_a_real_detector_is_unpacked(witness: tuple[int, int]) -> None:
    rest, stream = witness
    with (
        closing(SimplonRest("det", f"127.0.0.1:{rest}", 150.0)) as control,
        closing(StreamReceiver("det", f"127.0.0.1:{stream}")) as receiver,
    ):
        assert receiver.await_connection(150.0)
        control.put("detector command initialize")
        control.put("detector config nimages", 1)
        seen: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + 150
        while len(seen) < 3:  # it loses messages now and then: its socket also connects to itself
            control.put("detector command arm")
            control.put("detector command trigger")
            control.put("detector command disarm")
            until = time.monotonic() + 2
            while time.monotonic() < until and len(seen) < 3:
                if (message := receiver.next(ANY)) is not None:
                    seen[message["type"]] = message
                time.sleep(0.01)
            assert time.monotonic() < deadline, f"only {sorted(seen)} came"
        assert set(seen) == {"start", "image", "end"}
        assert list(seen["start"]["channels"]) == ["threshold_1"]
        image = image_of("det", seen["image"])
        assert (image.shape, image.dtype) == ((4362, 4148), np.dtype("<u2"))
        masked = np.iinfo(np.uint16).max
        pixels = image.unpack() if isinstance(image, PackedFrame) else image
        assert 0 < (pixels != masked).mean() < 1  # there are gaps between its modules


def test_it_refuses_what_we_take_for_unknown(witness: tuple[int, int]) -> None:
    control = SimplonRest("det", f"127.0.0.1:{witness[0]}", 150.0)
    with pytest.raises(HardwareFault, match="404"):
        control.get("detector config no_such_parameter")
    control.close()
