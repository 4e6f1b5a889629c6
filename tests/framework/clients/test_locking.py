"""Devices that one program keeps to itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from ronda.framework.clients import locking
from ronda.framework.clients.locking import Hold, who_we_are
from ronda.framework.errors import Busy, NotFound
from ronda.framework.tango.names import AxisCommand


class Held:
    """Stands for a device that knows locks."""

    def __init__(self, name: str, refuses: Exception | None = None) -> None:
        self.name = name
        self.address = f"tango://nowhere/{name}"
        self.locks: list[str] = []
        self.refuses = refuses

    def command(self, name: str, argument: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        if name == AxisCommand.LOCK:
            self.locks.append(argument)
        else:
            self.locks.remove(argument)


def hold(*devices: Any, purpose: str = "alignment") -> Hold:
    return Hold(devices, purpose, "alice")


def test_a_purpose_says_who_we_are() -> None:
    assert hold().words.startswith("alice@")
    assert hold().words.endswith(f", process {os.getpid()}, alignment")
    assert who_we_are().count("@") == 1


def test_devices_are_ours_until_the_end_of_the_block() -> None:
    samx, samy = Held("samx"), Held("samy")
    with hold(samx, samy) as held:
        assert samx.locks == samy.locks == [held.words]
    assert samx.locks == samy.locks == []


def test_either_all_are_locked_or_none() -> None:
    samx, samy = Held("samx"), Held("samy", Busy("samy: cannot be locked: it is in use by bob"))
    with pytest.raises(Busy, match="in use by bob"), hold(samx, samy):
        pass
    assert samx.locks == []


def test_a_device_that_knows_no_locks_is_used_without() -> None:
    with hold(Held("foreign", NotFound("no such command"))) as held:
        assert held.lost == ""


def test_locks_are_renewed_and_a_loss_is_told(monkeypatch: pytest.MonkeyPatch, wait_for: Callable[..., Any]) -> None:
    samx = Held("samx")
    renewing: list[Held] = []

    def other_client(name: str, address: str, make_proxy: Any) -> Held:
        renewing.append(Held(name))
        return renewing[-1]

    monkeypatch.setattr(locking, "RENEWAL", 0.01)
    monkeypatch.setattr(locking, "Remote", other_client)
    with hold(samx) as held:
        wait_for(lambda: renewing and len(renewing[0].locks) >= 3, 150, "three renewals")
        assert held.lost == ""
        renewing[0].refuses = Busy("samx: cannot be locked: it is in use by bob")
        wait_for(lambda: held.lost, 150, "the loss is told")
    assert held.lost == "samx: cannot be locked: it is in use by bob"
