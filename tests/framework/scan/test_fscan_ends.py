"""Continuous scans whose parts are killed at a random moment: lengths fit, the axis comes to rest, the next one works.

The moments are drawn with a seed; RONDA_SEED gives others.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys

import h5py
import numpy as np
import pytest

from ronda.framework.errors import RondaError
from ronda.framework.nexus.words import CONSUMER
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State
from tests.framework.scan.test_random_ends import closed

POINTS = 150

OWNER = """
import os
from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans

class Tell(Observer):
    def on_point(self, scan, index, values):
        print(index, scan.identifier, flush=True)

names = [os.environ[name] for name in ("TANGO_HOST", "RONDA_REDIS_URL", "RONDA_BEAMLINE")]
beamline = Beamline.connect(*names, os.environ)
beamline.tell = lambda sentence: None
scans = Scans(beamline, observers=[Tell()])
if os.environ["SCAN"] == "fscan":
    scans.fscan("samy", 0, 0.005, 150, 0.01, "i0", "diode", backnforth=True)
else:
    rows = [[0, 0], [0.3, 0.2], [0.75, 0]]
    scans.ftrajectory(["samy", "samz"], rows, 150, 0.01, "i0", "diode", passes=2)
"""

ROWS = [[0, 0], [0.3, 0.2], [0.75, 0]]


class Kill(Observer):
    def __init__(self, victim, server, index):
        self._victim, self._server, self._index = victim, server, index

    def on_point(self, scan, index, values):
        if self._server and index >= self._index:
            self._victim.signal(self._server, signal.SIGKILL)
            self._server = ""


def sweep(scans, kind):
    """There and back along one axis, or along a trajectory of two."""
    if kind == "fscan":
        scans.fscan("samy", 0, 0.005, POINTS, 0.01, "i0", "diode", backnforth=True)
    else:
        scans.ftrajectory(["samy", "samz"], ROWS, POINTS, 0.01, "i0", "diode", passes=2)


def killed(victim, kind, what, index):
    """A scan during which something was killed, in the stream."""
    if what != "owner":
        scans = Scans(victim.beamline, observers=[Kill(victim, what, index)])
        with contextlib.suppress(RondaError):
            sweep(scans, kind)
        return scans.last.stream
    environment = {**os.environ, **victim.running.exports, "RONDA_REDIS_URL": victim.beamline.redis_url, "SCAN": kind}
    owner = subprocess.Popen([sys.executable, "-c", OWNER], env=environment, stdout=subprocess.PIPE, text=True)
    identifier = ""
    for line in owner.stdout:
        at, identifier = line.split()
        if int(at) >= index:
            break
    owner.kill()
    owner.communicate()
    return victim.beamline.stream.scan(identifier)


CASES = [(kind, what) for kind in ("fscan", "ftrajectory") for what in ("redis", "counters", "motors", "owner")]


@pytest.mark.parametrize(("kind", "what"), CASES)
def test_what_is_killed_during_a_sweep_leaves_data_that_fit_and_a_next_scan_that_works(survivor, wait_for, kind, what):
    index = random.Random(f"{os.environ.get('RONDA_SEED', '1')} {kind} {what}").randrange(POINTS)
    print(f"{what} is killed from point {index} on")
    beamline = survivor.beamline
    scan = killed(survivor, kind, what, index)

    wait_for(lambda: scan.state in State.ENDED, 150, f"the end of the scan ({what}, {index})")
    if what == "redis":
        assert scan.state == State.COMPLETED, scan.record()
    elif scan.extent("ct1").length < 2 * POINTS:  # else all was measured before the blow fell
        assert scan.state == State.FAILED
    wait_for(lambda: closed(beamline, scan), 150, "the file is closed")
    with h5py.File(scan.note(CONSUMER)) as file:
        found = {name: data[()] for name, data in file[f"{scan.number}.1/measurement"].items()}
    names = [
        "samy",
        "samy_start",
        "i0",
        "diode",
        "valid",
        "ct1_valid",
        *(["samz_end"] if kind == "ftrajectory" else []),
    ]
    lengths = {len(found[name]) for name in names}
    assert len(lengths) == 1
    assert lengths == {2 * POINTS} or what != "redis"
    assert (np.diff(found["samy"][:index]) > 0).all()

    def again():
        with contextlib.suppress(RondaError):
            return Scans(beamline).fscan("samy", 0, 0.01, 10, 0.01, "i0", save=False).state == State.COMPLETED

    wait_for(again, 150, "a scan that works")
    assert [beamline[name].state for name in ("samy", "samz")] == ["ON", "ON"]
