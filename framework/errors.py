"""The closed list of errors: what can go wrong, each with the one reason that clients may test for."""

from __future__ import annotations

from typing import ClassVar


class RondaError(Exception):
    """Something went wrong, said in one sentence: who, what with values and units, what is allowed, what to do."""

    reason: ClassVar[str] = "RONDA_INTERNAL"


class BadValue(RondaError):
    """A value of the wrong type, shape or choice."""

    reason = "RONDA_BAD_VALUE"


class OutOfRange(RondaError):
    """A value outside its limits."""

    reason = "RONDA_OUT_OF_RANGE"


class Busy(RondaError):
    """The object is doing something else that excludes this."""

    reason = "RONDA_BUSY"


class NotReady(RondaError):
    """The object is disabled, not initialised, switched off or not prepared."""

    reason = "RONDA_NOT_READY"


class CommunicationFailed(RondaError):
    """The other side does not answer, or closed the connection."""

    reason = "RONDA_COMMUNICATION"


class TimedOut(RondaError):
    """An action did not end in its time."""

    reason = "RONDA_TIMEOUT"


class HardwareFault(RondaError):
    """The hardware answered, and reports an error."""

    reason = "RONDA_HARDWARE"


class NotAllowed(RondaError):
    """The action is forbidden to this client or in this state."""

    reason = "RONDA_NOT_ALLOWED"


class NotFound(RondaError):
    """A name that nobody has."""

    reason = "RONDA_NOT_FOUND"


class ConfigurationError(RondaError):
    """The configuration is wrong, or does not fit what is running."""

    reason = "RONDA_CONFIGURATION"


class ServiceFailed(RondaError):
    """Redis, the Tango database or a process of ours cannot be started or reached."""

    reason = "RONDA_SERVICE"
