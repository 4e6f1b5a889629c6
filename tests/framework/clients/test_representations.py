"""What is shown of devices and counters when their names are typed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter, calculated, sampling
from ronda.framework.clients.device import Device
from ronda.framework.clients.locking import Hold
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import CommunicationFailed
from ronda.framework.scan.presets import DevicePreset, PointPreset
from ronda.framework.scan.rocking import Rocking


def described(name, form="%6.2f", unit="", data_format="SCALAR"):
    return SimpleNamespace(name=name, format=form, unit=unit, data_format=data_format)


class Card:
    """Stands for the Tango device of a counter card."""

    def __init__(self):
        self.name = "ct1"
        self.dead = False
        self.values = {
            "IntegrationTime": 0.25,
            "Counts": np.arange(12.0),
            "Names": ("i0", "diode"),
            "Progress": '{"for": "programs"}',
            "Slew": float("nan"),
        }

    def state(self):
        if self.dead:
            raise CommunicationFailed("ct1: does not answer;\nsee `ronda status`")
        return "ON"

    def status(self):
        return "ct1: ready\nct1: the gate is open"

    def attributes(self):
        return [
            described("IntegrationTime", "%.6g", "s"),
            described("Counts", "%.0f", "count", "SPECTRUM"),
            described("Names", "%s", "", "SPECTRUM"),
            described("Progress", "%s"),
            described("Slew", unit="%/s"),
            described("Picture", data_format="IMAGE"),
            described("State", "%s"),
            described("Status", "%s"),
        ]

    def read_some(self, names):
        return {name: self.values[name] for name in names}


@pytest.fixture
def card():
    return Card()


def test_a_device_without_a_table_of_its_own_shows_its_state_and_what_its_attributes_say(card):
    assert Device(card, "CounterCard").__info__().splitlines() == [
        "ct1  CounterCard",
        "  state            ON: ready",
        "                   the gate is open",
        "  IntegrationTime  0.25 s",
        "  Counts           0, 1, 2, 3, 4, 5, 6, 7 … count (12 values)",
        "  Names            i0, diode",
    ]


def test_a_device_that_does_not_answer_says_why(card):
    card.dead = True
    assert Device(card, "CounterCard").__info__().splitlines() == [
        "ct1  CounterCard",
        "  !ERR  ct1: does not answer; see `ronda status`",
    ]


def test_a_counter_shows_its_unit_and_whether_its_card_is_well(card):
    assert Counter("i0", "ct1", "1", "count", card).__info__().splitlines() == [
        "i0  counter",
        "  unit        count",
        "  device      ct1, ON: ready",
        "  channel     1",
        "  values      grow with the exposure time",
    ]


def test_a_counter_of_a_dead_card_says_so(card):
    card.dead = True
    assert "!ERR  ct1: does not answer" in Counter("i0", "ct1", "1", "count", card).__info__()


def test_counters_of_ones_own_show_what_they_read_or_calculate():
    assert "samx/Velocity, mean of the readings" in sampling("samx/Velocity").__info__()
    shown = calculated("log(i0 / diode)", name="absorbance").__info__()
    assert "log(i0 / diode)" in shown
    assert "from        diode, i0" in shown


def test_what_is_to_be_used_in_a_with_block_says_so():
    remote = Remote("samx", "tango://host:1/demo/axis/samx", None)
    assert repr(remote) == "<Tango device demo/axis/samx>"
    assert repr(Hold([remote], "alignment")) == "<samx to be locked in a `with` block for alignment>"
    assert repr(Rocking(Axis(remote, {}), 2)) == "<rockit(samx, 2), to be used as in `with rockit(samx, 2): …`>"


def test_presets_say_what_they_are_about():
    assert repr(DevicePreset("cam")) == "<preset DevicePreset of cam>"
    assert repr(PointPreset()) == "<preset PointPreset>"
