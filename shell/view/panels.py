"""Panels of devices as people arranged them on the page, in a YAML file of the beamline's folder."""

from __future__ import annotations

import os
import threading
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from ronda.framework.config.folder import PANELS
from ronda.framework.errors import BadValue, ConfigurationError, ServiceFailed

FILE = "view.yml"
"""The file of panels, in the folder PANELS of the beamline's folder."""

HEAD = "# Panels of the live view; the page writes them when an operator saves. Comments stay.\n"


class PanelDevice(BaseModel):
    """A device in a panel."""

    model_config = ConfigDict(extra="forbid")

    device: str = Field(min_length=1, max_length=100, description="Name of the device in the YAML files")
    attributes: list[str] = Field(
        [], max_length=100, description="Tango attributes that are shown; all if none is given"
    )
    chart: list[str] = Field([], max_length=4, description="Tango attributes of which a strip chart is drawn")


class Panel(BaseModel):
    """A panel."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=100, description="What stands above it; no two have the same")
    devices: list[PanelDevice] = Field([], max_length=50, description="Its devices, from top to bottom")


class Panels(BaseModel):
    """All panels, from top to bottom."""

    model_config = ConfigDict(extra="forbid")

    panels: list[Panel] = Field([], max_length=30, description="The panels")


class PanelFile:
    """The file in which panels are kept.

    Args:
        folder: the beamline's folder of YAML files.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / PANELS / FILE
        self._lock = threading.Lock()

    def read(self) -> Panels:
        """The panels; none as long as nobody saved any.

        Raises:
            ConfigurationError: the file says something else.
            ServiceFailed: it cannot be read.
        """
        return self._checked(self._load())

    def write(self, given: object) -> None:
        """Keep panels; comments in the file stay with what they stand at.

        Args:
            given: the panels as plain lists and dicts.

        Raises:
            BadValue: they are no panels.
            ConfigurationError: the file was changed to something else meanwhile.
            ServiceFailed: it cannot be written.
        """
        try:
            panels = Panels.model_validate({"panels": given})
        except ValidationError as error:
            raise BadValue(f"live view: these are no panels: {_sentence(error)}") from error
        titles = [one.title for one in panels.panels]
        if twice := next((one for one in titles if titles.count(one) > 1), ""):
            raise BadValue(f"live view: two panels are called {twice!r}; give one of them another title")
        with self._lock:
            old = self._load()
            self._checked(old)
            told = panels.model_dump(exclude_defaults=True)
            document = old if isinstance(old, CommentedMap) else CommentedMap()
            document["panels"] = _merged(document.get("panels"), told.get("panels", []), "title")
            text = StringIO()
            _yaml().dump(document, text)
            self._replace(text.getvalue() if isinstance(old, CommentedMap) else HEAD + text.getvalue())

    def _load(self) -> Any:
        try:
            return _yaml().load(self._path.read_text()) or CommentedMap() if self._path.exists() else None
        except YAMLError as error:
            raise ConfigurationError(f"{self._path}: is no YAML ({' '.join(str(error).split())})") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ServiceFailed(f"{self._path}: the panels of the live view cannot be read ({error})") from error

    def _checked(self, document: object) -> Panels:
        try:
            return Panels.model_validate(document or {})
        except ValidationError as error:
            raise ConfigurationError(f"{self._path}: {_sentence(error)}; mend or remove the file") from error

    def _replace(self, text: str) -> None:
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(exist_ok=True)
            with new.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise ServiceFailed(f"{self._path}: the panels of the live view cannot be written ({error})") from error


def _yaml() -> YAML:
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _merged(old: Any, new: list[dict[str, Any]], key: str) -> CommentedSeq:
    """New items in the old ones' places, so that their comments stay."""
    known = {one.get(key): one for one in old or []}
    merged = CommentedSeq()
    for one in new:
        place = known.get(one[key]) or CommentedMap()
        for name in [name for name in place if name not in one]:
            del place[name]
        for name, value in one.items():
            if name == "devices":
                place[name] = _merged(place.get(name), value, "device")
            elif place.get(name) != value:
                place[name] = value
        merged.append(place)
    return merged


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'][:1].lower()}{first['msg'][1:]}"
