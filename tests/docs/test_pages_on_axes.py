"""What the pages on axes say is what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ronda.devices.motor.contract import MotorController
from ronda.devices.motor.kind import KIND
from ronda.framework.clients.axis import Axis
from ronda.framework.config.hooks import HookParameters
from ronda.framework.config.kinds import load_driver

DOCS = Path(__file__).parents[2] / "docs"


def yaml_of(page: str) -> Any:
    found = re.search(r"^```yaml\n(.*?)^```", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return YAML(typ="safe").load(found[1].replace("      …\n", ""))


def test_the_motor_of_another_server_is_configured_as_the_page_says() -> None:
    entry = yaml_of("how-to/use-an-existing-motor.md")["servers"]["old_motors"]["devices"]["old"]
    model = KIND.parameters(load_driver("motor", "tango_attribute", MotorController))

    axis = KIND.devices("old", model.model_validate(entry))[1]
    assert (axis.name, axis.configuration["channel"]) == ("oldx", "other/motor/1")


def test_the_hooks_of_the_page_are_hooks() -> None:
    controller = yaml_of("how-to/prepare-a-motion.md")["mc1"]
    hooks = [*controller["before_move"], *controller["after_move"], *controller["axes"]["samx"]["before_move"]]

    assert len([HookParameters.model_validate(hook) for hook in hooks]) == 3


@pytest.mark.parametrize("name", [name for name in vars(Axis) if not name.startswith("_")])
def test_the_reference_of_the_axis_has_each_name(name: str) -> None:
    inner = {"is_at", "is_moving", "define_position", "check_state", "start", "await_rest", "arrive", "halt"}
    inner |= {"until_rest", "home_end", "details", "text", "timed_position"}
    if name not in inner:
        page = (DOCS / "reference" / "axis-in-python.md").read_text()
        assert re.search(rf"`[^`]*\b{name}\b[^`]*`", page), f"{name} is not in docs/reference/axis-in-python.md"


def test_the_reference_of_the_shell_has_each_command() -> None:
    from rich.console import Console

    from ronda.shell.prompt.session import ShellSession

    class Nothing:
        def __init__(self) -> None:
            self.objects: dict[str, Any] = {}
            self.configurations: dict[str, Any] = {}

        def foreign_axis(self) -> None:
            """Stands for that of a beamline."""

    beamline: Any = Nothing()
    commands = ShellSession(beamline, Console(), Console())._commands()
    page = (DOCS / "reference" / "shell.md").read_text()
    missing = [name for name in commands if not re.search(rf"`[^`]*\b{name}\(", page)]
    assert missing == []
