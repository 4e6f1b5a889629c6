"""Whatever stands in the files: sentences, never an exception."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ronda.framework.config.load import check, load_beamline

RIGHT: dict[str, Any] = {
    "version": 1,
    "beamline": {
        "name": "demo",
        "hosts": {"lab1": {"services": True}, "lab2": {}},
        "services": {"redis": {"url": "redis://db", "password": "${P}"}, "tango": {"port": 20000}},
    },
    "servers": {
        "motors": {
            "host": "lab1",
            "devices": {
                "mc1": {
                    "kind": "motor",
                    "driver": "simulated",
                    "address": "simulator:motion",
                    "axes": {"samx": {"channel": 1, "limits": [0, 1]}, "samy": {"channel": 2, "follows": "samx"}},
                },
                "mc2": {"kind": "motor", "driver": "acme", "gains": {"1": 2.0}, "axes": {"rot": {"channel": 1}}},
            },
        },
        "counters": {
            "host": "lab2",
            "needs": ["motors"],
            "restart": {"policy": "never"},
            "devices": {"ct1": {"kind": "counter", "monitor": "samx", "channels": {"i0": {"channel": 1}}}},
        },
    },
    "simulators": {"host": "lab1", "instruments": {"motion": {"type": "motor_controller", "axes": {"1": {}}}}},
}

junk = st.sampled_from(
    [None, True, -1, 0, 1.5, "x", "", "samx", "mc1", "motors", "${V}", "${UNSET}", "${", "simulator:motion", "1", [],
     {}, [1, "x"], {"a": 1}, {"kind": "motor"}, float("nan"), float("inf"), 10**30, "a" * 300, "class", "simulated",
     [[1]], {"1": {}}, "lab9"]
)  # fmt: skip
keys = st.sampled_from(["velocity", "samx", "extra", "kind", "needs", "devices", "x-y", "1", "mc2", "type", "motors"])


def paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in below:
        yield (*path, key)
        yield from paths(value, (*path, key))


@st.composite
def changed_trees(draw: st.DrawFn) -> dict[str, Any]:
    tree = copy.deepcopy(RIGHT)
    for _ in range(draw(st.integers(0, 3))):
        *above, last = draw(st.sampled_from(list(paths(tree)) or [("version",)]))
        holder: Any = tree
        for element in above:
            holder = holder[element]
        action = draw(st.sampled_from(["replace", "add", "remove"]))
        if action == "add" and isinstance(holder, dict):
            holder[draw(keys)] = copy.deepcopy(draw(junk))
        elif action == "remove" and last in (holder if isinstance(holder, dict) else range(len(holder))):
            del holder[last]
        else:
            holder[last] = copy.deepcopy(draw(junk))
    return tree


@pytest.mark.usefixtures("example_kinds")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tree=changed_trees())
def test_a_right_configuration_changed_anyhow_gives_sentences(tree: dict[str, Any], tmp_path: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    with (tmp_path / "a.yml").open("w", encoding="utf-8") as file:
        yaml.dump(tree, file)

    problems = check(tmp_path, {"V": "5"})

    for problem in problems:
        assert "\n" not in str(problem)
        assert "nput should" not in str(problem)
    assert len(set(problems)) == len(problems)
    if not problems:
        assert load_beamline(tmp_path, {"V": "5"}).name
    if tree == RIGHT:
        assert problems == []
