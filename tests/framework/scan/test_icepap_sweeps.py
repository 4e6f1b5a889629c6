"""Continuous scans over axes of an IcePAP, which keeps no time of its triggers: points, faults, stops."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from ronda.framework.scan.standard import Scans
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream.description import State
from tests.framework.scan.conftest import connect
from tests.framework.scan.test_faults import when

BEAMLINE = """
version: 1
beamline: {name: ice}
simulators:
  instruments:
    motion:
      type: icepap
      axes: {1: {name: samx}, 2: {name: samy}, 3: {name: samz}}
    counters: {type: counter_card, channels: {1: i0, 2: diode}, gate: "motion:2", clock_skew: 5.0e-5}
servers:
  all:
    devices:
      mc1:
        kind: motor
        driver: icepap
        address: simulator:motion
        axes:
          samy: {channel: 2, unit: mm, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1, limits: [-5, 5]}
          samz: {channel: 3, unit: mm, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1, limits: [-5, 5]}
      ct1:
        kind: counter
        driver: simulated
        address: simulator:counters
        wiring: {gate: [samy]}
        channels: {i0: {channel: 1}, diode: {channel: 2}}
"""

STEP, RESOLUTION = 0.01, 1 / 2000


@pytest.fixture(scope="module")
def ice(ronda, tmp_path_factory, wait_for):
    folder: Path = tmp_path_factory.mktemp("ice")
    (folder / "beamline.yml").write_text(BEAMLINE)
    with contextlib.ExitStack() as stack:
        stack.callback(ronda, "down", folder, code=None)
        ronda("up", folder, "--detach")
        connected = connect(ronda.exports(folder))
        stack.callback(connected.close)
        for name in ("samy", "samz", "ct1"):
            wait_for(lambda name=name: connected[name].state == "ON", 150, f"{name} is connected")
        yield connected


def test_lines_there_and_back_have_their_points_and_no_pulse_comes_in_between(ice):
    scan = Scans(ice).fscan("samy", -0.2, STEP, 40, 0.01, "i0", "diode", sweeps=3, backnforth=True, save=False)

    edges = -0.2 + STEP * np.arange(41)
    starts = np.concatenate([edges[:-1], edges[:0:-1], edges[:-1]])
    ends = np.concatenate([edges[1:], edges[-2::-1], edges[1:]])
    assert (scan.state, scan.remarks) == (State.COMPLETED, [])
    assert scan["samy_start"] == pytest.approx(starts, abs=RESOLUTION)
    assert scan["samy_end"] == pytest.approx(ends, abs=RESOLUTION)
    assert scan["valid"].all()
    assert scan["ct1_received"].tolist() == scan["ct1_emitted"].tolist() == [46] * 3
    assert scan["ct1_clock_skew"] == pytest.approx([5e-5] * 3, abs=1e-5)
    assert (np.diff(scan["elapsed_time"]) > 0).all()


def test_two_axes_go_round_a_circle_by_the_time_of_the_controller(ice):
    angles = np.linspace(0, 2 * np.pi, 41)
    rows = 0.2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    scan = Scans(ice).ftrajectory(["samy", "samz"], rows, 100, 0.01, "i0", passes=2, save=False)

    assert (scan.state, scan.remarks) == (State.COMPLETED, [])
    assert scan["valid"].all()
    turned = 2 * np.pi * np.arange(100) / 100
    assert scan["samy_start"][:100] == pytest.approx(0.2 * np.cos(turned), abs=RESOLUTION)
    assert scan["samz_start"][:100] == pytest.approx(0.2 * np.sin(turned), abs=RESOLUTION)
    assert scan["samz_end"][100:] == pytest.approx(-0.2 * np.sin(turned + 2 * np.pi / 100), abs=RESOLUTION)


def test_a_scan_that_is_stopped_leaves_whole_points_and_the_next_one_works(ice):
    scan = Scans(ice).fscan("samy", -4.0, 0.002, 4000, 0.01, "i0", run=False, save=False)  # 40 s
    stopper = when(lambda: scan.points_done > 5, lambda: scan.stop("somebody"))
    with pytest.raises(ScanStopped, match="stopped by somebody"):
        scan.run()
    stopper.join()
    assert scan.state == State.ABORTED
    count = len(scan["samy"])
    assert 5 < count < 4000
    assert len(scan["i0"]) == len(scan["valid"]) == count
    assert scan["samy_start"] == pytest.approx(-4.0 + 0.002 * np.arange(count), abs=RESOLUTION)

    assert ice["samy"].velocity == pytest.approx(2.0)
    again = Scans(ice).fscan("samy", -0.1, STEP, 20, 0.01, "i0", save=False)
    assert again.state == State.COMPLETED
    assert again["valid"].all()
    assert again["ct1_received"].tolist() == [26]
