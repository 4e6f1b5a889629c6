"""Frames that tell their index, a scan of a camera, and frame stores that leave nothing in shared memory."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ronda.framework.stream import Channel, Description, Device
from ronda.framework.stream.frames.folder import rings

SHAPE = (16, 24)
FRAME_BYTES = 2 * SHAPE[0] * SHAPE[1]
SLOT = 4096


@pytest.fixture
def frames() -> Callable[..., np.ndarray]:
    """`frames(start, stop)`: each pixel is computed from the index of its frame."""

    def make(start: int, stop: int) -> np.ndarray:
        pixels = np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE)
        return ((np.arange(start, stop)[:, None, None] * 977 + pixels) % 65000).astype("<u2")

    return make


@pytest.fixture
def camera() -> Callable[..., Description]:
    """A scan of a camera whose frames go by reference, with the sum of each inline, for some consumers."""

    def describe(*consumers: str, **attributes) -> Description:
        image = Channel("image", "<u2", SHAPE, storage="reference", attributes=attributes)
        return Description("loopscan(10, 0.1)", [Device("cam", [image, Channel("total")])], consumers)

    return describe


@pytest.fixture
def clean_memory(url) -> Iterator[None]:
    """Removes all rings of the test."""
    yield
    for path in rings(url):
        path.unlink()


@pytest.fixture
def store(stream, clean_memory):
    """The frame store of this process."""
    with stream.frame_store() as made:
        yield made


@pytest.fixture
def publish(frames) -> Callable[..., None]:
    """Publishes frames start ≤ index < stop with a publisher."""

    def publish(publisher, start: int, stop: int) -> None:
        images = frames(start, stop)
        publisher.publish_block({"image": images, "total": images.sum(axis=(1, 2))}, first=start)

    return publish
