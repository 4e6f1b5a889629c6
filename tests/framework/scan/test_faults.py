"""Scans that are stopped, or whose parts die: each ends in the documented state, at rest, and the next one works."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from ronda.framework.errors import Busy, NotReady, RondaError
from ronda.framework.scan.standard import Scans
from ronda.framework.scan.stopped import ScanStopped


def interrupt():
    raise KeyboardInterrupt


def when(condition, action):
    """Do something from another thread, which it returns, as soon as a condition holds."""

    def watch():
        import tango

        with tango.EnsureOmniThread():
            while not condition():
                time.sleep(0.01)
            action()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_stop_from_elsewhere_ends_it_as_aborted_with_everything_at_rest(scans, recorder, beamline):
    beamline["samx"].move(0.0)
    beamline["samx"].wait()
    scan = scans.ascan("samx", 0.0, 5.0, 1, 0.01, "i0", save=False, run=False)
    recorder.at(0, lambda: when(lambda: beamline["samx"].position > 0.2, lambda: scan.stop("somebody")))
    with pytest.raises(ScanStopped, match="stopped by somebody"):
        scan.run()

    assert (scan.state, scan.points_done) == ("ABORTED", 1)
    assert 0.0 < beamline["samx"].position < 5.0
    assert beamline["samx"].state == "ON"
    assert beamline["ct1"].state == "ON"
    assert scan.stream.record().sentence == f"scan {scan.number}: stopped by somebody"
    assert recorder.ended == ["ABORTED"]


def test_a_long_exposure_is_broken_off_at_once(scans, recorder, beamline):
    scan = scans.loopscan(1, 1000.0, "i0", save=False, run=False)
    recorder.at(-1, lambda: when(lambda: "measuring" in beamline["ct1"].read("ScanStatus"), scan.abort))
    with pytest.raises(ScanStopped):
        scan.run()

    assert beamline["ct1"].state == "ON"
    assert scan.stream.extent("ct1").length == 0  # what was broken off is no point
    scans.loopscan(1, 0.01, "i0", save=False)


def test_ctrl_c_ends_it_as_aborted_and_a_dscan_still_goes_back(scans, recorder, beamline):
    beamline["samx"].move(1.0)
    beamline["samx"].wait()
    recorder.at(1, interrupt)
    with pytest.raises(KeyboardInterrupt):
        scans.dscan("samx", -0.2, 0.2, 4, 0.01, "i0", save=False)

    assert scans.last.state == "ABORTED"
    assert scans.last.stream.record().sentence == "stopped by Ctrl-C"
    assert beamline["samx"].position == pytest.approx(1.0)
    assert beamline["ct1"].state == "ON"


def test_a_saved_scan_that_is_stopped_is_closed_with_the_points_it_has(scans, recorder):
    recorder.at(2, interrupt)
    with pytest.raises(KeyboardInterrupt):
        scans.loopscan(100, 0.01, "i0")

    assert scans.last.wait_for_file(60).closed
    assert scans.last.stream.extent("ct1").length in (3, 4)


def test_a_stop_of_the_axis_by_somebody_else_lets_the_scan_fail(scans, recorder, beamline):
    beamline["samx"].move(0.0)
    beamline["samx"].wait()
    recorder.at(0, lambda: when(lambda: beamline["samx"].position > 0.2, lambda: stop_elsewhere(beamline)))
    with pytest.raises(RondaError, match=r"samx: stands at .* mm, not at 5 mm"):
        scans.ascan("samx", 0.0, 5.0, 1, 0.01, "i0", save=False)

    assert scans.last.state == "FAILED"


def stop_elsewhere(beamline):
    beamline.remote("samx", "samx").command("Stop")


def test_a_stop_of_the_card_by_somebody_else_lets_the_scan_fail(scans, recorder, beamline):
    recorder.at(1, lambda: beamline["ct1"].command("Stop"))
    with pytest.raises(RondaError, match="ct1: was stopped by a client"):
        scans.loopscan(10, 0.01, "i0", save=False)

    assert scans.last.state == "FAILED"
    scans.loopscan(1, 0.01, "i0", save=False)


def test_a_card_in_a_scan_takes_no_other_orders(scans, recorder, beamline):
    refusals = []

    def disturb():
        for action in (
            lambda: beamline["ct1"].command("Start"),
            lambda: Scans(beamline, "others").loopscan(1, 0.01, "i0", save=False),
        ):
            with pytest.raises(Busy) as caught:
                action()
            refusals.append(str(caught.value))

    recorder.at(0, disturb)
    scan = scans.loopscan(3, 0.01, "i0", save=False)

    assert scan.state == "COMPLETED"
    assert "ct1: cannot start: it takes part in a scan" in refusals[0]
    assert f"it is in scan {scan.number}" in refusals[1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_detector_server_that_dies_lets_the_scan_fail_and_the_next_one_works(survivor, recorder, wait_for, how):
    scans = Scans(survivor.beamline, observers=[recorder])
    pid = survivor.pid("counters")
    recorder.at(3, lambda: os.kill(pid, how))
    with pytest.raises(RondaError, match=r"ct1") as caught:
        scans.loopscan(100_000, 0.05, "i0", save=False)

    scan = scans.last
    assert scan.state == "FAILED"
    assert str(caught.value) == scan.stream.record().sentence
    length = scan.stream.extent("ct1").length
    assert length in (4, 5)
    assert len(recorder.points) in (length, length - 1)

    wait_for(lambda: survivor.pid("counters") not in (0, pid), 150, "the server is started again")
    wait_for(lambda: answers(survivor.beamline["ct1"]), 150, "the card answers")
    scans.loopscan(2, 0.01, "i0", save=False)
    assert scans.last.state == "COMPLETED"


def answers(device):
    try:
        return device.state == "ON"
    except RondaError:
        return False


def test_a_redis_that_is_killed_costs_no_point(survivor, recorder):
    scans = Scans(survivor.beamline, observers=[recorder])
    pid = survivor.pid("redis")
    recorder.at(20, lambda: os.kill(pid, signal.SIGKILL))
    scan = scans.loopscan(40, 0.05, "i0", "diode", save=False)

    assert scan.state == "COMPLETED"
    assert [index for index, _ in recorder.points] == list(range(40))
    assert scan.stream.read("i0", 0, 40).tolist() == [values["i0"] for _, values in recorder.points]


def test_a_halted_detector_server_that_goes_on_loses_and_doubles_nothing(survivor, recorder):
    scans = Scans(survivor.beamline, observers=[recorder])
    pid = survivor.pid("counters")

    def halt():
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.7, os.kill, (pid, signal.SIGCONT)).start()

    recorder.at(2, halt)
    scan = scans.loopscan(10, 0.05, "i0", save=False)

    assert scan.state == "COMPLETED"
    assert scan.stream.read("i0", 0, 10).tolist() == [values["i0"] for _, values in recorder.points]


OWNER = """
import os, sys
from ronda.framework.clients.beamline import Beamline
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.standard import Scans

class Tell(Observer):
    def on_point(self, scan, index, values):
        print(scan.identifier, flush=True)

exports = os.environ
beamline = Beamline.connect(exports["TANGO_HOST"], exports["RONDA_REDIS_URL"], exports["RONDA_BEAMLINE"], exports)
Scans(beamline, observers=[Tell()]).ascan("samx", 0, 9, 1, 0.01, "i0", save=False)
"""


def test_the_devices_of_a_scan_whose_owner_died_are_stopped_and_it_fails(victim, wait_for):
    beamline = victim.beamline
    beamline.remote("samx", "samx").write("Velocity", 0.02)  # 9 mm take 450 s, whatever the machine does meanwhile
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env={**os.environ, **victim.running.exports, "RONDA_REDIS_URL": beamline.redis_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    identifier = owner.stdout.readline().strip()
    assert identifier, "the owner did not come to its first point"
    wait_for(lambda: beamline["samx"].state == "MOVING", 150, "the axis moves to the second point")
    owner.kill()
    owner.communicate()
    scan = beamline.stream.scan(identifier)
    wait_for(lambda: scan.state == "FAILED", 150, "the host agent ends it")

    assert scan.record().sentence == "the program that ran the scan has died; its devices were stopped"
    assert beamline["ct1"].state == "ON"
    assert beamline["samx"].wait(150.0)
    assert beamline["samx"].position < 8.9
    Scans(beamline).loopscan(1, 0.01, "i0", save=False)


def test_a_writer_that_is_behind_holds_the_scan_which_says_so_and_then_goes_on(victim, recorder, wait_for):
    beamline = victim.beamline
    scans = Scans(beamline, observers=[recorder])
    scans.loopscan(1, 0.01, "i0", save=False)  # what connects now is counted before the bound is set
    writer = beamline.devices("NexusWriter")[0]
    writer.command("Pause")
    scan = scans.loopscan(300, 0.001, "i0", run=False)
    thread = threading.Thread(target=run_quietly, args=(scan,))
    recorder.at(20, lambda: beamline.stream.configure(limit=beamline.stream.memory().used, comfort=0))
    thread.start()
    wait_for(lambda: recorder.waiting, 150, "the scan is held")
    held_at = scan.points_done
    assert 20 < held_at < 300
    assert "the buffer is full" in recorder.waiting[0]
    assert "consumer writer is behind" in recorder.waiting[0]

    writer.command("Resume")
    thread.join(150)
    assert (scan.state, scan.sentence) == ("COMPLETED", "")
    assert scan.points_done == 300
    assert scan.wait_for_file(60).closed


def run_quietly(scan):
    import tango

    with tango.EnsureOmniThread(), contextlib.suppress(RondaError):
        scan.run()


def test_a_saved_scan_without_a_writer_is_refused_with_a_sentence(victim, wait_for):
    victim.running.ronda("stop", "writer", "-b", victim.running.folder)
    wait_for(lambda: victim.running.servers()["writer"]["state"] == "STOPPED", 150, "the writer is stopped")
    with pytest.raises(NotReady, match="the scan cannot be saved, no writer is at work: nexus_writer: "):
        Scans(victim.beamline).loopscan(1, 0.01, "i0")

    assert victim.beamline.stream.scans() == []
    assert Scans(victim.beamline).loopscan(1, 0.01, "i0", save=False).state == "COMPLETED"


def test_a_writer_that_is_just_being_started_is_waited_for(survivor, recorder, wait_for):
    scans = Scans(survivor.beamline, observers=[recorder])
    done: list[str] = []

    survivor.signal("writer", signal.SIGKILL)

    def waits_and_ends() -> bool:
        if done:  # the writer was there again before the scan began
            survivor.signal("writer", signal.SIGKILL)
            done.clear()
        with contextlib.suppress(NotReady):  # on a slow machine the server takes longer than a scan waits
            done.append(scans.loopscan(1, 0.01, "i0").state)
        return bool(done and recorder.waiting)

    wait_for(waits_and_ends, 150, "a scan waits and is saved")
    assert done == ["COMPLETED"]
    assert recorder.waiting[0].startswith("waiting for a writer: nexus_writer: its server ")
    assert recorder.waiting[-1] == ""
