"""The commands of an IcePAP about its electronic cams, its outputs, and parametric motion.

Sources: reference pages ECAM, ECAMDAT, PARDAT, PARVEL, PARACCT, PARPOS, MOVEP, PMOVE, INFOA and SYNCAUX of the manual,
as far as the community's client `icepap` (axis.py, controller.py) and BLISS (controllers/motors/icepap) use them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ronda.simulators.icepap.blocks import NO_ADDRESS, Floats, vectors, words_of
from ronda.simulators.icepap.board import Board
from ronda.simulators.icepap.cam import MEMORY, SOURCES
from ronda.simulators.icepap.parametric import Table, natural_slopes
from ronda.simulators.icepap.protocol import ErrorText, IcepapError, Request, option, real, whole
from ronda.simulators.icepap.rack import Racks, blaming
from ronda.simulators.physics.axis import Refused

OUTPUTS = ("INFOA", "INFOB", "INFOC", "OUTAUX", "OUTPOS", "SYNCAUX")
"""What a signal of a board can be switched to. In the simulated world they are one output, `NAME:address`."""

SIGNALS = (
    *("LOW", "HIGH", "LIM+", "LIM-", "HOME", "ENCAUX", "INPAUX", "SYNCAUX", "ENABLE", "ALARM", "READY", "MOVING"),
    *("BOOST", "STEADY", "ECAM"),
)
"""What an output can show; of these, the simulated world has ECAM."""

CAM_TYPES = {"FLOAT": "<f4", "DFLOAT": "<f8", "DWORD": "<i4", "WORD": "<i2"}

MOST_ROWS = 20_000


class Tables:
    """What `Icepap` answers about cams and tables.

    Args:
        racks: the boards.
        now: simulated time in s.

    Attributes:
        block: that came with the command in hand; empty for none.
    """

    def __init__(self, racks: Racks, now: Callable[[], float]) -> None:
        self._racks = racks
        self._now = now
        self.block = ""
        self.queries: dict[str, Callable[[Request], str | Sequence[str]]] = {
            "ECAM": lambda request: racks.own(
                request, lambda board: f"{'ON' if board.cam.on else 'OFF'} {board.cam.level}"
            ),
            "ECAMDAT": self._ask_cam,
            "PARACCT": lambda request: racks.each(request, lambda board: f"{board.parameter_ramp:.9g}"),
            "PARDAT": self._ask_table,
            "PARPOS": lambda request: racks.each(request, self._parameter),
            "PARVAL": self._ask_place,
            "PARVEL": lambda request: racks.each(request, lambda board: f"{board.parameter_velocity:.9g}"),
            **dict.fromkeys(OUTPUTS, self._ask_output),
        }
        self.commands: dict[str, Callable[[Request], None]] = {
            "*ECAMDAT": self._load_cam,
            "*PARDAT": self._load_tables,
            "ECAM": self._set_cam,
            "ECAMDAT": self._clear_cam,
            "MOVEP": self._join,
            "PARACCT": self._set_ramp,
            "PARDAT": self._clear_tables,
            "PARVEL": self._set_velocity,
            "PMOVE": self._move,
            **dict.fromkeys(OUTPUTS, self._set_output),
        }

    # -- cams

    def _ask_cam(self, request: Request) -> str | Sequence[str]:
        board = self._own(request)
        cam = board.cam
        if not request.words:
            ends = (f"{cam.positions[0]:.9g}", f"{cam.positions[-1]:.9g}") if cam.positions else ("0", "0")
            return f"{cam.source} {ends[0]} {ends[1]} {len(cam.positions)}"
        count, first = [*map(whole, request.words), 0][:2]
        last = len(cam.positions) - 1
        rows = list(enumerate(cam.positions))[first : first + count]
        return [f"{place}/{last}: {cam.source}: {position:.9g}" for place, position in rows]

    def _load_cam(self, request: Request) -> None:
        import numpy as np

        board = self._own(request)
        source, words = option(request.words, SOURCES)
        dtype, words = option(words, tuple(CAM_TYPES))
        data = words_of(self.block)
        if words or len(data) % np.dtype(CAM_TYPES[dtype]).itemsize or len(data) > 2 * MEMORY:
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        board.cam.load(source, np.frombuffer(data, CAM_TYPES[dtype]).astype(float).tolist(), self._now())

    def _clear_cam(self, request: Request) -> None:
        if [word.upper() for word in request.words] != ["CLEAR"]:
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        self._own(request).cam.load(SOURCES[0], [], self._now())

    def _set_cam(self, request: Request) -> None:
        cam = self._own(request).cam
        words = [word.upper() for word in request.words]
        if not words or any(word not in ("ON", "OFF", "PULSE", "LOW", "HIGH") for word in words):
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        for word in words:
            if word in ("ON", "OFF"):
                cam.on = word == "ON"
            else:
                cam.level = word

    def _ask_output(self, request: Request) -> str:
        return " ".join(self._own(request).cam.outputs.get(request.word, ("LOW", "NORMAL")))

    def _set_output(self, request: Request) -> None:
        board = self._own(request)
        signal, *polarity = [word.upper() for word in request.words] or [""]
        if signal not in SIGNALS or polarity not in ([], ["NORMAL"], ["INVERTED"]):
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        board.cam.outputs[request.word] = signal, (polarity or ["NORMAL"])[0]

    # -- parametric motion

    def _ask_table(self, request: Request) -> str | Sequence[str]:
        table = self._own(request).table
        if [word.upper() for word in request.words] == ["NPTS"]:
            return str(0 if table is None else len(table.parameters))
        if len(request.words) != 2 or table is None:
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        first, count = map(whole, request.words)
        rows = zip(table.parameters.tolist(), table.positions.tolist(), table.slopes.tolist(), strict=True)
        return [" ".join(f"{value:.9g}" for value in row) for row in list(rows)[first : first + count]]

    def _load_tables(self, request: Request) -> None:
        """Tables of one board or several: each has a column PARAMETER, its own or one for all, and POSITION."""
        import numpy as np

        mode, words = option(request.words, ("SPLINE", "LINEAR", "CYCLIC"))
        if words or mode != "SPLINE":  # the others are not simulated
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        columns: dict[tuple[int, str], Floats] = {}
        for column, address, values in vectors(words_of(self.block)):
            columns[address, column] = values
        boards = [self._racks.board(address) for address, column in columns if column == "POSITION"]
        if not boards:
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        loaded = []
        for board in boards:
            parameters = columns.get((board.address, "PARAMETER"), columns.get((NO_ADDRESS, "PARAMETER")))
            positions, slopes = columns[board.address, "POSITION"], columns.get((board.address, "SLOPE"))
            if parameters is None or not 2 <= len(parameters) == len(positions) <= MOST_ROWS:
                raise IcepapError(ErrorText.WRONG_NUMBER)
            if (np.diff(parameters) <= 0).any() or (slopes is not None and len(slopes) != len(positions)):
                raise IcepapError(ErrorText.WRONG_PARAMETER)
            slopes = natural_slopes(parameters, positions) if slopes is None else slopes
            loaded.append((board, Table(parameters, positions, slopes)))
        self._require_rest(boards)
        for board, table in loaded:
            board.table, board.course = table, None

    def _clear_tables(self, request: Request) -> None:
        if [word.upper() for word in request.words] != ["CLEAR"]:
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        board = self._own(request)
        self._require_rest([board])
        board.table = board.course = None

    def _parameter(self, board: Board) -> str:
        if board.course is None:
            raise Refused("the axis is not on its parametric table")
        return f"{board.course.position(self._now()):.9g}"

    def _ask_place(self, request: Request) -> str:
        if len(request.words) != 1:
            raise IcepapError(ErrorText.WRONG_NUMBER)
        board = self._own(request)
        with blaming(board):
            return str(board.parametric_place(real(request.words[0])))

    def _set_velocity(self, request: Request) -> None:
        value, boards = self._value(request)
        for board in boards:
            board.parameter_velocity = value

    def _set_ramp(self, request: Request) -> None:
        value, boards = self._value(request)
        for board in boards:
            board.parameter_ramp = value

    def _join(self, request: Request) -> None:
        """MOVEP: axes move to where their tables have them at a value of the parameter."""
        value, boards, _ = self._together(request)
        time = self._now()
        for board in boards:
            with blaming(board):
                board.check(board.parametric_place(value) - board.axis.position(time), time)
        for board in boards:
            board.join_parametric(value, time)
            board.group = ()

    def _move(self, request: Request) -> None:
        """PMOVE: the parameter goes to a value, and axes follow their tables; in a group, together or not at all."""
        value, boards, flags = self._together(request)
        time = self._now()
        for board in boards:
            with blaming(board):
                board.check_parametric(value, time)
        cuts = [board.move_parametric(value, time) for board in boards]
        for board in boards:
            board.group = tuple(boards) if "GROUP" in flags else ()
        cut = min((at for at in cuts if at is not None), default=None)
        if "STRICT" in flags and cut is not None:
            for board in boards:
                board.stop(max(cut, time))
        elif cut is not None:
            for board, at in zip(boards, cuts, strict=True):
                if at is not None:
                    board.leave_parametric(at)

    # -- tools

    def _own(self, request: Request) -> Board:
        if request.address is None:
            raise IcepapError(ErrorText.NOT_RECOGNISED)
        return self._racks.board(request.address)

    def _value(self, request: Request) -> tuple[float, list[Board]]:
        if not request.words:
            raise IcepapError(ErrorText.WRONG_NUMBER)
        value = real(request.words[0])
        if value < 0:
            raise IcepapError(ErrorText.OUT_OF_RANGE)
        return value, self._racks.listed(request, request.words[1:])

    def _together(self, request: Request) -> tuple[float, list[Board], set[str]]:
        words, flags = list(request.words), set()
        while words and words[0].upper() in ("GROUP", "STRICT"):
            flags.add(words.pop(0).upper())
        value, boards = self._value(Request(request.address, request.broadcast, False, False, request.word, words))
        return value, boards, flags

    def _require_rest(self, boards: Sequence[Board]) -> None:
        for board in boards:
            with blaming(board):
                if board.axis.moving(self._now()):
                    raise Refused("the axis is moving")
