"""One move from the outside, whatever the hardware does inside: backlash, switches, modulo, jogging, rates, power."""

from __future__ import annotations

import signal
import time

import pytest
import tango

ON, MOVING, ALARM, OFF = tango.DevState.ON, tango.DevState.MOVING, tango.DevState.ALARM, tango.DevState.OFF


@pytest.fixture(scope="module")
def axes(serve):
    return serve(
        "moves",
        {
            "up": ({"backlash": 0.5}, {"play": 0.2}),
            "down": ({"backlash": -0.5, "sign": -1}, {}),
            "ends": ({"sign": -1}, {"lower_switch": -2.0, "upper_switch": 2.0}),
            "turn": ({"unit": "deg", "modulo": 360, "limits": [-400, 400], "velocity": 90.0}, {}),
            "part": ({"unit": "deg", "modulo": 360, "limits": [-10, 90], "velocity": 90.0}, {}),
            "round": (
                {"unit": "deg", "modulo": 360, "shortest_way": False, "limits": [None, None], "velocity": 90.0},
                {},
            ),
            "plain": ({}, {}),
            "free": ({"limits": [None, None]}, {}),
        },
    )


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def directions(axes, channel):
    """Directions of the motion that the simulator made last, from its velocity near its end."""
    end = axes.true(channel)["ends"]
    truth = axes.simulators.ask(do="truth", at=end - 0.001)["instruments"]["motion"]["axes"][str(channel)]
    return truth["velocity"]


@pytest.mark.parametrize("target", [3.0, 1.0, 1.1, -2.0])
def test_a_move_ends_in_the_direction_of_the_backlash(axes, go, target):
    for name, channel, sign in (("up", 1, 1), ("down", 2, -1)):
        axis = getattr(axes, name)
        go(axis, target)
        assert axis.Position == pytest.approx(target)
        assert directions(axes, channel) * sign > 0


def test_the_play_of_the_stage_is_taken_up(axes, go):
    for target in (5.0, 2.0, 2.05, -1.0):
        go(axes.up, target)
        assert axes.true(1)["position"] == pytest.approx(target, abs=0.001)


def test_a_move_with_backlash_is_one_move_for_clients(axes, listen, stands):
    up = axes.up
    events = listen(up, "State", "Position")
    events.clear()
    up.Position = up.Position - 1.0
    stands(up)
    until(lambda: ON in events.of("State"))
    assert events.of("State") == [MOVING, ON]


def test_after_a_stop_even_a_short_move_takes_up_the_play(axes, go, stands):
    up = axes.up
    up.Position = up.Position - 5.0
    time.sleep(0.1)
    up.Stop()
    stands(up)
    go(up, up.Position + 0.1)
    assert axes.true(1)["position"] == pytest.approx(up.Position, abs=0.001)


def test_a_target_whose_way_back_is_outside_the_limits_is_refused(axes, go, refusal):
    up = axes.up
    go(up, 0.0)
    reason, sentence = refusal(up.write_attribute, "Position", -99.8)
    assert reason == "RONDA_OUT_OF_RANGE"
    assert sentence == (
        "up: cannot move to -99.8 mm: to take up its backlash it must come from -100.3 mm, "
        "outside limits [-100.0, 100.0] mm"
    )
    assert up.state() == ON
    assert up.Position == 0.0


def test_backlash_can_be_changed_and_is_kept(axes):
    up = axes.up
    up.Backlash = 0.7
    assert axes.rig.runtime_settings("test/axis/up")["backlash"] == 0.7
    up.Backlash = 0.5


def test_a_limit_switch_that_ends_a_move_is_named_on_both_scales(axes, stands, refusal, go):
    ends = axes.ends  # user = -dial
    ends.Position = 5.0
    stands(ends)
    assert ends.state() == ALARM
    status = ends.status()
    assert status.startswith(
        "ends: the high limit switch (low on the dial) ended the move to 5.0 mm (dial -5.0): it stands at 2."
    )
    assert status.endswith("; move it back from there")
    assert (ends.HighLimitSwitch, ends.LowLimitSwitch) == (True, False)
    reason, sentence = refusal(ends.write_attribute, "Position", 6.0)
    assert reason == "RONDA_NOT_ALLOWED"
    assert sentence.startswith(
        "ends: cannot move to 6.0 mm: it stands on its high limit switch (low on the dial) at 2."
    )
    go(ends, 0.0)
    assert ends.state() == ON


def test_a_limit_search_runs_onto_the_switch_of_the_user_scale(axes, stands, go, slowly):
    ends = axes.ends
    ends.SearchLowLimit()
    stands(ends)
    assert (ends.state(), ends.LowLimitSwitch) == (ALARM, True)
    assert ends.Position < -1.9
    assert ends.status() == "ends: stands on its low limit switch (high on the dial)"
    with slowly(axes.simulators):
        ends.SearchHighLimit()
        assert ends.status().startswith("ends: searching")
    stands(ends)
    assert ends.HighLimitSwitch
    go(ends, 0.0)


def test_a_rotation_turns_the_shorter_way(axes, go, refusal):
    turn = axes.turn
    go(turn, 350.0)
    assert turn.DialPosition == pytest.approx(-10.0)
    assert turn.Position == pytest.approx(350.0)
    go(turn, 20.0)
    assert turn.DialPosition == pytest.approx(20.0)
    go(turn, 720.0)
    assert (turn.Position, turn.DialPosition) == (pytest.approx(0.0), pytest.approx(0.0))


def test_a_rotation_with_limits_turns_the_way_that_is_allowed_or_says_no(axes, go, refusal):
    part = axes.part
    go(part, 80.0)
    go(part, 355.0)
    assert part.DialPosition == pytest.approx(-5.0)
    reason, sentence = refusal(part.write_attribute, "Position", 180.0)
    assert reason == "RONDA_OUT_OF_RANGE"
    assert sentence.startswith("part: cannot move to 180.0 deg, nor to what is 360 deg apart: outside dial limits")


def test_a_rotation_may_stay_within_its_turn(axes, go):
    round_ = axes.round
    go(round_, 100.0)
    go(round_, 300.0)
    assert round_.DialPosition == pytest.approx(300.0)
    go(round_, 10.0)
    assert round_.DialPosition == pytest.approx(10.0)


def test_a_jog_goes_on_until_stopped(axes, stands, refusal):
    free = axes.free
    free.Jog(-2.0)
    assert free.state() == MOVING
    assert "free: jogging at -2 mm/s" in free.status()
    reason, _ = refusal(free.Jog, 1.0)
    assert reason == "RONDA_BUSY"
    until(lambda: free.Position <= -0.1)
    free.Stop()
    stands(free)
    assert free.state() == ON
    assert free.Position < -0.09


def test_a_jog_ends_at_the_soft_limit_and_leaves_the_velocity_as_it_was(axes, go, stands, refusal):
    plain = axes.plain
    go(plain, 99.0)
    plain.Jog(50.0)
    stands(plain)
    assert plain.Position == pytest.approx(100.0)
    assert plain.Velocity == 20.0
    assert axes.mcmoves.Query("VEL? 7") == "OK 40000.0"
    reason, sentence = refusal(plain.Jog, 1.0)
    assert (reason, sentence) == (
        "RONDA_OUT_OF_RANGE",
        "plain: cannot jog at 1 mm/s: it stands at 100.0 mm, its high limit",
    )


@pytest.mark.parametrize("velocity", [0.0, float("nan")])
def test_a_jog_needs_a_velocity(axes, refusal, velocity):
    assert refusal(axes.plain.Jog, velocity)[0] == "RONDA_BAD_VALUE"


def test_rates_beyond_what_the_controller_can_are_refused_with_the_range(axes, refusal):
    plain = axes.plain
    assert refusal(plain.Jog, 1e4) == (
        "RONDA_OUT_OF_RANGE",
        "plain: cannot set the jog's velocity to 10000 mm/s, outside [0.001, 100] mm/s, "
        "which its configuration and its controller allow",
    )
    reason, sentence = refusal(plain.write_attribute, "AccelerationTime", 60.0)
    assert reason == "RONDA_OUT_OF_RANGE"
    assert sentence == (
        "plain: cannot set the acceleration time to 60 s, outside [0.01, 10] s, "
        "which its configuration and its controller allow"
    )
    assert plain.AccelerationTime == 0.02


def test_the_range_of_the_controller_stands_in_the_attribute_configuration(axes):
    plain = axes.plain
    until(lambda: plain.get_attribute_config("Velocity").max_value == "100.0")
    config = plain.get_attribute_config("Velocity")
    assert (float(config.min_value), float(config.max_value)) == (0.001, 100.0)


def test_acceleration_is_velocity_over_acceleration_time(axes, refusal):
    plain = axes.plain
    assert plain.Acceleration == pytest.approx(1000.0)
    plain.Acceleration = 500.0
    assert plain.AccelerationTime == pytest.approx(0.04)
    assert plain.Acceleration == pytest.approx(500.0)
    assert refusal(plain.write_attribute, "Acceleration", 0.0)[0] == "RONDA_BAD_VALUE"
    plain.AccelerationTime = 0.02


def test_power_can_be_switched_off_and_on(axes, refusal, slowly):
    plain = axes.plain
    plain.Disable()
    assert plain.state() == OFF
    reason, sentence = refusal(plain.write_attribute, "Position", 0.0)
    assert (reason, sentence) == (
        "RONDA_NOT_READY",
        "plain: cannot move to 0.0 mm, its power is off; Enable switches it on",
    )
    plain.Enable()
    assert plain.state() == ON
    with slowly(axes.simulators):
        plain.Position = 0.0
        assert refusal(plain.Disable)[0] == "RONDA_BUSY"
    plain.Stop()


def test_enable_clears_a_fault(axes, refusal, stands):
    plain = axes.plain
    stands(plain)
    axes.simulators.ask(do="fault", instrument="motion", axis=7)
    until(lambda: plain.state() == tango.DevState.FAULT)
    reason, sentence = refusal(plain.write_attribute, "Position", 1.0)
    assert (reason, sentence) == (
        "RONDA_HARDWARE",
        "plain: cannot move to 1.0 mm: following fault; Enable may clear it",
    )
    plain.Enable()
    assert plain.state() == ON


def test_a_move_that_ends_elsewhere_is_an_alarm_until_the_next_one(axes, stands, go, slowly):
    plain = axes.plain
    with slowly(axes.simulators):
        plain.Position = plain.Position - 30.0
        axes.mcmoves.Query("STOP 7")  # as by somebody at the front panel
    stands(plain)
    assert plain.state() == ALARM
    assert "it did not reach " in plain.status()
    assert plain.status().endswith("its controller does not say why")
    go(plain, 0.0)
    assert plain.state() == ON


def test_a_connection_lost_on_the_way_begins_nothing_more_and_is_told(axes, stands, go, slowly):
    up = axes.up
    go(up, 10.0)
    with slowly(axes.simulators):
        up.Position = -10.0  # beyond it, and back for the backlash
        axes.simulators.ask(do="close", instrument="motion", seconds=600)
        until(lambda: up.state() == tango.DevState.FAULT)
    until(lambda: axes.true(1)["register"] == -10.5 * 2000)
    axes.simulators.ask(do="close", instrument="motion", seconds=0)
    until(lambda: up.state() in (ON, ALARM))
    assert up.status().startswith(
        "up: stands at -10.5 mm, it did not reach -10.0 mm: its controller was not to be reached"
    )
    go(up, -10.0)
    assert up.state() == ON


def test_a_server_killed_on_the_way_leaves_the_motion_to_its_end_and_the_next_move_is_right(
    axes, rig, go, stands, slowly
):
    up = axes.up
    go(up, 20.0)
    with slowly(axes.simulators):
        up.Position = 0.0
        rig.servers["moves"].end(signal.SIGKILL)
    rig.start("moves")
    up = axes.up
    stands(up)
    assert up.Position == pytest.approx(-0.5)
    go(up, 0.0)
    assert up.state() == ON
    assert axes.true(1)["position"] == pytest.approx(0.0, abs=0.001)
