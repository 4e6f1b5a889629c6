"""Scans that are paused, stopped and killed at random moments: each ends as documented, and the next one works.

The moments are drawn with a seed; RONDA_SEED gives others.

What happens comes at any time of a point: some part of its duration after the one before. On a busy computer it may even
come when the scan has ended.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import h5py
import numpy as np

from ronda.framework.clients.part import part
from ronda.framework.errors import RondaError
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State

POINTS = 12

LONG = 0.15
"""About the duration of a point, in s: motion and exposure."""

SELDOM = 3
"""At each so many-th point the spectrum analyser measures."""

OWNER = """
import os
from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.part import part
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans

class Tell(Observer):
    def on_point(self, scan, index, values):
        print(index, scan.identifier, flush=True)

beamline = Beamline.connect(os.environ["TANGO_HOST"], os.environ["RONDA_REDIS_URL"], os.environ["RONDA_BEAMLINE"], os.environ)
counters = ["i0", "diode", part("mca_fe", every=3), part("cam_intensity", period=0.05, time=0.01)]
Scans(beamline, observers=[Tell()]).ascan("samx", 0, 0.6, 11, 0.02, *counters)
"""


class Act(Observer):
    """Does something once, a while after a point is there; with a negative while, at once in the scan's own thread."""

    def __init__(self, index, delay, action):
        self._index, self._delay, self._action = index, delay, action
        self.later = None

    def on_point(self, scan, index, values):
        if index != self._index:
            return
        if self._delay < 0:
            self._action(scan)
            return
        self.later = threading.Timer(self._delay, self._act, [scan])
        self.later.start()

    def _act(self, scan):
        with contextlib.suppress(RondaError):  # it may have ended
            self._action(scan)

    def on_waiting(self, scan, sentence):
        if sentence.startswith("paused"):
            scan.resume()


def run(beamline, index, delay, action):
    """A scan behind one of whose points something happens; it may raise."""
    act = Act(index, delay, action)
    scans = Scans(beamline, observers=[act])
    with contextlib.suppress(RondaError, KeyboardInterrupt):
        beside = part("cam_intensity", period=0.05, time=0.01)
        scans.ascan("samx", 0, 0.6, POINTS - 1, 0.02, "i0", "diode", part("mca_fe", every=SELDOM), beside)
    if act.later is not None:
        act.later.join()
    return scans.last.stream


def run_and_kill_its_program(victim, index, delay):
    """The same in a program of its own, which is killed behind that point."""
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
    time.sleep(delay)
    owner.kill()
    owner.communicate()
    return victim.beamline.stream.scan(identifier)


def interrupt(_):
    raise KeyboardInterrupt


def check_file(path, number, lengths_of):
    """All channels have one length, and what is behind a channel's own points is no number.

    Args:
        lengths_of: how many points each device has published.
    """
    with h5py.File(path) as file:
        measured = {name: data[()] for name, data in file[f"{number}.1/measurement"].items()}
        beside = {name: data[()] for name, data in file[f"{number}.2/measurement"].items()}
        assert file[f"{number}.2/end_reason"][()] == file[f"{number}.1/end_reason"][()]
    lengths = {len(values) for values in measured.values()}
    assert len(lengths) == 1, measured
    assert len({len(values) for values in beside.values()}) == 1, beside
    assert np.isfinite(beside["cam_intensity"][: lengths_of["cam"]]).all()
    assert np.isnan(beside["cam_intensity"][lengths_of["cam"] :]).all()
    for name in ("i0", "diode"):
        assert np.isfinite(measured[name][: lengths_of["ct1"]]).all()
        assert np.isnan(measured[name][lengths_of["ct1"] :]).all()
    seldom = np.flatnonzero(np.isfinite(measured["mca_fe"])).tolist()
    assert seldom == list(range(0, lengths_of["mca"], SELDOM))


def test_scans_that_end_at_random_moments_end_as_documented_and_the_next_one_works(victim, wait_for):
    beamline = victim.beamline
    draw = random.Random(os.environ.get("RONDA_SEED", "1"))

    def kill(server):
        return lambda _: victim.signal(server, signal.SIGKILL)

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
        index, delay = draw.randrange(POINTS - 1), draw.uniform(0.0, LONG)
        if action is interrupt:
            delay = -1.0  # Ctrl-C comes to the thread of the scan
        beamline["samx"].move(0.0)
        if action is None:
            stream = run_and_kill_its_program(victim, index, delay)
        else:
            stream = run(beamline, index, delay, action)
        wait_for(lambda stream=stream: stream.state in State.ENDED, 120, "the scan ends")
        points = stream.extent("ct1").length
        if points < POINTS or expected == {State.COMPLETED}:
            assert stream.state in expected, (stream.record(), index, delay)
        assert index < points <= POINTS

        def at_rest():
            with contextlib.suppress(RondaError):
                return all(beamline[name].state == "ON" for name in ("samx", "ct1", "mca", "cam"))

        wait_for(at_rest, 120, "axis and card are there and at rest")
        wait_for(lambda stream=stream: closed(beamline, stream), 120, "its file is closed")
        check_file(
            stream.note("writer"), stream.number, {name: stream.extent(name).length for name in ("ct1", "mca", "cam")}
        )
        shown = stream.tree()["measurement"]
        assert len({len(shown[name]) for name in ("i0", "diode", "mca_fe", "samx", "elapsed_time")}) == 1
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
