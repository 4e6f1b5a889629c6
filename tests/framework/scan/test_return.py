"""How a relative scan comes back to where it began, and what lets it stay."""

import pytest

from ronda.framework.scan.observer import Observer
from ronda.framework.scan.stopped import ScanStopped


class Act(Observer):
    """Does something at a point, and when the axes are to go back."""

    def __init__(self, at_point=lambda scan: None, at_return=lambda scan: None):
        self._at_point, self._at_return = at_point, at_return
        self.returning = []

    def on_point(self, scan, index, values):
        self._at_point(scan)

    def on_returning(self, scan, moves):
        self.returning.append([(axis.name, place) for axis, place in moves])
        self._at_return(scan)


@pytest.fixture
def home(beamline):
    """Where samx stands before, and again afterwards."""
    samx = beamline["samx"]
    place = samx.setpoint
    yield place
    samx.wait(150)
    samx.move(place)


def interrupt(scan):
    raise KeyboardInterrupt


def stay_and_interrupt(scan):
    scan.stay()
    raise KeyboardInterrupt


def test_observers_are_told_where_the_axes_go_back_to(scans, home):
    act = Act()
    scans.observers.append(act)
    scans.dscan("samx", 0.2, 0.4, 1, 0.02, "i0", save=False)
    assert act.returning == [[("samx", home)]]


def test_an_interrupted_scan_says_that_it_is_back(scans, beamline, home):
    scans.observers.append(Act(interrupt))
    with pytest.raises(KeyboardInterrupt) as interrupted:
        scans.dscan("samx", 0.2, 0.4, 1, 0.02, "i0", save=False)
    assert interrupted.value.__notes__ == [f"samx is back at {home:.4f} mm"]
    assert beamline["samx"].is_at(beamline["samx"].position, home)


def test_one_that_is_told_to_stay_does_not_go_back(scans, beamline, home):
    act = Act(stay_and_interrupt)
    scans.observers.append(act)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        scans.dscan("samx", 0.2, 0.4, 1, 0.02, "i0", save=False)
    assert interrupted.value.__notes__ == [f"samx does not go back to {home:.4f}"]
    assert act.returning == []
    assert beamline["samx"].position == pytest.approx(home + 0.2, abs=0.01)


def test_one_that_is_told_so_on_its_way_back_stops_there(scans, beamline, home):
    scans.observers.append(Act(at_return=lambda scan: scan.stay("ada")))
    with pytest.raises(ScanStopped, match="was told not to go back by ada"):
        scans.dscan("samx", 1.0, 2.0, 1, 0.02, "i0", save=False)
    samx = beamline["samx"]
    assert scans.last.state == "ABORTED"
    assert not samx.is_moving()
    assert not samx.is_at(samx.position, home)
