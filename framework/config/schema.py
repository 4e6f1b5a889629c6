"""The JSON schema of the YAML files, by which editors complete keys and mark mistakes."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ronda.framework.config.beamline import (
    FORMAT_VERSION,
    NAME_PATTERN,
    BeamlineParameters,
    ServerParameters,
    SessionParameters,
    SimulatorsParameters,
)
from ronda.framework.config.kinds import entry_models
from ronda.framework.config.parameters import SECRET_PATTERN
from ronda.framework.config.simulated import catalogue

Schema = dict[str, Any]

_VARIABLE: Schema = {"$ref": "#/$defs/variable"}


def schema_text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(beamline_schema(), indent=1, ensure_ascii=False) + "\n"


def beamline_schema() -> Schema:
    """The schema (draft 7, which editors know best) with all kinds, drivers and simulated instruments.

    Raises:
        ConfigurationError: a kind or a driver cannot be imported.
    """
    entries = entry_models()
    types = {name: catalogue().instrument_model(name) for name in catalogue().instrument_types()}
    models: list[type[BaseModel]] = [BeamlineParameters, ServerParameters, SessionParameters, SimulatorsParameters]
    models += [*(model for *_, model in entries), *types.values()]
    references, everything = models_json_schema([(model, "validation") for model in models])
    definitions = {name: _for_editors(schema) for name, schema in everything["$defs"].items()}
    names = {model: references[model, "validation"]["$ref"].split("/")[-1] for model in models}
    server, simulators = definitions[names[ServerParameters]], definitions[names[SimulatorsParameters]]
    server["properties"]["devices"] = _by_name("Its devices, by name.", _to("device"))
    simulators["type"] = ["object", "null"]
    simulators["properties"]["instruments"] = _by_name("The simulated instruments, by name.", _to("instrument"))
    for kind, driver, model in entries:
        fixed = {"kind": {"const": kind}} | ({"driver": {"const": driver}} if driver else {})
        definitions[names[model]]["properties"].update(fixed)
    for name, instrument in types.items():
        definitions[names[instrument]]["properties"]["type"] = {"const": name}
    definitions["variable"] = {
        "type": "string",
        "pattern": r"^\$\{.*\}$",
        "description": "From an environment variable when the files are loaded: ${NAME} or ${NAME:-default}.",
    }
    definitions["device"] = _device([(kind, driver, names[model]) for kind, driver, model in entries])
    definitions["instrument"] = _instrument({name: names[model] for name, model in types.items()})
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A file of a beamline's configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {"const": FORMAT_VERSION, "description": "Version of the format of these files."},
            "beamline": _to(names[BeamlineParameters]),
            "servers": _by_name("The device servers, by name.", _to(names[ServerParameters])),
            "sessions": _by_name("What people find at the prompt, by session.", _to(names[SessionParameters])),
            "simulators": _to(names[SimulatorsParameters]),
        },
        "$defs": dict(sorted(definitions.items())),
    }


def _by_name(description: str, schema: Schema) -> Schema:
    """A mapping from names, which may be empty."""
    names = {"pattern": NAME_PATTERN}
    return {
        "type": ["object", "null"],
        "description": description,
        "propertyNames": names,
        "additionalProperties": schema,
    }


def _device(entries: list[tuple[str, str | None, str]]) -> Schema:
    """An entry of `devices`: which keys it has follows from its kind and driver."""
    drivers: dict[str, list[str]] = {}
    for kind, driver, _ in entries:
        drivers.setdefault(kind, []).extend([driver] if driver else [])
    cases = []
    for kind, names in drivers.items():
        if names:
            own = {"type": "string", "pattern": ":", "description": "package.module:Class, a driver of your own"}
            driver_schema = {"anyOf": [{"enum": names}, own, _VARIABLE], "description": "Which hardware."}
            cases.append(_case({"kind": kind}, {"required": ["driver"], "properties": {"driver": driver_schema}}))
    for kind, driver, definition in entries:
        cases.append(_case({"kind": kind} | ({"driver": driver} if driver else {}), _to(definition)))
    kind_schema = {"anyOf": [{"enum": list(drivers)}, _VARIABLE], "description": "What kind of device this is."}
    return {"type": "object", "required": ["kind"], "properties": {"kind": kind_schema}, "allOf": cases}


def _instrument(definitions: dict[str, str]) -> Schema:
    """An entry of `instruments`: which keys it has follows from its type."""
    cases = [_case({"type": name}, _to(definition)) for name, definition in definitions.items()]
    properties = {"type": {"enum": list(definitions), "description": "What it simulates."}}
    return {"type": "object", "required": ["type"], "properties": properties, "allOf": cases}


def _to(definition: str) -> Schema:
    return {"$ref": f"#/$defs/{definition}"}


def _case(chosen: dict[str, str], then: Schema) -> Schema:
    condition = {"properties": {key: {"const": value} for key, value in chosen.items()}, "required": list(chosen)}
    return {"if": condition, "then": then}


def _for_editors(schema: Schema) -> Schema:
    """A definition as pydantic makes it, with units in the descriptions, and variables allowed for values."""
    rewritten: Schema = _rewrite(schema)
    if "properties" in rewritten:
        rewritten["properties"] = {key: _with_variable(value) for key, value in rewritten["properties"].items()}
    return rewritten


def _rewrite(schema: Any) -> Any:
    """Move pydantic's draft 2020 to draft 7, and what `parameter` was told into the description."""
    if isinstance(schema, list):
        return [_rewrite(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = {"title", "unit", "form", "live", "setting"}
    properties = schema.get("properties")
    plain = {key: value for key, value in schema.items() if key not in dropped | {"properties", "default"}}
    result = {"items" if key == "prefixItems" else key: _rewrite(value) for key, value in plain.items()}
    if "default" in schema:
        result["default"] = schema["default"]
    if isinstance(properties, dict):  # their names may be those of keywords
        result["properties"] = {name: _rewrite(value) for name, value in properties.items()}
    sentences = [str(schema.get("description", "")).split("\n")[0].rstrip(".")]
    if isinstance(schema.get("unit"), str):
        sentences.append(f"In {schema['unit'].replace('{unit}', '`unit`')}")
    if schema.get("setting") is True:
        sentences.append("Users change it at run time; their value wins until it is saved or reverted")
    elif schema.get("live") is True:
        sentences.append("A change needs no restart")
    if sentences[0]:
        result["description"] = ". ".join(sentences) + "."
    return result


def _with_variable(schema: Schema) -> Schema:
    """Let a value that is no free text be `${NAME}` as well, and so the values within it."""
    if "anyOf" in schema:
        alternatives = schema["anyOf"]
        widened = [_with_variable(each).get("anyOf", [_with_variable(each)]) for each in alternatives]
        unique = {json.dumps(each, sort_keys=True): each for group in widened for each in group}
        return {**schema, "anyOf": list(unique.values())}
    if schema.get("type") == "array" and "items" in schema:
        items = schema["items"]
        within = [_with_variable(item) for item in items] if isinstance(items, list) else _with_variable(items)
        return {**schema, "items": within}
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return {**schema, "additionalProperties": _with_variable(schema["additionalProperties"])}
    text = schema.get("type") == "string" and "enum" not in schema and "const" not in schema
    if "$ref" in schema or schema.get("type") in (None, "null", "object", "array"):
        return schema
    if text and ("pattern" not in schema or schema["pattern"] == SECRET_PATTERN):
        return schema
    outside: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    inside: Schema = {key: value for key, value in schema.items() if key not in outside}
    return {**outside, "anyOf": [inside, _VARIABLE]}
