"""What a regulation controller in YAML becomes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ronda.devices.regulation.contract import RegulationController
from ronda.devices.regulation.kind import KIND
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import ConfigurationError

OVEN = {
    "kind": "regulation",
    "driver": "simulated_oven",
    "address": "simulator:oven",
    "inputs": {"sensor": {"channel": 1}},
    "outputs": {"heater": {"channel": 1, "limits": [0, 80]}},
    "loops": {"oven": {"channel": 1, "input": "sensor", "output": "heater", "limits": [280, 700]}},
}


def entry(**changes: Any) -> Any:
    model = KIND.parameters(load_driver("regulation", "simulated_oven", RegulationController))
    return model.model_validate({**OVEN, **changes})


def test_it_becomes_a_controller_an_input_an_output_and_a_loop() -> None:
    devices = KIND.devices("hot", entry())
    assert [(each.name, each.family, each.tango_class) for each in devices] == [
        ("hot", "controller", "RegulationController"),
        ("sensor", "input", "Input"),
        ("heater", "output", "Output"),
        ("oven", "loop", "Loop"),
    ]
    loop = devices[-1]
    assert {"kp", "ki", "kd", "ramp_rate", "deadband", "deadband_time", "wait_mode"} == loop.settings
    assert loop.attributes["RampRate"]["unit"] == "K/min"
    assert loop.attributes["Kp"]["unit"] == "%/K"
    assert loop.attributes["Setpoint"] == {"unit": "K", "format": "%.3f", "min_value": "280.0", "max_value": "700.0"}
    assert devices[2].attributes["Value"]["max_value"] == "80.0"


def test_a_driver_must_be_given() -> None:
    with pytest.raises(ConfigurationError, match="a regulation controller needs a driver"):
        KIND.parameters(None)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"loops": {"oven": {"channel": 1, "input": "probe", "output": "heater"}}},
            "has the input probe, which is not",
        ),
        (
            {"inputs": {"a": {"channel": 1}, "b": {"channel": 1}}, "loops": {}},
            "a and b are both channel 1 of its inputs",
        ),
        (
            {"inputs": {"heater": {"channel": 1}}, "loops": {}},
            "heater is the name of one of its inputs and of one of its",
        ),
        ({"inputs": {}, "outputs": {}, "loops": {}}, "a controller without inputs, outputs and loops is of no use"),
        ({"outputs": {"heater": {"channel": 1, "safe_value": 120}}}, "safe_value 120.0 must be within limits"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        entry(**changes)
