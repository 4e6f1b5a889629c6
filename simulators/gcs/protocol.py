"""The General Command Set, version 2.0, of Physik Instrumente: codes of errors, forms of lines and answers.

Source: user manual MS249E of the C-863.12, whose language is that of PI's other motor controllers as well: section 8.2
"GCS syntax" for lines and answers, 8.6 "Command descriptions for GCS 2.0" for the commands and the bits of the status
register (#4, SRG?), 8.7 "Error codes".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum

SINGLE = bytes([5, 7, 24])
"""Requests of one byte: #5 which axes move, #7 whether the controller is ready, #24 stop all."""

READY, NOT_READY = "\xb1", "\xb0"
"""Answers to #7."""


class Code(IntEnum):
    """Errors of a controller, as ERR? tells them."""

    NONE = 0
    PARAMETER_SYNTAX = 1
    UNKNOWN_COMMAND = 2
    NOT_REFERENCED_OR_NO_SERVO = 5
    POSITION_OUT_OF_LIMITS = 7
    VELOCITY_OUT_OF_LIMITS = 8
    STOPPED = 10
    INVALID_AXIS = 15
    OUT_OF_RANGE = 17
    AXIS_TWICE = 22
    NUMBER_OF_PARAMETERS = 24
    INVALID_NUMBER = 25
    PARAMETER_MISSING = 26
    NO_REFERENCE_SENSOR = 31
    NO_LIMIT_SWITCH = 32
    NOT_ALLOWED_FOR_STAGE = 34
    REFERENCING_FAILED = 45
    REFERENCING_DISABLED = 50
    IN_MOTION = 53
    UNKNOWN_PARAMETER = 54
    ON_LIMIT_SWITCH = 216
    BUSY = -1008
    MOTION_ERROR = -1024


class Bit(IntEnum):
    """Places in the status register of an axis."""

    NEGATIVE_SWITCH = 0
    REFERENCE_SWITCH = 1
    POSITIVE_SWITCH = 2
    ERROR = 8
    SERVO_ON = 12
    IN_MOTION = 13
    REFERENCING = 14
    ON_TARGET = 15


class GcsError(Exception):
    """A command that is not carried out."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


def lines(parts: Sequence[str]) -> str:
    """An answer: all its lines but the last end with a space before the line feed."""
    return " \n".join(parts)


def real(word: str) -> float:
    """The finite number that a word stands for.

    Raises:
        GcsError: it is none.
    """
    try:
        value = float(word) if word.isascii() and "_" not in word else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise GcsError(Code.INVALID_NUMBER)
    return value


def flag(word: str) -> bool:
    """What 0 and 1 stand for.

    Raises:
        GcsError: it is neither.
    """
    if word not in ("0", "1"):
        raise GcsError(Code.OUT_OF_RANGE)
    return word == "1"
