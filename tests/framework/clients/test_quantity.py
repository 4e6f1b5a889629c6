"""Attributes that are read side by side."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import tango

from ronda.framework.clients.quantity import Quantity, Readings


class FakeRemote:
    """A device whose attribute answers after so many questions, or fails."""

    def __init__(self, value, after=0, unit="mA"):
        self.value, self.after, self.unit = value, after, unit
        self.asked_for_unit = 0
        self.proxy = self

    def read_attribute_asynch(self, name):
        assert name == "Attribute"
        return 7

    def read_attribute_reply(self, request):
        assert request == 7
        self.after -= 1
        if self.after >= 0:
            raise tango.AsynReplyNotArrived
        if isinstance(self.value, Exception):
            raise self.value
        return SimpleNamespace(value=self.value)

    def attribute_configuration(self, name):
        self.asked_for_unit += 1
        return SimpleNamespace(unit=self.unit)


def failure(reason, text):
    try:
        tango.Except.throw_exception(reason, text, "a")
    except tango.DevFailed as failed:
        return failed


def quantity(name, remote, unit=None):
    return Quantity(name, f"{name}/Attribute", unit, lambda device: remote)


@pytest.mark.parametrize(("value", "known"), [(1.5, 1.5), (3, 3.0), (True, 1.0), ("open", "open")])
def test_numbers_truth_and_text_are_known(value, known):
    readings = Readings([quantity("a", FakeRemote(value, after=2))])
    readings.collect(60)
    assert (readings.values, readings.missing) == ({"a": known}, {})


def test_a_value_that_is_not_there_is_not_a_number():
    readings = Readings([quantity("a", FakeRemote(None))])
    readings.collect(60)
    assert math.isnan(readings.values["a"])


def test_what_does_not_answer_in_time_is_told_and_hinders_nobody():
    readings = Readings([quantity("slow", FakeRemote(1, after=10**9)), quantity("quick", FakeRemote(2))])
    readings.collect(0)
    assert readings.values == {"quick": 2.0}
    assert readings.missing == {"slow": "slow/Attribute: did not answer within 0 s"}


def test_one_that_was_silent_is_not_waited_for_so_long_until_it_answers_again():
    remote = FakeRemote(1, after=10**9)
    slow = quantity("slow", remote)
    Readings([slow]).collect(0)
    assert slow.silent
    Readings([slow]).collect(3600, 0)
    assert slow.silent
    remote.after = 0
    Readings([slow]).collect(3600, 60)
    assert not slow.silent


def test_what_fails_is_told():
    readings = Readings(
        [quantity("a", FakeRemote(failure("RONDA_HARDWARE", "a: broken"))), quantity("b", FakeRemote([1, 2]))]
    )
    readings.collect(60)
    assert "broken" in readings.missing["a"]
    assert readings.missing["b"] == "b/Attribute: is [1, 2], which is neither a number nor text"


def test_a_device_that_cannot_be_asked_is_told():
    class Gone(FakeRemote):
        def read_attribute_asynch(self, name):
            raise failure("API_CantConnectToDevice", "gone")

    readings = Readings([quantity("a", Gone(1))])
    readings.collect(60)
    assert list(readings.missing) == ["a"]


def test_the_unit_is_asked_for_once_unless_it_is_given():
    remote = FakeRemote(1)
    one = quantity("a", remote)
    assert (one.unit, one.unit, remote.asked_for_unit) == ("mA", "mA", 1)
    assert quantity("a", FakeRemote(1, unit="No unit")).unit == ""
    assert (quantity("a", remote, "A").unit, remote.asked_for_unit) == ("A", 1)


def test_a_server_that_is_not_there_is_told_by_a_real_proxy(beamline):
    readings = Readings([Quantity("a", "sys/nobody/1/Value", "", lambda address: beamline.remote(address, address))])
    readings.collect(60)
    assert "sys/nobody/1" in readings.missing["a"]
