"""The digitiser in scans: means of points, all samples in the file, what is marked, and how its scans end."""

import contextlib
import os
import random
import signal

import h5py
import hdf5plugin  # noqa: F401 - reads the samples
import numpy as np
import pytest

from ronda.devices.digitiser.contract import NOTHING
from ronda.framework.errors import RondaError
from ronda.framework.scan.standard import Scans
from ronda.framework.stream.description import State
from tests.framework.scan.test_faults import when
from tests.framework.scan.test_random_ends import Act, closed, interrupt

COUNT = 1e-4  # deg, of the encoder that it counts
SCALE = 10 / 32768  # V


class ActOnce(Act):
    """The same behind the first point that is told of from an index on: sweeps do not tell of each."""

    def on_point(self, scan, index, values):
        if index >= self._index:
            self._index = index
            try:
                super().on_point(scan, index, values)
            finally:
                self._index = float("inf")


@pytest.fixture
def home(beamline):
    """Leaves the axes where they were."""
    names = ("samy", "bragg")
    before = {name: beamline[name].position for name in names}
    yield
    for name in names:
        beamline[name].move(before[name])


def samples(entry):
    """All samples, and how many were lost, of a saved scan."""
    count = int(entry["measurement/adc_block_count"][:].sum())
    blocks = entry["measurement/adc_samples"]
    assert blocks.chunks[0] == 1
    assert len(blocks) == len(entry["measurement/adc_block_count"])
    whole = np.concatenate(list(blocks), axis=1).T
    assert (whole[count:] == NOTHING).all()
    return whole[:count], int(entry["measurement/adc_block_lost"][:].sum())


def check_means(entry, points):
    """Each point is the mean of its samples in the file."""
    taken, _ = samples(entry)
    measured = entry["measurement"]
    for point in points:
        first, count = int(measured["adc_first"][point]), int(measured["adc_count"][point])
        part = taken[first : first + count]
        assert measured["adc_i0"][point] == pytest.approx(part[:, 1].mean() * SCALE)
        turns = (measured["adc_bragg"][point] / COUNT - part[:, 0].astype(float).mean() - 0.5) / 65536
        assert turns == pytest.approx(round(turns), abs=1e-6)


def test_a_step_scan_has_means_and_all_samples_from_its_beginning_to_its_end(scans, simulators, home):
    scan = scans.loopscan(4, 0.03, "adc", "diode")
    assert scan.state == "COMPLETED"
    with h5py.File(scan.wait_for_file().path) as file:
        entry = file[f"{scan.number}.1"]
        taken, lost = samples(entry)
        truth = simulators(do="truth")["instruments"]["adc"]
        assert (len(taken), lost, truth["running"]) == (truth["taken"], 0, False)
        assert entry["measurement/adc_count"][:].tolist() == [3000] * 4
        assert (np.diff(entry["measurement/adc_first"][:]) >= 3000).all()
        check_means(entry, range(4))
        group = entry["instrument/adc_samples"]
        assert group["sample_rate"][()] == 100_000
        assert group["channel_names"].asstr()[:3].tolist() == ["bragg", "i0", "diode"]
        assert entry["plotselect"].attrs["signal"] == "adc_bragg"


def test_an_fscan_of_bragg_sees_the_edge_with_the_encoder_beside_it(scans, beamline, home):
    beamline["samy"].move(6.0)  # the copper foil
    scan = scans.fscan("bragg", 12.70, 0.0005, 80, 0.005, "adc", "i0", "diode")
    assert scan.plan.continuous.hardware
    assert scan["valid"].all()
    assert scan["adc_received"].tolist() == scan["ct1_received"].tolist()
    assert scan["adc_bragg"] == pytest.approx(scan["bragg"], abs=2 * COUNT)
    ratio, counted = scan["adc_diode"] / scan["adc_i0"], scan["diode"] / scan["i0"]
    above, below = ratio[:10].mean(), ratio[-10:].mean()  # a larger angle is a lower energy
    assert above < 0.6 * below
    assert ratio.mean() == pytest.approx(counted.mean(), rel=0.03)
    with h5py.File(scan.wait_for_file().path) as file:
        entry = file[f"{scan.number}.1"]
        check_means(entry, range(80))
        taken, _ = samples(entry)
        first = entry["measurement/adc_block_bragg"][0]
        steps = np.diff(taken[:, 0]).astype(np.int16)  # of 16 bit: it goes on where it wraps
        track = first + COUNT * np.concatenate([[0], np.cumsum(steps, dtype=int)])
        for point in (0, 40, 79):
            place = int(entry["measurement/adc_first"][point])
            assert track[place] == pytest.approx(entry["measurement/bragg_start"][point], abs=2 * COUNT)


def test_lost_packets_leave_their_places_empty_and_mark_only_their_points(scans, simulators, home):
    npoints = 200
    for attempt in range(5):  # a slow machine may be too late for a scan: each takes longer
        scan = scans.fscan("samy", 0.0, 0.005, npoints, 0.005 * (1 + 4 * attempt), "adc", "i0", run=False)
        losing = when(
            lambda scan=scan: (
                scan.state in State.ENDED or (scan.stream is not None and scan.stream.extent("adc").length >= 20)
            ),
            lambda: simulators(do="fault", instrument="adc", axis=2, fault="lost"),
        )
        scan.run()
        losing.join(60)
        if not scan["adc_valid"].all():
            break
    truth = simulators(do="truth")["instruments"]["adc"]
    with h5py.File(scan.wait_for_file().path) as file:
        entry = file[f"{scan.number}.1"]
        taken, lost = samples(entry)
        missing = np.flatnonzero((taken == NOTHING).all(axis=1))
        assert len(missing) == lost == truth["lost"] > 0
        assert len(taken) == truth["taken"]
        valid, measured = entry["measurement/adc_valid"][:], entry["measurement"]
        good = np.flatnonzero(valid)
        assert len(valid) == len(measured["i0"]) == npoints
        assert measured["ct1_valid"][:].all()
        check_means(entry, good)
        bad = np.flatnonzero(valid == 0)
        assert len(bad)
        for point in bad:
            before, after = good[good < point], good[good > point]
            low = measured["adc_first"][before[-1]] if len(before) else 0
            high = measured["adc_first"][after[0]] if len(after) else len(taken)
            assert ((missing >= low) & (missing < high)).any()


def test_without_recording_there_are_means_only(scans, beamline):
    before = beamline["adc"].record
    beamline["adc"].record = False
    try:
        scan = scans.loopscan(2, 0.01, "adc_i0", save=False)
    finally:
        beamline["adc"].record = before
    assert np.isfinite(scan["adc_i0"]).all()
    assert "adc_samples" not in [device.name for device in scan.stream.description.devices]


def test_scans_that_end_at_random_moments_leave_consistent_samples_and_the_next_one_works(victim, wait_for):
    beamline = victim.beamline
    draw = random.Random(os.environ.get("RONDA_SEED", "1"))
    rounds = [
        (lambda scan: scan.stop("somebody"), {State.ABORTED}),
        (lambda scan: scan.stream.order("abort", "a panel"), {State.ABORTED}),
        (interrupt, {State.ABORTED}),
        (lambda _: victim.signal("counters", signal.SIGKILL), {State.FAILED}),
    ]
    for action, expected in rounds:
        for kind in ("step", "sweep"):
            act = ActOnce(draw.randrange(1, 8), -1.0 if action is interrupt else draw.uniform(0.0, 0.1), action)
            scans = Scans(beamline, observers=[act])
            beamline["samy"].move(0.0)
            with contextlib.suppress(RondaError, KeyboardInterrupt):
                if kind == "step":
                    scans.loopscan(4000, 0.01, "adc", "i0")
                else:
                    scans.fscan("samy", 0.0, 0.001, 4000, 0.005, "adc", "i0")
            if act.later is not None:
                act.later.join()
            stream = scans.last.stream
            wait_for(lambda stream=stream: stream.state in State.ENDED, 120, "the scan ends")
            assert stream.state in expected, stream.record()
            wait_for(lambda stream=stream: closed(beamline, stream), 120, "its file is closed")
            with h5py.File(stream.note("writer")) as file:
                entry = file[f"{stream.number}.1"]
                points = {
                    name: len(entry[f"measurement/{name}"]) for name in ("adc_i0", "adc_first", "adc_count", "i0")
                }
                assert len(set(points.values())) == 1, points
                good = np.flatnonzero(np.isfinite(entry["measurement/adc_first"][:]))
                taken, lost = samples(entry)
                assert lost == 0
                if expected != {State.FAILED}:
                    check_means(entry, good)
                else:  # the samples that were not yet in a whole block died with the server
                    check_means(entry, [n for n in good if entry["measurement/adc_first"][n] + 1000 < len(taken)])

            def at_rest():
                with contextlib.suppress(RondaError):
                    return all(beamline[name].state == "ON" for name in ("samy", "ct1", "adc"))

            wait_for(at_rest, 120, "axis, card and digitiser are there and at rest")
            following = Scans(beamline).loopscan(1, 0.01, "adc", save=False)
            assert following.state == State.COMPLETED


def test_sweeps_are_binned_live_by_the_encoder_as_triggers_bound_the_points(scans, home):
    scan = scans.fscan("bragg", 12.70, 0.001, 40, 0.005, "adc", backnforth=True, sweeps=3)

    assert scan.state == State.COMPLETED
    passes = [k for k in range(len(scan["adc_spectrum_whole"])) if scan["adc_spectrum_whole"][k]]
    # a machine that is busy for long loses samples: then bins stay empty, and points are not valid
    if scan["valid"].all() and not scan["adc_block_lost"].any():
        assert len(passes) >= 3  # one more if it came over the bins on its way to the first point
        assert scan["adc_spectrum_rising"][passes[-3:]].tolist() == [1, 0, 1]
        for name in ("adc_i0", "adc_diode"):
            points = scan[name].reshape(3, 40)
            points[1] = points[1, ::-1]
            # a sample at an edge belongs to the trigger on one side and to the encoder on the other
            spectra = scan[f"adc_spectrum_{name.removeprefix('adc_')}"][passes[-3:]]
            assert spectra == pytest.approx(points, rel=0.02)
    drawn = scan.points("adc_spectrum_diode")
    assert drawn.axes[0].values == pytest.approx(12.7005 + 0.001 * np.arange(40))
    assert drawn.counters[0].values == pytest.approx(scan["adc_spectrum_diode"][-1], nan_ok=True)
    with h5py.File(scan.wait_for_file(120).path) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["measurement/adc_spectrum_diode"][:] == pytest.approx(scan["adc_spectrum_diode"], nan_ok=True)
        assert entry["instrument/adc_spectrum_diode/bragg"][:] == pytest.approx(drawn.axes[0].values)
