"""The driver of the simulated digitiser, against packets that are written by hand."""

from __future__ import annotations

import socket

import numpy as np

from ronda.devices.digitiser.drivers.simulated import (
    BEGIN,
    HEADER,
    SAMPLES,
    SimulatedDigitiser,
    SimulatedDigitiserParameters,
)


def packet(sort: int, series: int, first: int = 0, samples: int = 0) -> bytes:
    data = np.full((samples, 1), series, "<i2").tobytes()
    return HEADER.pack(b"RDQ1", sort, 1, series, 0, samples, len(data), first) + data


def test_thousands_of_packets_that_an_earlier_series_left_are_passed_over() -> None:
    parameters = SimulatedDigitiserParameters(
        kind="digitiser", driver="simulated", address="127.0.0.1:1", channels={"i0": {"channel": 0}}
    )
    driver = SimulatedDigitiser("adc", parameters)
    there, driver._data = socket.socketpair()
    driver._series = 2
    with there, driver._data:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        there.settimeout(30)
        left = packet(BEGIN, 1) + packet(SAMPLES, 1, samples=1) * 1500
        there.sendall(left + packet(BEGIN, 2) + packet(SAMPLES, 2, samples=3))
        found = driver.receive(30.0)
        assert found is not None
        assert found.samples[:, 0].tolist() == [2, 2, 2]
        assert driver.receive(0.0) is None
