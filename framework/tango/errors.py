"""Our errors as they travel over Tango: DevFailed out of an error of the closed list, and back, in words for people."""

from __future__ import annotations

import re

import tango

from ronda.framework.errors import (
    BadValue,
    CommunicationFailed,
    HardwareFault,
    NotAllowed,
    NotFound,
    OutOfRange,
    RondaError,
    ServiceFailed,
    TimedOut,
)

_KINDS: list[type[RondaError]] = [RondaError, *RondaError.__subclasses__()]
_OURS = {kind.reason: kind for kind in _KINDS}

AWAY = "its server does not answer: it is not running, or is just being started again; see `ronda status` and try again"

DATABASE_AWAY = (
    "the Tango database does not answer; its host agent starts it again, which takes a few seconds; see `ronda status`"
)

_TANGOS: list[tuple[str, str, type[RondaError], str]] = [
    # in the order in which they count: reason, words of the description (a pattern), what it is, our words
    ("API_CantConnectToDatabase", "", ServiceFailed, DATABASE_AWAY),
    ("API_CantConnectToDevice", "sys/database/", ServiceFailed, DATABASE_AWAY),
    ("DB_DeviceNotDefined", r"device (\S+) not defined", NotFound, "the Tango database knows no device {0}"),
    ("API_DeviceNotDefined", r"device (\S+)", NotFound, "the Tango database knows no device {0}"),
    ("DB_AliasNotDefined", "", NotFound, "the Tango database knows no such alias"),
    ("API_WrongDeviceNameSyntax", r" in (\S+)", BadValue, "{0} is no name of a Tango device: DOMAIN/FAMILY/MEMBER"),
    (
        "API_DeviceNotExported",
        "",
        CommunicationFailed,
        "its server is not running; `ronda status` says why, `ronda start` starts one that was stopped",
    ),
    (
        "API_CorbaException",
        "CallTimedout",
        TimedOut,
        "did not answer in time; it is busy or hangs, see `ronda status`",
    ),
    (
        "API_CorbaException",
        "WaitingForReply",
        CommunicationFailed,
        "its server ended before it answered, what was asked may have been done or not; see `ronda status`",
    ),
    ("API_DeviceTimedOut", "", TimedOut, "did not answer in time; it is busy or hangs, see `ronda status`"),
    (
        "API_CommandTimedOut",
        "",
        TimedOut,
        "did not answer in time: another client keeps it busy, or it hangs; see `ronda status`",
    ),
    ("API_CantConnectToDevice", "", CommunicationFailed, AWAY),
    ("API_ServerNotRunning", "", CommunicationFailed, AWAY),
    ("API_CorbaException", "", CommunicationFailed, AWAY),
    ("API_AttrNotFound", r"^(\S+) attribute not found", NotFound, "has no attribute {0}"),
    ("API_CommandNotFound", r"^Command (\S+) not found", NotFound, "has no command {0}"),
    (
        "API_WAttrOutsideLimit",
        r"attribute (\S+) is (above|below)",
        OutOfRange,
        "{0} cannot be set to a value {1} its limit",
    ),
    ("API_WAttrOutsideLimit", r"attribute (\S+) is a NaN", BadValue, "{0} can only be set to a finite number"),
    ("API_WAttrOutsideLimit", "", OutOfRange, ""),
    ("API_AttrNotWritable", r"Attribute (\S+)", NotAllowed, "{0} can be read, not written"),
    ("API_AttrNotAllowed", r"(?i)attribute (\S+) .*?(\w+) state", NotAllowed, "{0} is not to be had in state {1}"),
    ("API_AttrNotAllowed", "", NotAllowed, ""),
    ("API_CommandNotAllowed", r"(?i)command (\S+) .*?(\w+) state", NotAllowed, "{0} is not possible in state {1}"),
    ("API_CommandNotAllowed", "", NotAllowed, ""),
    ("API_IncompatibleCmdArgumentType", "", BadValue, "the command takes an argument of another type"),
    ("API_IncompatibleAttrArgumentType", "", BadValue, "the attribute takes a value of another type"),
    ("API_IncompatibleAttrDataType", "", BadValue, "the attribute takes a value of another type"),
]
"""What Tango's own reasons mean, and what is said instead of its words; without words of ours its own are kept."""


def to_dev_failed(error: RondaError, origin: str) -> tango.DevFailed:
    """The DevFailed whose first description is the error's sentence.

    Args:
        error: one of the closed list.
        origin: the device's Tango name.
    """
    description = tango.DevError()
    description.reason = error.reason
    description.desc = str(error)
    description.origin = origin
    description.severity = tango.ErrSeverity.ERR
    return tango.DevFailed(description)


def from_dev_failed(failed: tango.DevFailed, who: str = "") -> RondaError:
    """The error of the closed list that a DevFailed stands for; a foreign device's own failure is a HardwareFault.

    What our devices say is kept word by word. Tango's own words are replaced by what a user can do.

    Args:
        failed: what the Tango library raised.
        who: the device, as people call it; its Tango name if empty. The sentence begins with it.
    """
    error = _meaning(failed)
    sentence = str(error)
    who = who or (_device(failed) if error.reason not in {each.reason for each in failed.args} else "")
    if who and not sentence.lower().startswith(f"{who.lower()}:"):
        sentence = f"{who}: {sentence}"
    return type(error)(sentence)


def _device(failed: tango.DevFailed) -> str:
    """The device that Tango's words are about; empty if they do not say."""
    for description in reversed(failed.args):
        found = re.search(r"[Dd]evice ([\w.@-]+/[\w.@-]+/[\w.@-]+)", description.desc)
        if found and not found[1].startswith("sys/database"):
            return found[1]
    return ""


def _meaning(failed: tango.DevFailed) -> RondaError:
    for description in failed.args:
        if description.reason in _OURS:
            return _OURS[description.reason](description.desc)
    for reason, pattern, kind, words in _TANGOS:
        for description in failed.args:
            found = re.search(pattern, description.desc) if description.reason == reason else None
            if found:
                return kind(words.format(*found.groups()) if words else description.desc.strip())
    return HardwareFault(failed.args[0].desc.strip())
