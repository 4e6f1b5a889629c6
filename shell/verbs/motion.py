"""Moving axes, and stopping what was moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import SupportsFloat

import gevent
from rich.console import Console

from ronda.framework.clients.axis import Axis, not_stopped
from ronda.framework.clients.locking import Hold
from ronda.framework.clients.together import Order, orders
from ronda.framework.errors import BadValue, RondaError
from ronda.framework.scan.dry_run import DryRun
from ronda.shell.displays.moves import MovesDisplay
from ronda.shell.prompt.together import attempt_all, begin_all, do_all, wait_all

Moves = list[tuple[Axis, float]]


class MotionCommands:
    """The commands of one session that move axes.

    While one runs, no other program may move or change its axes; all may stop them.

    Args:
        console: where they print.
        dry: the dry run that goes on, if one does.
    """

    def __init__(self, console: Console, dry: Callable[[], DryRun | None] = lambda: None) -> None:
        self._console = console
        self._dry = dry

    def mv(self, *moves: Axis | float) -> None:
        """Move axes to positions, all at once, and wait: mv(samx, 3), mv(samx, 3, samy, -1)."""
        self._move("mv", _pairs("mv", moves))

    def mvr(self, *moves: Axis | float) -> None:
        """Move axes by distances, all at once, and wait: mvr(samx, 0.1)."""
        self._move("mvr", self._absolute(_pairs("mvr", moves)))

    def mvd(self, *moves: Axis | float) -> None:
        """Move axes to dial positions, all at once, and wait: mvd(samx, 3)."""
        self._move("mvd", self._from_dial(_pairs("mvd", moves)))

    def umv(self, *moves: Axis | float) -> None:
        """Move axes to positions and show them while they move: umv(samx, 3)."""
        self._move("umv", _pairs("umv", moves), shown=True)

    def umvr(self, *moves: Axis | float) -> None:
        """Move axes by distances and show them while they move: umvr(samx, 0.1)."""
        self._move("umvr", self._absolute(_pairs("umvr", moves)), shown=True)

    def move(self, *moves: Axis | float, wait: bool = True, relative: bool = False) -> None:
        """Move axes; with wait=False it returns when they have begun: move(samx, 3, wait=False)."""
        pairs = _pairs("move", moves)
        self._move("move", self._absolute(pairs) if relative else pairs, wait=wait)

    def jog(self, axis: Axis, velocity: float) -> None:
        """Let an axis move at a velocity until Ctrl-C, its limit or a limit switch: jog(samx, -0.5)."""
        one, number = as_axis("jog", axis), as_number("jog", velocity)
        with Hold([one.remote], f"jog({one.name}, {number:.10g})"):
            one.jog(number)
            one.until_rest()

    def home(self, *axes: Axis) -> None:
        """Let axes search for their reference marks, all at once, and wait: home(samx, samy)."""
        asked = self._several("home", axes)
        with Hold([axis.remote for axis in asked], f"home({', '.join(axis.name for axis in asked)})"):
            begun: list[Axis] = []

            def search(axis: Axis) -> None:
                begun.append(axis)
                try:
                    axis.home(wait=False)
                except RondaError:
                    begun.remove(axis)
                    raise
                axis.home_end()

            searches = begin_all([lambda axis=axis: search(axis) for axis in asked])  # type: ignore[misc]
            try:
                wait_all(searches)
            except BaseException as error:
                _call_off(error, searches, [[axis] for axis in asked], begun)
                raise

    def sync(self, *axes: Axis) -> None:
        """Accept where the hardware says that axes are, after they were moved by hand: sync(samx)."""
        do_all([axis.sync for axis in self._several("sync", axes)])

    def stop(self, *axes: Axis) -> None:
        """Stop axes, whoever moves them: stop(samx)."""
        for sentence in stop_axes(self._several("stop", axes)):
            self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def fix(self, axis: Axis, reason: str) -> None:
        """Let nobody move an axis until release(axis), also after restarts: fix(samx, "glued to the cryostat")."""
        as_axis("fix", axis).fix(reason)

    def release(self, *axes: Axis) -> None:
        """Let axes be moved again: release(samx)."""
        do_all([axis.release for axis in self._several("release", axes)])

    def setpoint(self, axis: Axis) -> float:
        """Where an axis was asked to be, if it stands there, else where it stands; in a dry run where it would be."""
        dry = self._dry()
        return axis.setpoint if dry is None else dry.setpoint(axis)

    def _absolute(self, moves: Moves) -> Moves:
        """Distances added to where the axes were asked to be, so that many small moves add up exactly."""
        starts = do_all([lambda axis=axis: self.setpoint(axis) for axis, _ in moves])  # type: ignore[misc]
        return [(axis, start + distance) for (axis, distance), start in zip(moves, starts, strict=True)]

    def _from_dial(self, moves: Moves) -> Moves:
        scales = do_all([lambda axis=axis: (axis.sign, axis.offset) for axis, _ in moves])  # type: ignore[misc]
        return [(axis, sign * dial + offset) for (axis, dial), (sign, offset) in zip(moves, scales, strict=True)]

    def _move(self, verb: str, moves: Moves, *, shown: bool = False, wait: bool = True) -> None:
        dry = self._dry()
        if dry is not None:
            dry.move(_called(verb, moves), moves)
            return
        with Hold([axis.remote for axis, _ in moves], _called(verb, moves)):
            do_all([lambda axis=axis, target=target: axis.check([target]) for axis, target in moves])  # type: ignore[misc]
            self._run(moves, shown=shown, wait=wait)

    def _run(self, moves: Moves, *, shown: bool, wait: bool) -> None:
        """Start all at once and wait for them; whatever goes wrong stops what was started here."""
        begun: list[Axis] = []

        def start(order: Order) -> None:
            begun.extend(order.axes)
            try:
                order.start()
            except RondaError:
                begun[:] = [axis for axis in begun if axis not in order.axes]  # whatever moves them now is not ours
                raise

        together = orders(moves)
        starting = begin_all([lambda order=order: start(order) for order in together])  # type: ignore[misc]
        try:
            wait_all(starting)
            if wait:
                arrivals = [lambda axis=axis, target=target: axis.arrive(target) for axis, target in moves]
                with MovesDisplay(self._console, moves) if shown else nullcontext():
                    wait_all(begin_all(arrivals))
        except BaseException as error:
            _call_off(error, starting, [order.axes for order in together], begun)
            raise

    def _several(self, verb: str, axes: Sequence[Axis]) -> list[Axis]:
        if not axes:
            raise BadValue(f"{verb}: takes one axis or several, as in {verb}(samx)")
        return [as_axis(verb, axis) for axis in axes]


def stop_axes(axes: Sequence[Axis], because: BaseException | None = None) -> list[str]:
    """Stop axes and wait until they stand; a sentence about each that was still moving or does not answer.

    Args:
        axes: which.
        because: the error for which they are stopped, so that its reason is not told twice.
    """
    answers = attempt_all([axis.halt for axis in axes])
    return [
        not_stopped(axis.name, answer, because) if isinstance(answer, RondaError) else answer
        for axis, answer in zip(axes, answers, strict=True)
        if answer
    ]


def _call_off(
    error: BaseException, starting: Sequence[gevent.Greenlet], axes: Sequence[Sequence[Axis]], begun: Sequence[Axis]
) -> None:
    """Take orders back because of an error: none is given any more, and what was begun is stopped.

    Args:
        error: gets a note about each axis.
        starting: give the orders; one on its way comes to its end first, so that no stop overtakes it.
        axes: those of each order.
        begun: the axes whose orders may have been taken.
    """

    def take_back(order: gevent.Greenlet, its_axes: Sequence[Axis]) -> list[str]:
        order.kill()
        return stop_axes([axis for axis in its_axes if axis in begun], error)

    for told in attempt_all([lambda pair=pair: take_back(*pair) for pair in zip(starting, axes, strict=True)]):  # type: ignore[misc]
        for sentence in told if isinstance(told, list) else ():
            error.add_note(sentence)


def _called(verb: str, moves: Moves) -> str:
    """The command as typed: `mv(samx, 3, samy, -1)`."""
    return f"{verb}({', '.join(f'{axis.name}, {target:.10g}' for axis, target in moves)})"


def _pairs(verb: str, arguments: Sequence[Axis | float]) -> Moves:
    """Axes and numbers in turn.

    Raises:
        BadValue: they are something else.
    """
    if not arguments or len(arguments) % 2:
        raise BadValue(f"{verb}: takes an axis and a number, or several such pairs, as in {verb}(samx, 1.5)")
    moves = [
        (as_axis(verb, axis), as_number(verb, number))
        for axis, number in zip(arguments[::2], arguments[1::2], strict=True)
    ]
    names = [axis.name for axis, _ in moves]
    for name in names:
        if names.count(name) > 1:
            raise BadValue(f"{verb}: {name} stands there twice; an axis can go to one place only")
    return moves


def as_axis(verb: str, thing: object) -> Axis:
    """What was given as an axis.

    Raises:
        BadValue: it is something else.
    """
    if not isinstance(thing, Axis):
        raise BadValue(f"{verb}: {thing!r} is not an axis; wa() shows all axes")
    return thing


def as_number(verb: str, thing: object) -> float:
    """What was given as a number.

    Raises:
        BadValue: it is something else.
    """
    if isinstance(thing, (str, bytes, bool)) or not isinstance(thing, SupportsFloat):
        raise BadValue(f"{verb}: {thing!r} is not a number")
    return float(thing)
