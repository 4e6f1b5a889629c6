"""The control port: the truth, and faults on purpose."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def control(running: Any) -> Any:
    return running.control()


@pytest.fixture
def motion(running: Any) -> Any:
    return running.client("motion")


def test_the_truth_tells_positions_and_when_an_axis_started_and_stopped(motion: Any, control: Any) -> None:
    before = control.do(do="truth")["time"]
    motion.ask("MOVE 6 2000")
    during = control.do(do="truth")
    axis = during["instruments"]["motion"]["axes"]["6"]
    assert before <= axis["started"] <= during["time"]
    assert axis["ends"] - axis["started"] == pytest.approx(0.6)
    ended = control.do(do="truth", at=axis["ends"])["instruments"]["motion"]["axes"]["6"]
    assert (ended["position"], ended["velocity"]) == (1.0, 0.0)
    halfway = control.do(do="truth", at=axis["started"] + 0.3)["instruments"]["motion"]["axes"]["6"]
    assert (halfway["position"], halfway["velocity"]) == pytest.approx((0.5, 2.0))


def test_the_truth_maps_simulated_time_to_real_time(control: Any) -> None:
    early = time.monotonic()
    truth = control.do(do="truth")
    assert early <= truth["monotonic"] <= time.monotonic()
    later = control.do(do="truth", at=truth["time"] + 100.0)
    assert later["monotonic"] - truth["monotonic"] == pytest.approx(100.0 / truth["speed"])


def test_the_truth_tells_the_beam_and_the_rates(control: Any) -> None:
    truth = control.do(do="truth")
    assert truth["beam"]["current"] == pytest.approx(200, abs=1.0)
    assert truth["beam"]["front_end_open"] is True
    rates = truth["instruments"]["counters"]["rates"]
    assert rates["i0"] == pytest.approx(120 + 5e5 * truth["beam"]["intensity"])
    expected = 80 + 8e5 * truth["beam"]["intensity"] * truth["beam"]["sample_transmission"]
    assert rates["diode"] == pytest.approx(expected)


def test_the_truth_tells_what_each_part_of_the_beamline_lets_through(control: Any) -> None:
    beam = control.do(do="truth")["beam"]
    assert set(beam["transmissions"]) == {"slits", "monochromator", "attenuators", "shutter"}
    ring = beam["current"] / 200
    for part in beam["transmissions"].values():
        ring *= part
    assert beam["intensity"] == pytest.approx(ring, rel=0.02)
    assert beam["energy"] == pytest.approx(10.0)


def test_the_constants_of_the_formulas_can_be_asked_for(control: Any) -> None:
    constants = control.do(do="constants", of="copper_foil")["constants"]
    assert (constants["EDGE"], constants["DISTANCE"], constants["NEIGHBOURS"]) == (8.979, 2.556, 12)
    assert control.do(do="constants", of="slits")["constants"]["MIDDLE"] == [-0.21, 0.12]


def test_an_opened_hutch_shuts_the_safety_shutter(running: Any, control: Any) -> None:
    unit = running.client("io")
    control.do(do="hutch", searched=False)
    wait_for(lambda: unit.ask("DI? 1 2 3") == "OK 0,1,0")
    assert control.do(do="truth")["beam"]["intensity"] == 0.0
    control.do(do="hutch", searched=True)
    unit.ask("DO 1 1")
    wait_for(lambda: unit.ask("DI? 1 2 3") == "OK 1,0,1")


def test_a_jammed_shutter_does_not_move(running: Any, control: Any) -> None:
    unit = running.client("io")
    control.do(do="jam", shutter="shutter", jammed=True)
    unit.ask("DO 1 0")
    begun = control.do(do="truth")["time"]
    wait_for(lambda: control.do(do="truth")["time"] > begun + 4)
    assert unit.ask("DI? 1 2") == "OK 1,0"
    control.do(do="jam", shutter="shutter", jammed=False)
    wait_for(lambda: unit.ask("DI? 1 2") == "OK 0,1")
    unit.ask("DO 1 1")
    wait_for(lambda: unit.ask("DI? 1 2") == "OK 1,0")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_hanging_instrument_answers_late_and_the_others_in_time(running: Any, motion: Any, control: Any) -> None:
    start = time.monotonic()
    control.do(do="hang", instrument="motion", seconds=120)
    motion.send(b"STATUS? 1\nIDN?\n")
    assert running.client("counters").ask("IDN?") == "OK RONDA-SIM-CT,1,2"
    assert time.monotonic() - start < 60
    control.do(do="hang", instrument="motion", seconds=0)  # which ends it
    assert motion.receive().startswith(b"OK 1,")
    assert motion.receive() == b"OK RONDA-SIM-MC,1,6\n"
    assert time.monotonic() - start < 60


def test_an_instrument_hangs_for_as_long_as_was_asked(motion: Any, control: Any) -> None:
    start = time.monotonic()
    control.do(do="hang", instrument="motion", seconds=0.5)
    motion.send(b"IDN?\n")
    assert motion.receive() == b"OK RONDA-SIM-MC,1,6\n"
    assert time.monotonic() - start >= 0.5


def test_a_delayed_instrument_takes_longer_for_each_answer(motion: Any, control: Any) -> None:
    control.do(do="delay", instrument="motion", seconds=0.1)
    start = time.monotonic()
    motion.send(b"IDN?\n" * 3)
    assert [motion.receive() for _ in range(3)] == [b"OK RONDA-SIM-MC,1,6\n"] * 3
    assert time.monotonic() - start >= 0.3
    control.do(do="delay", instrument="motion", seconds=0)


def test_garbage_comes_instead_of_so_many_answers(motion: Any, control: Any) -> None:
    control.do(do="garbage", instrument="motion", answers=2)
    motion.send(b"IDN?\n" * 3)
    replies = [motion.receive() for _ in range(3)]
    assert [reply.startswith(b"OK") for reply in replies] == [False, False, True]


def test_closing_drops_the_clients_and_refuses_new_ones_for_a_time(running: Any, motion: Any, control: Any) -> None:
    control.do(do="close", instrument="motion", seconds=600)
    with pytest.raises(ConnectionError):
        dropped(motion)
    assert identity(running) == ""
    control.do(do="close", instrument="motion", seconds=0.2)
    wait_for(lambda: identity(running) == "OK RONDA-SIM-MC,1,6")


def identity(running: Any) -> str:
    """What a new client is answered; empty if it is dropped."""
    client = running.client("motion")
    try:
        return str(client.ask("IDN?"))
    except ConnectionError:
        return ""
    finally:
        client.close()  # hundreds come in a second


def dropped(client: Any) -> None:
    """Raise ConnectionError if the other side closed the connection."""
    if client.receive() == b"":
        raise ConnectionError


def test_a_fault_of_an_axis_is_flagged_until_its_power_is_switched_on(motion: Any, control: Any) -> None:
    assert control.do(do="fault", instrument="motion", axis=5) == {"ok": True}
    assert motion.ask("STATUS? 5") == "OK 5,FAULT,0,8"
    assert motion.ask("MOVE 5 1").startswith("ERR 4 axis 5 has a following fault")
    motion.ask("POWER 5 ON")
    assert motion.ask("STATUS? 5") == "OK 5,IDLE,0,0"


def test_a_beam_loss_and_a_closed_front_end_are_scripted(control: Any) -> None:
    control.do(do="ring", current=50.0)
    assert control.do(do="truth")["beam"]["current"] == pytest.approx(50, abs=1)
    control.do(do="ring", front_end=False)
    truth = control.do(do="truth")
    assert (truth["beam"]["intensity"], truth["beam"]["front_end_open"]) == (0.0, False)
    assert truth["instruments"]["counters"]["rates"] == {"i0": 120.0, "diode": 80.0}
    control.do(do="ring", current=None, front_end=True)
    assert control.do(do="truth")["beam"]["current"] == pytest.approx(200, abs=1.0)


def test_the_speed_of_time_is_changed(control: Any) -> None:
    assert control.do(do="speed", factor=5) == {"ok": True}
    assert control.do(do="truth")["speed"] == 5
    control.do(do="speed", factor=20)


@pytest.mark.parametrize(
    ("request_line", "error"),
    [
        ("nonsense", "Expecting value"),
        ("[]", "a request is an object whose key do is one of carry, close, constants, delay"),
        ('{"do": "dance"}', "a request is an object whose key do is one of"),
        ('{"do": "hang", "instrument": "piano", "seconds": 1}', "instrument should be one of motion, counters"),
        ('{"do": "hang", "instrument": "motion"}', "seconds should be a number of 0 or more, not None"),
        ('{"do": "hang", "instrument": "motion", "seconds": -1}', "seconds should be a number of 0 or more, not -1"),
        ('{"do": "fault", "instrument": "motion", "axis": 99}', "motion has no axis 99"),
        ('{"do": "slip", "instrument": "motion", "axis": 1, "part": 1}', "part should be below 1, not 1"),
        ('{"do": "carry", "instrument": "counters", "axis": 1, "distance": 1}', "has no axis 1"),
        ('{"do": "fault", "instrument": "counters", "axis": 1}', "has no axis 1"),
        ('{"do": "jam", "shutter": "door", "jammed": true}', "shutter should be one of shutter, not 'door'"),
        ('{"do": "jam", "shutter": "shutter"}', "jammed should be true or false, not None"),
        ('{"do": "hutch", "searched": 1}', "searched should be true or false, not 1"),
        ('{"do": "constants", "of": "os"}', "of should be one of attenuators, camera, copper_foil"),
        ('{"do": "speed", "factor": 0}', "factor should be greater than 0"),
        ('{"do": "truth", "when": 1}', "'when' has no meaning here"),
    ],
)
def test_a_wrong_request_is_answered_with_what_is_wrong(control: Any, request_line: str, error: str) -> None:
    assert error in json.loads(control.ask(request_line))["error"]


def test_a_fault_may_be_one_that_only_some_instruments_have(running: Any, control: Any) -> None:
    assert control.do(do="fault", instrument="ice", axis=11, fault="disconnected") == {"ok": True}
    assert running.client("ice").ask("?FPOS 11").endswith("ERROR Axis 11: Board is not present in the system")
    assert control.do(do="fault", instrument="ice", axis=11, fault="connected") == {"ok": True}
    error = control.do(do="fault", instrument="motion", axis=1, fault="disconnected")["error"]
    assert error == "motion has the fault following only, not disconnected"
