"""Points on their way into blocks: checked against the description and turned into raw bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.stream import blocks
from ronda.framework.stream.blocks import FrameReference
from ronda.framework.stream.description import Channel, Device

_PACKED = {
    "<f8": "<d",
    "<f4": "<f",
    "<i8": "<q",
    "<i4": "<i",
    "<i2": "<h",
    "<u8": "<Q",
    "<u4": "<I",
    "<u2": "<H",
}

_TIME = struct.Struct("<d")
_PULSE = struct.Struct("<Q")


class Buffer:
    """Consecutive points of a device that do not stand in a block yet.

    Attributes:
        count: number of points in it.
        size: bytes of their values.
    """

    def __init__(self, device: Device) -> None:
        self.count = 0
        self.size = 0
        self._device = device
        self._channels = [_Column(channel, device.name) for channel in device.channels]
        self._names = frozenset(channel.name for channel in device.channels)
        self._times: list[bytes] = []
        self._pulses: list[bytes] = []
        self._has_pulses: bool | None = None

    def add_point(self, values: Mapping[str, Any], time: float, pulse: int | None) -> None:
        """Add one point.

        Raises:
            BadValue: a channel is missing, unknown, or its value does not fit; nothing is added then.
        """
        self._check_names(values)
        self._check_pulses(pulse is not None)
        encoded = [column.point(values[column.name]) for column in self._channels]
        self.size += sum(column.add(data) for column, data in zip(self._channels, encoded, strict=True))
        self._times.append(_TIME.pack(time))
        if pulse is not None:
            self._pulses.append(_PULSE.pack(pulse))
        self.count += 1

    def add_block(
        self,
        count: int,
        columns: Mapping[str, Any],
        times: npt.NDArray[np.float64],
        pulses: npt.NDArray[np.uint64] | None,
    ) -> None:
        """Add points whose values were checked by `check_block`."""
        self._check_pulses(pulses is not None)
        self.size += sum(column.add(column.encode(columns[column.name])) for column in self._channels)
        self._times.append(times.tobytes())
        if pulses is not None:
            self._pulses.append(pulses.tobytes())
        self.count += count

    def check_block(self, arrays: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The number of points and the arrays in the described type and shape.

        Raises:
            BadValue: a channel is missing, unknown, of another length than the others, or does not fit.
        """
        self._check_names(arrays)
        checked: dict[str, Any] = {column.name: column.check(arrays[column.name]) for column in self._channels}
        lengths = {
            name: sum(r.count for r in values) if isinstance(values, list) else len(values)
            for name, values in checked.items()
        }
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise BadValue(
                f"{self._device.name}: the channels of a block differ in length ({told}); give each the same number of "
                "points"
            )
        return next(iter(lengths.values())), checked

    def take(self) -> list[bytes]:
        """The fields of an entry with all points; empties the buffer."""
        fields = [blocks.COUNT, b"%d" % self.count, blocks.TIMES, b"".join(self._times)]
        if self._has_pulses:
            fields += (blocks.PULSES, b"".join(self._pulses))
        for column in self._channels:
            fields += (column.field, column.take(self.count))
        self._times, self._pulses, self.count, self.size = [], [], 0, 0
        return fields

    def _check_names(self, values: Mapping[str, Any]) -> None:
        if values.keys() != self._names:
            missing, unknown = sorted(self._names - values.keys()), sorted(values.keys() - self._names)
            told = "; ".join(
                f"{word} {', '.join(names)}" for word, names in (("missing", missing), ("unknown", unknown)) if names
            )
            raise BadValue(f"{self._device.name}: a block needs all channels of the description and no others ({told})")

    def _check_pulses(self, given: bool) -> None:
        if self._has_pulses is None:
            self._has_pulses = given
        elif self._has_pulses is not given:
            raise BadValue(
                f"{self._device.name}: pulse ids must be given for each point or for none; the first point "
                f"{'had' if self._has_pulses else 'had not'} one"
            )


def fit_values(channel: Channel, device: str, values: Any) -> npt.NDArray[Any]:
    """The values of points of a channel in the described type and shape, however the channel is stored.

    Raises:
        BadValue: they do not fit.
    """
    fitting = _Column(replace(channel, storage="inline"), device).check(values)
    assert isinstance(fitting, np.ndarray)  # noqa: S101 - an inline channel's are
    return fitting


class _Column:
    """The values of one channel."""

    def __init__(self, channel: Channel, device: str) -> None:
        self.name = channel.name
        self.field = channel.name.encode()
        self._channel = channel
        self._who = f"{device}: channel {channel.name}"
        self._dtype = channel.numpy_dtype
        self._raw: list[bytes] = []
        self._references: list[FrameReference] = []
        self._python_types: tuple[type, ...] = ()
        self._pack: Callable[[Any], bytes] = bytes
        if channel.shape == () and channel.storage == "inline" and channel.dtype in _PACKED:
            self._python_types = (float,) if self._dtype.kind == "f" else (int,)
            self._pack = struct.Struct(_PACKED[channel.dtype]).pack

    def point(self, value: Any) -> bytes | list[FrameReference]:
        if isinstance(value, self._python_types):
            try:
                return self._pack(value)
            except (struct.error, OverflowError) as error:
                raise BadValue(
                    f"{self._who}: {value} does not fit its type {self._dtype}; describe a wider one"
                ) from error
        return self.encode(self.check([value]))

    def check(self, values: Any) -> npt.NDArray[Any] | list[FrameReference]:
        if self._channel.storage == "reference":
            references = list(values)
            if not all(isinstance(reference, FrameReference) for reference in references):
                raise BadValue(f"{self._who}: is stored by reference; give a list of FrameReference")
            return references
        try:
            array = np.asarray(values)
            fitting = array if array.dtype == self._dtype else self._cast(array)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadValue(f"{self._who}: cannot be turned into {self._dtype} ({error})") from error
        if fitting.shape[1:] != self._channel.shape:
            raise BadValue(
                f"{self._who}: points have the shape {fitting.shape[1:]}, the description says {self._channel.shape}"
            )
        return fitting

    def encode(self, values: Any) -> bytes | list[FrameReference]:
        return values if isinstance(values, list) else np.ascontiguousarray(values).tobytes()

    def add(self, data: bytes | list[FrameReference]) -> int:
        if isinstance(data, list):
            for reference in data:
                known = self._references[-1] if self._references else None
                if (
                    known is not None
                    and replace(known, first=known.first + known.count, count=reference.count) == reference
                ):
                    self._references[-1] = replace(known, count=known.count + reference.count)  # they follow each other
                else:
                    self._references.append(reference)
            return 100 * len(data)
        self._raw.append(data)
        return len(data)

    def take(self, count: int) -> bytes:
        if self._channel.storage == "reference":
            references, self._references = self._references, []
            return blocks.encode_references(references, self._channel, count)
        raw, self._raw = self._raw, []
        return b"".join(raw)  # without a copy if it is one piece

    def _cast(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        source, target = array.dtype.kind, self._dtype.kind
        if source == "U" and target == "S":
            array = np.char.encode(array, "utf-8")
        if source == "c" and target != "c":
            raise TypeError("complex values")
        with np.errstate(all="ignore"):
            fitting = array.astype(self._dtype)
            rounding = target in "fc" and source in "biufc"  # floats may be rounded, nothing else may change
            if not rounding and not np.array_equal(fitting, array):
                raise BadValue(
                    f"{self._who}: values of type {array.dtype} do not fit its type {self._dtype} without loss; "
                    "describe a type that holds them"
                )
        return fitting
