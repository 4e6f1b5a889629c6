"""The rules of the trigger line, on a real counter card: the next index only, exactly once, and never too late."""

import os
import signal
import threading

import pytest

from ronda.framework.errors import RondaError
from ronda.framework.scan.orders import Order, Progress
from ronda.framework.stream.description import Channel, Description, Device


class Line:
    """A scan of one channel of the card, whose triggers the test fires itself."""

    def __init__(self, beamline, wait_for):
        description = Description("by hand", [Device("ct1", [Channel("i0", unit="count")])], session="trigger rules")
        self.scan = beamline.stream.open_scan(description)
        self.card = beamline["ct1"]
        self.line = self.scan.trigger_line()
        self._wait_for = wait_for

    def arm(self, **order):
        self.card.command("ArmScan", Order(self.scan.identifier, 0.01, **order).to_json())

    def length(self):
        return self.scan.extent("ct1").length

    def end(self):
        return self.scan.extent("ct1").end

    def wait_for_length(self, length):
        self._wait_for(lambda: self.length() >= length, 150, f"{length} points")

    def wait_for_end(self):
        return self._wait_for(self.end, 150, "the end of the device")

    def progress(self):
        return Progress.from_json(self.card.read("ScanStatus"))

    def wait_for_progress(self, progress):
        """What the card says of itself may come a moment after its points."""
        self._wait_for(lambda: self.progress() == progress, 150, f"{progress}")


@pytest.fixture
def line(beamline, wait_for):
    made = Line(beamline, wait_for)
    yield made
    made.card.command("DisarmScan", made.scan.identifier)
    made.scan.set_state("ABORTED")


def test_each_trigger_is_taken_once_however_often_it_is_sent(line):
    line.arm()
    for index in (0, 0, 0, 1, 0, 1):
        line.line.fire(index)
        line.line.fire(index, attempt=1)
    line.line.fire(2)
    line.wait_for_length(3)

    line.wait_for_progress(Progress(line.scan.identifier, 3, "armed"))
    assert line.length() == 3


def test_a_trigger_fired_before_arming_is_not_taken(line):
    line.line.fire(0)
    line.arm(first=1)
    line.line.fire(1)
    end = line.wait_for_end()

    # the point 0 is missing in the stream, so nothing may be published after it
    assert (end.kind, end.length) == ("failed", 0)
    assert "point 1 would leave out 0 to 0" in end.sentence


def test_a_missed_trigger_lets_the_device_fail(line):
    line.arm()
    line.line.fire(0)
    line.wait_for_length(1)
    line.line.fire(2)
    end = line.wait_for_end()

    assert (end.kind, end.length) == ("failed", 1)
    assert "trigger 2 of scan" in end.sentence
    assert "1 was to come" in end.sentence


def test_the_device_seals_its_stream_after_its_last_point(line):
    line.arm(points=2)
    line.line.fire(0)
    line.line.fire(1)

    assert line.wait_for_end()[1:] == ("sealed", 2, "")
    line.wait_for_progress(Progress())


def test_leaving_seals_what_there_is(line):
    line.arm(points=10)
    line.line.fire(0)
    line.wait_for_length(1)
    line.card.command("DisarmScan", line.scan.identifier)

    assert line.end()[1:] == ("sealed", 1, "")
    assert line.card.state == "ON"


def test_leaving_another_scan_changes_nothing(line):
    line.arm()
    line.card.command("DisarmScan", "another")

    assert line.progress().scan == line.scan.identifier


def test_a_device_leaves_by_itself_when_the_scan_is_over(line, wait_for):
    line.arm()
    line.scan.set_state("RUNNING")
    line.scan.set_state("ABORTED")

    wait_for(lambda: line.card.state == "ON", 150, "the card is free")
    assert "no trigger will come" in line.progress().sentence


def test_an_unknown_scan_cannot_be_joined(line):
    with pytest.raises(RondaError, match="scan nosuch"):
        line.card.command("ArmScan", Order("nosuch", 0.01).to_json())


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"scan": "x"}', '{"scan": "x", "exposure": -1}', '{"scan": "x", "exposure": 1, "first": 1.5}'],
)
def test_an_order_that_cannot_be_read_is_refused(line, text):
    with pytest.raises(RondaError, match="ArmScan"):
        line.card.command("ArmScan", text)


def test_a_trigger_that_comes_after_its_expiry_is_not_measured(victim, wait_for, halt):
    line = Line(victim.beamline, wait_for)
    line.arm()
    pid = victim.pid("counters")
    halt(pid)
    line.line.fire(0, expiry=0.3)
    threading.Timer(1.0, os.kill, (pid, signal.SIGCONT)).start()
    end = line.wait_for_end()

    assert (end.kind, end.length) == ("failed", 0)
    assert "after its expiry of 0.3 s; the point was not measured" in end.sentence


def test_a_server_that_was_killed_takes_the_next_point_once_when_it_is_armed_again(victim, wait_for):
    line = Line(victim.beamline, wait_for)
    line.arm()
    line.line.fire(0)
    line.wait_for_length(1)
    pid = victim.pid("counters")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: victim.pid("counters") not in (0, pid), 150, "the server is started again")

    def is_free():
        try:
            return line.card.state == "ON"
        except RondaError:
            return False

    wait_for(is_free, 150, "the card answers")
    line.line.fire(1)  # nobody is armed
    line.arm(first=1)
    line.line.fire(1)  # the same trigger again is no trigger
    line.line.fire(1, attempt=1)
    line.line.fire(2)
    line.wait_for_length(3)

    line.wait_for_progress(Progress(line.scan.identifier, 3, "armed"))
    assert line.scan.read("i0", 0, 3).shape == (3,)
