"""A data logger beside servers that others wrote, which come, go and are killed."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest
import tango

from ronda.framework.tango.names import DeviceCommand, LoggerAttribute, LoggerCommand
from tests.devices.conftest import wait_until
from tests.devices.data_logger.conftest import stored, values_of, wait_for_event

FAST = 100_000


@pytest.fixture
def log(rig, tmp_path):
    """`log(**keys)` starts a logger of an archive in `tmp_path / "archive"`; returns a client of it."""
    used = []

    def start(**keys: Any) -> tuple[Any, Path]:
        folder = tmp_path / "archive"
        rig.register("log", {"logger": {"kind": "data_logger", "folder": str(folder), **keys}})
        rig.start("log")
        used.append(1)
        return rig.proxy("logger"), folder

    yield start
    for _ in used[:1]:
        rig.servers["log"].end()


def had(proxy: Any, count: int) -> None:
    wait_until(lambda: proxy.Subscribed > count and not proxy.Missing, f"{count} attributes are followed")


def test_names_are_the_documented_ones(log, rig, new_pusher):
    proxy, folder = log(rules=[{"device": "test/pusher/*"}])
    assert set(proxy.get_attribute_list()) == {*map(str, LoggerAttribute), "State", "Status", "ChangedBy"}
    own = {*map(str, DeviceCommand), *map(str, LoggerCommand)}
    assert set(proxy.get_command_list()) == {*own, "State", "Status", "Init"}
    assert proxy.Folder == str(folder)


def test_a_restarted_server_is_followed_and_what_was_missed_lies_in_marked_gaps(log, rig, new_pusher):
    pusher = new_pusher(rig, "one")
    proxy, folder = log(rules=[{"device": pusher.name, "attributes": ["serial*"], "max_rate": FAST}])
    had(proxy, 10)
    pusher.proxy.Run(200.0)
    first = f"{pusher.name}/serial0"
    wait_for_event(
        folder,
        "a serial number is stored",
        lambda one: one.attribute == first and one.kind == "value" and one.value > 20,
    )
    pusher.kill()
    wait_for_event(folder, "the death is told", lambda one: one.attribute == first and one.kind == "vanish")
    wait_until(lambda: any("its server does not answer" in reason for reason in proxy.Missing), "it is missing")
    pusher.again()
    pusher.proxy.Run(200.0)
    before = len(pusher.pushed())
    wait_for_event(
        folder,
        "events come again",
        lambda one: one.attribute == first and one.kind == "value" and one.value > before + 20,
    )
    rig.servers["log"].end(signal.SIGKILL)
    rig.start("log")
    killed = len(pusher.pushed())
    wait_for_event(
        folder,
        "the logger goes on after its own death",
        lambda one: one.attribute == first and one.kind == "value" and one.value > killed + 20,
    )
    require_stored_or_marked(folder, pusher)


def require_stored_or_marked(folder: Path, pusher: Any, stored: Any = stored) -> None:
    """Each serial number is stored, or comes after a mark and before the next value; none is invented."""
    events = stored(folder)  # before what was pushed: that is told before it is pushed
    pushed = pusher.pushed()
    names = {name for name, _ in pushed.values()}
    marks = ("gap", "start")
    by_attribute: dict[str, list[tuple[float, int | None]]] = {}
    for one in events:
        if one.kind == "value" and one.attribute in names:
            by_attribute.setdefault(one.attribute, []).append((one.time, one.value))
    found = {value for values in by_attribute.values() for _, value in values}
    assert found <= {0, *pushed}
    everywhere = [one.time for one in events if one.attribute == "*" and one.kind in marks]
    missing = 0
    for name in names:
        values = by_attribute[name]
        gaps = [(when, None) for when in everywhere]
        gaps += [(one.time, None) for one in events if one.attribute == name and one.kind in marks]
        line = sorted(values + gaps, key=lambda entry: entry[0])
        last = max(value for _, value in values)
        for serial, (its, when) in pushed.items():
            if its != name or serial in found or serial > last:
                continue
            missing += 1
            before = [entry for entry in line if entry[0] < when]
            assert not before or before[-1][1] is None, f"{name}: {serial}, pushed {when}, is missing and not marked"
    assert missing > 0  # they were killed while it pushed


def test_what_has_no_events_is_read_and_what_is_not_to_be_had_is_named(log, rig, new_pusher):
    pusher = new_pusher(rig, "two")
    proxy, folder = log(
        rules=[
            {"device": pusher.name, "attributes": ["Silent", "Mode"], "period": 0.1},
            {"device": pusher.name, "attributes": ["Plain"], "how": "archive"},
            {"device": "nobody"},
        ]
    )
    silent = f"{pusher.name}/silent"
    wait_until(lambda: len({one.value for one in stored(folder) if one.attribute == silent}) > 3, "it is read")
    wait_for_event(folder, "an enumeration is a word", lambda one: one.type == "DevEnum" and one.value == "SLOW")
    missing = ("nobody: the Tango database knows no such device", f"{pusher.name}/plain: ")

    def named():
        told = list(proxy.Missing)
        return len(told) == 2 and all(any(each.startswith(one) for each in told) for one in missing)

    wait_until(named, "what is missing is named")
    wait_until(lambda: proxy.State() == tango.DevState.ON and "2 missing" in proxy.Status(), "the status tells it")


def test_an_absurd_time_stamp_is_refused_and_the_next_value_counts(log, rig, new_pusher):
    pusher = new_pusher(rig, "three")
    proxy, folder = log(rules=[{"device": pusher.name, "attributes": ["Wrong"]}])
    had(proxy, 1)
    wrong = f"{pusher.name}/wrong"
    wait_for_event(folder, "it is known", lambda one: one.attribute == wrong and one.kind == "value")
    told = None
    while told is None:  # a first event may come before the subscription hears
        pusher.proxy.PushWrong(time.time() + 3600)
        time.sleep(0.1)
        told = next((one for one in stored(folder) if one.attribute == wrong and one.kind == "error"), None)
    assert "in the future; refused" in told.text
    pusher.proxy.PushWrong(time.time())
    wait_for_event(folder, "the next counts", lambda one: one.attribute == wrong and one.value == 2.0)
    wait_until(lambda: proxy.Refused >= 1, "it is counted")


def test_one_that_is_too_fast_is_limited_and_named(log, rig, new_pusher):
    pusher = new_pusher(rig, "four")
    proxy, folder = log(rules=[{"device": pusher.name, "attributes": ["Serial0"], "max_rate": 1}])
    had(proxy, 1)
    pusher.proxy.Run(300.0)
    wait_until(lambda: list(proxy.TooFast) == [f"{pusher.name}/serial0"], "it is named")
    wait_until(
        lambda: len(values_of(folder, f"{pusher.name}/serial0")) < len(pusher.pushed()) / 30, "most are left out"
    )


def test_a_device_that_comes_later_is_followed(log, rig, new_pusher):
    proxy, folder = log(rules=[{"device": "test/pusher/five", "attributes": ["Plain"]}], look_period=0.5)
    wait_until(lambda: len(proxy.Missing) == 1, "it is not there")
    pusher = new_pusher(rig, "five")
    had(proxy, 1)
    plain = f"{pusher.name}/plain"
    wait_for_event(folder, "it is known", lambda one: one.attribute == plain and one.value == 1.0)

    def pushed() -> bool:  # a first event may come before the subscription hears
        pusher.proxy.PushPlain(7.5)
        return 7.5 in values_of(folder, plain)

    wait_until(pushed, "its events come")


def test_settings_are_kept_when_they_change(log, rig, new_pusher):
    pusher = new_pusher(rig, "six")
    rig.database().put_device_property(pusher.name, {"limit": ["5"]})
    _, folder = log(rules=[{"device": pusher.name, "attributes": ["Plain"]}])
    kept = wait_for_event(
        folder, "it is kept", lambda one: one.kind == "configuration" and one.attribute == pusher.name
    )
    assert kept.text == '{"limit": "5"}'


def test_the_test_signal_goes_the_way_of_all_values(log, rig, new_pusher):
    proxy, folder = log(rules=[{"device": "nobody"}], test_period=1)
    signal_name = f"{proxy.name()}/testsignal"
    wait_until(lambda: len(values_of(folder, signal_name)) >= 3, "it is stored")
    wait_until(lambda: proxy.Stored > 3 and proxy.DiskFree > 0, "it counts")
    wait_until(lambda: proxy.SelfTest.startswith("ok, after"), "it comes back")
    assert (proxy.Dropped, proxy.Refused) == (0, 0)
