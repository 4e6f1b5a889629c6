"""Frames that a detector has compressed stay so in the ring, and are the same frames for whoever reads them."""

import numpy as np
import pytest

from ronda.framework.errors import BadValue
from ronda.framework.stream import FrameLost
from ronda.framework.stream.frames import reader
from ronda.framework.stream.frames.compression import ChunkCompressor
from ronda.framework.stream.frames.packed import PackedFrame
from ronda.framework.stream.frames.reader import FrameReader
from ronda.framework.stream.frames.ring import RingView

SHAPE = (16, 24)
LENGTH = 2 * 16 * 24


def pack(frame):
    compressor = ChunkCompressor(frame.nbytes, frame.itemsize)
    into = np.empty(compressor.room, "u1")
    size = compressor.compress(np.ascontiguousarray(frame).reshape(-1).view("u1"), into)
    return PackedFrame(into[:size].tobytes(), frame.dtype, frame.shape)


@pytest.fixture
def flat():
    """`flat(start, stop)`: frames of one value each, which pack well."""
    return lambda start, stop: np.array([np.full(SHAPE, index, "<u2") for index in range(start, stop)])


def test_packed_and_other_frames_are_read_alike(stream, store, camera, flat, monkeypatch):
    scan = stream.open_scan(camera())
    ring = store.ring("cam", LENGTH)
    publisher = scan.publisher("cam", ring=ring)
    images = flat(0, 20)
    mixed = [pack(image) if index % 3 else image for index, image in enumerate(images)]
    publisher.publish_block({"image": mixed, "total": np.arange(20)})
    publisher.publish({"image": pack(flat(20, 21)[0]), "total": 20})
    assert np.array_equal(scan["measurement/image"][:], flat(0, 21))
    assert RingView(ring.path).look(1, LENGTH).packed == 2
    assert len(RingView(ring.path).look(1, LENGTH).data) < LENGTH / 2
    monkeypatch.setattr(reader, "find_ring", lambda name: None)  # as on another host
    elsewhere = FrameReader()
    assert np.array_equal(scan.tree(frames=elsewhere)["measurement/image"][:], flat(0, 21))
    elsewhere.close()


def test_a_frame_that_packing_makes_larger_is_kept_as_it_is(stream, store, camera):
    scan = stream.open_scan(camera())
    ring = store.ring("cam", LENGTH)
    noise = np.random.default_rng(1).integers(0, 65536, SHAPE, "<u2")
    packed = pack(noise)
    assert len(packed.chunk) > noise.nbytes
    scan.publisher("cam", ring=ring).publish({"image": packed, "total": 0})
    assert RingView(ring.path).look(0, LENGTH).packed == 0
    assert np.array_equal(scan["measurement/image"][0], noise)


def test_a_packed_frame_of_another_shape_or_type_is_refused(stream, store, camera, flat):
    publisher = stream.open_scan(camera()).publisher("cam", ring=store.ring("cam", LENGTH))
    for wrong in (flat(0, 1)[0].T, flat(0, 1)[0].astype("<u4")):
        with pytest.raises(BadValue, match=r"cam: a frame of channel image has .* it was described as uint16"):
            publisher.publish_block({"image": [pack(wrong)], "total": [0]})
    assert publisher.index == 0


@pytest.mark.parametrize("shape", [(600, 256), (601, 257)])
def test_some_rows_are_unpacked_alone(shape):
    frame = np.random.default_rng(1).poisson(3.0, shape).astype("<u2")
    packed = pack(frame)
    for first, stop in ((0, 1), (17, 18), (100, 400), (590, shape[0]), (0, shape[0])):
        assert np.array_equal(packed.unpack_rows(first, stop)[first:stop], frame[first:stop])
    broken = PackedFrame(packed.chunk[:2000], packed.dtype, shape)
    with pytest.raises(BadValue, match="bitshuffle: a chunk of 2000 bytes"):
        broken.unpack_rows(100, 400)


def test_what_is_no_chunk_is_a_lost_frame_for_readers(stream, store, camera):
    ring = store.ring("cam", LENGTH)
    ring.write(PackedFrame(b"x" * 40, np.dtype("<u2"), SHAPE), "scan", 0)
    with pytest.raises(FrameLost, match="bitshuffle: a chunk of 40 bytes"):
        RingView(ring.path).copy(0, np.empty(LENGTH, "u1"))


def test_a_packed_frame_that_was_overwritten_is_lost(stream, store, camera, flat):
    ring = store.ring("cam", LENGTH, 4 * 4096)
    view = RingView(ring.path)
    for image in flat(0, 5):
        ring.write(pack(image), "scan", 0)
    with pytest.raises(FrameLost, match="was overwritten"):
        view.copy(0, np.empty(LENGTH, "u1"))
    into = np.empty(LENGTH, "u1")
    view.copy(4, into)
    assert np.array_equal(into.view("<u2").reshape(SHAPE), flat(4, 5)[0])


def test_one_chunk_that_cannot_be_unpacked_costs_only_its_frame(stream, store, camera, flat):
    scan = stream.open_scan(camera())
    publisher = scan.publisher("cam", ring=store.ring("cam", LENGTH))
    images = flat(0, 3)
    broken = PackedFrame(b"\0" * 40, images.dtype, SHAPE)
    publisher.publish_block({"image": [pack(images[0]), broken, pack(images[2])], "total": np.arange(3)})
    publisher.flush()
    (block,) = scan.blocks("cam", ["image"], 0, 3)
    frames, lost = FrameReader().read_some(block.data["image"], scan.description.channel("image")[1])
    assert [(one.start, one.stop) for one in lost] == [(1, 2)]
    assert np.array_equal(frames[[0, 2]], images[[0, 2]])
