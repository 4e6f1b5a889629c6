"""How soon a thread runs when it wakes, on a machine whose processors are busy: its turns are short.

A thread asks Linux for the length of its turns. One that wakes with short turns runs before the end of another one's
long turn; it gets no more of the processor for that. It needs no rights, and works from Linux 6.12 on.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

TURN = 100_000
"""Length of a turn in ns, the shortest that Linux gives; else it gives a millisecond or more."""

_CALLS = {"x86_64": (314, 315), "aarch64": (274, 275)}
"""Numbers of sched_setattr and sched_getattr, which the C library mostly does not know."""

_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
"""struct sched_attr: size, policy, flags, nice, priority, runtime (length of a turn in ns), deadline, period."""


def take_short_turns(pid: int = 0) -> bool:
    """Let a thread, and those that it will start, run as soon as it wakes; whether the system does so.

    Args:
        pid: of the thread, or of a process that has only one; 0 for the thread that calls.
    """
    found = _attributes(pid)
    if found is None or found[1] != os.SCHED_OTHER:  # whoever chose another policy knows why
        return False
    size, policy, flags, nice, priority, _, deadline, period = found
    wanted = _ATTRIBUTES.pack(size, policy, flags, nice, priority, TURN, deadline, period)
    set_attributes, _ = _CALLS[platform.machine()]
    if ctypes.CDLL(None).syscall(set_attributes, pid, wanted, 0) != 0:
        return False
    return turn(pid) == TURN


def turn(pid: int = 0) -> int:
    """Length of a thread's turns in ns; 0 if the system does not tell."""
    found = _attributes(pid)
    return 0 if found is None else found[5]


def _attributes(pid: int) -> tuple[int, ...] | None:
    if not hasattr(os, "SCHED_OTHER") or platform.machine() not in _CALLS:
        return None
    _, get_attributes = _CALLS[platform.machine()]
    told = ctypes.create_string_buffer(_ATTRIBUTES.size)
    if ctypes.CDLL(None).syscall(get_attributes, pid, told, _ATTRIBUTES.size, 0) != 0:
        return None
    return _ATTRIBUTES.unpack(told.raw)
