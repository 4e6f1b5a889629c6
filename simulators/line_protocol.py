"""The line protocol of our own simulated instruments: `COMMAND arguments` → `OK fields` or `ERR code text`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ronda.simulators.instrument import ProtocolError
from ronda.simulators.physics.axis import Range

UNKNOWN_COMMAND = 1
BAD_ARGUMENT = 2
NO_SUCH_AXIS = 3
REFUSED = 4
NO_SUCH_CHANNEL = 5

Command = Callable[[list[str]], str]
"""Takes the words after the command, returns the fields of the reply; raises ProtocolError."""


def answer(commands: Mapping[str, Command], line: str) -> str:
    """Answer one line."""
    word, *arguments = line.split() or [""]
    command = commands.get(word)
    if command is None:
        return f"ERR {UNKNOWN_COMMAND} unknown command"
    try:
        fields = command(arguments)
    except ProtocolError as error:
        return f"ERR {error.code} {error.text}"
    return f"OK {fields}" if fields else "OK"


def answer_also_blocks(
    blocks: Mapping[str, Callable[[list[str]], bytes]], commands: Mapping[str, Command], line: str
) -> str | bytes:
    """Answer one line; some commands are answered with data, see `with_data`."""
    word, *arguments = line.split() or [""]
    if word not in blocks:
        return answer(commands, line)
    try:
        return blocks[word](arguments)
    except ProtocolError as error:
        return f"ERR {error.code} {error.text}"


def with_data(reply: str, data: bytes) -> bytes:
    """A reply whose line is followed by bytes as they are; its first field says how many."""
    return f"OK {len(data)},{reply}\n".encode() + data


def number(word: str, what: str, allowed: Range | None = None, unit: str = "") -> float:
    """The finite number that a word stands for.

    Raises:
        ProtocolError: it is no number, or not an allowed one.
    """
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ProtocolError(BAD_ARGUMENT, f"{what} should be a number, not {word[:40]}")
    if allowed is not None and value not in allowed:
        raise ProtocolError(
            BAD_ARGUMENT, f"{what} {value!r} should be from {allowed.low!r} to {allowed.high!r} {unit}".rstrip()
        )
    return value


def expect(arguments: list[str], count: int, usage: str) -> None:
    """Check how many words follow a command.

    Raises:
        ProtocolError: too many or too few.
    """
    if len(arguments) != count:
        raise ProtocolError(BAD_ARGUMENT, f"usage: {usage}")
