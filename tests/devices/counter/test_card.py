"""A counter card as Tango clients see it."""

from __future__ import annotations

import re
import signal
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
import tango

from ronda.framework.tango.names import (
    AcquisitionAttribute,
    AcquisitionCommand,
    CounterCardAttribute,
    CounterCardCommand,
    DeviceCommand,
)

CARD = {
    "kind": "counter",
    "driver": "simulated",
    "integration_time": 0.1,
    "integration_time_limits": [0.001, 100],
    "channels": {"i0": {"channel": 1, "description": "before the sample"}, "sample_diode": {"channel": 2}},
}


@pytest.fixture(scope="module")
def card(rig, simulate):
    simulators = simulate(counters={"type": "counter_card", "channels": {1: "i0", 2: "diode"}})
    rig.register("counters", {"ct1": {**CARD, "address": simulators.address("counters")}})
    rig.start("counters")
    proxy = rig.ready("ct1")
    yield proxy, simulators
    rig.servers["counters"].end()


def wait_until(condition, limit=150.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def count(proxy, duration):
    proxy.IntegrationTime = duration
    proxy.Start()
    wait_until(lambda: proxy.state() != tango.DevState.RUNNING)


def refused(action, *arguments) -> tango.DevError:
    with pytest.raises(tango.DevFailed) as failed:
        action(*arguments)
    return failed.value.args[0]


def test_names_are_the_documented_ones_and_one_for_each_channel(card):
    ct1, _ = card
    fixed = {str(name) for name in [*CounterCardAttribute, *AcquisitionAttribute]} | {"State", "Status", "ChangedBy"}
    assert set(ct1.get_attribute_list()) == fixed | {"I0", "SampleDiode"}
    assert set(ct1.get_command_list()) == {
        *(str(name) for name in [*CounterCardCommand, *AcquisitionCommand, *DeviceCommand]),
        "State",
        "Status",
        "Init",
    }
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9]*", name) for name in ct1.get_attribute_list())
    assert list(ct1.ChannelNames) == ["i0", "sample_diode"]


def test_channels_say_unit_label_and_what_they_are(card):
    ct1, _ = card
    info = ct1.get_attribute_config("I0")
    assert (info.unit, info.label, info.format, info.description) == ("count", "i0", "%.0f", "before the sample")
    info = ct1.get_attribute_config("IntegrationTime")
    assert (info.unit, info.min_value, info.max_value) == ("s", "0.001", "100.0")


def test_before_the_first_acquisition_there_is_no_value(rig, card):
    ct1, _ = card
    rig.servers["counters"].end()
    rig.start("counters")
    ct1 = rig.ready("ct1")
    for name in ("I0", "Counts", "ElapsedTime"):
        assert ct1.read_attribute(name).quality == tango.AttrQuality.ATTR_INVALID


def test_start_returns_at_once_with_state_running(card, slowly):
    ct1, simulators = card
    ct1.IntegrationTime = 1.0
    begun = time.monotonic()
    with slowly(simulators):
        ct1.Start()
        assert ct1.state() == tango.DevState.RUNNING
        assert ct1.status() == "ct1: counting"
    wait_until(lambda: ct1.state() == tango.DevState.ON)
    assert time.monotonic() - begun > 0.95


def test_values_after_the_end_are_those_of_this_acquisition(card):
    ct1, _ = card
    count(ct1, 0.2)
    long = ct1.I0
    assert ct1.ElapsedTime == pytest.approx(0.2, abs=1e-6)
    assert list(ct1.Counts) == [ct1.I0, ct1.SampleDiode]
    assert ct1.Counts.dtype == np.float64
    for duration in (0.01, 0.05, 0.002):
        count(ct1, duration)
        assert ct1.read_attribute("I0").quality == tango.AttrQuality.ATTR_VALID
        assert ct1.ElapsedTime == pytest.approx(duration, abs=1e-6)
        counted = ct1.I0
        assert counted < long / 2


def test_while_counting_nothing_of_the_acquisition_before_is_read(card):
    ct1, _ = card
    count(ct1, 0.5)
    before = ct1.I0
    ct1.IntegrationTime = 60.0
    begun = time.monotonic()
    ct1.Start()
    reading = ct1.read_attribute("I0")
    assert reading.quality == tango.AttrQuality.ATTR_CHANGING
    expected = before * (time.monotonic() - begun) / 0.5
    assert reading.value < 1.2 * expected + 6 * np.sqrt(expected)
    ct1.Stop()
    wait_until(lambda: ct1.state() == tango.DevState.ON)


def test_values_come_before_the_state_that_ends_the_acquisition(card, listen):
    ct1, _ = card
    events = listen(ct1, "I0", "SampleDiode", "Counts", "ElapsedTime", "State")
    events.clear()
    count(ct1, 0.05)
    wait_until(lambda: tango.DevState.ON in events.of("State"))
    names = [name for name, _, quality in events.seen if quality == tango.AttrQuality.ATTR_VALID]
    assert names == ["state", "elapsedtime", "counts", "i0", "samplediode", "state"]
    assert events.of("State") == [tango.DevState.RUNNING, tango.DevState.ON]
    assert events.of("I0")[-1] == ct1.I0


def test_a_long_acquisition_shows_values_on_the_way_at_a_bounded_rate(card, listen):
    ct1, _ = card
    events = listen(ct1, "I0", "State")
    events.clear()
    begun = time.monotonic()
    count(ct1, 3.0)
    wait_until(lambda: tango.DevState.ON in events.of("State"))
    values = events.of("I0")
    assert 2 <= len(values) <= 13 * (time.monotonic() - begun)
    assert list(values) == sorted(values)


@pytest.mark.parametrize("command", ["Stop", "Abort"])
def test_a_stop_keeps_what_was_counted_with_the_real_time(card, command):
    ct1, _ = card
    ct1.IntegrationTime = 30.0
    ct1.Start()
    time.sleep(0.2)  # so much is to be counted
    ct1.command_inout(command)
    wait_until(lambda: ct1.state() == tango.DevState.ON, 60)
    assert 0.15 < ct1.ElapsedTime < 25.0
    assert ct1.read_attribute("I0").quality == tango.AttrQuality.ATTR_VALID
    assert ct1.I0 > 0


def test_stop_of_an_idle_card_does_no_harm(card):
    ct1, _ = card
    ct1.Stop()
    assert ct1.state() == tango.DevState.ON


def test_a_second_start_is_refused_while_counting(card):
    ct1, _ = card
    ct1.IntegrationTime = 5.0
    ct1.Start()
    error = refused(ct1.Start)
    assert error.reason == "RONDA_BUSY"
    assert error.desc == "ct1: cannot start: it is counting; stop it first"
    assert error.origin == "test/counter/ct1"
    ct1.Stop()
    wait_until(lambda: ct1.state() == tango.DevState.ON)


def test_two_clients_starting_at_once_get_one_acquisition(card):
    ct1, _ = card
    ct1.IntegrationTime = 60.0
    outcomes: list[str] = []

    def start() -> None:
        with tango.EnsureOmniThread():
            try:
                ct1.Start()
                outcomes.append("started")
            except tango.DevFailed as failed:
                outcomes.append(failed.args[0].reason)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["RONDA_BUSY"] * 3 + ["started"]
    ct1.Stop()
    wait_until(lambda: ct1.state() == tango.DevState.ON)


def test_an_integration_time_outside_its_limits_is_refused(card):
    ct1, _ = card
    error = refused(ct1.write_attribute, "IntegrationTime", 1000.0)
    assert error.reason == "API_WAttrOutsideLimit"
    assert ct1.IntegrationTime < 1000


def test_archivers_and_clients_need_no_polling(card):
    ct1, _ = card
    for name in ("State", "I0", "Counts"):
        assert not ct1.is_attribute_polled(name)


def test_a_card_that_goes_away_while_counting_ends_in_fault_and_its_value_is_unknown(card):
    ct1, simulators = card
    ct1.IntegrationTime = 90.0
    ct1.Start()
    simulators.ask(do="close", instrument="counters", seconds=600)
    wait_until(lambda: ct1.state() == tango.DevState.FAULT)
    assert ct1.status().endswith("; trying again")
    assert ct1.read_attribute("I0").quality == tango.AttrQuality.ATTR_INVALID
    error = refused(ct1.Start)
    assert error.reason == "RONDA_COMMUNICATION"
    simulators.ask(do="close", instrument="counters", seconds=0)
    wait_until(lambda: ct1.state() in (tango.DevState.ON, tango.DevState.RUNNING))
    ct1.Stop()
    wait_until(lambda: ct1.state() == tango.DevState.ON)
    count(ct1, 0.05)
    assert ct1.I0 > 0


def test_stop_and_state_answer_while_the_card_hangs(card):
    ct1, simulators = card
    ct1.IntegrationTime = 90.0
    ct1.Start()
    simulators.ask(do="hang", instrument="counters", seconds=600)
    begun = time.monotonic()
    wait_until(lambda: "has not answered for" in ct1.status())
    ct1.state()
    with suppress(tango.DevFailed):  # it says so if the stop is not delivered yet
        ct1.Stop()
    assert time.monotonic() - begun < 150
    simulators.ask(do="hang", instrument="counters", seconds=0)
    wait_until(lambda: ct1.state() == tango.DevState.ON)


def test_the_gate_is_closed_when_the_server_ends(card, rig):
    ct1, simulators = card
    ct1.IntegrationTime = 50.0
    ct1.Start()
    assert rig.servers["counters"].end(signal.SIGTERM) == 0
    assert not simulators.ask(do="truth")["instruments"]["counters"]["counting"]
    rig.start("counters")


def test_an_acquisition_that_outlives_its_server_is_seen_by_the_next(card, rig):
    ct1 = rig.ready("ct1")
    ct1.IntegrationTime = 90.0
    ct1.Start()
    begun = time.monotonic()
    rig.servers["counters"].end(signal.SIGKILL)
    rig.start("counters")
    ct1 = rig.ready("ct1")
    assert ct1.state() == tango.DevState.RUNNING
    least = time.monotonic() - begun
    ct1.Stop()
    wait_until(lambda: ct1.state() == tango.DevState.ON)
    assert 0.99 * least < ct1.ElapsedTime < 90.0
    assert ct1.read_attribute("I0").quality == tango.AttrQuality.ATTR_VALID
