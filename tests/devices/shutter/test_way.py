"""What a shutter is doing, judged by orders and readings."""

from __future__ import annotations

from ronda.devices.shutter.contract import ShutterPosition, ShutterReading
from ronda.devices.shutter.way import Doing, Way

OPEN, CLOSED, BETWEEN = (ShutterReading(each) for each in ShutterPosition)
SHUT_IN = ShutterReading(ShutterPosition.CLOSED, "the hutch is not searched")


def test_one_that_stands_says_where():
    assert Way().look(OPEN, 0.0, 5.0) == (Doing.STANDS, "open")
    assert Way().look(CLOSED, 0.0, 5.0) == (Doing.STANDS, "closed")


def test_it_moves_from_the_order_until_it_arrives():
    way = Way()
    way.order(ShutterPosition.OPEN, 10.0)
    assert way.look(CLOSED, 10.0, 5.0) == (Doing.MOVES, "opening")
    assert way.look(BETWEEN, 12.0, 5.0) == (Doing.MOVES, "opening")
    assert way.look(OPEN, 13.0, 5.0) == (Doing.STANDS, "open")
    assert way.target is None


def test_one_that_does_not_arrive_is_late_until_it_does_or_another_order_comes():
    way = Way()
    way.order(ShutterPosition.CLOSED, 10.0)
    late = "did not close within 5 s; it stands between open and closed"
    assert way.look(BETWEEN, 15.1, 5.0) == (Doing.LATE, late)
    assert way.look(OPEN, 99.0, 5.0) == (Doing.LATE, "did not close within 5 s; it is open")
    way.order(ShutterPosition.CLOSED, 100.0)
    assert way.look(OPEN, 100.0, 5.0) == (Doing.MOVES, "closing")
    assert way.look(BETWEEN, 106.0, 5.0)[0] is Doing.LATE
    assert way.look(CLOSED, 107.0, 5.0) == (Doing.STANDS, "closed")


def test_one_that_somebody_else_moves_has_its_time_too():
    way = Way()
    assert way.look(BETWEEN, 50.0, 5.0) == (Doing.MOVES, "moving")
    assert way.look(BETWEEN, 54.9, 5.0)[0] is Doing.MOVES
    assert way.look(BETWEEN, 55.1, 5.0) == (Doing.LATE, "neither open nor closed for 5 s")
    assert way.look(OPEN, 56.0, 5.0) == (Doing.STANDS, "open")
    assert way.look(BETWEEN, 60.0, 5.0)[0] is Doing.MOVES


def test_an_interlock_that_interrupts_the_opening_ends_the_wait_for_it():
    way = Way()
    way.order(ShutterPosition.OPEN, 0.0)
    assert way.look(ShutterReading(ShutterPosition.BETWEEN, "the hutch is not searched"), 1.0, 5.0)[0] is Doing.MOVES
    assert way.look(SHUT_IN, 2.0, 5.0) == (Doing.STANDS, "closed; may not be opened: the hutch is not searched")
    assert way.look(CLOSED, 100.0, 5.0) == (Doing.STANDS, "closed")
