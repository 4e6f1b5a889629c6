"""Stopping the axes of a scan."""

import threading

import pytest

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import TimedOut
from ronda.framework.scan import motion


class FakeAxis:
    """An axis that moves until it is stopped; `first` is waited for before it answers."""

    unit = "mm"
    status = "moving"

    def __init__(self, name, first=None, error=None):
        self.name = name
        self.stopped = threading.Event()
        self._first, self._error = first, error
        self.over = False

    def is_moving(self):
        if self._first is not None:
            assert self._first.wait(60), "the other axis is not stopped before this one answers"
        if self._error:
            raise self._error
        return True

    def stop(self):
        self.stopped.set()

    def wait(self, timeout):
        return self.stopped.is_set()

    def rests(self, axis):
        self.over = True

    def text(self, position):
        return f"{position:.1f}"

    position = 1.0


def in_threads(actions):
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_server_that_hangs_does_not_hold_up_the_stop_of_another_one():
    samy = FakeAxis("samy")
    samx = FakeAxis("samx", samy.stopped, TimedOut("samx: does not answer"))

    told = motion.halt([samx, samy], in_threads)

    assert sorted(told) == ["samx could not be stopped: samx: does not answer", "samy stopped at 1.0 mm"]
    assert samx.over


@pytest.mark.parametrize("names", [("samx",), ("samx", "samy")])
def test_each_axis_is_told(names):
    beamline = Beamline("nowhere:1", "", "demo", {}, str)  # nothing is connected
    assert motion.halt([FakeAxis(name) for name in names], beamline.each) == [
        f"{name} stopped at 1.0 mm" for name in names
    ]
