"""Trajectories and tomograms that are paused, stopped and interrupted at random moments end in order.

The moments are drawn with a seed; RONDA_SEED gives others. On a busy computer they may come when the scan has ended.
"""

import contextlib
import os
import random
import threading

import numpy as np
import pytest

from ronda.framework.errors import RondaError
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State

LONG = 0.3
"""Seconds after a point within which something happens."""

AXES = ("samy", "samz", "rot")


def trajectory(scans):
    rows = [[0, 0], [0.2, 0.1], [0.4, 0]]
    return scans.ftrajectory(["samy", "samz"], rows, 50, 0.02, "i0", "diode", passes=2, save=False)


def tomogram(scans):
    keywords = {"out": ("samy", 0.2), "darks": 2, "flats": 2, "flats_after": 2, "latency": 0.05, "sample": "stone"}
    return scans.fulltomo("rot", 4, 6, 0.1, "cam", "i0", save=False, **keywords)


KINDS = {"ftrajectory": (trajectory, 100), "fulltomo": (tomogram, 12)}


class Once(Observer):
    """Does something once, a while after a point is there, or at once in the scan's own thread if it is to."""

    def __init__(self, index, delay, action, *, beside):
        self._index, self._delay, self._action, self._beside = index, delay, action, beside
        self._done = False
        self.later = None

    def on_point(self, scan, index, values):
        if index < self._index or self._done:
            return
        self._done = True
        if not self._beside:
            self._action(scan)
        self.later = threading.Timer(self._delay, self._act, [scan])
        self.later.start()

    def _act(self, scan):
        with contextlib.suppress(RondaError):  # it may have ended
            self._action(scan)

    def on_waiting(self, scan, sentence):
        if sentence.startswith("paused"):
            scan.resume()


def interrupt(_):
    raise KeyboardInterrupt


ACTIONS = {
    "pause": (lambda scan: scan.pause("somebody"), State.COMPLETED),
    "stop": (lambda scan: scan.stop("somebody"), State.ABORTED),
    "abort": (lambda scan: scan.abort("somebody"), State.ABORTED),
    "Ctrl-C": (interrupt, State.ABORTED),
}


@pytest.fixture
def home(beamline):
    """The axes stand at 0 and the shutter is open; afterwards the shutter is as it was."""
    shutter = beamline["fsh"]
    was_open = shutter.is_open
    shutter.open()
    for name in AXES:
        beamline[name].move(0.0)
    yield
    shutter.open() if was_open else shutter.close()
    for name in AXES:
        beamline[name].move(0.0)


@pytest.mark.parametrize("what", ACTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_at_a_random_moment_it_ends_in_order_and_the_next_one_works(beamline, home, kind, what):
    draw = random.Random(f"{os.environ.get('RONDA_SEED', '1')} {kind} {what}")
    (scan_it, points), (action, expected) = KINDS[kind], ACTIONS[what]
    index, delay = draw.randrange(points - 1), draw.uniform(0.0, LONG)
    print(f"{kind}: {what} {delay:.3f} s after point {index}")
    once = Once(index, delay, action, beside=action is not interrupt)
    scans = Scans(beamline, observers=[once])
    with contextlib.suppress(RondaError, KeyboardInterrupt):
        scan_it(scans)
    if once.later is not None:
        once.later.join()
    scan = scans.last

    names = ["i0", "valid", *(["samy_start", "samz_end", "diode"] if kind == "ftrajectory" else ["rot_start", "samy"])]
    lengths = {len(scan[name]) for name in names}
    assert len(lengths) == 1
    (length,) = lengths
    assert index < length <= points
    assert scan.state == expected or (length == points and scan.state == State.COMPLETED)
    if scan.state == State.COMPLETED:
        assert length == points
    assert all(np.isfinite(scan[name]).all() for name in names)  # a point in hand is finished, and has no gaps
    assert all(beamline[name].state == "ON" for name in (*AXES, "ct1"))
    if kind == "fulltomo":  # the sample is in the beam, and the shutter as it was
        assert beamline["samy"].position == pytest.approx(0.0, abs=1e-3)
        assert beamline["fsh"].state == "OPEN"
    following = Scans(beamline)
    beamline["samy"].move(0.0)
    assert following.fscan("samy", 0.0, 0.01, 10, 0.01, "i0", save=False).state == State.COMPLETED
