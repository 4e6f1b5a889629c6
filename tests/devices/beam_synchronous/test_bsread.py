"""The driver against messages made here, part by part as BSREAD specifies them, apart from the simulator."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import hdf5plugin
import numpy as np
import pytest
import zmq

from ronda.devices.beam_synchronous.contract import Message
from ronda.devices.beam_synchronous.drivers.bsread import Bsread
from ronda.framework.errors import CommunicationFailed, HardwareFault
from ronda.framework.stream.frames.packed import PackedFrame

FRAME = np.arange(24, dtype="<u2").reshape(4, 6)


def packed(frame: np.ndarray) -> bytes:
    """As libhdf5 with bitshuffle makes it: the same bytes as in a message."""
    with h5py.File("any", "w", driver="core", backing_store=False) as file:
        made = file.create_dataset("f", data=frame, chunks=frame.shape, **hdf5plugin.Bitshuffle(cname="lz4"))
        return bytes(made.id.read_direct_chunk((0, 0))[1])


def message(pulse: int, channels: list[dict[str, Any]], values: list[bytes], hash_of: str = "a") -> list[bytes]:
    main = {
        "htype": "bsr_m-1.1",
        "pulse_id": pulse,
        "hash": hash_of,
        "global_timestamp": {"sec": 1_700_000_000, "ns": 250_000_000},
    }
    parts = [json.dumps(main).encode(), json.dumps({"htype": "bsr_d-1.1", "channels": channels}).encode()]
    for value in values:
        parts += [value, struct.pack("<qq", 1_700_000_000, 250_000_000) if value else b""]
    return parts


IMAGE = {"name": "image", "type": "uint16", "shape": [6, 4], "encoding": "little", "compression": "bitshuffle_lz4"}
ENERGY = {"name": "energy", "type": "float64", "shape": [1], "encoding": "big"}


@pytest.fixture
def source() -> Iterator[tuple[zmq.Socket[bytes], str]]:
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.setsockopt(zmq.SNDTIMEO, 60_000)  # a source waits for somebody who takes its messages
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    yield socket, f"127.0.0.1:{port}"
    context.destroy(linger=0)


@pytest.fixture
def made() -> Iterator[Any]:
    drivers = []

    def make(address: str, **keys: Any) -> Bsread:
        entry = {"kind": "beam_synchronous", "driver": "bsread", "address": address, "first_message": 30, **keys}
        drivers.append(Bsread("pcam", Bsread.Parameters.model_validate(entry)))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.disconnect()


def connect(driver: Bsread, socket: Any, parts: list[bytes]) -> None:
    """Connect while the source sends its first message."""
    with ThreadPoolExecutor(1) as pool:
        connecting = pool.submit(driver.connect)
        socket.send_multipart(parts)
        connecting.result(60)


def received(driver: Bsread) -> Message:
    found = driver.receive(60.0)
    assert found is not None
    return found


def test_pulse_id_time_numbers_and_frame_are_those_of_the_message(source: Any, made: Any) -> None:
    socket, address = source
    driver = made(address, frame="image", channels={"energy": {"channel": "energy"}})
    value = struct.pack(">d", 812.5)
    connect(driver, socket, message(41, [IMAGE, ENERGY], [packed(FRAME), value]))
    assert (driver.capabilities().shape, driver.capabilities().dtype) == ((4, 6), "<u2")
    socket.send_multipart(message(42, [IMAGE, ENERGY], [packed(FRAME), value]))
    one = received(driver)
    assert (one.pulse, one.time, one.values) == (42, 1_700_000_000.25, {"energy": 812.5})
    assert isinstance(one.frame, PackedFrame)
    assert np.array_equal(one.frame.unpack(), FRAME)
    socket.send_multipart(message(43, [IMAGE, ENERGY], [b"", b""]))  # as it is where a channel has no value
    one = received(driver)
    assert (one.pulse, one.frame) == (43, None)
    assert math.isnan(one.values["energy"])
    plain = [{**IMAGE, "compression": "none", "encoding": "big"}, ENERGY]
    socket.send_multipart(message(44, plain, [FRAME.astype(">u2").tobytes(), value], "b"))
    one = received(driver)
    assert np.array_equal(one.frame, FRAME)


def test_what_it_cannot_take_is_told(source: Any, made: Any) -> None:
    socket, address = source
    driver = made(address, channels={"energy": {"channel": "PBPS1:energy"}})
    with pytest.raises(HardwareFault) as absent:
        connect(driver, socket, message(1, [IMAGE, ENERGY], [packed(FRAME), struct.pack(">d", 1.0)]))
    told = "pcam: its messages have no channel PBPS1:energy of numbers; they have energy, image"
    assert str(absent.value) == told
    driver.disconnect()
    driver = made(address, frame="image")
    connect(driver, socket, message(2, [IMAGE], [packed(FRAME)]))
    socket.send_multipart([b"{}", b"{}"])
    with pytest.raises(CommunicationFailed, match="is no BSREAD message"):
        received(driver)
    socket.send_multipart(message(3, [{**IMAGE, "shape": [3, 8]}], [packed(FRAME.reshape(8, 3))], "c"))
    with pytest.raises(CommunicationFailed, match=r"frames of image have the shape \(8, 3\) now"):
        received(driver)
    socket.send_multipart(message(4, [IMAGE], [packed(FRAME)[:8]], "d"))
    with pytest.raises(CommunicationFailed):
        received(driver)


def test_a_source_that_sends_nothing_is_told(source: Any, made: Any) -> None:
    _, address = source
    driver = made(address, frame="image", first_message=0.05)
    with pytest.raises(CommunicationFailed) as silent:
        driver.connect()
    assert str(silent.value) == (
        f"pcam: no message came from {address} within 0.05 s; see whether the source sends, and whether to those who "
        "pull (`pattern`)"
    )
