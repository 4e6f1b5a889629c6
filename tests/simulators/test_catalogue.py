"""Which instruments there are, and what they say of their parameters."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from ronda.simulators.catalogue import instrument_class, instrument_model, instrument_types


def test_each_file_of_instruments_is_a_type() -> None:
    assert {"counter_card", "io_unit", "machine_server", "motor_controller"} <= set(instrument_types())
    assert [instrument_class(each).__module__.rpartition(".")[2] for each in instrument_types()] == instrument_types()


def test_a_type_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="coffee_machine"):
        instrument_model("coffee_machine")
    with pytest.raises(KeyError):
        instrument_model("../catalogue")


@pytest.mark.parametrize("instrument_type", instrument_types())
def test_each_parameter_is_described_and_unknown_ones_are_refused(instrument_type: str) -> None:
    schema = instrument_model(instrument_type).model_json_schema()
    for model in [schema, *schema.get("$defs", {}).values()]:
        assert model["additionalProperties"] is False
        assert all(parameter["description"] for parameter in model["properties"].values())


@pytest.mark.parametrize(
    ("instrument_type", "parameters", "place", "message"),
    [
        ("motor_controller", {"axes": 0}, ("axes",), "should be from 1 to 1000 axes, not 0"),
        ("motor_controller", {"axes": {"1": {"stepz": 1}}}, ("axes", "1", "stepz"), "Extra inputs"),
        ("motor_controller", {"axes": {}}, ("axes",), "at least 1 item"),
        ("motor_controller", {"axes": {"1": {"velocity": 99}}}, ("axes", "1"), "to fastest 50.0"),
        ("motor_controller", {"axes": {"1": {"acceleration_time": 99}}}, ("axes", "1"), "from 0.01 to 10.0 s"),
        (
            "motor_controller",
            {"axes": {"1": {"lower_switch": 2, "upper_switch": 1}}},
            ("axes", "1"),
            "lower_switch 2.0 should be below upper_switch 1.0",
        ),
        ("counter_card", {"channels": {"1": "i1"}}, ("channels", "1"), "'i0' or 'diode'"),
        ("counter_card", {"channels": {}}, ("channels",), "at least 1 item"),
        ("counter_card", {}, ("channels",), "required"),
    ],
)
def test_wrong_parameters_are_named_with_their_place(
    instrument_type: str, parameters: dict[str, Any], place: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        instrument_model(instrument_type).model_validate(parameters)
    [problem] = caught.value.errors()
    assert tuple(map(str, problem["loc"])) == place
    assert message in problem["msg"]


def test_a_number_of_axes_stands_for_so_many_alike() -> None:
    parameters = instrument_model("motor_controller").model_validate({"axes": 3})
    assert sorted(parameters.model_dump()["axes"]) == [1, 2, 3]
    assert len(instrument_model("motor_controller")().model_dump()["axes"]) == 8


def test_asking_for_parameters_does_not_import_numpy() -> None:
    check = (
        "import sys; from ronda.simulators.catalogue import *; [instrument_model(t) for t in instrument_types()];"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
