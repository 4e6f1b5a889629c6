"""Whether hardware or software triggers bound the points; and room for detectors between those that set the clocks."""

from types import SimpleNamespace

import pytest

from ronda.framework.clients.part import Part
from ronda.framework.errors import NotAllowed, OutOfRange
from ronda.framework.scan.continuous import HARDWARE, SOFTWARE, Room, Swept, choose_triggers
from ronda.framework.scan.sweep import Line

BEAMLINE = SimpleNamespace(
    configurations={
        "det": {"kind": "camera", "wiring": {"trigger": ["samy"]}},
        "ct1": {"kind": "counter", "wiring": {"gate": ["samy"]}},
    }
)
AXIS = SimpleNamespace(name="samy")
SIGNAL = SimpleNamespace(name="sum", part=None, is_calculated=False)


def choose(*devices, clock, wish="", without=""):
    swept = Swept(0.0, 1.0, 1.1, 1.0, 1.2, True, clock=clock)
    measuring = [SimpleNamespace(name=one, subscan=1, part=Part(), counters=[SIGNAL]) for one in devices]
    return choose_triggers(BEAMLINE, "fscan", AXIS, swept, measuring, wish, 0.05, without=without)


@pytest.mark.parametrize("devices", [("ct1",), ("det",), ("det", "ct1")])
def test_a_controller_that_keeps_time_serves_all(devices):
    assert choose(*devices, clock=True)[0] == HARDWARE


def test_one_that_keeps_none_bounds_what_is_counted_and_starts_frames_where_there_is_room():
    assert choose("ct1", clock=False)[0] == HARDWARE
    assert choose("det", "ct1", clock=False)[0] == HARDWARE
    assert choose("ct1", clock=False, without="there is no room")[0] == HARDWARE
    how, why = choose("det", "ct1", clock=False, without="there is no room")
    assert (how, why) == (SOFTWARE, "fscan: software triggers at equal times, because there is no room")
    with pytest.raises(NotAllowed, match="there is no room"):
        choose("det", clock=False, wish=HARDWARE, without="there is no room")


def described(name, spacing):
    device = SimpleNamespace(attributes={"trigger_spacing": spacing})
    return SimpleNamespace(name=name, subscan=1, part=Part(), counters=[SIGNAL], described=lambda *_, **__: [device])


def test_triggers_that_set_the_clocks_are_as_far_apart_as_the_slowest_detector_needs():
    def check(line):
        if line.spacing > 0.2:
            raise OutOfRange("samy: cannot sweep from 0 to 1 mm")
        return Swept(-line.spacing, 1.0, 1.1, 1.0, 1.2, True, clock=False)

    def find(spacing, clock=False):
        swept = Swept(0.0, 1.0, 1.1, 1.0, 1.2, True, clock=clock)
        devices = [described("det", spacing), described("ct1", 0.0)]
        return Room.find(BEAMLINE, AXIS, [Line(0.0, 0.01, 100, 0.05)], swept, devices, check)

    assert [line.spacing for line in find(0.06).lines] == [0.06]
    assert find(0.06).swept.begins == -0.06
    assert find(0.06).without == ""
    assert find(0.06, clock=True).lines[0].spacing == 0.0  # it waits between them
    whose = "the triggers of samy that set the clocks must be {} s apart for frames of det, and "
    assert find(0.22).without == whose.format(0.22) + "there is no room for it: samy: cannot sweep from 0 to 1 mm"
    assert find(0.3).without == whose.format(0.3) + "they are 0.25 s apart at most"
    assert find(0.3).lines[0].spacing == 0.0
