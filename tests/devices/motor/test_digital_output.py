"""Actuators on digital outputs as axes, and what stands on them: named positions and foils."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tango

ARMS = {"travel_time": 0.1, "output": 2, "open_input": 1, "closed_input": 2, "interlock_input": 5, "opened": False}

SIGNALS = {
    "arm": {"channel": 2, "direction": "output"},
    "arm_in": {"channel": 1, "direction": "input"},
    "arm_out": {"channel": 2, "direction": "input"},
    "foil": {"channel": 8, "direction": "output"},
}
AXES = {
    "arm": {
        "channel": "test/digital_io/io/Arm",
        "in_input": "test/digital_io/io/ArmIn",
        "out_input": "test/digital_io/io/ArmOut",
        "time_limit": 2.0,
    },
    "foil": {"channel": "test/digital_io/io/Foil", "travel_time": 1.0},
}


class Bench:
    """An arm whose ends have switches, a foil on an output alone."""

    def __init__(self, rig: Any, simulators: Any) -> None:
        self.rig, self.simulators = rig, simulators
        self.arm, self.foil, self.io = rig.ready("arm"), rig.ready("foil"), rig.ready("io")


@pytest.fixture(scope="module")
def bench(rig: Any, simulate: Callable[..., Any]) -> Iterator[Bench]:
    simulators = simulate(io={"type": "io_unit", "shutters": {"shutter": ARMS}})
    unit = {"driver": "simulated", "address": simulators.address("io"), "poll_period": 0.05, "signals": SIGNALS}
    actuators = {"driver": "digital_output", "poll_period": 0.02, "idle_poll_period": 0.1, "axes": AXES}
    positions = {"IN": {"axes": {"arm": 1}}, "OUT": {"axes": {"arm": 0}}}
    wheels = {"foil": [{"at": 0}, {"at": 1, "material": "Al", "thickness": 100}]}
    rig.register(
        "actuators",
        {
            "io": {"kind": "digital_io", **unit},
            "actuators": {"kind": "motor", **actuators},
            "beamstop": {"kind": "multiposition", "tolerance": 0.1, "positions": positions},
            "att": {"kind": "attenuator", "energy": 10.0, "tolerance": 0.1, "wheels": wheels},
        },
    )
    rig.start("actuators")
    yield Bench(rig, simulators)
    rig.servers["actuators"].end()


def test_it_goes_in_and_out_and_is_moving_until_its_switch_is_reached(bench: Bench, stands: Any, slowly: Any) -> None:
    with slowly(bench.simulators):
        bench.arm.Position = 1
        assert bench.arm.state() == tango.DevState.MOVING
    stands(bench.arm)
    assert (bench.arm.Position, bench.io.Arm, bench.io.ArmIn) == (1.0, True, True)

    bench.arm.Position = 0
    stands(bench.arm)
    assert (bench.arm.Position, bench.io.Arm, bench.io.ArmOut) == (0.0, False, True)


def test_without_switches_it_has_arrived_after_its_travel_time(
    bench: Bench, stands: Any, listen: Any, wait_for: Any
) -> None:
    states = listen(bench.foil, "State")
    states.clear()
    bench.foil.Position = 1
    stands(bench.foil)
    wait_for(lambda: tango.DevState.ON in states.of("State"), 150, "it is told")
    assert states.of("State") == [tango.DevState.MOVING, tango.DevState.ON]
    assert (bench.foil.Position, bench.io.Foil) == (1.0, True)
    bench.foil.Position = 0
    stands(bench.foil)


def test_other_places_than_its_two_are_refused(bench: Bench) -> None:
    with pytest.raises(tango.DevFailed, match="an actuator goes to 0 or to 1"):
        bench.foil.Position = 0.3
    with pytest.raises(tango.DevFailed, match=r"outside|above"):
        bench.foil.Position = 2


def test_what_others_switch_is_followed(bench: Bench, wait_for: Any) -> None:
    bench.io.Arm = True
    wait_for(lambda: bench.arm.Position == 1.0, 150, "the arm is seen at 1")
    bench.io.Arm = False
    wait_for(lambda: bench.arm.Position == 0.0, 150, "the arm is seen at 0")


def test_one_that_does_not_arrive_says_so_and_works_again(bench: Bench, stands: Any, wait_for: Any) -> None:
    bench.simulators.ask(do="hutch", searched=False)  # the interlock holds it
    bench.arm.Position = 1
    stands(bench.arm)
    print(bench.arm.state(), bench.arm.status(), bench.arm.Position)
    assert bench.arm.state() == tango.DevState.ALARM
    assert "did not arrive at 1 within 2 s" in bench.arm.status()

    bench.simulators.ask(do="hutch", searched=True)
    bench.arm.Position = 0
    stands(bench.arm)
    assert bench.arm.state() == tango.DevState.ON


def test_named_positions_and_foils_stand_on_it(bench: Bench, wait_for: Any) -> None:
    beamstop, att = bench.rig.ready("beamstop"), bench.rig.ready("att")
    beamstop.Position = "IN"
    wait_for(lambda: beamstop.state() == tango.DevState.ON, 150, "the beamstop stands")
    assert (beamstop.Position, bench.io.ArmIn) == ("IN", True)

    wait_for(lambda: _told(lambda: len(att.FilterNames)) == 2, 150, "the tables are read")
    att.Filter = 1
    wait_for(lambda: att.state() == tango.DevState.ON, 150, "the foil stands")
    assert bench.io.Foil
    assert att.Transmission == pytest.approx(0.49, abs=0.02)  # 100 um of aluminium at 10 keV, NIST: 26.2 cm2/g


def _told(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except tango.DevFailed as failed:
        if "ask again in a second" not in failed.args[0].desc:
            raise
        return None
