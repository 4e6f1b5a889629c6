"""The schema for editors and the reference, made from the same models as the check; and the demo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ronda.framework.config.kinds import entry_models
from ronda.framework.config.load import check, load_beamline
from ronda.framework.config.reference import reference_text
from ronda.framework.config.schema import beamline_schema, schema_text
from ronda.framework.config.source import parse, read_file

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT / "config" / "schema" / "beamline.schema.json"
REFERENCE = ROOT / "docs" / "reference" / "configuration.md"
DEMO = ROOT / "config" / "demo"

AXIS = "{channel: 1, steps_per_unit: 2000, velocity: 2.0, acceleration_time: 0.1}"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    schema = beamline_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def complaints(validator: jsonschema.Draft7Validator, text: str) -> list[str]:
    return [error.message for error in validator.iter_errors(parse(Path("a.yml"), text).data)]


def motor(axis: str, keys: str = "driver: simulated, address: 'h:1'") -> str:
    return f"servers: {{motors: {{devices: {{mc1: {{kind: motor, {keys}, axes: {{samx: {axis}}}}}}}}}}}"


def test_the_schema_in_the_repository_is_that_of_the_models() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), f"run: ronda config schema -o {SCHEMA}"


def test_the_reference_in_the_repository_is_that_of_the_models() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == reference_text(), f"run: ronda config reference -o {REFERENCE}"


def test_the_demo_is_right() -> None:
    assert check(DEMO, {}) == []


def test_the_demo_has_the_devices_that_the_tutorial_uses() -> None:
    servers = load_beamline(DEMO, {}).servers
    names = {each.name for server in servers.values() for device in server.devices for each in device.tango_devices}

    assert {"samx", "samy", "samz", "rot", "s1u", "s1d", "s1l", "s1r", "ct1"} <= names


@pytest.mark.parametrize("file", sorted(DEMO.glob("*.yml")), ids=lambda file: file.name)
def test_the_demo_points_to_the_schema_and_fits_it(file: Path, validator: jsonschema.Draft7Validator) -> None:
    first, *_ = file.read_text(encoding="utf-8").splitlines()

    assert first == "# yaml-language-server: $schema=../schema/beamline.schema.json"
    assert list(validator.iter_errors(read_file(file).data)) == []


@pytest.mark.parametrize(
    "text",
    [
        motor(AXIS),
        motor(AXIS.replace("2.0", "'${V}'")),
        motor(AXIS.replace("1,", "'${V:-1}',")),
        motor("{anything: 1}", "driver: my.package:Driver"),
        "version: 1\nbeamline: {name: demo, services: {redis: {password: '${P}'}, tango: {port: '${PORT}'}}}",
        "simulators: {instruments: {m: {type: motor_controller, axes: 3}, n: {type: counter_card, channels: {1: i0}}}}",
        "servers:\nsimulators:\n",
    ],
)
def test_the_schema_takes_what_the_check_takes(text: str, validator: jsonschema.Draft7Validator) -> None:
    assert complaints(validator, text) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (motor(AXIS.replace("velocity", "velocty")), "'velocty' was unexpected"),
        (motor(AXIS.replace("2.0", "-1")), "-1 is not valid"),
        (motor(AXIS, "address: 'h:1'"), "'driver' is a required property"),
        (motor(AXIS, "driver: simulatd"), "'simulatd' is not valid"),
        ("servers: {motors: {devices: {mc1: {kind: mottor}}}}", "'mottor' is not valid"),
        ("servers: {sam-x: {}}", "does not match"),
        ("beamline: {name: demo, services: {redis: {password: swordfish}}}", "is not valid"),
        ("simulators: {instruments: {m: {type: motr}}}", "'motr' is not one of"),
        ("version: 2", "1 was expected"),
    ],
)
def test_the_schema_refuses_what_the_check_refuses(
    text: str, complaint: str, validator: jsonschema.Draft7Validator
) -> None:
    assert complaint in "; ".join(complaints(validator, text))


def test_the_schema_says_units_and_what_a_change_needs() -> None:
    axis: Any = beamline_schema()["$defs"]["SimulatedAxisParameters"]

    assert "In `unit`/s." in axis["properties"]["velocity"]["description"]
    assert "Users change it at run time" in axis["properties"]["velocity"]["description"]


def test_each_key_has_a_description() -> None:
    def silent(schema: Any, path: str) -> list[str]:
        found = []
        for name, inner in schema.get("properties", {}).items():
            if "const" not in inner and "description" not in inner:
                found.append(f"{path}.{name}")
        return found

    schema = beamline_schema()
    assert [key for name, each in schema["$defs"].items() for key in silent(each, name)] == []


def test_the_schema_is_json() -> None:
    assert json.loads(schema_text())["title"] == "A file of a beamline's configuration"


def test_the_reference_has_a_table_for_each_driver() -> None:
    text = reference_text()

    for kind, driver, _ in entry_models():
        assert (f"kind {kind}, driver {driver}\n" if driver else f"kind {kind}\n") in text
    assert "| `velocity` | Velocity of a move | a number greater than 0 `unit`/s |  | run time |" in text
