"""The boards of an IcePAP, and which of them a command is for: `2:STOP`, `STOP 1 2`, or `:STOP` for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ronda.simulators.icepap.board import Board
from ronda.simulators.icepap.protocol import AxisError, ErrorText, IcepapError, Request, whole
from ronda.simulators.physics.axis import Refused

LAST_ADDRESS = 158
"""The last place of the last rack: 10 × rack + place, racks 0 to 15, places 1 to 8."""


class Racks:
    """Driver boards by address."""

    def __init__(self, boards: Mapping[int, Board]) -> None:
        self.boards = dict(boards)

    def board(self, address: int) -> Board:
        """The board at an address.

        Raises:
            IcepapError: there is none, or it does not answer.
        """
        if address % 10 == 0:
            raise IcepapError(ErrorText.CONTROLLER)
        if not 0 < address <= LAST_ADDRESS or address % 10 == 9:
            raise AxisError(address, ErrorText.BAD_ADDRESS)
        board = self.boards.get(address)
        if board is None or not board.alive:
            raise AxisError(address, ErrorText.NOT_PRESENT)
        return board

    def listed(self, request: Request, words: list[str]) -> list[Board]:
        """The boards of a command without values."""
        if request.address is not None:
            if words:
                raise IcepapError(ErrorText.TOO_MANY)
            return [self.board(request.address)]
        if request.broadcast:
            return [board for board in self.boards.values() if board.alive]
        if not words:
            raise IcepapError(ErrorText.WRONG_NUMBER)
        return [self.board(whole(word)) for word in words]

    def with_values(self, request: Request, words: list[str]) -> list[tuple[Board, str]]:
        """The boards of a command with one value each: `2:MOVE 100`, `MOVE 1 100 2 200`, or `:VELOCITY 500`."""
        if request.address is not None or request.broadcast:
            if len(words) != 1:
                raise IcepapError(ErrorText.WRONG_NUMBER)
            return [(board, words[0]) for board in self.listed(request, [])]
        if not words or len(words) % 2:
            raise IcepapError(ErrorText.WRONG_NUMBER)
        boards = [self.board(whole(word)) for word in words[::2]]
        if len(set(boards)) < len(boards):
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        return list(zip(boards, words[1::2], strict=True))

    def each(self, request: Request, ask: Callable[[Board], str], words: list[str] | None = None) -> str:
        """What each board that a question is for answers; the parameters may be given."""
        answers = []
        for board in self.listed(request, request.words if words is None else words):
            with blaming(board):
                answers.append(ask(board))
        return " ".join(answers)

    def own(self, request: Request, ask: Callable[[Board], str]) -> str:
        """The answer to what only a board itself can be asked, not the system."""
        if request.address is None:
            raise IcepapError(ErrorText.NOT_RECOGNISED)
        return self.each(request, ask)

    def assign(self, request: Request, words: list[str], assign: Callable[[Board, int], None]) -> None:
        """Give each board that a command names a whole number; all are checked before the first gets its."""
        values = [(board, whole(word)) for board, word in self.with_values(request, words)]
        for board, value in values:
            with blaming(board):
                assign(board, value)


@contextmanager
def blaming(board: Board) -> Iterator[None]:
    """What a board refuses is an error of this board."""
    try:
        yield
    except Refused as refused:
        raise AxisError(board.address, str(refused)) from None
