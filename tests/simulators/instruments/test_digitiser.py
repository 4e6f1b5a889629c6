"""The digitiser's lines and packets, from a running process."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.simulators.conftest import DEADLINE, Simulators

HEADER = struct.Struct("<4sHHIIIIQ")
BEGIN, SAMPLES, TRIGGERS, END = 1, 2, 3, 4


class Packets:
    """Takes what the digitiser gives out."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self._file = self._socket.makefile("rb")

    def __iter__(self) -> Iterator[tuple[int, int, int, int, bytes]]:
        """Sort, number, count, first and data of each packet, to the end of a series."""
        while True:
            magic, sort, channels, _, number, count, length, first = HEADER.unpack(self._file.read(HEADER.size))
            assert (magic, channels) == (b"RDQ1", 8)
            yield sort, number, count, first, self._file.read(length)
            if sort == END:
                return

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture(scope="module")
def simulators(write_file: Callable[..., Path]) -> Iterator[Simulators]:
    axes = {"1": {"name": "bragg", "steps_per_unit": 100000, "position": 12.0, "velocity": 1, "fastest": 2}}
    inputs = {"0": {"encoder": "bragg", "resolution": 10000}, "1": {"detector": "i0"}}
    file = write_file(
        {
            "optics": {"type": "motor_controller", "axes": axes},
            "adc": {"type": "digitiser", "inputs": inputs, "gate": "optics:1", "clock_skew": 1e-4},
            "small": {"type": "digitiser", "inputs": {"3": {"encoder": "nowhere"}}, "memory": 0.2},
        }
    )
    running = Simulators(file)
    yield running
    running.stop()


@pytest.fixture
def adc(simulators: Simulators) -> Iterator[tuple[Any, Packets]]:
    lines = simulators.client("adc")
    packets = Packets(int(lines.ask("CAPS?").split(",")[3]))
    yield lines, packets
    packets.close()
    simulators.close_clients()


def test_it_says_what_it_is_and_can(adc: Any) -> None:
    lines, _ = adc
    assert lines.ask("IDN?") == "OK RONDA-SIM-DAQ,1,8"
    channels, lowest, highest, _, memory = lines.ask("CAPS?").removeprefix("OK ").split(",")
    assert (channels, lowest, highest, memory) == ("8", "1.0", "1000000.0", "32000000")
    assert lines.ask("RATE 2e6") == "ERR 2 the rate 2000000.0 should be from 1.0 to 1000000.0 1/s"


def test_each_sample_comes_once_and_in_order_at_the_rate_asked_for(adc: Any) -> None:
    lines, packets = adc
    assert lines.ask("RATE 200000") == "OK"
    assert lines.ask("START 50000").startswith("OK ")
    sorts, numbers, samples = [], [], []
    for sort, number, count, first, data in packets:
        sorts.append(sort)
        numbers.append(number)
        if sort == BEGIN:
            assert struct.unpack("<d", data) == (200000.0,)
        elif sort == SAMPLES:
            assert first == sum(map(len, samples))
            samples.append(np.frombuffer(data, "<i2").reshape(count, 8))
        else:
            assert (sort, count, first) == (END, 0, 50000)
    taken = np.concatenate(samples)
    assert (sorts[0], sorts[-1], numbers) == (BEGIN, END, list(range(len(numbers))))
    assert taken.shape == (50000, 8)
    assert taken.min() > -32768
    assert (taken[:, 0].view(np.uint16) == 120000 % 65536).all()  # 16 bit of the count of an axis that stands
    noise = taken[:, 2:].std()
    assert noise == pytest.approx(np.sqrt(1 + 1 / 12), rel=0.02)  # of an input, and that of rounding
    expected = 32768 * 2.5e-6 / 10 * 5e5  # no slits, no machine in the way: the whole beam
    assert taken[:, 1].mean() == pytest.approx(expected, rel=0.05)
    assert lines.ask("STATUS?") == "OK IDLE,50000,0,0,0"


def test_triggers_come_before_the_samples_behind_them_with_times_of_its_own_clock(adc: Any, simulators: Any) -> None:
    lines, packets = adc
    motion = simulators.client("optics")
    lines.ask("RATE 10000")
    lines.ask("START")
    for _ in range(3):
        assert motion.ask("PULSE 1") == "OK"
    lines.ask("STOP")
    seen, times = 0, []
    for sort, _, count, first, data in packets:
        if sort == SAMPLES:
            assert seen == first
            seen += count
        elif sort == TRIGGERS:
            assert first == len(times)
            found = np.frombuffer(data, "<f8")
            assert (found * 10000 >= seen - 1).all()
            times += found.tolist()
    assert len(times) == 3
    assert 0 <= times[0] < times[1] < times[2] <= (seen + 1) / 10000


def test_lost_packets_are_missing_in_the_numbers(adc: Any, simulators: Any) -> None:
    lines, packets = adc
    lines.ask("RATE 1000000")  # 7 packets at least, however late they are: one has at most 65536 samples
    simulators.control().do(do="fault", instrument="adc", axis=2, fault="lost")
    lines.ask("START 400000")
    numbers, there = [], 0
    for _, number, count, _, _ in packets:
        numbers.append(number)
        there += count
    assert len(set(range(numbers[-1])) - set(numbers)) == 2
    assert lines.ask("STATUS?") == f"OK IDLE,400000,0,{400000 - there},0"
    assert there < 400000


def test_what_nobody_takes_overruns_its_memory(simulators: Any) -> None:
    lines = simulators.client("small")
    assert lines.ask("START") == "ERR 4 there is no stage nowhere whose encoder could be seen"


def test_samples_beyond_its_memory_are_counted_as_overruns(write_file: Any, start: Any) -> None:
    lines = start(write_file({"adc": {"type": "digitiser", "memory": 0.2}})).client("adc")
    port = int(lines.ask("CAPS?").split(",")[3])
    lines.ask("RATE 200000")
    assert lines.ask("START 100000").startswith("OK ")  # 1.6 MB
    while not lines.ask("STATUS?").startswith("OK IDLE"):
        pass
    overruns = int(lines.ask("STATUS?").split(",")[4])
    assert 80_000 <= overruns < 100_000  # at most 12 500 samples fit
    packets = Packets(port)
    assert sum(count for _, _, count, _, _ in packets) == 100_000 - overruns
    packets.close()
