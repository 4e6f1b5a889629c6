"""Scans that are paused, stopped and killed at random moments: each ends as documented, and the next one works."""

import contextlib
import os
import random
import signal
import subprocess
import sys

import h5py
import numpy as np

from ronda.framework.errors import RondaError
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State

POINTS = 12

OWNER = """
import os
from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans

class Tell(Observer):
    def on_point(self, scan, index, values):
        print(index, scan.identifier, flush=True)

beamline = Beamline.connect(os.environ["TANGO_HOST"], os.environ["RONDA_REDIS_URL"], os.environ["RONDA_BEAMLINE"], os.environ)
Scans(beamline, observers=[Tell()]).ascan("samx", 0, 0.6, 11, 0.02, "i0", "diode")
"""


class Act(Observer):
    """Does something once, when a point is there."""

    def __init__(self, index, action):
        self._index, self._action = index, action

    def on_point(self, scan, index, values):
        if index == self._index:
            self._action(scan)

    def on_waiting(self, scan, sentence):
        if sentence.startswith("paused"):
            scan.resume()


def run(beamline, index, action):
    """A scan at one of whose points something happens; it may raise."""
    scans = Scans(beamline, observers=[Act(index, action)])
    with contextlib.suppress(RondaError, KeyboardInterrupt):
        scans.ascan("samx", 0, 0.6, POINTS - 1, 0.02, "i0", "diode")
    return scans.last.stream


def run_and_kill_its_program(victim, index):
    """The same in a program of its own, which is killed at that point."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env={**os.environ, **victim.running.exports, "RONDA_REDIS_URL": victim.beamline.redis_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    identifier = ""
    for line in owner.stdout:
        at, identifier = line.split()
        if int(at) == index:
            break
    owner.kill()
    owner.communicate()
    return victim.beamline.stream.scan(identifier)


def interrupt(_):
    raise KeyboardInterrupt


def check_file(path, number, points):
    """All channels have one length, and what is behind a channel's own points is no number."""
    with h5py.File(path) as file:
        measured = {name: data[()] for name, data in file[f"{number}.1/measurement"].items()}
    lengths = {len(values) for values in measured.values()}
    assert len(lengths) == 1, measured
    for name in ("i0", "diode"):
        assert np.isfinite(measured[name][:points]).all()
        assert np.isnan(measured[name][points:]).all()


def test_scans_that_end_at_random_moments_end_as_documented_and_the_next_one_works(victim, wait_for):
    beamline = victim.beamline
    draw = random.Random()

    def kill(server):
        return lambda _: os.kill(victim.pid(server), signal.SIGKILL)

    rounds = [
        (lambda scan: scan.pause("somebody"), {State.COMPLETED}),
        (lambda scan: scan.stop("somebody"), {State.ABORTED}),
        (lambda scan: scan.stream.order("abort", "a panel"), {State.ABORTED}),
        (interrupt, {State.ABORTED}),
        (kill("redis"), {State.COMPLETED}),
        (kill("counters"), {State.FAILED}),
        (kill("motors"), {State.FAILED}),
    ]
    draw.shuffle(rounds)
    rounds.append((None, {State.FAILED}))  # the last one: the lock of a program that died holds for 10 s
    for action, expected in rounds:
        index = draw.randrange(POINTS - 1)
        beamline["samx"].move(0.0)
        stream = run_and_kill_its_program(victim, index) if action is None else run(beamline, index, action)
        wait_for(lambda stream=stream: stream.state in State.ENDED, 120, "the scan ends")
        assert stream.state in expected, (stream.record(), index)
        points = stream.extent("ct1").length
        assert points in (POINTS,) if expected == {State.COMPLETED} else index < points <= index + 2

        def at_rest():
            with contextlib.suppress(RondaError):
                return beamline["samx"].state == "ON" and beamline["ct1"].state == "ON"

        wait_for(at_rest, 120, "axis and card are there and at rest")
        wait_for(lambda stream=stream: closed(beamline, stream), 120, "its file is closed")
        check_file(stream.note("writer"), stream.number, points)
        shown = stream.tree()["measurement"]
        assert len({len(shown[name]) for name in ("i0", "diode", "samx", "elapsed_time")}) == 1
        following = Scans(beamline).loopscan(1, 0.01, "i0", save=False)
        assert following.state == State.COMPLETED


def closed(beamline, stream):
    return any(
        f'"identifier": "{stream.identifier}"' in told and '"state": "closed"' in told for told in progress(beamline)
    )


def progress(beamline):
    for writer in beamline.devices("NexusWriter"):
        with contextlib.suppress(RondaError):
            yield from writer.read("Progress").split("}, {")
