"""Who may move a device: fixed for everybody, locked by one client."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ronda.devices.caller import Caller
from ronda.devices.ownership import Ownership
from ronda.framework.errors import BadValue, Busy, NotAllowed, ServiceFailed
from ronda.framework.tango.names import LOCK_LEASE

SHELL, OTHER = Caller("127.0.0.1", 42, "CPP_6"), Caller("10.0.0.7", 42, "CPP_6")


class Time:
    """A clock that stands still until it is told otherwise."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def kept() -> list[Mapping[str, Any]]:
    return []


@pytest.fixture
def samx(clock: Time, kept: list[Mapping[str, Any]]) -> Ownership:
    return Ownership("samx", {}, lambda fixed, before: kept.append(fixed), clock)


def test_everybody_may_move_it_at_first(samx: Ownership) -> None:
    samx.require_movable("move", SHELL)
    samx.require_movable("move", OTHER)
    assert (samx.owner, samx.fixed, samx.remark()) == ("", "", "")


def test_a_lock_keeps_others_away_and_names_its_owner(samx: Ownership) -> None:
    samx.lock("alice@id01, process 42, ascan", SHELL)

    samx.require_movable("move to 3 mm", SHELL)
    with pytest.raises(Busy, match="samx: cannot move to 3 mm: it is in use by alice@id01, process 42, ascan; stop th"):
        samx.require_movable("move to 3 mm", OTHER)
    with pytest.raises(Busy, match="samx: cannot be locked: it is in use by alice@id01"):
        samx.lock("bob", OTHER)
    with pytest.raises(Busy, match="cannot be unlocked"):
        samx.unlock("alice@id01, process 42, ascan", OTHER)


def test_a_lock_that_is_not_renewed_ends(samx: Ownership, clock: Time) -> None:
    samx.lock("alice", SHELL)
    clock.now += LOCK_LEASE - 1
    samx.lock("alice", SHELL)
    clock.now += LOCK_LEASE - 1
    with pytest.raises(Busy):
        samx.require_free("move", OTHER)
    clock.now += 2

    samx.lock("bob", OTHER)
    assert samx.owner == "bob"
    with pytest.raises(Busy, match="in use by bob"):
        samx.lock("alice", SHELL)


def test_one_client_may_lock_for_several_purposes(samx: Ownership) -> None:
    samx.lock("alice, alignment", SHELL)
    samx.lock("alice, mv", SHELL)
    samx.unlock("alice, mv", SHELL)
    samx.unlock("alice, mv", SHELL)
    with pytest.raises(Busy, match="in use by alice, alignment"):
        samx.require_free("move", OTHER)

    samx.unlock("alice, alignment", SHELL)
    samx.require_free("move", OTHER)


def test_a_lock_without_words_is_refused(samx: Ownership) -> None:
    with pytest.raises(BadValue, match="samx: say who locks it and for what"):
        samx.lock("  ", SHELL)


def test_a_fixed_device_moves_for_nobody(samx: Ownership, kept: list[Mapping[str, Any]]) -> None:
    samx.lock("alice", SHELL)
    samx.fix("glued to\nthe cryostat", SHELL, "alice@id01")

    with pytest.raises(
        NotAllowed, match=r"samx: cannot move: it is fixed: glued to the cryostat \(alice@id01, .*\); re"
    ):
        samx.require_movable("move", SHELL)
    assert "samx: is fixed: glued to the cryostat" in samx.remark()
    assert kept[0]["reason"] == "glued to the cryostat"
    again = Ownership("samx", kept[0], lambda *_: None)
    assert again.fixed == samx.fixed

    samx.release()
    samx.require_movable("move", SHELL)
    assert kept[1:] == [{}]


def test_a_fix_without_a_reason_is_refused(samx: Ownership) -> None:
    with pytest.raises(BadValue, match="samx: say why it must not move"):
        samx.fix(" ", SHELL)


def test_what_cannot_be_stored_has_not_changed(clock: Time) -> None:
    def fail(*_: Any) -> None:
        raise ServiceFailed("no database")

    samx = Ownership("samx", {}, fail, clock)
    with pytest.raises(ServiceFailed):
        samx.fix("glued", SHELL)
    assert samx.fixed == ""


def test_a_caller_is_told_by_process_and_host_and_by_its_user_while_it_lives() -> None:
    ended = int(Path("/proc/sys/kernel/pid_max").read_text()) + 1  # no process has this number
    host = socket.gethostname()
    assert str(OTHER) == "process 42 on 10.0.0.7"
    assert str(Caller("127.0.0.1", ended)) == f"process {ended} on {host}"
    assert str(Caller("127.0.0.1", os.getpid())) == f"{pwd.getpwuid(os.getuid()).pw_name}@{host}, process {os.getpid()}"
