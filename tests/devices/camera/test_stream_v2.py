"""Messages of Stream V2 are decoded as they are, and the large chunk in them is not copied."""

from typing import Any

import cbor2
import numpy as np
import pytest

from ronda.devices.camera.stream_v2 import COMPRESSED, decode, image_of
from ronda.framework.stream.frames.packed import PackedFrame
from ronda.simulators.simplon.stream import end_message, image_message

CHUNK = np.random.default_rng(1).integers(0, 256, 300_000, "u1").tobytes()


def message(data: bytes = CHUNK, compression: str = "bslz4", **changed: Any) -> bytes:
    told = image_message(3, "u", "2026-01-01T00:00:00Z", 5, data, compression, (600, 500), (0.1, 0.2))
    return cbor2.dumps(told | changed)


@pytest.mark.parametrize("length", [12, 200, 300, 60_000, 70_000, 300_000])
def test_a_chunk_of_any_length_is_what_was_sent(length: int) -> None:
    image = image_of("det", decode(memoryview(message(CHUNK[:length]))))
    assert isinstance(image, PackedFrame)
    assert (bytes(image.chunk), image.shape, image.dtype) == (CHUNK[:length], (600, 500), np.dtype("<u2"))


def test_a_large_chunk_stays_in_the_memory_of_its_message() -> None:
    raw = bytearray(message())
    image = image_of("det", decode(memoryview(raw)))
    assert isinstance(image, PackedFrame)
    place = raw.index(CHUNK)
    raw[place] ^= 0xFF
    assert bytes(image.chunk) == bytes(raw[place : place + len(CHUNK)]) != CHUNK


def test_what_stands_beside_the_chunk_is_decoded_wherever_it_stands() -> None:
    told = cbor2.loads(message())
    moved = {"data": told.pop("data"), **told, "user_data": {"sample": "x" * 5000}}
    found = decode(memoryview(cbor2.dumps(moved)))
    assert {name: value for name, value in found.items() if name != "data"} == {
        name: value for name, value in moved.items() if name != "data"
    }
    assert bytes(image_of("det", found).chunk) == CHUNK  # type: ignore[union-attr]  # it is packed


def test_of_several_thresholds_each_has_its_own_chunk() -> None:
    told = cbor2.loads(message())
    second = cbor2.loads(message(CHUNK[::-1]))["data"]["threshold_1"]
    told["data"]["threshold_2"] = second
    found = decode(memoryview(cbor2.dumps(told)))
    assert list(found["data"]) == ["threshold_1", "threshold_2"]
    assert bytes(image_of("det", found).chunk) == CHUNK  # type: ignore[union-attr]  # it is packed
    assert found["data"]["threshold_2"] == second


def test_text_that_looks_like_a_chunk_is_text() -> None:
    looks = cbor2.dumps(cbor2.CBORTag(COMPRESSED, ["bslz4", 2, b"y" * 1000]))
    found = decode(memoryview(message(user_data=looks)))
    assert found["user_data"] == looks
    assert bytes(image_of("det", found).chunk) == CHUNK  # type: ignore[union-attr]  # it is packed


def test_an_image_that_is_not_compressed_and_other_messages_are_decoded_too() -> None:
    pixels = np.arange(300_000, dtype="<u2")
    image = image_of("det", decode(memoryview(message(pixels.tobytes(), "none"))))
    assert isinstance(image, np.ndarray)
    assert np.array_equal(image, pixels.reshape(600, 500))
    assert decode(memoryview(cbor2.dumps(end_message(3, "u")))) == end_message(3, "u")


def test_a_message_that_ends_within_its_chunk_is_told_as_damaged() -> None:
    with pytest.raises(cbor2.CBORDecodeError):
        decode(memoryview(message()[:-1000]))
