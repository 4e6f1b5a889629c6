"""The guard that ends scans whose owner died, without a beamline around it."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import tango

from ronda.framework.errors import Busy, ServiceFailed
from ronda.framework.scan.guard import end_orphan, guard, stop_devices
from ronda.framework.stream.description import Channel, Description, Device

DESCRIPTION = Description(
    "ascan(samx, 0, 1, 2, 0.1, i0)",
    [Device("scan", [Channel("samx")]), Device("ct1", [Channel("i0")], {"tango": "demo/counter/ct1"})],
    attributes={"axes": {"samx": "demo/axis/samx", "samy": "demo/axis/samy"}},
)


class Proxies:
    """Stands for the devices; remembers what they were told."""

    def __init__(self, states):
        self.told = []
        self._states = states

    def __call__(self, address):
        def command(name, *argument):
            self.told.append((address.rpartition("/")[2], name, *(each.extract() for each in argument)))

        state = self._states.get(address.rpartition("/")[2], "ON")

        def asked(_):
            return SimpleNamespace(in_type=tango.CmdArgType.DevString)

        mode = tango.GreenMode.Synchronous
        return SimpleNamespace(
            command_inout=command, command_query=asked, state=lambda: state, get_green_mode=lambda: mode
        )


def orphan():
    return SimpleNamespace(identifier="20260101T000000-00000000", number=7, description=DESCRIPTION)


def test_only_axes_that_move_are_stopped_and_devices_leave_this_scan():
    proxies = Proxies({"samx": "MOVING", "samy": "ON"})

    assert stop_devices(orphan(), "host:1", proxies) == []
    assert proxies.told == [("samx", "Stop"), ("ct1", "DisarmScan", "20260101T000000-00000000")]


def test_a_device_that_cannot_be_stopped_is_named_and_the_others_are_stopped():
    proxies = Proxies({})
    failed, told = [], []

    def make_proxy(address):
        if address.endswith("samx"):
            raise ServiceFailed("samx: its server is away")
        return proxies(address)

    stream = SimpleNamespace(fail_orphan=lambda scan, sentence: failed.append(sentence) or True)
    end_orphan(stream, orphan(), "host:1", told.append, make_proxy)

    sentence = "the program that ran the scan has died; its devices were stopped, except: samx: its server is away"
    assert failed == [sentence]
    assert told == [f"scan 7: {sentence}"]
    assert proxies.told == [("ct1", "DisarmScan", "20260101T000000-00000000")]


def test_what_must_be_done_afterwards_is_tried_again_while_the_dead_owners_lock_lasts(monkeypatch):
    monkeypatch.setattr("ronda.framework.scan.guard.AGAIN", 0.001)
    proxies, tries = Proxies({}), []

    def make_proxy(address):
        if address.endswith("mirror"):
            tries.append(address)
            if len(tries) < 3:
                raise Busy("mirror: is locked by somebody who has died")
        proxy = proxies(address)
        proxy.set_timeout_millis = lambda _: None
        return proxy

    scan = orphan()
    attributes = {**DESCRIPTION.attributes, "after_scan": [{"command": "demo/axis/mirror/Return"}]}
    scan.description = replace(DESCRIPTION, attributes=attributes)

    assert stop_devices(scan, "host:1", make_proxy) == []
    assert proxies.told[-1] == ("mirror", "Return")
    assert len(tries) == 3


def test_nothing_is_told_if_its_owner_came_back_or_another_agent_was_first():
    told = []
    end_orphan(SimpleNamespace(fail_orphan=lambda *_: False), orphan(), "host:1", told.append, Proxies({}))

    assert told == []


def test_a_stream_that_is_away_is_told_once_and_tried_again(monkeypatch):
    monkeypatch.setattr("ronda.framework.scan.guard.PERIOD", 0.001)
    told, tries, until = [], [], threading.Event()

    def connect():
        tries.append(1)
        if len(tries) == 3:
            until.set()
        raise ServiceFailed("Redis at here: cannot be reached")

    guard(connect, "host:1", until, told.append)

    assert len(tries) == 3
    assert told == ["scans without an owner cannot be looked for: Redis at here: cannot be reached"]
