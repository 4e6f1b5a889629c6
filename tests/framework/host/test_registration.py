"""The Tango database's picture of our devices, with a real database."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import tango

from ronda.framework.errors import ConfigurationError
from ronda.framework.host.entries import Wanted
from ronda.framework.host.registration import Registry


class Counted:
    """Passes calls on to the database and counts them."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._database, name)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A beamline of this test's own."""
    return "b" + str(abs(hash(request.node.name)) % 10**8)


@pytest.fixture
def registry(database: str, name: str) -> Registry:
    made = Registry(database, name)
    made._database = Counted(made._database)
    return made


@pytest.fixture
def samx(name: str) -> Wanted:
    return Wanted(
        f"{name}/axis/samx",
        f"{name}samx",
        "Axis",
        f"Ronda/{name}-motors",
        {"channel": 1, "limits": [-10.0, 10.0], "unit": "mm"},
        {"Position": {"unit": "mm", "format": "%.4f"}, "Velocity": {"unit": "mm/s"}},
        frozenset({"limits"}),
    )


def calls(registry: Registry) -> Counter[str]:
    counted: Any = registry._database
    made = Counter(counted.calls)
    counted.calls.clear()
    return made


def test_a_device_is_found_as_it_was_written(registry: Registry, samx: Wanted) -> None:
    assert registry.write(samx, None)
    found = registry.read()
    assert list(found) == [samx.name]
    device = found[samx.name]
    assert (device.name, device.alias, device.tango_class, device.server) == (
        samx.name,
        samx.alias,
        "Axis",
        samx.server,
    )
    assert device.configuration == samx.configuration
    assert device.attributes == samx.attributes
    assert device.runtime_settings == {}


def test_a_plain_client_finds_the_device_by_its_alias(registry: Registry, samx: Wanted, database: str) -> None:
    registry.write(samx, None)
    host, _, port = database.rpartition(":")
    assert tango.Database(host, int(port)).get_device_from_alias(samx.alias) == samx.name


def test_reading_takes_three_queries_however_many_devices(registry: Registry, samx: Wanted, name: str) -> None:
    for number in range(5):
        registry.write(replace(samx, name=f"{name}/axis/a{number}", alias=f"{name}a{number}"), None)
    calls(registry)
    assert len(registry.read()) == 5
    assert calls(registry) == {"command_inout": 3}


def test_nothing_is_written_where_nothing_differs(registry: Registry, samx: Wanted) -> None:
    registry.write(samx, None)
    found = registry.read()
    calls(registry)
    assert not registry.write(samx, found[samx.name])
    assert calls(registry) == {}


def test_texts_of_any_kind_are_kept_as_they_are(registry: Registry, samx: Wanted) -> None:
    """What came back changed would be written again at each start."""
    odd = replace(
        samx,
        configuration={"text": "a'b\"c\\d\n\t µ % _", "empty": "", "none": None, "deep": {"list": [1, 2.5, True, {}]}},
        attributes={"Position": {"label": "it's µm\\ %", "description": "two\nlines", "unit": ""}},
    )
    registry.write(odd, None)
    found = registry.read()[samx.name]
    assert found.configuration == odd.configuration
    calls(registry)
    assert not registry.write(odd, found)


def test_only_what_differs_is_written(registry: Registry, samx: Wanted) -> None:
    registry.write(samx, None)
    found = registry.read()[samx.name]
    calls(registry)
    assert registry.write(replace(samx, configuration={**samx.configuration, "channel": 2}), found)
    assert calls(registry) == {"put_device_property": 1}
    assert registry.write(replace(samx, attributes={**samx.attributes, "Position": {"unit": "µm"}}), found)
    assert calls(registry) == {"put_device_attribute_property": 1, "delete_device_attribute_property": 1}
    assert registry.read()[samx.name].attributes == {"Position": {"unit": "µm"}, "Velocity": {"unit": "mm/s"}}


def test_an_attribute_property_that_is_wanted_no_more_is_taken_out(registry: Registry, samx: Wanted) -> None:
    registry.write(samx, None)
    less = replace(samx, attributes={"Position": {"unit": "mm"}, "Velocity": {}})
    assert registry.write(less, registry.read()[samx.name])
    assert registry.read()[samx.name].attributes == {"Position": {"unit": "mm"}}


def test_run_time_settings_survive_every_change_of_the_configuration(registry: Registry, samx: Wanted) -> None:
    registry.write(samx, None)
    registry.set_runtime_settings(samx.name, {"offset": 1.25})
    registry.write(replace(samx, configuration={"channel": 7}, tango_class="Other"), registry.read()[samx.name])
    found = registry.read()[samx.name]
    assert (found.configuration, found.runtime_settings) == ({"channel": 7}, {"offset": 1.25})


def test_run_time_settings_survive_the_removal_and_return_of_a_device(registry: Registry, samx: Wanted) -> None:
    registry.write(samx, None)
    found = registry.read()[samx.name]
    registry.set_runtime_settings(samx.name, {"offset": 1.25})  # after we looked
    registry.remove(found)
    assert registry.read() == {}
    assert registry.runtime_settings(samx.name) == {"offset": 1.25}
    registry.write(samx, None)
    again = registry.read()[samx.name]
    assert again.runtime_settings == {"offset": 1.25}
    assert (again.alias, again.configuration, again.attributes) == (samx.alias, samx.configuration, samx.attributes)


def test_run_time_settings_can_be_forgotten(registry: Registry, samx: Wanted) -> None:
    registry.write(samx, None)
    registry.set_runtime_settings(samx.name, {"offset": 1.25})
    registry.set_runtime_settings(samx.name, {})
    assert registry.runtime_settings(samx.name) == {}


def test_damaged_properties_are_taken_for_none(registry: Registry, samx: Wanted) -> None:
    registry.write(samx, None)
    for rubbish in ("{", "[1]", "x"):
        registry._database.put_device_property(samx.name, {"configuration": [rubbish], "runtime_settings": [rubbish]})
        found = registry.read()[samx.name]
        assert (found.configuration, found.runtime_settings) == ({}, {})
        assert registry.write(samx, found)


def test_a_device_moves_to_another_server_with_all_that_it_has(registry: Registry, samx: Wanted, name: str) -> None:
    registry.write(samx, None)
    registry.set_runtime_settings(samx.name, {"offset": 1.25})
    before = registry.read()[samx.name]
    assert registry.write(replace(samx, server=f"Ronda/{name}-others"), before)
    after = registry.read()[samx.name]
    assert after.server == f"Ronda/{name}-others"
    assert (after.alias, after.configuration, after.attributes, after.runtime_settings) == (
        before.alias,
        before.configuration,
        before.attributes,
        {"offset": 1.25},
    )


def test_case_in_names_does_not_count(registry: Registry, samx: Wanted, name: str) -> None:
    odd = replace(samx, name=f"{name}/axis/samx", alias=f"{name}SamX", server=f"Ronda/{name}-MotorS")
    registry.write(odd, None)
    found = registry.read()
    assert list(found) == [samx.name]
    calls(registry)
    assert not registry.write(odd, found[samx.name])
    assert not registry.write(replace(odd, alias=f"{name}SAMX"), found[samx.name])
    assert calls(registry) == {}


def test_an_alias_of_another_device_of_the_beamline_is_taken_over(registry: Registry, samx: Wanted, name: str) -> None:
    """The device changed its kind, and with it its Tango name."""
    registry.write(samx, None)
    other = replace(samx, name=f"{name}/counter/samx", tango_class="Counter")
    registry.write(other, None)
    found = registry.read()
    assert found[other.name].alias == samx.alias
    assert found[samx.name].alias is None


def test_an_alias_of_a_foreign_device_is_refused(registry: Registry, samx: Wanted, database: str) -> None:
    elsewhere = Registry(database, "elsewhere")
    elsewhere.write(
        replace(samx, name="elsewhere/axis/x", server="Ronda/elsewhere-motors"),
        None,
    )
    with pytest.raises(
        ConfigurationError,
        match=rf"{samx.alias}: in this Tango database the name already belongs to elsewhere/axis/x, "
        r"which is not of this beamline; choose another name",
    ):
        registry.write(samx, None)
    assert elsewhere.read()["elsewhere/axis/x"].alias == samx.alias


def add_foreign(registry: Registry, device: str, alias: str) -> None:
    info = tango.DbDevInfo()
    info.name, info._class, info.server = device, "Gauge", "Gauges/old"
    registry._database.add_device(info)
    registry._database.put_device_alias(device, alias)


def test_a_foreign_device_with_a_name_like_ours_is_left_alone(registry: Registry, samx: Wanted, name: str) -> None:
    """Facilities register devices of other programs under a beamline's name too."""
    add_foreign(registry, f"{name}/axis/samx", f"{name}foreign")
    add_foreign(registry, f"{name}/vacuum/gauge", f"{name}gauge")
    assert registry.read() == {}
    with pytest.raises(ConfigurationError, match=rf"{name}/axis/samx already belongs to the server Gauges/old, which"):
        registry.write(samx, None)
    with pytest.raises(ConfigurationError, match=rf"the name already belongs to {name}/vacuum/gauge, which is not of"):
        registry.write(replace(samx, name=f"{name}/axis/other", alias=f"{name}gauge"), None)


def test_beamlines_with_similar_names_do_not_see_each_other(database: str, samx: Wanted) -> None:
    """`demo` must not take the devices of `demo-2` or `dem_o` for its own, and take them out."""
    names = ["sim", "sim-2", "s_m", "sxm", "si"]
    for name in names:
        device = replace(samx, name=f"{name}/axis/samx", alias=f"{name}x", server=f"Ronda/{name}-motors")
        Registry(database, name).write(device, None)
    for name in names:
        assert list(Registry(database, name).read()) == [f"{name}/axis/samx"]
