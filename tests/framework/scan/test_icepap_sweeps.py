"""Continuous scans over axes of an IcePAP, which keeps no time of its triggers: points, faults, stops."""

import contextlib
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest

from ronda.framework.errors import NotAllowed, NotReady, OutOfRange, RondaError
from ronda.framework.scan.standard import Scans
from ronda.framework.scan.stopped import ScanStopped
from ronda.framework.stream.description import State
from tests.framework.scan.conftest import connect, simulators_of
from tests.framework.scan.test_faults import when

BEAMLINE = """
version: 1
beamline: {name: ice}
simulators:
  instruments:
    motion:
      type: icepap
      axes: {1: {name: samx}, 2: {name: samy, encoder: 10000}, 3: {name: samz, encoder: 5000}}
    counters:
      type: counter_card
      channels: {1: i0, 2: diode}
      gate: "motion:2"
      clock_skew: 5.0e-5
      encoders: {1: "motion:3", 2: "motion:2"}
    eiger: {type: simplon, frame_rate: 510, trigger: "motion:2"}
servers:
  motors:
    devices:
      mc1:
        kind: motor
        driver: icepap
        address: simulator:motion
        axes:
          samy: {channel: 2, unit: mm, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1, limits: [-5, 5]}
          samz:
            channel: 3
            unit: mm
            steps_per_unit: 2000
            velocity: 2.0
            acceleration_time: 0.1
            limits: [-5, 5]
            sign: -1
            offset: 0.3
  counters:
    devices:
      ct1:
        kind: counter
        driver: simulated
        address: simulator:counters
        wiring: {gate: [samy]}
        channels: {i0: {channel: 1}, diode: {channel: 2}}
        encoders:
          samy_enc: {input: 2, axis: samy, steps_per_unit: 10000}
          samz_enc: {input: 1, axis: samz, steps_per_unit: 5000}
      det:
        kind: camera
        driver: simplon
        address: simulator:eiger
        integration_time: 0.1
        beam_position: false
        rois: {ring: {x: 730, y: 430, width: 60, height: 200}}
        wiring: {trigger: [samy]}
        frame_memory: 64
"""

STEP, RESOLUTION = 0.01, 1 / 2000
COUNT = 1 / 5000
"""One count of the coarser encoder, in mm: so far latched positions may be from true ones."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made: Path = tmp_path_factory.mktemp("ice")
    (made / "beamline.yml").write_text(BEAMLINE)
    return made


@pytest.fixture
def simulators(ice, folder):
    """Asks the control port of the simulators."""
    return simulators_of(folder)


@pytest.fixture(scope="module")
def ice(ronda, folder, wait_for):
    with contextlib.ExitStack() as stack:
        stack.callback(ronda, "down", folder, code=None)
        ronda("up", folder, "--detach")
        connected = connect(ronda.exports(folder))
        stack.callback(connected.close)
        for name in ("samy", "samz", "ct1", "det"):
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


def test_a_card_latches_the_encoder_at_each_trigger_and_that_is_where_points_are(ice):
    scan = Scans(ice).fscan("samy", 0.2, -STEP, 40, 0.01, "i0", save=False)

    assert "ct1 latches the encoder of samy" in scan.plan.continuous.why
    assert (scan.state, scan.remarks) == (State.COMPLETED, [])
    assert scan["samy_start"].tolist() == scan["samy_enc"].tolist()
    assert scan["samy_end"].tolist() == scan["samy_enc_end"].tolist()
    assert scan["samy_enc"] == pytest.approx(0.2 - STEP * np.arange(40), abs=COUNT)
    assert scan["samy_enc_end"][:-1].tolist() == scan["samy_enc"][1:].tolist()


def test_in_a_step_scan_an_encoder_is_a_counter_like_others(ice):
    scan = Scans(ice).ascan("samz", 0.3, 0.5, 4, 0.01, "samz_enc", "i0", save=False)

    assert scan["samz_enc"] == pytest.approx(scan["samz"], abs=COUNT)
    assert ice["ct1"].read("SamzEnc") == pytest.approx(0.5, abs=COUNT)


@pytest.mark.parametrize("direction", [1, -1], ids=["up", "down"])
def test_an_fscan_and_an_ascan_of_the_pinhole_agree_where_the_encoder_says_that_they_were(ice, direction):
    npoints, middle = 45, 0.14
    start = middle - direction * STEP * npoints / 2
    swept = Scans(ice).fscan("samy", start, direction * STEP, npoints, 0.02, "i0", "diode", save=False)
    some = slice(2, None, 5)
    first, last = swept["samy"][some][[0, -1]]
    stepped = Scans(ice).ascan("samy", first, last, 8, 0.02, "i0", "diode", "samy_enc", save=False)

    assert swept["valid"].all()
    assert stepped["samy_enc"] == pytest.approx(swept["samy"][some], abs=RESOLUTION)
    for counter in ("i0", "diode"):
        one, other = swept[counter][some], stepped[counter]
        sigma = np.sqrt(
            one + other + 1 + 2 * (0.004 * other) ** 2
        )  # 0.3 % of the beam's own noise, 0.2 % of the card's
        assert (np.abs(one - other) < 7 * sigma).all()  # of 36 comparisons; the ring current changes meanwhile


def test_triggers_that_go_astray_are_found_and_only_their_points_are_marked(ice, simulators):
    npoints, wrong = 300, set()
    for _ in range(5):  # chance, or a slow machine, may let none go astray
        before = simulators(do="triggers", line="motion:2")
        scan = Scans(ice).fscan("samy", -0.5, 0.003, npoints, 0.005, "i0", run=False, save=False)
        disturbing = when(
            lambda scan=scan: scan.state in State.ENDED or scan.points_done > 5,
            lambda: simulators(do="triggers", line="motion:2", dropped=0.08, doubled=0.08, delayed=0.08, by=0.002),
        )
        try:
            scan.run()
        finally:
            disturbing.join(60)
            simulators(do="triggers", line="motion:2", dropped=0.0)
        after = simulators(do="triggers", line="motion:2")
        dropped, doubled, delayed = (
            {n - before["emitted"] - 5 for n in after[fate] if n not in before[fate]}
            for fate in ("dropped", "doubled", "delayed")
        )
        wrong = {point for n in dropped | delayed for point in (n - 1, n)} | doubled
        wrong = {point for point in wrong if 0 <= point < npoints}
        if wrong:
            break
    assert wrong
    assert set(np.flatnonzero(scan["valid"] == 0).tolist()) == wrong
    edges = -0.5 + 0.003 * np.arange(npoints + 1)
    late = np.isin(np.arange(npoints + 1), list(delayed))
    assert scan["samy_start"][~late[:-1]] == pytest.approx(edges[:-1][~late[:-1]], abs=COUNT)
    assert scan["samy_start"][late[:-1]] == pytest.approx(
        edges[:-1][late[:-1]] + 0.6 * 0.002, abs=COUNT
    )  # where it came
    assert np.isnan(scan["samy_enc"]).nonzero()[0].tolist() == sorted(n for n in dropped if n < npoints)
    assert not any("encoder" in remark for remark in scan.remarks)


def test_an_encoder_that_jumps_is_found_and_the_points_behind_are_marked(ice, simulators):
    marked = np.empty(0, int)
    for _ in range(5):  # on a slow machine it may jump behind the end
        scan = Scans(ice).fscan("samy", -0.5, STEP, 100, 0.02, "i0", run=False, save=False)
        jumping = when(
            lambda scan=scan: scan.state in State.ENDED or scan.points_done > 20,
            lambda: simulators(do="encoder", line="motion:2", jump=-37),
        )
        scan.run()
        jumping.join(60)
        assert scan.state == State.COMPLETED
        marked = np.flatnonzero(scan["valid"] == 0)
        if len(marked):
            break
    assert 20 < marked[0] < 100
    assert marked.tolist() == list(range(marked[0], 100))
    assert scan["samy_end"][-1] == pytest.approx(0.5 - 0.0037, abs=COUNT)  # what the encoder said
    (remark,) = (one for one in scan.remarks if "encoder" in one)
    assert "on the encoder of samy was up to 0.0037 mm beside where its controller gave the triggers" in remark
    assert f"the {len(marked)} points concerned are marked in valid" in remark

    again = Scans(ice).fscan("samy", -0.1, STEP, 20, 0.01, "i0", save=False)  # compared with the axis anew
    assert again.remarks == []
    assert again["valid"].all()
    assert again["samy_start"] == pytest.approx(-0.1 + STEP * np.arange(20), abs=COUNT)


def test_an_encoder_that_lags_is_found(ice, simulators):
    simulators(do="encoder", line="motion:2", lag=0.01)
    try:
        scan = Scans(ice).fscan("samy", -0.1, STEP, 20, 0.01, "i0", save=False)
    finally:
        simulators(do="encoder", line="motion:2", lag=0.0)
    assert not scan["valid"].any()
    assert "0.01 mm beside" in scan.remarks[0]
    assert scan["samy_start"] == pytest.approx(-0.11 + STEP * np.arange(20), abs=COUNT)


def test_while_an_axis_moves_its_encoder_cannot_be_compared_with_it(ice):
    ice["samz"].jog(0.05)
    try:
        with pytest.raises(NotReady, match="cannot tell what the counts of samz_enc mean while samz moves"):
            Scans(ice).loopscan(1, 0.01, "samz_enc", save=False)
    finally:
        ice["samz"].stop()
        ice["samz"].wait()


def test_the_lines_of_a_mesh_are_where_the_encoder_says(ice):
    scan = Scans(ice).fmesh(
        "samz", 0.2, 0.4, 2, "samy", 0.1, STEP, 20, 0.01, "i0", "samz_enc", backnforth=True, save=False
    )
    there = 0.1 + STEP * np.arange(20)
    assert (scan.state, scan.remarks) == (State.COMPLETED, [])
    assert scan["valid"].all()
    assert scan["samy_start"].tolist() == scan["samy_enc"].tolist()
    assert scan["samy_enc"] == pytest.approx(np.concatenate([there, there[::-1] + STEP, there]), abs=COUNT)
    assert scan["samz_enc"] == pytest.approx(np.repeat([0.2, 0.3, 0.4], 20), abs=RESOLUTION)


@pytest.mark.parametrize("way", ["line", "circle"])
def test_triggers_start_frames_as_far_apart_as_the_detector_needs(ice, way):
    if way == "line":
        scan = Scans(ice).fscan("samy", -0.2, STEP, 50, 0.02, "det", "i0", backnforth=True, save=False)
    else:
        angles = np.linspace(0, 2 * np.pi, 41)
        rows = 0.2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        scan = Scans(ice).ftrajectory(["samy", "samz"], rows, 50, 0.02, "det", "i0", passes=2, save=False)

    assert "hardware triggers of samy bound the points, at the trigger of det and at the gate of ct1" in (
        scan.plan.continuous.why
    )
    assert (scan.state, scan.remarks) == (State.COMPLETED, [])
    assert scan["valid"].all()
    for name in ("det", "ct1"):
        assert scan[f"{name}_recorded"].tolist() == scan[f"{name}_emitted"].tolist() == [56] * 2


def test_where_there_is_no_room_for_that_it_is_said_with_numbers_before_anything_moves(ice):
    with pytest.raises(NotAllowed) as refused:
        Scans(ice).fscan("samy", -4.85, STEP, 30, 0.02, "det", triggers="hardware", run=False, save=False)
    assert (
        "that set the clocks must be 0.0198 s apart for frames of det, and there is no room for it: samy: cannot sweep"
        in (str(refused.value))
    )
    assert "outside limits [-5.0, 5.0] mm" in str(refused.value)
    scan = Scans(ice).fscan("samy", -4.85, STEP, 30, 0.02, "i0", run=False, save=False)  # a card needs none
    assert scan.plan.continuous.hardware


def test_a_trajectory_has_no_more_points_than_the_controller_can_bound(ice):
    rows = [[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]]
    with pytest.raises(OutOfRange, match="gives no triggers at positions, or not so many in a line"):
        Scans(ice).ftrajectory(["samy", "samz"], rows, 100_000, 0.001, "i0", run=False, save=False)


@pytest.mark.parametrize("what", ["motors", "counters", "simulators"])
def test_what_is_killed_in_a_sweep_leaves_points_that_fit_and_the_next_scan_works(ronda, folder, ice, wait_for, what):
    index = random.Random(f"{os.environ.get('RONDA_SEED', '1')} {what}").randrange(5, 100)
    print(f"{what} is killed from point {index} on")
    pid = int(ronda.servers(folder)[what]["pid"])
    assert pid > 0
    scan = Scans(ice).fscan("samy", -1.0, 0.002, 1000, 0.01, "i0", run=False, save=False)  # 10 s
    killer = when(lambda: scan.points_done > index, lambda: os.kill(pid, signal.SIGKILL))
    with pytest.raises(RondaError):
        scan.run()
    killer.join(60)

    assert scan.state == State.FAILED
    stream = scan.stream
    count = stream.extent("scan").length
    assert index < count < 1000
    shown = stream.tree()["measurement"]
    assert len({len(shown[name]) for name in ("samy", "samy_start", "samy_end", "samy_enc", "i0", "valid")}) == 1

    def again():
        with contextlib.suppress(RondaError):
            if ice["samy"].is_moving():
                return False
            following = Scans(ice).fscan("samy", -0.1, STEP, 20, 0.01, "i0", save=False)
            return following.state == State.COMPLETED and following["valid"].all()

    wait_for(again, 150, "a scan that works")
    assert [ice[name].state for name in ("samy", "ct1")] == ["ON", "ON"]
