"""The lines of an IcePAP: `[#][address:][?]COMMAND parameters`, how they are answered, and how errors are.

Sources: IcePAP User Manual (ESRF, Instrument Support Group), chapter on the command interface: the acknowledge
character, addressing, broadcast, multi-line answers; section 2.3.1 "Status registers" and the reference page of STATUS
for the bits of the status word. What errors are called is known for the mistakes in a line only (`ErrorText`); for a
refused motion the manual gives no text, so clients must not rely on more than the word ERROR.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

_COMMAND = re.compile(
    r"(?P<acknowledge>#?)\s*(?:(?P<address>\d{0,9})(?P<colon>:))?\s*(?P<query>\??)(?P<word>\*?[A-Za-z_]+)(?P<rest>(?:\s.*)?)",
    re.DOTALL,
)


class ErrorText(StrEnum):
    """What follows the word ERROR when a line cannot be understood."""

    NOT_RECOGNISED = "Command not recognised"
    BROADCAST_QUERY = "Cannot broadcast a query"
    BROADCAST_ACKNOWLEDGE = "Cannot acknowledge a broadcast"
    WRONG_PARAMETER = "Wrong parameter(s)"
    WRONG_NUMBER = "Wrong number of parameter(s)"
    TOO_MANY = "Too many parameters"
    CONTROLLER = "Command or option not valid in controller boards"
    BAD_ADDRESS = "Bad board address"
    NOT_PRESENT = "Board is not present in the system"
    OUT_OF_RANGE = "Out of range parameter(s)"


class Bit(IntEnum):
    """Place of a flag, or of the lowest bit of a field, in the 32 bits of the status word."""

    PRESENT = 0
    ALIVE = 1
    DISABLE = 4
    READY = 9
    MOVING = 10
    STOP_CODE = 14
    LIMIT_POSITIVE = 18
    LIMIT_NEGATIVE = 19
    HOME = 20
    AUX_POWER = 21
    POWER_ON = 23


class Disable(IntEnum):
    """Why an axis has no power: the field DISABLE of the status word."""

    ENABLED = 0
    ALARM = 2
    SOFTWARE = 7


class StopCode(IntEnum):
    """How the last motion ended: the field STOPCODE of the status word."""

    END_OF_MOVE = 0
    STOP = 1
    ABORT = 2
    LIMIT_POSITIVE = 3
    LIMIT_NEGATIVE = 4
    AXIS_DISABLED = 6
    CLOSED_LOOP = 12


STOP_TEXTS = {
    StopCode.END_OF_MOVE: "End of movement",
    StopCode.STOP: "Stop",
    StopCode.ABORT: "Abort",
    StopCode.LIMIT_POSITIVE: "Limit+ reached",
    StopCode.LIMIT_NEGATIVE: "Limit- reached",
    StopCode.AXIS_DISABLED: "Axis disabled",
    StopCode.CLOSED_LOOP: "Closed loop error",
}


class IcepapError(Exception):
    """A command that is answered with ERROR and this text."""


class AxisError(IcepapError):
    """The same, where one axis of several is to blame."""

    def __init__(self, address: int, text: str) -> None:
        super().__init__(text)
        self.address = address


@dataclass(frozen=True, slots=True)
class Request:
    """One command.

    Attributes:
        address: of the board it is for; None for the system.
        broadcast: whether it is for all boards.
        acknowledge: whether it wants an answer although it asks nothing.
        query: whether it asks.
        word: in capitals, without the question mark.
        words: its parameters.
    """

    address: int | None
    broadcast: bool
    acknowledge: bool
    query: bool
    word: str
    words: list[str]

    @property
    def answered(self) -> bool:
        """Whether it gets an answer."""
        return self.query or self.acknowledge

    def reply(self, answer: str | Sequence[str]) -> str:
        """The answer with the command before it; several lines stand between two `$`."""
        head = ("" if self.address is None else f"{self.address}:") + ("?" if self.query else "") + self.word
        if isinstance(answer, str):
            return f"{head} {answer}"
        return "\n".join([f"{head} $", *answer, "$"])

    def error(self, error: IcepapError) -> str:
        """The answer to a command that failed; a system command says which axis is to blame."""
        if isinstance(error, AxisError) and self.address is None:
            return self.reply(f"ERROR Axis {error.address}: {error}")
        return self.reply(f"ERROR {error}")


def parse(command: str) -> Request | None:
    """Take one command apart; None if it has not the form of one.

    Raises nothing: what the words mean is not looked at.
    """
    found = _COMMAND.fullmatch(command.strip())
    if found is None:
        return None
    address = found["address"]
    return Request(
        int(address) if address else None,
        bool(found["colon"]) and not address,
        bool(found["acknowledge"]),
        bool(found["query"]),
        found["word"].upper(),
        found["rest"].split(),
    )


def whole(word: str) -> int:
    """The position that a word stands for: 32 bits with a sign.

    Raises:
        IcepapError: it is none.
    """
    if not re.fullmatch(r"[+-]?\d{1,10}", word):
        raise IcepapError(ErrorText.WRONG_PARAMETER)
    value = int(word)
    if not -(2**31) <= value < 2**31:
        raise IcepapError(ErrorText.OUT_OF_RANGE)
    return value


def real(word: str) -> float:
    """The finite number that a word stands for.

    Raises:
        IcepapError: it is none.
    """
    if not re.fullmatch(r"[+-]?(\d{1,17}(\.\d{0,17})?|\.\d{1,17})([eE][+-]?\d{1,2})?", word):
        raise IcepapError(ErrorText.WRONG_PARAMETER)
    return float(word)


def option(words: list[str], options: Sequence[str]) -> tuple[str, list[str]]:
    """The option that the parameters begin with, or the first of the possible ones, and the other parameters."""
    if words and words[0].upper() in options:
        return words[0].upper(), words[1:]
    return options[0], words
