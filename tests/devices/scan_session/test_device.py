"""The running scan as any Tango client sees it, and what such a client may tell it."""

from __future__ import annotations

import getpass

import pytest
import tango

from ronda.framework.scan.standard import Scans
from ronda.framework.tango.names import DeviceCommand, ScanSessionAttribute, ScanSessionCommand
from tests.devices.conftest import wait_until
from tests.framework.scan.conftest import connect
from tests.framework.scan.test_control import Running


@pytest.fixture(scope="module")
def beamline(demo):
    connected = connect(demo.exports)
    yield connected
    connected.close()


@pytest.fixture
def session(beamline):
    """Its Tango device, as a client that knows nothing of ours."""
    return tango.DeviceProxy(beamline["session"].remote.address)


@pytest.fixture
def scan(beamline):
    """One that has not begun."""
    return Scans(beamline, "panel", "ada").loopscan(2000, 0.05, "i0", title="a long one", save=False, run=False)


def test_names_are_the_documented_ones(session):
    assert set(session.get_attribute_list()) == {*map(str, ScanSessionAttribute), "State", "Status", "ChangedBy"}
    expected = {*map(str, DeviceCommand), *map(str, ScanSessionCommand), "State", "Status", "Init"}
    assert set(session.get_command_list()) == expected


def test_a_client_sees_a_scan_pauses_it_lets_it_go_on_and_stops_it(session, scan):
    running = Running(scan)
    wait_until(lambda: session.Identifier == scan.identifier and session.PointsDone > 2, "the scan is shown")
    assert (session.Number, session.Title, session.User, session.Points) == (scan.number, "a long one", "ada", 2000)
    wait_until(
        lambda: (session.state(), session.ScanState) == (tango.DevState.RUNNING, "RUNNING"), "it is shown to run"
    )
    assert 0 < session.Progress < 100
    wait_until(lambda: session.TimeLeft > 0, "the time left is known")

    session.Pause()
    wait_until(lambda: session.state() == tango.DevState.STANDBY, "it is shown as paused")
    wait_until(lambda: scan.state == session.ScanState == "PAUSED", "so it is")
    wait_until(lambda: session.Sentence == scan.sentence, "the reason is told")
    assert f"paused by {getpass.getuser()}@" in session.Sentence
    assert session.status().startswith(f"session: scan {scan.number} a long one PAUSED at ")
    wait_until(lambda: session.PointsDone == scan.points_done, "all points are counted")

    session.Resume()
    wait_until(lambda: session.state() == tango.DevState.RUNNING, "it goes on")
    session.Stop()
    running.end()
    wait_until(lambda: session.ScanState == "ABORTED", "its end is shown")
    wait_until(lambda: session.state() == tango.DevState.ON, "nothing runs")
    wait_until(lambda: f"stopped by {getpass.getuser()}@" in session.Sentence, "the reason is told")
    wait_until(lambda: session.TimeLeft == 0, "no time is left")


def test_without_a_scan_there_is_nothing_to_pause_and_stop_is_harmless(session, scan):
    running = Running(scan)
    wait_until(lambda: session.Identifier == scan.identifier, "the scan is shown")
    session.Abort()
    running.end()
    wait_until(lambda: session.state() == tango.DevState.ON, "its end is shown")
    session.Stop()
    session.Abort()
    for command in ("Pause", "Resume"):
        with pytest.raises(tango.DevFailed, match=f"session: cannot {command.lower()}: no scan runs"):
            session.command_inout(command)
