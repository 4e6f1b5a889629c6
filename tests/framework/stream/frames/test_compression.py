"""Chunks that are compressed outside HDF5 are what its filter makes, byte for byte."""

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.stream.frames.compression import ChunkCompressor


def by_filter(folder, frame: np.ndarray) -> bytes:
    with h5py.File(folder / "filter.h5", "w") as file:
        dataset = file.create_dataset(
            "d",
            (1, *frame.shape),
            frame.dtype,
            chunks=(1, *frame.shape),
            **hdf5plugin.Bitshuffle(nelems=0, cname="lz4"),
        )
        dataset[0] = frame
        file.flush()
        return dataset.id.read_direct_chunk((0,) * (frame.ndim + 1))[1]


@given(
    shape=st.one_of(st.tuples(st.integers(1, 70), st.integers(1, 70)), st.tuples(st.integers(1, 9000))),
    dtype=st.sampled_from(["|u1", "<u2", "<i4", "<f4", "<f8", "<u8", "<c16", "|b1", "|S3"]),
    seed=st.integers(0, 1000),
    noise=st.sampled_from([1, 20, 250]),
)
@settings(max_examples=60, deadline=None)
def test_a_chunk_is_what_the_filter_makes(tmp_path_factory, shape, dtype, seed, noise):
    raw = np.random.default_rng(seed).poisson(noise, shape)
    frame = raw.astype("S3") if dtype == "|S3" else raw.astype(dtype)
    compressor = ChunkCompressor(frame.nbytes, frame.dtype.itemsize)
    assert compressor.available, "the wheels of hdf5plugin bring the library"
    into = np.empty(compressor.room, "u1")
    size = compressor.compress(frame.reshape(-1).view("u1"), into)
    assert into[:size].tobytes() == by_filter(tmp_path_factory.mktemp("chunk"), frame)


def test_without_the_library_it_says_so(monkeypatch):
    from ronda.framework.stream.frames import compression

    monkeypatch.setattr(compression, "_library", lambda: None)
    assert not ChunkCompressor(8192, 2).available


@pytest.mark.parametrize("dtype", ["<u2", "<f4"])
def test_noise_that_cannot_be_compressed_fits_the_room(tmp_path, dtype):
    noise = np.frombuffer(np.random.default_rng(1).bytes(1 << 16), dtype)
    compressor = ChunkCompressor(noise.nbytes, noise.itemsize)
    into = np.empty(compressor.room, "u1")
    size = compressor.compress(noise.view("u1"), into)
    assert into[:size].tobytes() == by_filter(tmp_path, noise)
