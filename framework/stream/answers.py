"""What the stream answers when it cannot give data or take it: each case is its own type."""

from __future__ import annotations

from typing import NamedTuple

from ronda.framework.errors import (
    BadValue,
    HardwareFault,
    NotAllowed,
    NotFound,
    NotReady,
    OutOfRange,
    ServiceFailed,
    TimedOut,
)


class NotYet(TimedOut):
    """The data is not there yet: the device may still publish it."""


class NoLongerInMemory(NotFound):
    """The data has left memory; it is in the file if a writer saved the scan.

    Attributes:
        first: index of the oldest point that memory still holds.
    """

    def __init__(self, message: str, first: int) -> None:
        super().__init__(message)
        self.first = first


class NeverWillBe(NotFound):
    """The data will never exist: its device is sealed, has failed, or the scan is over.

    Attributes:
        length: how many points the device published in all.
    """

    def __init__(self, message: str, length: int) -> None:
        super().__init__(message)
        self.length = length


class DeviceFailed(HardwareFault):
    """A device published that it failed.

    Attributes:
        device: its name.
        length: how many points it published before.
    """

    def __init__(self, message: str, device: str, length: int) -> None:
        super().__init__(message)
        self.device = device
        self.length = length


class FrameLost(NotFound):
    """A frame is not where its reference says, and never will be again: it was overwritten, or its store is gone."""


class Hole(ServiceFailed):
    """Points are missing in the middle of a stream, or stand there twice: never normal, never passed over."""


class ScanGone(NotFound):
    """Redis does not know the scan: it left memory, or Redis lost what it had."""


class ScanOver(NotAllowed):
    """The scan, or the device's part in it, has ended: nothing more can be published."""


class Replaced(NotAllowed):
    """Another publisher has taken over the device's stream."""


class Behind(NamedTuple):
    """A consumer that keeps data in memory, because it must not lose it and has not acknowledged it yet.

    Attributes:
        consumer: its name in the scan's description.
        scan: id of the scan.
        number: number of the scan.
        points: how many points of the device that is furthest behind it has not acknowledged.
        memory: bytes it has not acknowledged, of all devices of the scan.
    """

    consumer: str
    scan: str
    number: int
    points: int
    memory: int

    def __str__(self) -> str:
        return (
            f"consumer {self.consumer} is behind by {self.points} points ({format_bytes(self.memory)}) "
            f"in scan {self.number} ({self.scan})"
        )


class HeldBack(NotReady):
    """The buffer is full: the block was not taken and can be published again once there is room.

    Attributes:
        behind: the consumer that keeps the most, None if no consumer is behind.
        used, limit: bytes in the buffer and its bound.
    """

    def __init__(self, message: str, behind: Behind | None, used: int, limit: int) -> None:
        super().__init__(message)
        self.behind = behind
        self.used = used
        self.limit = limit


class BadIndex(OutOfRange, IndexError):
    """An index outside a dataset, as h5py's IndexError."""


class BadSelection(BadValue, TypeError, ValueError):
    """A selection that means nothing or is not supported, as h5py's TypeError or ValueError."""


class NoSuchPath(NotFound, KeyError):
    """A path that the tree does not have, as h5py's KeyError."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


def format_bytes(number: float) -> str:
    """Bytes for people: `3.1 MB`."""
    for unit in ("B", "kB", "MB"):
        if abs(number) < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"
