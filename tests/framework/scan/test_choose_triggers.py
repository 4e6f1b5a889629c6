"""Whether hardware or software triggers bound the points: for a frame at each trigger the controller must keep time."""

from types import SimpleNamespace

import pytest

from ronda.framework.clients.part import Part
from ronda.framework.errors import NotAllowed
from ronda.framework.scan.continuous import HARDWARE, SOFTWARE, Swept, choose_triggers

BEAMLINE = SimpleNamespace(
    configurations={
        "det": {"kind": "camera", "wiring": {"trigger": ["samy"]}},
        "ct1": {"kind": "counter", "wiring": {"gate": ["samy"]}},
    }
)
AXIS = SimpleNamespace(name="samy")
SIGNAL = SimpleNamespace(name="sum", part=None, is_calculated=False)


def choose(*devices, clock, wish=""):
    swept = Swept(0.0, 1.0, 1.1, 1.0, 1.2, True, clock=clock)
    measuring = [SimpleNamespace(name=one, subscan=1, part=Part(), counters=[SIGNAL]) for one in devices]
    return choose_triggers(BEAMLINE, "fscan", AXIS, swept, measuring, wish, 0.05)


@pytest.mark.parametrize("devices", [("ct1",), ("det",), ("det", "ct1")])
def test_a_controller_that_keeps_time_serves_all(devices):
    assert choose(*devices, clock=True)[0] == HARDWARE


def test_one_that_keeps_none_bounds_what_is_counted_but_starts_no_frames():
    assert choose("ct1", clock=False)[0] == HARDWARE
    how, why = choose("det", "ct1", clock=False)
    assert how == SOFTWARE
    assert "because the controller of samy keeps no time and cannot wait for frames of det between" in why
    with pytest.raises(NotAllowed, match="samy keeps no time and cannot wait for frames of det"):
        choose("det", clock=False, wish=HARDWARE)
