"""Scans that decide by results of live analysis, on the demo: its beam viewer's focus, and what cannot be decided by."""

from __future__ import annotations

import pytest

from ronda.framework.errors import BadValue, NotFound, NotReady
from ronda.framework.scan.awaited import Awaited
from ronda.framework.scan.standard import Scans
from ronda.framework.scan.stopped import ScanStopped


@pytest.fixture
def scans(beamline, recorder, monkeypatch):
    monkeypatch.setattr(Awaited.collect, "__defaults__", (150.0,))
    yield Scans(beamline, "", "", [recorder])
    beamline["camf"].move(0.35)
    beamline["beam"].active = True


def test_the_focus_is_found_by_the_width_that_a_stage_computes(scans, beamline):
    beamline["camf"].move(-0.3)
    scan = scans.autofocus("camf", beamline["beam"].fwhm_y, 3, 0.01, lowest=True)

    assert scan.title == "autofocus(camf, beam.fwhm_y, 3, 0.01, lowest=True)"
    assert "beam_fwhm_y is lowest" in scan.sentence
    place = scan.found.place["camf"]
    assert place == pytest.approx(0.35, abs=0.06)  # as by the width that the camera itself tells
    assert beamline["camf"].position == pytest.approx(place, abs=2e-3)
    assert {"x", "fwhm_y"} <= set(beamline["beam"].results)


def test_it_stops_when_told_and_goes_back(scans, beamline, recorder):
    beamline["camf"].move(0.1)
    recorder.at(2, lambda: scans.last.stop("a test"))
    with pytest.raises(ScanStopped):
        scans.optimise("camf", "beam_fwhm_y", 2, 0.01, lowest=True, save=False)
    assert (scans.last.state, scans.last.found) == ("ABORTED", None)
    assert beamline["camf"].position == pytest.approx(0.1, abs=2e-3)


def test_a_dry_run_tells_of_it_and_moves_nothing(scans, beamline, recorder):
    told = []
    with scans.dryrun(told.append):
        scans.align("camf", beamline["beam"].peak, 2, 0.01)
        mesh = scans.adaptmesh("m1pitch", 2.99, 3, "camf", 0, 1, 12, 0.01, beamline["beam"].peak, intervals=2)
        same = scans.adaptmesh("m1pitch", 2.99, 3, "camf", 0, 1, 12, 0.01, "i0", "diode", intervals=2)
    assert any("camf" in sentence for sentence in told)
    assert mesh.title == "adaptmesh(m1pitch, 2.99, 3, camf, 0, 1, 12, 0.01, beam.peak, intervals=2)"
    assert same.title == "adaptmesh(m1pitch, 2.99, 3, camf, 0, 1, 12, 0.01, i0, diode, intervals=2)"
    assert recorder.points == []


def test_what_nobody_computes_is_refused_before_anything_moves(scans, beamline, recorder):
    beam = beamline["beam"]
    with pytest.raises(BadValue, match="'nobody_x' should be one counter of numbers"):
        scans.align("camf", "nobody_x", 1)
    with pytest.raises(NotFound, match="beam_size: is no result of this scan; there are beam_x, beam_y"):
        scans.align("camf", "beam_size", 1, 0.01, save=False)
    with pytest.raises(AttributeError, match="beam has neither a result nor a parameter size; results are x, y"):
        assert beam.size
    beam.active = False
    with pytest.raises(NotReady, match=r"beam: takes part in no scan, it is not active; beam\.active = True"):
        scans.align("camf", "beam_x", 1)
    assert recorder.points == []
    scan = scans.loopscan(1, 0.01, "cam_image", save=False)
    assert "beam_x" not in scan.channels()


def test_parameters_are_read_and_written_by_name(beamline):
    curve = beamline["curve"]
    before = curve.sigma
    try:
        curve.sigma = 0.25
        assert curve.sigma == 0.25
        assert "sigma = 0.25" in curve.__info__()
    finally:
        curve.sigma = before
    with pytest.raises(AttributeError, match="curve has no parameter sgma; it has shape"):
        curve.sgma = 1


def test_the_command_names_a_detector_whose_counters_are_all_measured(scans, beamline):
    assert scans.loopscan(1, 0.01, beamline["cam"], save=False).title == "loopscan(1, 0.01, cam)"
    assert scans.loopscan(1, 0.01, "cam_image", save=False).title == "loopscan(1, 0.01, cam_image)"
    assert scans.loopscan(1, 0.01, "cam_x", "cam_y", save=False).title == "loopscan(1, 0.01, cam_x, cam_y)"
