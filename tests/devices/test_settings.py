"""Run-time settings win over the file as long as the file allows them."""

from __future__ import annotations

import pytest
from pydantic import model_validator

from ronda.devices.settings import Settings
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue, ConfigurationError


class Model(Parameters):
    channel: int = parameter("Which")
    label: str = parameter("What", "", live=True)
    velocity: float = parameter("How fast", gt=0, setting=True)
    fastest: float = parameter("Limit", 10.0, live=True)
    offset: float = parameter("Where", 0.0, setting=True)

    @model_validator(mode="after")
    def _check(self) -> Model:
        if self.velocity > self.fastest:
            raise ValueError(f"the velocity {self.velocity} mm/s is above {self.fastest} mm/s")
        return self


FILE = {"channel": 1, "velocity": 2.0}


def test_values_come_from_the_file_and_defaults():
    settings = Settings.check(Model, "samx", FILE, {})
    assert (settings.values.velocity, settings.values.offset) == (2.0, 0.0)


def test_a_runtime_value_wins_over_the_file():
    settings = Settings.check(Model, "samx", FILE, {"velocity": 3.0})
    assert settings.values.velocity == 3.0
    assert not settings.rejected


def test_a_wrong_configuration_names_device_key_and_value():
    with pytest.raises(
        ConfigurationError, match=r"samx: its configuration is wrong: velocity: input should be .*not -1"
    ):
        Settings.check(Model, "samx", {**FILE, "velocity": -1}, {})


def test_a_stored_value_that_the_file_no_longer_allows_is_reported_and_the_file_counts():
    settings = Settings.check(Model, "samx", {**FILE, "fastest": 2.5}, {"velocity": 3.0, "offset": 1.0})
    assert (settings.values.velocity, settings.values.offset) == (2.0, 1.0)
    assert settings.rejected["velocity"] == (
        "samx: the stored run-time setting of velocity does not fit the configuration any more and the file's value "
        "counts: the velocity 3.0 mm/s is above 2.5 mm/s"
    )
    assert settings.runtime == {"velocity": 3.0, "offset": 1.0}


def test_a_stored_value_of_a_key_that_is_no_setting_is_reported():
    settings = Settings.check(Model, "samx", FILE, {"channel": 7})
    assert settings.values.channel == 1
    assert "channel is not one of offset, velocity" in settings.rejected["channel"]


def test_a_change_makes_new_settings_and_leaves_the_old_ones():
    before = Settings.check(Model, "samx", FILE, {"offset": 1.0})
    after = before.changed("samx", {"velocity": 5.0})
    assert (after.values.velocity, after.values.offset) == (5.0, 1.0)
    assert after.runtime == {"offset": 1.0, "velocity": 5.0}
    assert before.values.velocity == 2.0


def test_a_change_that_is_not_allowed_says_why():
    settings = Settings.check(Model, "samx", FILE, {})
    with pytest.raises(BadValue, match=r"samx: the velocity 50\.0 mm/s is above 10\.0 mm/s"):
        settings.changed("samx", {"velocity": 50.0})


def test_a_change_mends_a_rejected_value():
    settings = Settings.check(Model, "samx", {**FILE, "fastest": 2.5}, {"velocity": 3.0})
    mended = settings.changed("samx", {"velocity": 2.4})
    assert mended.values.velocity == 2.4
    assert not mended.rejected


def test_a_change_of_another_key_keeps_a_rejected_value_stored():
    settings = Settings.check(Model, "samx", {**FILE, "fastest": 2.5}, {"velocity": 3.0})
    changed = settings.changed("samx", {"offset": 1.0})
    assert changed.runtime == {"velocity": 3.0, "offset": 1.0}
    assert changed.values.velocity == 2.0
    assert changed.rejected.keys() == {"velocity"}


def test_a_new_configuration_gives_its_live_keys_and_names_the_others():
    settings = Settings.check(Model, "samx", FILE, {"offset": 1.0})
    file = {"channel": 2, "velocity": 4.0, "label": "x", "offset": 9.0}
    new, waiting = settings.reconfigured("samx", file, {"offset": 1.0})
    assert waiting == ["channel"]
    assert (new.values.channel, new.values.velocity, new.values.label) == (1, 4.0, "x")
    assert new.values.offset == 1.0  # the user's value keeps winning
