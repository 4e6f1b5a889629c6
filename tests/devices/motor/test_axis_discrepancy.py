"""An axis that stands elsewhere than where it was seen last says so, and waits for a word of the user."""

from __future__ import annotations

import json
import signal
import socket
import time

import pytest
import tango

from ronda.framework.host.entries import LAST_POSITION

ON, ALARM = tango.DevState.ON, tango.DevState.ALARM

REFUSE = {"discrepancy": {"policy": "refuse"}}


@pytest.fixture(scope="module")
def axes(serve):
    return serve(
        "hand",
        {
            "strict": (REFUSE, {}),
            "mild": ({"discrepancy": {"policy": "report"}}, {}),
            "easy": ({"discrepancy": {"policy": "accept"}}, {}),
            "loop": (
                {**REFUSE, "encoder": {"steps_per_unit": 1000}, "closed_loop": {"window": 0.01}},
                {"encoder": 1000},
            ),
        },
        idle_poll_period=0.1,
    )


def reaches(proxy, state, limit=150.0):
    deadline = time.monotonic() + limit
    while proxy.state() != state:
        assert time.monotonic() < deadline, proxy.status()
        time.sleep(0.01)


def noted(axes, name):
    [text] = axes.rig.database().get_device_property(f"test/axis/{name}", LAST_POSITION)[LAST_POSITION] or ["{}"]
    return json.loads(text).get("dial")


def noted_at(axes, name, dial, limit=150.0):
    deadline = time.monotonic() + limit
    while noted(axes, name) != dial:
        assert time.monotonic() < deadline, noted(axes, name)
        time.sleep(0.02)


def test_where_it_stands_is_noted_when_it_has_rested(axes, go, slowly):
    go(axes.strict, 3.0)
    noted_at(axes, "strict", 3.0)
    with slowly(axes.simulators):
        axes.strict.Position = 50.0
        noted_at(axes, "strict", None)
    axes.strict.Stop()


def test_a_register_that_jumps_is_an_alarm_and_refuses_moves_until_sync(axes, go, refusal):
    strict = axes.strict
    reaches(strict, ON)
    go(strict, 3.0)
    axes.mchand.Query("SETPOS 1 0")
    reaches(strict, ALARM)
    assert strict.status().startswith("strict: stands at 0.0 mm, but was last seen at 3.0 mm: it was moved by hand")
    reason, sentence = refusal(strict.write_attribute, "Position", 1.0)
    assert reason == "RONDA_NOT_READY"
    assert sentence.startswith("strict: cannot move to 1.0 mm: it stands at 0.0 mm, but was last seen at 3.0 mm")
    assert "Sync accepts where it stands" in sentence
    assert refusal(strict.Jog, 1.0)[0] == "RONDA_NOT_READY"
    assert refusal(axes.mchand.MoveTogether, '{"strict": 1}')[0] == "RONDA_NOT_READY"
    strict.Sync()
    assert strict.state() == ON
    go(strict, 1.0)
    assert strict.Position == 1.0


def test_a_redefinition_of_the_dial_is_a_word_too(axes, go):
    strict = axes.strict
    go(strict, 2.0)
    axes.mchand.Query("SETPOS 1 500")
    reaches(strict, ALARM)
    strict.DefineDialPosition(2.0)
    assert strict.state() == ON
    assert (strict.DialPosition, strict.Position, strict.Offset) == (2.0, 2.0, 0.0)


def test_a_hand_that_puts_it_back_settles_the_matter(axes, go):
    strict = axes.strict
    go(strict, 2.0)
    axes.mchand.Query("SETPOS 1 0")
    reaches(strict, ALARM)
    axes.mchand.Query("SETPOS 1 4000")
    reaches(strict, ON)


def test_a_report_is_over_with_the_next_move(axes, go):
    mild = axes.mild
    go(mild, 2.0)
    axes.mchand.Query("SETPOS 2 0")
    reaches(mild, ALARM)
    go(mild, 1.0)
    assert mild.state() == ON


def test_an_easy_axis_takes_what_it_finds(axes, go):
    easy = axes.easy
    go(easy, 2.0)
    axes.mchand.Query("SETPOS 3 0")
    deadline = time.monotonic() + 60
    while easy.Position != 0.0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert easy.state() == ON


def test_a_hand_on_a_closed_loop_is_seen_by_the_encoder(axes, go):
    loop = axes.loop
    go(loop, 1.0)
    axes.simulators.ask(do="carry", instrument="motion", axis=4, distance=0.5)
    reaches(loop, ALARM)
    assert loop.status().startswith("loop: stands at 1.5 mm, but was last seen at 1.0 mm")
    loop.Sync()
    go(loop, 1.0)
    assert axes.true(4)["position"] == pytest.approx(1.0, abs=0.01)


def test_it_is_found_out_after_a_restart_too(axes, go, rig):
    strict = axes.strict
    go(strict, 4.0)
    noted_at(axes, "strict", 4.0)
    rig.servers["hand"].end(signal.SIGKILL)
    host, port = axes.simulators.address("motion").split(":")
    with socket.create_connection((host, int(port))) as panel:
        panel.sendall(b"SETPOS 1 0\n")
        assert panel.recv(100) == b"OK\n"
    rig.start("hand")
    strict = axes.strict
    reaches(strict, ALARM)
    assert strict.status().startswith("strict: stands at 0.0 mm, but was last seen at 4.0 mm")
    strict.Sync()
    assert strict.state() == ON


def test_after_a_kill_in_mid_move_the_place_is_that_of_the_hardware_and_the_next_move_is_right(
    axes, go, rig, stands, slowly
):
    strict = axes.strict
    go(strict, 0.0)
    noted_at(axes, "strict", 0.0)
    with slowly(axes.simulators):
        strict.Position = 20.0
        noted_at(axes, "strict", None)
        rig.servers["hand"].end(signal.SIGKILL)
    rig.start("hand")
    strict = axes.strict
    stands(strict)
    assert strict.state() == ON
    assert strict.Position == pytest.approx(axes.true(1)["register"] / 2000)
    assert strict.Position == 20.0
    go(strict, 5.0)
    assert axes.true(1)["register"] == 10000
