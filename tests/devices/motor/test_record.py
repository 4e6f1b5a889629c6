"""The note of where an axis was last seen at rest."""

from __future__ import annotations

import pytest

from ronda.devices.motor import record as module
from ronda.devices.motor.record import Record


class Notes(list):
    """What was noted, in order."""

    @property
    def dials(self):
        return [note["dial"] for note in self]


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_a_place_is_noted_when_the_axis_has_rested(notes, clock):
    record = Record({}, notes.append, 0.01)
    assert record.rests(1.0)
    assert notes == []
    clock[0] += 0.6
    assert record.rests(1.0)
    assert notes.dials == [1.0]


def test_a_scan_of_quick_moves_writes_once(notes, clock):
    record = Record({"dial": 0.0}, notes.append, 0.01)
    for point in range(100):
        record.moves()
        clock[0] += 0.1
        assert record.rests(float(point))
    assert notes.dials == [None]


def test_an_axis_that_stands_elsewhere_is_found_out(notes, clock):
    record = Record({"dial": 3.0, "homed": True}, notes.append, 0.01)
    assert not record.rests(2.0)
    assert record.expected == 3.0
    assert record.rests(3.005)
    assert record.homed


def test_after_a_motion_any_place_is_right(notes, clock):
    record = Record({"dial": 3.0}, notes.append, 0.01)
    record.moves()
    assert record.rests(2.0)
    assert not record.rests(2.5)
    record.accept(2.5)
    assert record.rests(2.5)
    assert notes.dials == [None, 2.5]


@pytest.mark.parametrize("stored", [{}, {"dial": None}, {"dial": "x"}, {"dial": True}])
def test_without_a_note_any_place_is_right(notes, clock, stored):
    assert Record(stored, notes.append, 0.01).rests(7.0)


def test_a_redefinition_forgets_the_place_and_keeps_the_offset_of_the_encoder(notes, clock):
    record = Record({"dial": 3.0}, notes.append, 0.01)
    record.redefine(homed=True, encoder_offset=0.25)
    assert notes == [{"dial": None, "homed": True, "encoder_offset": 0.25}]
    again = Record(notes[0], notes.append, 0.01)
    assert (again.expected, again.homed, again.encoder_offset) == (None, True, 0.25)


def test_noise_is_not_written_again_and_again(notes, clock):
    record = Record({}, notes.append, 0.01)
    for number in range(50):
        clock[0] += 1.0
        assert record.rests(1.0 + 0.001 * (number % 4))
    assert len(notes) == 1
