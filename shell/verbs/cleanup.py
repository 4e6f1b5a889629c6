"""Leaving things as they were: a `with` block after which axes stand still and are back, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from types import TracebackType
from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue, RondaError
from ronda.shell.prompt.together import attempt_all, do_all
from ronda.shell.verbs.motion import MotionCommands, stop_axes


class Restore(Enum):
    """What of an axis is put back: position, velocity, acceleration time, limits."""

    POS = "position"
    VEL = "velocity"
    ACC = "acceleration_time"
    LIM = "limits"


SETTINGS = (Restore.LIM, Restore.VEL, Restore.ACC)
"""What is put back before an axis moves back, so that it may, and as fast as it did before."""


class CleanupCommands:
    """The `with` blocks that leave axes as they were.

    Args:
        motion: the commands that move.
    """

    def __init__(self, motion: MotionCommands) -> None:
        self._motion = motion

    def commands(self) -> list[Callable[..., Any]]:
        """All that people can type."""
        return [self.cleanup, self.error_cleanup]

    def cleanup(self, *devices: Axis | Callable[[], object], restore_list: Sequence[Restore] = ()) -> Cleanup:
        """At the end of a block axes stop, and return: with cleanup(samx, restore_list=(axis.POS, axis.VEL)): …

        It does so whatever ends the block: its last line, an error, or Ctrl-C. Functions may be given besides axes;
        they are called last. What can be put back: axis.POS, axis.VEL, axis.ACC (acceleration time), axis.LIM.
        """
        return Cleanup("cleanup", self._motion, devices, restore_list)

    def error_cleanup(self, *devices: Axis | Callable[[], object], restore_list: Sequence[Restore] = ()) -> Cleanup:
        """As cleanup, but only if the block ends by an error or Ctrl-C: with error_cleanup(samx): …"""
        return Cleanup("error_cleanup", self._motion, devices, restore_list, always=False)


class Cleanup:
    """A `with` block; see `CleanupCommands.cleanup`.

    Args:
        verb: what it is called, for messages.
        motion: the commands that move.
        devices: axes, and functions without arguments.
        restore_list: what of the axes is put back.
        always: whether also at a good end.

    Raises:
        BadValue: something else is given.
    """

    def __init__(
        self,
        verb: str,
        motion: MotionCommands,
        devices: Sequence[Axis | Callable[[], object]],
        restore_list: Sequence[Restore],
        *,
        always: bool = True,
    ) -> None:
        self._verb = verb
        self._motion = motion
        self._always = always
        self._axes: list[Axis] = []
        self._functions: list[Callable[[], object]] = []
        for device in devices:
            if isinstance(device, Axis):
                self._axes.append(device)
            elif callable(device):
                self._functions.append(device)
            else:
                raise BadValue(f"{verb}: takes axes and functions, not {device!r}")
        if not devices:
            raise BadValue(f"{verb}: takes an axis or several, as in `with {verb}(samx, restore_list=(axis.POS,)):`")
        self._restored = [self._part(one) for one in ([restore_list] if _is_one(restore_list) else restore_list)]
        self._before: dict[tuple[Axis, Restore], Any] = {}

    def __repr__(self) -> str:
        names = ", ".join(axis.name for axis in self._axes)
        return f"<to be used as in `with {self._verb}({names}): …`>"

    def __enter__(self) -> Cleanup:
        """Note what is to be put back.

        Raises:
            CommunicationFailed, TimedOut: an axis does not answer; the block does not begin then.
        """
        wanted = [(axis, part) for axis in self._axes for part in self._restored]
        values = do_all([lambda axis=axis, part=part: self._read(axis, part) for axis, part in wanted])  # type: ignore[misc]
        self._before = dict(zip(wanted, values, strict=True))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, put back, call the functions: each step, whatever becomes of the one before.

        Raises:
            RondaError: a step that failed, if the block itself did not.
            KeyboardInterrupt: of Ctrl-C in the meantime.
        """
        if error is None and not self._always:
            return
        failures: list[BaseException] = []
        sentences: list[str] = []
        steps = [lambda: sentences.extend(stop_axes(self._axes)), self._put_settings_back, self._go_back]
        for step in (*steps, *self._functions):
            try:
                step()
            except BaseException as failure:  # noqa: BLE001 - the other steps are done all the same
                failures.append(failure)
        interrupted = [failure for failure in failures if not isinstance(failure, Exception)]
        told = next(iter([*interrupted, *([error] if error is not None else failures)]), None)
        if told is None:
            return
        for sentence in (*sentences, *(_told(failure) for failure in failures if failure is not told)):
            told.add_note(sentence)
        if told is not error:
            raise told

    def _read(self, axis: Axis, part: Restore) -> Any:
        return self._motion.setpoint(axis) if part is Restore.POS else getattr(axis, part.value)

    def _put_settings_back(self) -> None:
        """Write what differs from what was noted."""
        answers = attempt_all([lambda axis=axis: self._settle(axis) for axis in self._axes])  # type: ignore[misc]
        for answer in answers:
            if isinstance(answer, RondaError):
                raise answer

    def _settle(self, axis: Axis) -> None:
        for part in SETTINGS:
            if (axis, part) in self._before and self._read(axis, part) != self._before[axis, part]:
                setattr(axis, part.value, self._before[axis, part])

    def _go_back(self) -> None:
        back: list[Axis | float] = []
        for axis in self._axes:
            place = self._before.get((axis, Restore.POS))
            if place is not None and not axis.is_at(self._motion.setpoint(axis), place):
                back += [axis, place]
        if back:
            self._motion.umv(*back)

    def _part(self, given: object) -> Restore:
        if isinstance(given, Restore):
            return given
        if isinstance(given, str) and given.upper() in Restore.__members__:
            return Restore[given.upper()]
        known = ", ".join(f"axis.{name}" for name in Restore.__members__)
        raise BadValue(f"{self._verb}: restore_list takes {known}, not {given!r}")


def _is_one(given: object) -> bool:
    return isinstance(given, str | Restore)


def _told(failure: BaseException) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__
