"""What becomes of an output whose loop dies: `kill -9` of the loop's server, and of both."""

from __future__ import annotations

import signal

import pytest
import tango

from tests.devices.conftest import wait_until
from tests.devices.regulation.conftest import FAST, controller, soft_loop


def renamed(number: int, **keys):
    """Parts with names of their own, for Tango aliases are shared by all servers of a database."""
    return {
        "inputs": {f"probe{number}": {"channel": 1}},
        "outputs": {f"heater{number}": {"channel": 1, "watchdog": 0.5, **keys}},
    }


@pytest.mark.parametrize(("number", "resume"), [(1, False), (2, True)])
def test_a_killed_loop_leaves_its_output_safe_and_resumes_only_if_told_to(rig, simulate, truth, number, resume):
    simulators = simulate(oven={"type": "oven", **FAST})
    rig.register(f"heaters{number}", {f"hot{number}": controller(simulators.address("oven"), **renamed(number))})
    loop = soft_loop(f"probe{number}", f"heater{number}", resume=resume)
    rig.register(f"loops{number}", {f"temp{number}": loop})
    rig.start(f"heaters{number}")
    rig.ready(f"hot{number}")
    rig.start(f"loops{number}")
    temp = rig.ready(f"temp{number}")
    heater = rig.proxy(f"heater{number}")
    temp.Setpoint = 400.0
    wait_until(lambda: heater.FedBy == f"temp{number}" and truth(simulators)["output"] > 10, "it heats")

    rig.servers[f"loops{number}"].end(signal.SIGKILL)

    wait_until(lambda: truth(simulators)["output"] == 0, "the heater is safe")
    wait_until(lambda: heater.state() == tango.DevState.ALARM, "the output says so")
    assert f"no value from the loop temp{number} for 0.5 s; it went to its safe value, 0 %" in heater.status()
    rig.start(f"loops{number}")
    temp = rig.proxy(f"temp{number}")
    if resume:
        wait_until(lambda: temp.IsRegulating, "it resumes")
        assert temp.Setpoint == 400.0
        wait_until(lambda: heater.FedBy == f"temp{number}", "the heater is fed")
    else:
        wait_until(lambda: temp.state() == tango.DevState.ALARM, "it says that it is off")
        assert "its server ended while it regulated; Start goes on" in temp.status()
        assert not temp.IsRegulating
        assert truth(simulators)["output"] == 0
    rig.servers[f"loops{number}"].end()
    rig.servers[f"heaters{number}"].end()


def test_when_the_outputs_server_is_killed_too_the_hardware_brings_it_to_safety(rig, simulate, truth):
    simulators = simulate(oven={"type": "oven", **FAST})
    rig.register(
        "both",
        {
            "hot3": controller(simulators.address("oven"), **renamed(3)),
            "temp3": soft_loop("probe3", "heater3"),
        },
    )
    rig.start("both")
    rig.ready("hot3")
    temp = rig.ready("temp3")
    temp.Setpoint = 400.0
    wait_until(lambda: truth(simulators)["output"] > 10, "it heats")
    rig.servers["both"].end(signal.SIGKILL)
    wait_until(lambda: truth(simulators)["output"] == 0, "the heater is safe")


def test_a_server_that_ends_as_it_should_lets_go_of_its_output(rig, simulate, truth):
    simulators = simulate(oven={"type": "oven", **FAST})
    rig.register(
        "ending",
        {
            "hot4": controller(simulators.address("oven"), **renamed(4, when_lost="hold")),
            "temp4": soft_loop("probe4", "heater4"),
        },
    )
    rig.start("ending")
    rig.ready("hot4")
    temp = rig.ready("temp4")
    temp.Manual(30.0)
    wait_until(lambda: truth(simulators)["output"] == 30.0, "it heats")
    rig.servers["ending"].end(signal.SIGTERM)
    assert truth(simulators)["output"] == 30.0, "when_lost is hold"
