"""Checking simulated instruments by the models that the simulators themselves offer."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Protocol, cast

from pydantic import BaseModel

from ronda.framework.config.beamline import SimulatorsParameters
from ronda.framework.config.problems import Problem, listed, nearest
from ronda.framework.config.sentences import validate
from ronda.framework.config.source import Section
from ronda.framework.config.variables import expand_section
from ronda.framework.config.words import show

CATALOGUE = "ronda.simulators.catalogue"
"""Imported by name, because the simulators are an independent witness that nothing of ours is built on."""


class Catalogue(Protocol):
    """What the simulators say about themselves."""

    def instrument_types(self) -> list[str]:
        """The types of instruments."""
        ...

    def instrument_model(self, instrument_type: str) -> type[BaseModel]:
        """The parameters of a type beside `type`.

        Raises:
            KeyError: there is no such type.
        """
        ...


def catalogue() -> Catalogue:
    """The simulators' catalogue."""
    return cast("Catalogue", importlib.import_module(CATALOGUE))


def check_instrument(
    name: str, section: Section, environment: Mapping[str, str]
) -> tuple[list[Problem], list[Problem]]:
    """Check one simulated instrument.

    Returns:
        what is wrong with it, and the variables that could not be replaced.
    """
    raw = section.data
    if not isinstance(raw, dict):
        allowed = "must be a mapping with 'type' and further keys"
        return [Problem(section.location(), name, f"is {show(raw)}", allowed)], []
    unknown = expand_section(section, SimulatorsParameters, name, environment, only=("type",))
    types = catalogue().instrument_types()
    allowed = f"must be {listed(map(repr, types), 'or')}"
    if "type" not in raw:
        return [Problem(section.location(key=True), name, "the key 'type' is missing", allowed)], unknown
    if raw["type"] not in types:
        hint = nearest(str(raw["type"]), types)
        what = f"type is {show(raw['type'])}"
        return [Problem(section.location(("type",)), name, what, allowed, hint)], unknown
    model = catalogue().instrument_model(raw["type"])
    unknown += expand_section(section, model, name, environment)
    data = {key: value for key, value in raw.items() if key != "type"}
    return validate(model, section, name, data)[1], unknown
