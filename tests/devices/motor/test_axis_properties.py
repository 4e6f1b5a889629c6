"""Whatever users do in whatever order, positions, limits and what is stored belong together: on a real device server."""

from __future__ import annotations

import signal
import time

import pytest
import tango
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

STEPS = 2000.0
"""Steps per unit."""

STEP = 1.0 / STEPS

WIDE = 1e4
"""A limit that nobody comes near to."""

SPEED = 20.0
"""How much faster than real time the simulated world goes."""

places = st.floats(-50, 50).map(lambda value: round(value, 3))


@pytest.fixture(scope="module")
def axes(serve):
    motors = serve("random", {"any": ({"discrepancy": {"policy": "refuse"}}, {"play": 0.01})})
    motors.simulators.ask(do="speed", factor=SPEED)
    return motors


def rest(axis, limit=150.0):
    deadline = time.monotonic() + limit
    while axis.state() == tango.DevState.MOVING:
        assert time.monotonic() < deadline
        time.sleep(0.002)


class AnyOrder(RuleBasedStateMachine):
    """An axis, and a model of what it should say."""

    def __init__(self, axes) -> None:
        super().__init__()
        self.axes = axes
        self.restarts = 0
        self.find()

    def find(self) -> None:
        self.axis = self.axes.rig.ready("any")

    @initialize(offset=places, sign=st.sampled_from([1, -1]))
    def begin(self, offset, sign) -> None:
        axis = self.axis
        rest(axis)
        axis.Sync()
        axis.LowLimit, axis.HighLimit = -WIDE, WIDE
        axis.Sign, axis.Offset, axis.Backlash, axis.Velocity = sign, offset, 0.0, 50.0
        self.sign, self.offset, self.backlash, self.velocity = sign, offset, 0.0, 50.0
        # the limits stay on the dial when offset and sign change
        axis.LowLimit, axis.HighLimit = offset - WIDE, offset + WIDE
        self.low, self.high = -WIDE, WIDE
        self.dial = axis.DialPosition

    def go(self, goal) -> str:
        """Begin a move; returns why it is refused."""
        try:
            self.axis.Position = goal
        except tango.DevFailed as failed:
            return str(failed.args[0].reason)
        return ""

    # -- what users do

    @rule(goal=places)
    def move(self, goal) -> None:
        dial = (goal - self.offset) * self.sign
        way_back = dial - self.backlash
        inside = self.low - 1e-9 <= dial <= self.high + 1e-9
        reason = self.go(goal)
        if reason:
            assert reason in ("RONDA_OUT_OF_RANGE", "API_WAttrOutsideLimit")
            assert not inside or not self.low <= way_back <= self.high
            return
        assert inside
        rest(self.axis)
        assert self.axis.state() == tango.DevState.ON, self.axis.status()
        assert self.axis.Position == pytest.approx(goal, abs=0.51 * STEP)
        self.dial = self.axis.DialPosition

    @rule(goal=places, pause=st.floats(0, 0.03))
    def move_and_stop(self, goal, pause) -> None:
        before = self.axis.DialPosition
        if self.go(goal):
            return
        time.sleep(pause)
        self.axis.Stop()
        rest(self.axis)
        dial = (goal - self.offset) * self.sign
        ends = [before, dial, dial - self.backlash]
        self.dial = self.axis.DialPosition
        assert min(ends) - STEP <= self.dial <= max(ends) + STEP

    @rule(offset=places)
    def change_offset(self, offset) -> None:
        self.axis.Offset = offset
        self.offset = offset

    @rule(sign=st.sampled_from([1, -1]))
    def change_sign(self, sign) -> None:
        self.axis.Sign = sign
        self.sign = sign

    @rule(position=places)
    def define_position(self, position) -> None:
        self.axis.DefinePosition(position)
        assert self.axis.Position == pytest.approx(position, abs=1e-9)
        self.offset = self.axis.Offset

    @rule(dial=places)
    def define_dial(self, dial) -> None:
        user = self.axis.Position
        self.axis.DefineDialPosition(dial)
        assert self.axis.Position == pytest.approx(user, abs=0.51 * STEP)
        self.dial = dial
        self.offset = self.axis.Offset

    @rule(first=places, second=places)
    def change_limits(self, first, second) -> None:
        low, high = sorted((first, second))
        if high - low < 1.0:
            return
        # from wide to narrow, so that the low one is below the high one at each moment
        self.axis.LowLimit, self.axis.HighLimit = -WIDE, WIDE
        self.axis.LowLimit, self.axis.HighLimit = low, high
        self.low, self.high = sorted(((low - self.offset) * self.sign, (high - self.offset) * self.sign))

    @rule(backlash=st.sampled_from([0.0, 0.2, -0.2]))
    def change_backlash(self, backlash) -> None:
        self.axis.Backlash = backlash
        self.backlash = backlash

    @rule(velocity=st.sampled_from([20.0, 50.0, 100.0]))
    def change_velocity(self, velocity) -> None:
        self.axis.Velocity = velocity
        self.velocity = velocity

    @rule()
    def initialise(self) -> None:
        self.axis.Init()
        self.find()

    @precondition(lambda self: self.restarts < 2)
    @rule(how=st.sampled_from([signal.SIGKILL, signal.SIGTERM]))
    def restart(self, how) -> None:
        self.restarts += 1
        self.axes.rig.servers["random"].end(how)
        self.axes.rig.start("random")
        self.find()

    @precondition(lambda self: self.restarts < 2)
    @rule(goal=places)
    def kill_in_mid_move(self, goal) -> None:
        if self.go(goal):
            return
        time.sleep(0.05)  # so that the place of before has been struck out
        self.restart(signal.SIGKILL)
        rest(self.axis)
        if self.axis.state() == tango.DevState.ALARM:  # killed before that
            self.axis.Sync()
        self.dial = self.axis.DialPosition

    # -- what is always so

    @invariant()
    def positions_belong_together(self) -> None:
        axis = self.axis
        if not hasattr(self, "dial"):
            return
        user, dial, offset, sign = axis.Position, axis.DialPosition, axis.Offset, axis.Sign
        assert (sign, offset) == (self.sign, pytest.approx(self.offset, abs=1e-9))
        assert dial == pytest.approx((user - offset) / sign, abs=1e-9)
        assert dial == pytest.approx(self.dial, abs=0.51 * STEP)
        assert self.axes.true(1)["register"] == round(dial * STEPS)
        assert axis.state() == tango.DevState.ON, axis.status()

    @invariant()
    def limits_stay_on_the_dial(self) -> None:
        if not hasattr(self, "dial"):
            return
        shown = sorted((limit - self.offset) * self.sign for limit in (self.axis.LowLimit, self.axis.HighLimit))
        assert shown == pytest.approx([self.low, self.high], abs=1e-6)

    @invariant()
    def what_users_set_is_stored(self) -> None:
        if not hasattr(self, "dial"):
            return
        stored = self.axes.rig.runtime_settings("test/axis/any")
        assert stored["sign"] == self.sign
        assert stored["offset"] == pytest.approx(self.offset, abs=1e-9)
        assert (stored["backlash"], stored["velocity"]) == (self.backlash, self.velocity)
        assert stored["limits"] == pytest.approx([self.low, self.high], abs=1e-6)
        assert self.axis.Velocity == self.velocity


def test_positions_limits_and_stored_settings_belong_together_whatever_is_done(axes):
    run_state_machine_as_test(
        lambda: AnyOrder(axes),
        settings=settings(
            max_examples=6,
            stateful_step_count=15,
            deadline=None,
            phases=(Phase.generate,),  # to shrink takes minutes here
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
