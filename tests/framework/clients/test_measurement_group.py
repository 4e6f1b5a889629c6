"""Measurement groups from Python, and what scans measure because of them."""

from __future__ import annotations

import pytest
import tango

from ronda.framework.clients.measurement_group import ActiveGroup, MeasurementGroup
from ronda.framework.errors import BadValue, NotReady, ServiceFailed
from ronda.framework.scan.measured import measured
from ronda.shell.prompt.execution import told
from ronda.shell.verbs.measuring import ActiveMeasurementGroup


@pytest.fixture
def mg1(beamline):
    found = beamline["MG1"]
    assert isinstance(found, MeasurementGroup)
    found.enable()
    found.set_active()
    yield found
    found.enable()
    found.set_active()


def names(counters):
    return [one.name for one in counters]


def test_it_holds_all_counters_of_its_devices(mg1):
    assert mg1.available == ["i0", "diode"]
    assert (mg1.enabled, mg1.disabled) == (["i0", "diode"], [])


@pytest.mark.parametrize("pattern", ["d*", "diode", "ct1:d*"])
def test_counters_are_disabled_by_patterns(mg1, pattern):
    mg1.disable(pattern)
    assert (mg1.enabled, mg1.disabled) == (["i0"], ["diode"])


def test_a_device_stands_for_all_its_counters(mg1, beamline):
    mg1.disable(beamline["ct1"])
    assert mg1.disabled == ["i0", "diode"]
    mg1.enable(beamline["diode"])
    assert mg1.enabled == ["diode"]


def test_a_pattern_that_fits_nothing_is_refused(mg1):
    with pytest.raises(BadValue, match=r"MG1: 'cam\*' fits none of its counters, which are i0, diode"):
        mg1.disable("i0", "cam*")
    assert mg1.disabled == []


def test_it_is_shown_as_a_table(mg1):
    mg1.disable("diode")
    assert told(mg1).splitlines() == [
        "MG1, the active measurement group",
        "  i0     ct1  count  enabled",
        "  diode  ct1  count  disabled",
        "at start and end of each scan",
        "  ring_current, from machine/RingCurrent",
        "  crystal_temperature, from analogue/Crystal",
        "  fast_shutter, from fsh/Position",
    ]


def test_a_scan_without_counters_measures_what_is_enabled_in_the_active_group(mg1, beamline):
    assert names(measured(beamline, "ct", ())) == ["i0", "diode"]
    mg1.disable("i0")
    assert names(measured(beamline, "ct", ())) == ["diode"]
    beamline["MG2"].set_active()
    assert names(measured(beamline, "ct", ())) == ["i0"]
    assert told(mg1).splitlines()[0] == "MG1, a measurement group"


def test_counters_that_are_given_replace_the_group(mg1, beamline):
    mg1.disable("diode")
    assert names(measured(beamline, "ct", ("diode",))) == ["diode"]


def test_a_group_is_given_like_a_counter(mg1, beamline):
    mg1.disable("i0")
    assert names(measured(beamline, "ct", ("MG1", beamline["MG2"]))) == ["diode", "i0"]


def test_a_group_of_which_nothing_is_enabled_is_refused(mg1, beamline):
    mg1.disable()
    message = (
        r"MG1: none of its counters is enabled \(i0, diode are disabled\); enable some, for example "
        r'MG1.enable\("\*"\), or give the counters to measure'
    )
    with pytest.raises(NotReady, match=message):
        measured(beamline, "ct", ())


def test_which_group_is_active_is_known_to_other_clients(mg1, beamline, demo):
    beamline["MG2"].set_active()
    printed = demo.ronda("shell", demo.folder, "-c", "print(ACTIVE_MG.name, MG1.is_active)\nct(0.01)").stdout
    assert printed.splitlines()[0] == "MG2 False"
    assert "i0 =" in printed
    assert "diode" not in printed


def test_what_is_disabled_is_told_by_the_plan_and_reverted(mg1, demo):
    mg1.disable("diode")
    assert mg1.diff() == {"disabled": ([], ["diode"])}
    assert "MG1.disabled: ['diode'] (file: [])" in demo.ronda("config", "plan", demo.folder).stdout
    mg1.revert()
    assert mg1.disabled == []


def test_the_active_group_under_its_own_name(mg1, beamline):
    active = ActiveMeasurementGroup(beamline)
    active.disable("i0")
    assert mg1.disabled == ["i0"]
    assert told(active) == told(mg1)
    assert "enable" in dir(active)


class Group:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.mark.parametrize(
    ("groups", "kept", "active"),
    [([], "", None), (["b"], "gone", "b"), (["b", "a"], "", "a"), (["b", "a"], "b", "b"), (["b", "a"], "gone", "a")],
)
def test_without_a_choice_the_first_group_is_active(groups, kept, active):
    found = ActiveGroup(lambda: kept, lambda _: None, lambda: [Group(name) for name in groups]).get()
    assert (found and found.name) == active


def test_a_connection_to_the_database_that_is_lost_is_made_anew(mg1, beamline, monkeypatch):
    class Lost:
        def get_property(self, *arguments):
            tango.Except.throw_exception("API_CorbaException", "lost", "here")

    monkeypatch.setattr(beamline, "_kept_database", Lost())
    assert beamline.active_group.get() is mg1
    assert not isinstance(beamline._kept_database, Lost)


def test_a_database_that_does_not_answer_is_told(mg1, beamline, monkeypatch):
    monkeypatch.setattr(beamline, "_kept_database", None)
    monkeypatch.setattr(beamline, "tango_host", "127.0.0.1:1")
    with pytest.raises(ServiceFailed, match=r"the Tango database at 127\.0\.0\.1:1 does not answer"):
        beamline.active_group.get()
