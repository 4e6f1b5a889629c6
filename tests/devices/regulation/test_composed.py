"""Inputs made of anything, outputs to anything, and loops between them, as Tango clients see them."""

from __future__ import annotations

import math

import pytest
import tango

from tests.devices.conftest import wait_until

NAMES = ("slide", "volts", "place", "mixed", "warm", "drive", "push", "setter", "slow", "balance", "outer", "cascade")


def loop(source: str, sink: str, **keys):
    """A loop that integrates."""
    return {
        "kind": "regulation_loop",
        "input": source,
        "output": sink,
        "unit": "mm",
        "output_unit": "mm",
        "sampling_frequency": 20.0,
        "kp": 0.0,
        "deadband": 0.05,
        "deadband_time": 0.2,
        "on_failure": {"tolerate": 0.2},
        **keys,
    }


@pytest.fixture(scope="module")
def devices(rig, simulate):
    """A motor, two analogue outputs, and what is composed of them, in one server."""
    simulators = simulate(
        motion={"type": "motor_controller", "axes": {"1": {"name": "slide", "steps_per_unit": 1000, "fastest": 100}}},
        io={"type": "io_unit"},
    )
    slide = {"channel": 1, "steps_per_unit": 1000, "velocity": 50, "acceleration_time": 0.01, "limits": [-10, 10]}
    signal = {"direction": "output", "limits": [-10, 10]}
    safe = {"watchdog": 60, "poll_period": 0.05}
    rig.register(
        "composed",
        {
            "mc": {
                "kind": "motor",
                "driver": "simulated",
                "address": simulators.address("motion"),
                "axes": {"slide": slide},
            },
            "volts": {
                "kind": "analogue_io",
                "driver": "simulated",
                "address": simulators.address("io"),
                "poll_period": 0.05,
                "signals": {"a": {"channel": 1, **signal}, "b": {"channel": 2, **signal}},
            },
            "place": {"kind": "regulation_input", "axis": "slide", "unit": "mm", "poll_period": 0.05},
            "mixed": {
                "kind": "regulation_input",
                "values": {"a": {"attribute": "volts/A"}, "b": {"axis": "slide"}},
                "formula": "a + 2 * b",
                "unit": "mm",
                "poll_period": 0.05,
            },
            "warm": {  # 1 V is 10 mV of a thermocouple whose cold junction has 10 °C for each V of the other signal
                "kind": "regulation_input",
                "attribute": "volts/A",
                "formula": "10 * x",
                "unit": "°C",
                "sensor": {"thermocouple": "K", "cold_junction_from": {"attribute": "volts/B"}},
                "poll_period": 0.05,
            },
            "drive": {
                "kind": "regulation_output",
                "axis": "slide",
                "unit": "mm",
                "limits": [-5, 5],
                "step": 0.25,
                **safe,
            },
            "push": {
                "kind": "regulation_output",
                "axis": "slide",
                "moves": "relative",
                "unit": "mm",
                "limits": [-2, 2],
                "least_move": 0.1,
                **safe,
            },
            "setter": {
                "kind": "regulation_output",
                "attribute": "volts/B",
                "formula": "x / 10",
                "inverse": "x * 10",
                "unit": "%",
                "limits": [0, 50],
                **safe,
            },
            "slow": {
                "kind": "regulation_output",
                "attribute": "volts/A",
                "unit": "V",
                "limits": [0, 10],
                "slew_rate": 0.001,
                **safe,
            },
            "balance": loop("mixed", "drive", ki=2.0),
            "outer": {
                "kind": "regulation_output",
                "attribute": "balance/Setpoint",
                "unit": "mm",
                "limits": [-8, 8],
                **safe,
            },
            "cascade": loop("place", "outer", ki=2.0, deadband=0.3),
        },
    )
    rig.start("composed")
    found = {name: rig.ready(name) for name in NAMES}
    yield found
    rig.servers["composed"].end()


@pytest.fixture
def at_rest(devices):
    """The devices, all at 0 and fed by no loop."""
    for name in ("cascade", "balance"):
        devices[name].Off()
    for name in ("drive", "push", "setter", "slow", "outer"):
        devices[name].Release(["me", "hold"])
    devices["volts"].A = devices["volts"].B = 0.0
    stands(devices)
    devices["slide"].Position = 0.0
    stands(devices, 0.0)
    return devices


def stands(devices, position=None):
    """Wait until the motor stands, and stands there."""
    slide = devices["slide"]
    wait_until(lambda: slide.state() == tango.DevState.ON, "the motor stands")
    if position is not None:
        assert slide.Position == pytest.approx(position, abs=0.002)


def feed(output, value):
    """What a loop called `me` gets from an output for a value."""
    return output.Feed(([value], ["me"]))


def test_an_input_is_an_axis_or_a_formula_of_several_things(at_rest):
    at_rest["volts"].A = 1.5
    at_rest["slide"].Position = 2.0
    stands(at_rest)
    assert at_rest["place"].Measure() == pytest.approx(2.0, abs=0.002), "measured now, for loops of other servers"
    wait_until(lambda: at_rest["place"].Value == pytest.approx(2.0, abs=0.002), "the axis is read")
    wait_until(lambda: at_rest["mixed"].Value == pytest.approx(5.5, abs=0.01), "the formula is computed")


def test_a_thermocouple_tells_the_temperature_of_its_junction_or_what_is_wrong(at_rest):
    warm, volts = at_rest["warm"], at_rest["volts"]
    volts.B = 10.0  # °C
    volts.A = 1.1812  # 11.812 mV and 0.397 mV of the cold junction: 300 °C by NIST's table
    wait_until(lambda: warm.Value == pytest.approx(300.0, abs=0.2), "it is at 300 °C")
    volts.A = 9.0
    wait_until(lambda: warm.state() == tango.DevState.ALARM, "there is no such temperature")
    assert warm.read_attribute("Value").quality == tango.AttrQuality.ATTR_INVALID
    assert "mV is outside the range of a thermocouple of type K with its cold junction at " in warm.Fault
    assert math.isnan(warm.Measure())


def test_an_axis_is_moved_to_multiples_of_the_step_within_the_limits(at_rest):
    drive = at_rest["drive"]
    assert feed(drive, 1.3) == 1.3
    stands(at_rest, 1.25)
    assert feed(drive, 7.0) == 5.0
    stands(at_rest, 5.0)
    assert (drive.FedBy, drive.state()) == ("me", tango.DevState.RUNNING)
    drive.Release(["me", "off"])
    stands(at_rest, 0.0)


def test_relative_moves_count_from_where_the_axis_stood_and_small_ones_are_left_out(at_rest):
    push, slide = at_rest["push"], at_rest["slide"]
    slide.Position = 3.0
    stands(at_rest, 3.0)
    assert push.TakeOver("me") == pytest.approx(0.0, abs=0.002)
    assert feed(push, 0.5) == 0.5
    stands(at_rest, 3.5)
    feed(push, 0.55)
    stands(at_rest, 3.5)
    assert feed(push, -9.0) == -2.0
    stands(at_rest, 1.0)
    push.Release(["me", "off"])
    stands(at_rest, 3.0)


def test_an_attribute_is_written_by_a_formula_and_read_back_by_its_inverse(at_rest):
    setter, volts = at_rest["setter"], at_rest["volts"]
    feed(setter, 30.0)
    wait_until(lambda: abs(volts.B - 3.0) < 0.001, "the voltage is set")
    wait_until(lambda: setter.Value == pytest.approx(30.0, abs=0.01), "it is read back")
    with pytest.raises(tango.DevFailed, match="setter: cannot be set to 5 %, me drives it"):
        setter.Value = 5.0
    with pytest.raises(tango.DevFailed, match="setter: is fed by the loop me; switch that off first"):
        setter.Feed(([1.0], ["another"]))
    setter.Release(["me", "off"])
    wait_until(lambda: abs(volts.B) < 0.001, "the voltage is safe")


def test_an_output_is_no_faster_than_its_slew_rate(at_rest):
    slow = at_rest["slow"]
    assert 0.0 <= feed(slow, 9.0) < 1.0, "it would take hours"
    assert at_rest["volts"].A < 1.0


def test_a_loop_holds_a_formula_by_moving_an_axis(at_rest):
    balance, slide = at_rest["balance"], at_rest["slide"]
    balance.Setpoint = 4.0
    wait_until(lambda: slide.Position == pytest.approx(2.0, abs=0.2), "half of it is the axis's")
    at_rest["volts"].A = 2.0
    wait_until(lambda: slide.Position == pytest.approx(1.0, abs=0.2), "the axis goes against the disturbance")


def test_of_two_loops_in_cascade_the_outer_one_sets_the_inner_ones_setpoint(at_rest):
    balance, cascade, slide = at_rest["balance"], at_rest["cascade"], at_rest["slide"]
    balance.Setpoint = 0.0
    cascade.Setpoint = 2.0
    wait_until(lambda: balance.Setpoint == pytest.approx(4.0, abs=0.6), "the inner setpoint follows")
    at_rest["volts"].A = 2.0
    wait_until(lambda: balance.Setpoint == pytest.approx(6.0, abs=0.6), "it makes up for the disturbance")
    wait_until(lambda: slide.Position == pytest.approx(2.0, abs=0.35), "the axis is where the outer loop wants it")
    cascade.Off()
    wait_until(lambda: balance.Setpoint == 0.0, "the inner loop is at the outer output's safe value")


def test_a_loop_whose_axis_does_not_move_says_so_and_goes_on_when_it_does(at_rest):
    balance, slide = at_rest["balance"], at_rest["slide"]
    balance.Setpoint = 2.0
    wait_until(lambda: slide.Position == pytest.approx(1.0, abs=0.2), "it regulates")
    stands(at_rest)
    slide.Disable()
    at_rest["volts"].A = 1.5
    wait_until(lambda: balance.state() == tango.DevState.ALARM, "it cannot move the axis")
    assert "its output does not take values: slide: cannot move to " in balance.status()
    cycles = balance.Cycles
    wait_until(lambda: balance.Cycles > cycles + 40, "it goes on trying")
    wait_until(lambda: abs(balance.IntegralPart - slide.Position) < 1.0, "the integral does not run away meanwhile")
    slide.Enable()
    wait_until(lambda: balance.state() != tango.DevState.ALARM, "it can again")
