"""An IcePAP, ESRF's controller of stepper motors: boards with one axis each in racks, one command interface for all.

The commands are those of the IcePAP User Manual's reference pages, each by its name; sections 2.2.2 "Homing sequences"
and 2.2.3 "Multiaxis and group movements" for what they do. Boards have the addresses 10 × rack + 1 to 10 × rack + 8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ronda.simulators.axes import build_axis, connect_encoder, truth
from ronda.simulators.icepap.blocks import BlockFraming
from ronda.simulators.icepap.board import REGISTERS, Board
from ronda.simulators.icepap.motion import jog, move, search
from ronda.simulators.icepap.protocol import (
    STOP_TEXTS,
    AxisError,
    ErrorText,
    IcepapError,
    Request,
    option,
    parse,
    real,
    whole,
)
from ronda.simulators.icepap.rack import LAST_ADDRESS, Racks, blaming
from ronda.simulators.icepap.tables import Tables
from ronda.simulators.instrument import Instrument
from ronda.simulators.parameters import AxisParameters, InstrumentParameters, parameter
from ronda.simulators.physics.axis import Refused
from ronda.simulators.physics.world import World

VERSION = "3.17"
MODULES = {"CONTROLLER": "3.17", "DRIVER": "3.17"}


def _address(address: int) -> int:
    if not 1 <= address % 10 <= 8:
        raise ValueError(f"board addresses are 10 × rack + 1 to 10 × rack + 8, with racks 0 to 15; {address} is none")
    return address


Address = Annotated[int, Field(ge=1, le=LAST_ADDRESS), AfterValidator(_address)]


class IcepapParameters(InstrumentParameters):
    """An IcePAP system."""

    axes: dict[Address, AxisParameters] = parameter("Its driver boards, by address", min_length=1)


class Icepap(Instrument):
    """The system: its controllers and its driver boards."""

    Parameters = IcepapParameters
    framing = BlockFraming()

    def __init__(self, name: str, parameters: IcepapParameters, world: World) -> None:
        self.name = name
        self._world = world
        self._names = {address: axis.name for address, axis in parameters.axes.items()}
        self._racks = Racks(
            {
                address: Board(build_axis(address, axis, world), axis.encoder, axis.name or "", world.clock.now())
                for address, axis in sorted(parameters.axes.items())
            }
        )
        self._tables = Tables(self._racks, world.clock.now)
        self._queries: dict[str, Callable[[Request], str | Sequence[str]]] = {
            "ACCTIME": self._ask_acceleration_time,
            "ACTIVE": lambda request: self._racks.each(request, lambda _: "YES"),
            "ADDR": lambda request: self._racks.own(request, lambda board: str(board.address)),
            "ALARM": lambda request: self._racks.own(request, self._alarm),
            "ENC": self._ask_encoder,
            "FPOS": self._ask_position,
            "FSTATUS": self._ask_status,
            "HELP": self._help,
            "HOMEENC": self._ask_latched,
            "HOMEPOS": self._ask_latched,
            "HOMESTAT": self._ask_search,
            "JOG": lambda request: self._racks.each(request, lambda board: f"{self._speed(board):.9g}"),
            "MODE": lambda _: "OPER",
            "NAME": lambda request: self._racks.own(request, lambda board: board.name),
            "POS": self._ask_position,
            "POWER": lambda request: self._racks.each(request, lambda board: "ON" if board.powered() else "OFF"),
            "SRCHENC": self._ask_latched,
            "SRCHPOS": self._ask_latched,
            "SRCHSTAT": self._ask_search,
            "STATUS": self._ask_status,
            "STOPCODE": lambda request: self._racks.each(request, lambda board: f"0x{board.stop_code(self._now):04x}"),
            "SYSSTAT": self._ask_system,
            "VELOCITY": self._ask_velocity,
            "VER": self._ask_version,
            "VSTATUS": self._ask_verbose_status,
            "VSTOPCODE": lambda request: self._racks.own(request, lambda board: STOP_TEXTS[board.stop_code(self._now)]),
            "_FPOS": self._ask_position,
            "_FSTATUS": self._ask_status,
            **self._tables.queries,
        }
        self._commands: dict[str, Callable[[Request], None]] = {
            "ABORT": self._abort,
            "ACCTIME": self._set_acceleration_time,
            "ENC": self._set_encoder,
            "ESYNC": self._synchronise,
            "HOME": lambda request: search(self._racks, request, self._now),
            "JOG": lambda request: jog(self._racks, request, self._now),
            "MOVE": lambda request: move(self._racks, request, self._now),
            "NAME": self._set_name,
            "POS": self._set_position,
            "POWER": self._power,
            "RMOVE": lambda request: move(self._racks, request, self._now),
            "SRCH": lambda request: search(self._racks, request, self._now),
            "STOP": self._stop,
            "VELOCITY": self._set_velocity,
            **self._tables.commands,
        }

    def answer(self, line: str) -> str | None:
        """The replies to the commands of a line, which semicolons separate; or to one with its block."""
        self._settle()
        command, ends, self._tables.block = line.partition("\n")
        commands = [command] if ends else line.split(";")
        replies = [reply for command in commands if (reply := self._answer(command)) is not None]
        return "\n".join(replies) if replies else None

    def connect_outputs(self) -> None:
        """Drive those trigger lines that something listens to: the outputs that a board's cam is switched to."""
        for address, board in self._racks.boards.items():
            connect_encoder(self.name, board.axis, self._world)
            output = f"{self.name}:{address}"
            if output in self._world.lines:
                self._world.line(output).drive(board.cam.emitted)

    def _settle(self) -> None:
        """Give the pulses of the motions as they are, before a command changes them."""
        for board in self._racks.boards.values():
            board.cam.settle(self._now)

    def truth(self, time: float) -> dict[str, Any]:
        """By address of each axis, where it truly is, how fast, and when the motion of that time began and ends."""
        return {
            "axes": {
                str(number): truth(board.axis, self._names[number], time)
                for number, board in self._racks.boards.items()
            }
        }

    def fail(self, axis: int, fault: str = "following") -> None:
        """Let an axis lose its closed loop (`following`), or let its board leave the bus (`disconnected`)."""
        board = self._find(axis)
        self._settle()
        if fault == "following":
            for member in board.group:
                if member is not board:
                    member.stop(self._now)
            board.fail(self._now)
        elif fault in ("disconnected", "connected"):
            board.alive = fault == "connected"
        else:
            raise LookupError(f"{self.name} has the faults following, disconnected and connected, not {fault}")

    def slip(self, axis: int, part: float) -> None:
        """Let an axis lose this part of its steps from its next motion on."""
        self._find(axis).axis.slip = part

    def carry(self, axis: int, distance: float) -> None:
        """Let somebody move a stage by hand, by a distance in its unit."""
        self._settle()
        try:
            self._find(axis).axis.carry(distance, self._now)
        except Refused as refused:
            raise LookupError(str(refused)) from None

    def _find(self, axis: int) -> Board:
        try:
            return self._racks.boards[axis]
        except KeyError:
            raise LookupError(f"{self.name} has no axis {axis}") from None

    @property
    def _now(self) -> float:
        return self._world.clock.now()

    # -- one command

    def _answer(self, command: str) -> str | None:
        request = parse(command)
        if request is None:  # not even a command: answered only if it looks as if somebody waited
            text = command.strip()
            head = (text.lstrip("#").split() or ["?"])[0]
            return f"{head} ERROR {ErrorText.NOT_RECOGNISED}" if text.startswith("#") or "?" in text else None
        try:
            answer = self._carry_out(request)
        except IcepapError as error:
            return request.error(error) if request.answered else None
        return request.reply(answer) if request.answered else None

    def _carry_out(self, request: Request) -> str | Sequence[str]:
        if request.broadcast and request.query:
            raise IcepapError(ErrorText.BROADCAST_QUERY)
        if request.broadcast and request.acknowledge:
            raise IcepapError(ErrorText.BROADCAST_ACKNOWLEDGE)
        if request.query and request.word in self._queries:
            return self._queries[request.word](request)
        if request.query or request.word not in self._commands:
            raise IcepapError(ErrorText.NOT_RECOGNISED)
        self._commands[request.word](request)
        return "OK"

    # -- questions

    def _ask_status(self, request: Request) -> str:
        return self._racks.each(request, lambda board: f"0x{board.status(self._now):08x}")

    def _ask_position(self, request: Request) -> str:
        register, words = option(request.words, REGISTERS)
        return self._racks.each(request, lambda board: str(board.register(register, self._now)), words)

    def _ask_encoder(self, request: Request) -> str:
        register, words = option(request.words, REGISTERS)
        return self._racks.each(request, lambda board: str(board.register(register, self._now, counts=True)), words)

    def _ask_velocity(self, request: Request) -> str:
        which, words = option(request.words, ("NOMINAL", "MIN", "MAX", "CURRENT"))
        values: dict[str, Callable[[Board], float]] = {
            "NOMINAL": lambda board: board.axis.velocity,
            "MIN": lambda board: board.axis.velocities.low,
            "MAX": lambda board: board.axis.velocities.high,
            "CURRENT": lambda board: abs(self._speed(board)),
        }
        return self._racks.each(request, lambda board: f"{values[which](board):.9g}", words)

    def _ask_acceleration_time(self, request: Request) -> str:
        which, words = option(request.words, ("NOMINAL", "STEPS"))

        def value(board: Board) -> float:
            time = board.axis.acceleration_time
            return time if which == "NOMINAL" else time * board.axis.velocity / 2

        return self._racks.each(request, lambda board: f"{value(board):.9g}", words)

    def _ask_search(self, request: Request) -> str:
        command = request.word.removesuffix("STAT")
        return self._racks.each(request, lambda board: "{} {}".format(*board.search_state(command, self._now)))

    def _ask_latched(self, request: Request) -> str:
        command, what = request.word[:4], request.word[4:]
        register, words = option(request.words, REGISTERS)
        return self._racks.each(
            request, lambda board: str(board.latched(command, register, self._now, counts=what == "ENC")), words
        )

    def _ask_system(self, request: Request) -> str:
        racks = {address // 10 for address in self._racks.boards}
        if not request.words:
            return f"0x{sum(1 << rack for rack in racks):04x}"
        rack = whole(request.words[0])
        boards = [(address % 10 - 1, board) for address, board in self._racks.boards.items() if address // 10 == rack]
        present = sum(1 << place for place, _ in boards)
        alive = sum(1 << place for place, board in boards if board.alive)
        return f"0x{present:02x} 0x{alive:02x}"

    def _ask_version(self, request: Request) -> str | Sequence[str]:
        if request.address is not None and request.address % 10:
            self._racks.board(request.address)
        which, words = option(request.words, ("SYSTEM", "INFO", *MODULES))
        if words:
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        if which != "INFO":
            return MODULES.get(which, VERSION)
        return [f"SYSTEM       :  {VERSION}", *(f"   {module:<10}:  {version}" for module, version in MODULES.items())]

    def _ask_verbose_status(self, request: Request) -> Sequence[str]:
        if request.address is None:
            raise IcepapError(ErrorText.NOT_RECOGNISED)
        [board] = self._racks.listed(request, request.words)
        status = board.status(self._now)
        return [
            f"0x{status:08x}",
            f"MOVING: {'YES' if board.axis.moving(self._now) else 'NO'}",
            f"POWER: {'ON' if board.powered() else 'OFF'}",
            f"ALARM: {self._alarm(board)}",
            f"STOPCODE: {STOP_TEXTS[board.stop_code(self._now)]}",
        ]

    def _help(self, request: Request) -> Sequence[str]:  # noqa: ARG002 - the same for all
        return sorted([*self._commands, *(f"?{word}" for word in self._queries)])

    @staticmethod
    def _alarm(board: Board) -> str:
        return "Closed loop error" if board.axis.fault else "NO"

    def _speed(self, board: Board) -> float:
        return board.axis.stage.motion(self._now).velocity(self._now)

    # -- commands

    def _set_position(self, request: Request) -> None:
        register, words = option(request.words, REGISTERS)
        self._racks.assign(request, words, lambda board, value: board.redefine(register, value, self._now))

    def _set_encoder(self, request: Request) -> None:
        register, words = option(request.words, REGISTERS)
        self._racks.assign(request, words, lambda board, value: board.redefine(register, value, self._now, counts=True))

    def _synchronise(self, request: Request) -> None:
        """ESYNC: the axis is where the encoder says."""
        for board in self._racks.listed(request, request.words):
            with blaming(board):
                board.redefine("AXIS", board.register("MEASURE", self._now), self._now)

    def _set_velocity(self, request: Request) -> None:
        _, words = option(request.words, ("NOMINAL",))
        for board, word in self._racks.with_values(request, words):
            value = real(word)
            if value not in board.axis.velocities:
                raise AxisError(board.address, ErrorText.OUT_OF_RANGE)
            board.axis.velocity = value

    def _set_acceleration_time(self, request: Request) -> None:
        _, words = option(request.words, ("NOMINAL",))
        for board, word in self._racks.with_values(request, words):
            value = real(word)
            if value not in board.axis.acceleration_times:
                raise AxisError(board.address, ErrorText.OUT_OF_RANGE)
            board.axis.acceleration_time = value

    def _set_name(self, request: Request) -> None:
        if request.address is None:
            raise IcepapError(ErrorText.NOT_RECOGNISED)
        self._racks.board(request.address).name = " ".join(request.words)

    def _power(self, request: Request) -> None:
        if not request.words or request.words[0].upper() not in ("ON", "OFF"):
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        for board in self._racks.listed(request, request.words[1:]):
            board.power(request.words[0].upper() == "ON", self._now)

    def _stop(self, request: Request) -> None:
        for board in self._racks.listed(request, request.words):
            for member in {board, *board.group}:
                member.stop(self._now)

    def _abort(self, request: Request) -> None:
        for board in self._racks.listed(request, request.words):
            for member in {board, *board.group}:
                member.abort(self._now)
