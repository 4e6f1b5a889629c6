"""What the entries of shutters, the machine, and units with signals become."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from ronda.framework.config.kinds import load_driver, load_kind
from ronda.framework.errors import ConfigurationError


def entry(kind: str, **keys):
    loaded = load_kind(kind)
    model = loaded.parameters(load_driver(kind, "simulated", loaded.contract))
    return loaded, model.model_validate({"kind": kind, "driver": "simulated", "address": "simulator:io", **keys})


@pytest.mark.parametrize(
    ("kind", "keys", "tango_class"),
    [
        ("shutter", {"output": 1, "open_input": 1, "closed_input": 2}, "Shutter"),
        ("machine", {}, "Machine"),
        ("digital_io", {"signals": {"lamp": {"channel": 1, "direction": "output"}}}, "DigitalIo"),
        ("analogue_io", {"signals": {"monitor": {"channel": 1, "direction": "input"}}}, "AnalogueIo"),
    ],
)
def test_an_entry_becomes_one_tango_device(kind, keys, tango_class):
    loaded, found = entry(kind, **keys)
    (device,) = loaded.devices("thing", found)
    assert (device.name, device.family, device.tango_class) == ("thing", kind, tango_class)
    assert json.loads(json.dumps(device.configuration)) == device.configuration


@pytest.mark.parametrize("kind", ["shutter", "machine", "digital_io", "analogue_io"])
def test_an_entry_without_a_driver_is_refused(kind):
    with pytest.raises(ConfigurationError, match="needs a driver, such as `driver: simulated`"):
        load_kind(kind).parameters(None)


@pytest.mark.parametrize(
    ("kind", "signals", "message"),
    [
        ("digital_io", {}, "at least 1 item"),
        ("digital_io", {"a": {"channel": 1, "direction": "input"}, "b": {"channel": 1, "direction": "input"}}, "a and b both are input 1"),
        ("digital_io", {"a_b": {"channel": 1, "direction": "input"}, "aB": {"channel": 2, "direction": "input"}}, "becomes the attribute AB, which a_b has"),
        ("digital_io", {"state": {"channel": 1, "direction": "input"}}, "becomes the attribute State, which the unit itself has"),
        ("analogue_io", {"a": {"channel": 1, "direction": "input", "factor": 0}}, "factor must not be 0"),
        ("analogue_io", {"a": {"channel": 1, "direction": "input", "limits": [0, 1]}}, "limits are for an output"),
        ("analogue_io", {"a": {"channel": 1, "direction": "output", "limits": [1, 1]}}, "the low limit 1.0 must be below the high limit 1.0 V"),
    ],
)  # fmt: skip
def test_signals_that_cannot_be_are_refused(kind, signals, message):
    with pytest.raises(ValidationError, match=message):
        entry(kind, signals=signals)


def test_one_channel_may_be_an_input_and_an_output():
    loaded, found = entry(
        "digital_io",
        signals={"a": {"channel": 1, "direction": "input"}, "b": {"channel": 1, "direction": "output"}},
    )
    (device,) = loaded.devices("unit", found)
    assert device.attributes == {"A": {"label": "a"}, "B": {"label": "b"}}
