"""What a person likes at the prompt: typing helper, keys and colours; kept from one day to the next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ronda.framework.errors import BadValue

THEMES: dict[str, dict[str, str]] = {
    "dark": {
        "prompt": "ansibrightcyan bold",
        "bottom-toolbar": "noreverse bg:#262626 #d0d0d0",
        "help": "#87d7ff",
        "call": "#afd787 bold",
        "good": "#87d787",
        "bad": "#ff8787 bold",
        "busy": "#ffd787",
        "faint": "#8a8a8a",
        "auto-suggestion": "#6c6c6c",
    },
    "light": {
        "prompt": "ansiblue bold",
        "bottom-toolbar": "noreverse bg:#e4e4e4 #303030",
        "help": "#005f87",
        "call": "#005f00 bold",
        "good": "#005f00",
        "bad": "#af0000 bold",
        "busy": "#875f00",
        "faint": "#6c6c6c",
        "auto-suggestion": "#9e9e9e",
    },
    "none": {"bottom-toolbar": "noreverse", "help": "", "call": "", "auto-suggestion": ""},
}
"""Colours of the prompt by theme."""

CODE_COLOURS = {"dark": "monokai", "light": "friendly"}
"""Pygments styles of what is typed, by theme."""

KEYS = ("emacs", "vi")


@dataclass
class Preferences:
    """What a person likes.

    Attributes:
        typing_helper: whether `mv samx 3` becomes `mv(samx, 3)`.
        keys: how lines are edited, `emacs` or `vi`.
        theme: `dark`, `light` or `none`, for terminals of that background, or without colours.
        scripts: the folder of the user's scripts; empty for the usual one.
    """

    typing_helper: bool = True
    keys: str = "emacs"
    theme: str = "dark"
    scripts: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.typing_helper, bool):
            raise BadValue(f"typing_helper: takes True or False, not {self.typing_helper!r}")
        if self.keys not in KEYS:
            raise BadValue(f"edit_keys: {self.keys!r} is not known; give one of {', '.join(KEYS)}")
        if self.theme not in THEMES:
            raise BadValue(f"theme: {self.theme!r} is not known; give one of {', '.join(THEMES)}")
        if not isinstance(self.scripts, str):
            raise BadValue(f"user_script_homedir: takes a folder, not {self.scripts!r}")


def load_preferences(file: Path, environment: Mapping[str, str]) -> Preferences:
    """What a person chose before; the defaults if there is nothing, or nothing that can be used.

    Args:
        file: where it is kept.
        environment: with NO_COLOR there are no colours, as https://no-color.org asks.
    """
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        found = Preferences(**{one.name: kept[one.name] for one in fields(Preferences) if one.name in kept})
    except (OSError, ValueError, TypeError, BadValue):
        found = Preferences()
    if environment.get("NO_COLOR"):
        found.theme = "none"
    return found


def save_preferences(file: Path, preferences: Preferences) -> None:
    """Keep what a person chose; a home that cannot be written is no reason not to work."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(asdict(preferences)), encoding="utf-8")
    except OSError:
        return
