"""A Tango device as a client sees it: few exchanges, and failures in our words."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gevent
import pytest
import tango
from gevent.event import AsyncResult

from ronda.framework.clients.remote import Remote, side_by_side
from ronda.framework.errors import CommunicationFailed, NotAllowed, NotFound
from ronda.framework.tango.names import LoggerCommand


class Counting:
    """A Tango client that counts what it is asked."""

    def __init__(self, address: str) -> None:
        self.asked: Counter[str] = Counter()
        self._proxy = tango.DeviceProxy(address)

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return getattr(self._proxy, name)


@pytest.fixture
def axis(beamline) -> Remote:
    return Remote("samz", beamline["samz"].remote.address, Counting)


def test_the_type_of_an_attribute_is_asked_for_only_once(axis):
    velocity = axis.read("Velocity")
    for _ in range(5):
        axis.write("Velocity", velocity)
    assert axis.proxy.asked["get_attribute_config"] == 1
    assert axis.proxy.asked["write_attribute"] == 5


def test_the_type_that_a_command_takes_is_asked_for_only_once(axis):
    for _ in range(5):
        axis.command("AwaitRest", 0.0)
    assert axis.proxy.asked["command_query"] == 1


def test_after_a_failure_the_type_is_asked_for_again(axis):
    velocity = axis.read("Velocity")
    axis.write("Velocity", velocity)
    with pytest.raises(Exception, match="samz"):
        axis.write("Velocity", 1e9)
    axis.write("Velocity", velocity)
    assert axis.proxy.asked["get_attribute_config"] == 3  # one more for the limits in the sentence


def test_devices_run_a_command_side_by_side(beamline):
    side_by_side([(beamline[name].remote, 0.0) for name in ("samx", "samy", "samz", "rot")], "AwaitRest")


def test_one_that_fails_is_named_after_the_others_have_answered(beamline):
    absent = beamline.remote("nobody", "ronda/axis/nobody")
    samz = Remote("samz", beamline["samz"].remote.address, Counting)
    with pytest.raises((CommunicationFailed, NotFound), match="nobody"):
        side_by_side([(absent, 0.0), (samz, 0.0)], "AwaitRest")
    assert samz.proxy.asked["command_inout_reply"] >= 1


class Slow:
    """A Tango client as PyTango makes it under gevent: a call goes on though nobody waits for it any more."""

    def __init__(self, address: str) -> None:
        self.ended = False

    def get_green_mode(self) -> Any:
        return tango.GreenMode.Gevent

    def command_inout(self, name: str, wait: bool) -> AsyncResult:
        assert not wait
        answer = AsyncResult()

        def end() -> None:
            self.ended = True
            answer.set("done")

        gevent.spawn_later(0.05, end)
        return answer


def test_an_interruption_waits_until_the_device_has_taken_the_order():
    remote = Remote("samz", "demo/axis/samz", Slow)
    asking = gevent.spawn(remote.command, "Abort")
    gevent.sleep(0.01)
    asking.kill(block=True)
    assert remote.proxy.ended, "an order to stop, given next, cannot overtake this one"


def test_an_order_that_is_not_interrupted_returns_what_the_device_answers():
    assert Remote("samz", "demo/axis/samz", Slow).command("Stop") == "done"


def test_who_may_change_nothing_is_refused_all_but_reading_and_stop(beamline):
    def refuse(who: str) -> None:
        raise NotAllowed(f"{who}: you look")

    looking = Remote("samz", beamline["samz"].remote.address, tango.DeviceProxy, refuse)
    for change in (
        lambda: looking.write("Velocity", 1.0),
        lambda: looking.command("Lock", "me"),
        lambda: looking.begin("Home", None),
        lambda: looking.command("Sync"),
    ):
        with pytest.raises(NotAllowed, match="samz: you look"):
            change()
    looking.read("Position")
    looking.state()
    looking.command("Stop")
    looking.command("Abort")
    side_by_side([(looking, 0.0), (looking, 0.0)], "AwaitRest")


def test_who_only_looks_on_may_ask_a_data_logger_all_but_to_restore():
    def refuse(name: str) -> None:
        raise NotAllowed(f"{name}: is in other hands")

    class Answering:
        def get_green_mode(self) -> tango.GreenMode:
            return tango.GreenMode.Synchronous

        def command_query(self, name: str) -> Any:
            return tango.CommandInfo()

        def command_inout(self, name: str, *_: Any) -> str:
            return name

    logger = Remote("logger", "a/b/logger", lambda _: Answering(), refuse)
    allowed = []
    for name in LoggerCommand:
        try:
            logger.command(name)
        except NotAllowed:
            continue
        allowed.append(name)
    assert set(LoggerCommand) - set(allowed) == {LoggerCommand.RESTORE_SNAPSHOT}
