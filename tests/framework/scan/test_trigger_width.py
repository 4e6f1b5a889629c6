"""Triggers stay on for as long as devices measure meanwhile, where the axis can do that."""

import pytest

from ronda.framework.errors import NotAllowed
from ronda.framework.scan.latches import TRIGGER_WIDTH
from ronda.framework.scan.trigger_width import width_of
from ronda.framework.stream.description import Channel, Device


def device(name, width=None):
    return Device(name, [Channel(name)], {} if width is None else {TRIGGER_WIDTH: width})


def test_without_a_device_that_wants_it_triggers_are_as_they_are():
    assert width_of([device("ct1"), device("det")], "samy", can=False) == 0.0


def test_the_shortest_of_nearly_equal_widths_is_taken():
    assert width_of([device("ct1"), device("det1", 0.0198), device("det2", 0.0197)], "samy") == 0.0197


def test_an_axis_that_cannot_set_it_is_refused():
    with pytest.raises(NotAllowed, match=r"det: measures for as long as its trigger stays on, and s1u cannot set"):
        width_of([device("det", 0.0198)], "s1u", can=False)


def test_devices_that_want_different_widths_are_refused():
    told = r"det2 and det1: .* one for 0\.017 s, the other for 0\.0198 s"
    with pytest.raises(NotAllowed, match=told):
        width_of([device("det1", 0.0198), device("det2", 0.017)], "samy")
