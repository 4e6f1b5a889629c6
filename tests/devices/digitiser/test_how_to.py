"""The driver of the page on detectors with a data stream of their own, against a scripted instrument."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tango
from ruamel.yaml import YAML

from tests.devices.conftest import Instrument, Rig, wait_until

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-detector-with-its-own-stream.md"
BLOCKS = dict(re.findall(r"^```\w+\n# file: (\S+)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL))


class QuartetSimulator:
    """Takes lines, and sends samples: channel c of sample k is 100 c + k % 7."""

    def __init__(self) -> None:
        self._data, self.lines = _neighbours(self._answer)
        self.port = self._data.getsockname()[1] - 1
        self._rate = 1000.0
        self._began = 0.0
        self._halt = threading.Event()
        self._sent = 0
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        self._halt.set()
        self.lines.close()
        self._data.close()
        if self._thread is not None:
            self._thread.join(60)
        if hasattr(self, "_accepted"):
            self._accepted.close()

    def _answer(self, line: str) -> str:
        word, _, value = line.partition(" ")
        if word == "RATE":
            self._rate = float(value)
        elif word == "RUN":
            self._halt.clear()
            self._sent, self._began = 0, time.monotonic()
            self._thread = threading.Thread(target=self._send, daemon=True)
            self._thread.start()
        elif word == "HALT" and self._thread is not None:
            self._halt.set()
            self._thread.join()
            self._thread = None
        elif word == "COUNT?":
            return str(self._sent)
        return "OK"

    def _send(self) -> None:
        connection = self._connection()
        ended = False
        while not ended:
            ended = self._halt.wait(0.01)
            due = int((time.monotonic() - self._began) * self._rate)
            number = np.arange(self._sent, due)[:, np.newaxis]
            samples = (100 * np.arange(4) + number % 7).astype("<i2")
            if len(samples):
                connection.sendall(struct.pack("<II", self._sent, len(samples)) + samples.tobytes())
            self._sent = due
        connection.sendall(struct.pack("<II", self._sent, 0))

    def _connection(self) -> socket.socket:
        if not hasattr(self, "_accepted"):
            self._accepted, _ = self._data.accept()
        return self._accepted


def _neighbours(answer: Callable[[str], str]) -> tuple[socket.socket, Instrument]:
    """Where samples are sent, and an instrument on the port before."""
    while True:
        data = socket.create_server(("127.0.0.1", 0))
        try:
            return data, Instrument(answer, data.getsockname()[1] - 1)
        except OSError:  # somebody has that port
            data.close()


@pytest.fixture
def instrument_of_page() -> Iterator[QuartetSimulator]:
    made = QuartetSimulator()
    yield made
    made.close()


def test_the_driver_of_the_page_measures_and_counts_each_sample(
    rig: Rig, instrument_of_page: QuartetSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "quartet.py").write_text(BLOCKS["quartet.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    entry: dict[str, Any] = YAML(typ="safe").load(BLOCKS["detectors.yml"])["servers"]["detectors"]["devices"]["quartet"]
    rig.register("own", {"quartet": {**entry, "address": f"127.0.0.1:{instrument_of_page.port}"}})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    program = rig.start("own")
    quartet = rig.ready("quartet")
    quartet.IntegrationTime = 0.2
    quartet.Start()
    wait_until(lambda: quartet.state() != tango.DevState.RUNNING, "it has measured")
    numbers = dict(zip(quartet.CounterNames, quartet.CounterValues, strict=True))
    assert numbers["count"] >= 10_000
    assert quartet.LostSamples == 0
    count = int(numbers["count"])
    expected = (np.arange(count) % 7).mean()
    assert numbers["pressure"] == pytest.approx(0.05 * expected)
    assert numbers["flow"] == pytest.approx(0.001 * (200 + expected) - 1.5)
    program.end()  # before what it connects to
