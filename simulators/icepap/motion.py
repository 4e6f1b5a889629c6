"""How motions of one or several axes of an IcePAP begin; sections 2.2.2 and 2.2.3 of its manual."""

from __future__ import annotations

from collections.abc import Callable

from ronda.simulators.icepap.board import Board
from ronda.simulators.icepap.protocol import AxisError, ErrorText, IcepapError, Request, option, real, whole
from ronda.simulators.icepap.rack import Racks, blaming
from ronda.simulators.physics.search import Mark

SIGNALS = {"HOME": Mark.HOME, "LIM+": Mark.HIGH, "LIM-": Mark.LOW, "ENCAUX": Mark.INDEX}
"""What SRCH can look for."""


def move(racks: Racks, request: Request, time: float) -> None:
    """MOVE and RMOVE."""

    def steps(board: Board, word: str) -> float:
        target = whole(word) + board.axis.position(time) * (request.word == "RMOVE")
        if not -(2**31) <= target < 2**31:
            raise AxisError(board.address, ErrorText.OUT_OF_RANGE)
        return target

    def check(board: Board, target: float) -> None:
        board.check(target - board.axis.position(time), time)

    _begin(racks, request, request.words, steps, check, lambda board, target: board.move(round(target), time), time)


def jog(racks: Racks, request: Request, time: float) -> None:
    """JOG; a velocity of 0 brakes."""

    def velocity(board: Board, word: str) -> float:
        value = real(word)
        if value and abs(value) not in board.axis.velocities:
            raise AxisError(board.address, ErrorText.OUT_OF_RANGE)
        return value

    def check(board: Board, value: float) -> None:
        if value:
            board.check(value, time)

    def start(board: Board, value: float) -> None:
        if value:
            board.jog(value, time)
        else:
            board.stop(time)

    _begin(racks, request, request.words, velocity, check, start, time)


def search(racks: Racks, request: Request, time: float) -> None:
    """HOME, and SRCH with its signal and edge."""
    mark, words = Mark.HOME, request.words
    if request.word == "SRCH":
        signal, words = option(words, ("", *SIGNALS))
        edge, words = option(words, ("POSEDGE", "NEGEDGE"))
        if not signal or edge == "NEGEDGE":  # only the near edge of a switch is simulated
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        mark = SIGNALS[signal]
    only = {Mark.LOW: -1, Mark.HIGH: 1}.get(mark)
    if only is not None and not words and request.address is not None:
        words = [str(only)]

    def direction(board: Board, word: str) -> float:
        value = whole(word)
        if value not in (1, -1) or only not in (None, value):
            raise AxisError(board.address, ErrorText.WRONG_PARAMETER)
        return value

    def start(board: Board, value: float) -> None:
        board.search(request.word, mark, int(value), time)

    _begin(racks, request, words, direction, lambda board, _: board.check(0, time), start, time)


def _begin(
    racks: Racks,
    request: Request,
    words: list[str],
    value: Callable[[Board, str], float],
    check: Callable[[Board, float], None],
    start: Callable[[Board, float], None],
    time: float,
) -> None:
    """Begin motions: those of a GROUP together or not at all, others one by one until one is refused.

    STOP and ABORT of one axis stop its whole group; with STRICT, so does a limit switch.

    Args:
        racks: the boards.
        request: the command.
        words: its parameters, without options of its own.
        value: what a word means for a board.
        check: raises Refused if a board cannot begin.
        start: the motion, which `check` allowed.
        time: when, in s.
    """
    given = list(words)
    flags = set()
    while given and given[0].upper() in ("GROUP", "STRICT"):
        flags.add(given.pop(0).upper())
    boards = [(board, value(board, word)) for board, word in racks.with_values(request, given)]
    if "GROUP" in flags:
        for board, wanted in boards:
            with blaming(board):
                check(board, wanted)
    for board, wanted in boards:
        with blaming(board):
            check(board, wanted)
        start(board, wanted)
        board.group = tuple(member for member, _ in boards) if "GROUP" in flags else ()
    cut = min((at for board, _ in boards if (at := board.cut_at()) is not None), default=None)
    if "STRICT" in flags and cut is not None:
        for board, _ in boards:
            if board.cut_at() != cut:
                board.stop(max(cut, time))
