"""Environment variables and secrets in YAML values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ronda.framework.config.load import check, load_beamline
from ronda.framework.config.parameters import reveal
from ronda.framework.config.variables import MissingVariable, expand
from ronda.framework.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${HOST}:5000", "lab1:5000"),
        ("${NONE:-x y}", "x y"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("${NONE:-}", ""),
        ("${HOST}${HOST}", "lab1lab1"),
        ("costs $5", "costs $5"),
        ("${RECURSIVE}", "${HOST}"),
    ],
)
def test_variables_are_replaced_once(text: str, expanded: str) -> None:
    assert expand(text, {"HOST": "lab1", "EMPTY": "", "RECURSIVE": "${HOST}"}) == expanded


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A B}", "${A-b}", "x${A"])
def test_a_dollar_brace_that_begins_no_variable_is_refused(text: str) -> None:
    with pytest.raises(MissingVariable, match="does not begin a variable, it must be"):
        expand(text, {"A": "1"})


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(MissingVariable, match="the environment variable HOST is not set"):
        expand("${HOST}:5000", {})


@pytest.mark.usefixtures("example_kinds")
def test_a_value_that_is_one_variable_gets_the_type_that_its_key_wants(folder_of: Callable[..., Path]) -> None:
    folder = folder_of(
        a="""
version: 1
beamline: {name: demo, services: {redis: {url: "redis://db:6379", password: "${PASSWORD}"}}}
servers:
  motors:
    devices:
      mc1:
        kind: ${KIND}
        driver: ${DRIVER:-acme}
        token: ${TOKEN}
        serial: ${NUMBER}
        description: number ${NUMBER}
        axes:
          samx: {channel: "${NUMBER}", velocity: "${NUMBER}", inverted: "${YES:-true}"}
"""
    )

    beamline = load_beamline(folder, {"KIND": "motor", "NUMBER": "0012", "PASSWORD": "swordfish", "TOKEN": "swordfish"})

    entry = beamline.servers["motors"].devices[0].entry.model_dump()
    assert entry["kind"] == "motor"
    assert entry["driver"] == "acme"
    assert entry["serial"] == "0012"
    assert entry["description"] == "number 0012"
    assert entry["axes"]["samx"]["channel"] == 12
    assert entry["axes"]["samx"]["inverted"] is True
    assert entry["token"] == "${TOKEN}"
    assert beamline.parameters.services.redis.password == "${PASSWORD}"
    assert "swordfish" not in repr(beamline)


@pytest.mark.usefixtures("example_kinds")
def test_a_secret_need_not_be_known_where_the_files_are_checked(folder_of: Callable[..., Path]) -> None:
    folder = folder_of(
        a="version: 1\nbeamline: {name: demo, services: {redis: {url: 'redis://db', password: '${PASSWORD}'}}}"
    )

    assert load_beamline(folder, {}).parameters.services.redis.password == "${PASSWORD}"


@pytest.mark.usefixtures("example_kinds")
def test_a_password_that_a_url_brings_along_from_the_environment_is_refused_and_not_shown(
    folder_of: Callable[..., Path],
) -> None:
    folder = folder_of(a="version: 1\nbeamline: {name: demo, services: {redis: {url: '${URL}'}}}")

    [problem] = check(folder, {"URL": "redis://:swordfish@db"})

    assert "services.redis.url holds a password" in str(problem)
    assert "swordfish" not in repr(problem)


def test_a_secret_is_revealed_where_it_is_used() -> None:
    assert reveal("${PASSWORD}", {"PASSWORD": "swordfish"}) == "swordfish"


def test_a_secret_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigurationError, match="the environment variable PASSWORD is not set"):
        reveal("${PASSWORD}", {})


@pytest.mark.parametrize("text", ["swordfish", "${PASSWORD:-swordfish}", "x${PASSWORD}", "${PASSWORD}\n", ""])
def test_a_secret_that_is_not_exactly_a_variable_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must be \$\{NAME\} of an environment variable") as refusal:
        reveal(text, {"PASSWORD": "p"})
    assert "swordfish" not in str(refusal.value)
