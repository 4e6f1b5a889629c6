"""The standard scans on the demo beamline."""

import itertools

import h5py
import numpy as np
import pytest

from ronda.framework.clients.counter import sampling
from ronda.framework.errors import BadValue, NotFound, NotReady, OutOfRange


def test_ct_counts_cards_and_attributes_and_takes_no_number(scans, beamline, simulators):
    before = len(beamline.stream.scans())
    counted = scans.ct(0.2, "i0", "diode", sampling("samx/Velocity"))

    assert list(counted.values) == ["i0", "diode", "Velocity"]
    assert counted.rates["i0"] == counted.values["i0"] / 0.2
    # of the beam's noise, 0.3 % rms, the two see different moments; how bright it is depends on how long it warmed up
    truth = simulators(do="truth")["instruments"]["counters"]["rates"]["i0"]
    assert counted.rates["i0"] == pytest.approx(truth, rel=0.05)
    assert counted.values["Velocity"] == 2.0
    assert "Velocity" not in counted.rates  # per second it means nothing
    assert len(beamline.stream.scans()) == before


def test_ct_leaves_the_integration_time_of_the_card_as_it_was(scans, beamline):
    card = beamline["ct1"]
    before = card.read("IntegrationTime")
    scans.ct(0.01, "i0")

    assert card.read("IntegrationTime") == before


def test_loopscan_measures_so_many_points_of_that_time(scans, recorder, simulators):
    scan = scans.loopscan(5, 0.02, "i0", save=False)

    assert scan.state == "COMPLETED"
    assert [index for index, _ in recorder.points] == [0, 1, 2, 3, 4]
    truth = simulators(do="truth")["instruments"]["counters"]["rates"]["i0"]
    assert np.array([values["i0"] for _, values in recorder.points]) == pytest.approx(0.02 * truth, rel=0.15)
    assert list(scan.units) == ["elapsed_time", "i0"]
    elapsed = [values["elapsed_time"] for _, values in recorder.points]
    assert elapsed[0] == 0.0
    assert all(b > a for a, b in itertools.pairwise(elapsed))


def test_ascan_takes_one_point_more_than_intervals_each_at_its_position(scans, recorder, beamline):
    scan = scans.ascan("samx", -0.1, 0.1, 4, 0.01, "i0", "diode", save=False)

    positions = [values["samx"] for _, values in recorder.points]
    assert positions == pytest.approx([-0.1, -0.05, 0.0, 0.05, 0.1])
    assert beamline["samx"].position == pytest.approx(0.1)
    assert scan.units == {"samx": "mm", "elapsed_time": "s", "i0": "count", "diode": "count"}
    assert recorder.prepared == 1
    assert recorder.ended == ["COMPLETED"]


def test_the_stream_holds_what_was_told_and_where_everything_stood(scans, recorder, beamline):
    beamline["samx"].move(0.0)
    beamline["samx"].wait()
    scan = scans.ascan(beamline["samx"], 0.0, 0.02, 2, 0.01, beamline["i0"], save=False, title="a title")

    stream = beamline.stream.scan(scan.identifier)
    assert stream.state == "COMPLETED"
    assert stream.read("i0", 0, 3).tolist() == [values["i0"] for _, values in recorder.points]
    assert stream.read("samx", 0, 3).tolist() == [values["samx"] for _, values in recorder.points]
    description = stream.description
    assert description.title == "a title"
    assert description.command == "ascan(samx, 0.0, 0.02, 2, 0.01, i0)"
    assert (description.session, description.user, description.points) == ("tests", "somebody", 3)
    assert description.attributes["positioners"]["samx"] == {"value": pytest.approx(0.0), "unit": "mm"}
    assert len(description.attributes["positioners"]) == len(beamline.axes())
    assert stream.read("samx at end", 0, 1)[0] == pytest.approx(0.02)
    assert all(stream.extent(device.name).end.kind == "sealed" for device in description.devices)


def test_dscan_goes_back_to_where_the_axis_was_sent_last(scans, recorder, beamline):
    beamline["samz"].move(0.3)
    beamline["samz"].wait()
    scans.dscan("samz", -0.05, 0.05, 2, 0.01, "i0", save=False)

    assert [values["samz"] for _, values in recorder.points] == pytest.approx([0.25, 0.3, 0.35])
    assert beamline["samz"].target == 0.3
    assert beamline["samz"].position == pytest.approx(0.3)


def test_a_whole_card_means_all_its_channels(scans, recorder, beamline):
    scans.loopscan(1, 0.01, beamline["ct1"], save=False)

    assert set(recorder.points[0][1]) == {"elapsed_time", "i0", "diode"}


def test_an_attribute_of_any_device_is_sampled_at_each_point(scans, recorder, beamline):
    scan = scans.ascan("samx", 0.0, 0.1, 2, 0.05, sampling("samx/Position", name="where"), "i0", save=False)

    assert [values["where"] for _, values in recorder.points] == pytest.approx([0.0, 0.05, 0.1])
    assert scan.units["where"] == "mm"


def test_a_saved_scan_is_in_its_file(scans, recorder):
    scan = scans.ascan("samx", 0.0, 0.1, 5, 0.01, "i0", "diode")

    saved = scan.wait_for_file(60)
    assert saved.closed
    assert saved.path == scan.file
    with h5py.File(saved.path) as file:
        entry = file[f"{scan.number}.1"]
        assert entry["measurement/i0"][()].tolist() == [values["i0"] for _, values in recorder.points]
        assert entry["measurement/samx"][()] == pytest.approx(np.linspace(0, 0.1, 6))
        assert entry["instrument/positioners_start/samz"][()] == pytest.approx(scan.start_positions["samz"])


def test_scans_are_numbered_one_after_the_other(scans):
    first = scans.loopscan(1, 0.01, "i0", save=False)
    second = scans.loopscan(1, 0.01, "i0", save=False)

    assert second.number == first.number + 1
    assert second.identifier != first.identifier


def test_a_scan_may_be_made_first_and_run_later(scans, recorder):
    scan = scans.loopscan(2, 0.01, "i0", save=False, run=False)
    assert (scan.number, recorder.points) == (0, [])

    scan.run()
    assert (scan.state, scan.points_done) == ("COMPLETED", 2)
    with pytest.raises(NotReady, match="has run already; make a new one"):
        scan.run()


def test_a_scan_that_would_leave_the_limits_is_refused_before_anything_moves(scans, recorder, beamline):
    before = beamline["samx"].position
    with pytest.raises(OutOfRange, match=r"samx: cannot move to 12.0 mm, outside limits \[-10.0, 10.0\] mm"):
        scans.ascan("samx", 0, 12, 3, 0.01, "i0", save=False)

    assert beamline["samx"].position == before
    assert recorder.ended == ["FAILED"]


def test_an_exposure_that_the_card_cannot_do_is_refused_before_anything_moves(scans, beamline):
    before = beamline["samx"].position
    with pytest.raises(OutOfRange, match=r"ct1: cannot count for 1e-06 s, outside the integration times"):
        scans.ascan("samx", before + 1, before + 2, 3, 1e-6, "i0", save=False)

    assert beamline["samx"].position == before
    assert beamline.stream.scan("last").state == "FAILED"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nosuch", 0, 1, 2, 0.1, "i0"), "nosuch: the beamline demo has no such device"),
        (("ct1", 0, 1, 2, 0.1, "i0"), "ascan: 'ct1' should be an axis, such as samx, or its name"),
        (("samx", 0, 1, 2, 0.1, "samy"), "ascan: 'samy' is not a counter; give some of .*i0, diode"),
        (("samx", 0, 1, 0, 0.1, "i0"), "the number of intervals should be a whole number of at least 1, not 0"),
        (("samx", 0, 1, 2.5, 0.1, "i0"), "the number of intervals should be a whole number of at least 1, not 2.5"),
        (("samx", 0, float("nan"), 2, 0.1, "i0"), "start and stop of samx should be a finite number in mm, not nan"),
        (("samx", 0, 1, 2, 0, "i0"), "the exposure time should be a number of seconds above 0, not 0"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(scans, arguments, complaint):
    with pytest.raises((BadValue, NotFound), match=complaint):
        scans.ascan(*arguments, save=False)


def test_an_attribute_that_is_no_number_is_refused_before_anything_moves(scans, beamline):
    before = beamline["samx"].position
    with pytest.raises(BadValue, match="ct1/ChannelNames: cannot be sampled, it is"):
        scans.ascan("samx", before + 1, before + 2, 2, 0.1, sampling("ct1/ChannelNames"), save=False)

    assert beamline["samx"].position == before


def test_an_attribute_of_a_device_that_nobody_knows_is_refused(scans):
    with pytest.raises(NotFound, match="sys/nobody/1"):
        scans.loopscan(1, 0.1, sampling("sys/nobody/1/value"), save=False)
