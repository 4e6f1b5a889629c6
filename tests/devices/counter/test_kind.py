"""What a counter card's entry in YAML becomes."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from ronda.devices.counter.contract import CounterCard
from ronda.devices.counter.kind import KIND, entry_model
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import ConfigurationError


def entry(channels, **keys):
    model = KIND.parameters(load_driver("counter", "simulated", CounterCard))
    return model.model_validate(
        {"kind": "counter", "driver": "simulated", "address": "simulator:counters", "channels": channels, **keys}
    )


def test_a_card_becomes_one_tango_device():
    (device,) = KIND.devices("ct1", entry({"i0": {"channel": 1}, "diode": {"channel": 2}}))
    assert (device.name, device.family, device.tango_class) == ("ct1", "counter", "CounterCard")
    assert list(device.configuration["channels"]) == ["i0", "diode"]
    assert json.loads(json.dumps(device.configuration)) == device.configuration


def test_channels_become_attribute_configuration():
    (device,) = KIND.devices(
        "ct1",
        entry(
            {
                "sample_diode": {
                    "channel": 1,
                    "unit": "V",
                    "digits": 3,
                    "archive": {"period": 10},
                    "alarms": {"alarm": [None, 9]},
                }
            }
        ),
    )
    assert device.attributes["SampleDiode"] == {
        "unit": "V",
        "format": "%.3f",
        "label": "sample_diode",
        "archive_period": "10000",
        "max_alarm": "9.0",
    }
    assert device.attributes["IntegrationTime"] == {"min_value": "0.0001", "max_value": "100000.0"}


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ({}, "at least 1 item"),
        ({"i0": {"channel": 1}, "diode": {"channel": 1}}, "i0 and diode both use channel 1"),
        ({"counts": {"channel": 1}}, "the channel counts becomes the attribute Counts, which the card itself has"),
        ({"a_b": {"channel": 1}, "aB": {"channel": 2}}, "becomes the attribute AB, which a_b has; choose another"),
        ({"i0": {"channel": 0}}, "greater than or equal to 1"),
    ],
)
def test_channels_that_make_no_sense_are_refused(channels, message):
    with pytest.raises(ValidationError, match=message):
        entry(channels)


def test_an_integration_time_outside_its_limits_is_refused():
    with pytest.raises(ValidationError, match=r"the integration time 5\.0 s is outside integration_time_limits"):
        entry({"i0": {"channel": 1}}, integration_time=5, integration_time_limits=[0.1, 1])


def test_a_card_without_a_driver_is_refused():
    with pytest.raises(ConfigurationError, match="a counter card needs a driver, such as `driver: simulated`"):
        KIND.parameters(None)


def test_a_card_whose_driver_cannot_count_between_triggers_cannot_be_wired():
    class Plain(CounterCard):
        """A driver without gating."""

    channels = {"i0": {"channel": 1}}
    keys = {"kind": "counter", "driver": "plain", "channels": channels}
    assert entry_model(Plain).model_validate(keys).wiring.gate == ()
    with pytest.raises(ValidationError, match=r"wiring\.gate names samy, but the driver 'plain' cannot count between"):
        entry_model(Plain).model_validate({**keys, "wiring": {"gate": ["samy"]}})


ENCODER = {"input": 1, "axis": "samy", "steps_per_unit": 10000}


def test_an_encoder_at_an_input_becomes_a_counter():
    (device,) = KIND.devices("ct1", entry({"i0": {"channel": 1}}, encoders={"samy_enc": ENCODER}))
    assert device.counters == ("i0", "samy_enc")
    assert device.attributes["SamyEnc"] == {"unit": "mm", "format": "%.4f", "label": "samy_enc"}


@pytest.mark.parametrize(
    ("encoders", "message"),
    [
        ({"one": ENCODER, "two": {**ENCODER, "axis": "samz"}}, "one and two both use the encoder input 1"),
        ({"i0": ENCODER}, "the encoder i0 becomes the attribute I0, which i0 has; choose another name"),
        ({"one": {**ENCODER, "steps_per_unit": 0}}, "steps_per_unit of an encoder input must not be 0"),
    ],
)
def test_wrong_encoders_are_refused_in_words(encoders, message):
    with pytest.raises(ValidationError) as refused:
        entry({"i0": {"channel": 1}}, encoders=encoders)
    assert message in str(refused.value)


def test_a_driver_without_encoder_inputs_is_told_so():
    class Plain(CounterCard):
        """A card that has none."""

    with pytest.raises(ValidationError) as refused:
        entry_model(Plain).model_validate(
            {"kind": "counter", "driver": "plain", "channels": {"i0": {"channel": 1}}, "encoders": {"one": ENCODER}}
        )
    assert "encoders names one, but the driver 'plain' has no encoder inputs" in str(refused.value)


def test_the_page_on_latching_an_encoder_has_an_entry_that_is_right():
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "latch-an-encoder.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    keys = YAML(typ="safe").load(textwrap.dedent(text))["ct1"]
    (device,) = KIND.devices("ct1", entry(keys.pop("channels"), **keys))
    assert device.counters == ("i0", "diode", "samy_enc")
    assert device.configuration["encoders"]["samy_enc"]["axis"] == "samy"
