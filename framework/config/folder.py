"""Reading a beamline's folder: its files, merged into sections."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ronda.framework.config.beamline import FORMAT_VERSION, Location
from ronda.framework.config.problems import Problem, listed, nearest, short
from ronda.framework.config.source import Document, Section, read_file
from ronda.framework.config.words import show

SECTIONS = ("version", "beamline", "servers", "sessions", "simulators")
"""The keys at the top of a file."""


@dataclass
class Folder:
    """The sections of all files.

    Attributes:
        path: the folder, absolute.
        documents: the files in order.
        beamline: the section that says who we are.
        servers: the section of each server, by name.
        sessions: the section of each session, by name.
        simulators: each section `simulators`; there may be one in each file.
        instruments: the section of each simulated instrument, by name.
        problems: what is wrong so far.
        newer: whether the files are of a newer version; then that is the only problem.
    """

    path: Path
    documents: list[Document] = field(default_factory=list)
    beamline: Section | None = None
    servers: dict[str, Section] = field(default_factory=dict)
    sessions: dict[str, Section] = field(default_factory=dict)
    simulators: list[Section] = field(default_factory=list)
    instruments: dict[str, Section] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    newer: bool = False

    @property
    def complete(self) -> bool:
        """Whether every file could be read, so that what is not there does not exist."""
        return all(document.readable for document in self.documents)


PANELS = "panels"
"""A subfolder that says nothing of the beamline: panels of the live view, which its page writes."""


def find_files(folder: Path) -> tuple[list[Path], list[Problem]]:
    """The YAML files of a folder and its subfolders in order, hidden ones left out; and folders that cannot be read."""
    problems: list[Problem] = []

    def unreadable(error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        problems.append(Problem(Location(Path(error.filename)), "folder", f"cannot be read: {reason}"))

    found: list[Path] = []
    visited: set[Path] = set()
    for place, subfolders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        if Path(place).resolve() in visited:  # a link back to a folder above
            subfolders.clear()
            continue
        visited.add(Path(place).resolve())
        subfolders[:] = sorted(
            name for name in subfolders if not name.startswith(".") and Path(place, name) != folder / PANELS
        )
        found += [Path(place, name) for name in names if name.endswith((".yml", ".yaml")) and not name.startswith(".")]
    if not found and not problems:
        problems.append(Problem(Location(folder), "folder", "holds no file *.yml"))
    return sorted(found), problems


def read_folder(path: Path) -> Folder:
    """Read all files of a folder and merge their sections; nothing is raised."""
    files, problems = find_files(path)
    folder = Folder(path, problems=problems)
    folder.documents = [read_file(file) for file in files]
    for document in folder.documents:
        folder.problems += document.problems
        version = document.data.get("version")
        if isinstance(version, int) and version > FORMAT_VERSION:
            what = f"the configuration is of version {version}, and this release reads up to {FORMAT_VERSION}"
            location = document.location(("version",))
            return Folder(path, problems=[Problem(location, "version", what, "upgrade ronda to read it")], newer=True)
    for document in folder.documents:
        for key, value in document.data.items():
            _take(folder, Section(document, (key,)), key, value)
    if (
        folder.beamline is None
        and folder.complete
        and files
        and not any("beamline" in d.data for d in folder.documents)
    ):
        what = "the key 'beamline' is missing in all files"
        folder.problems.append(Problem(Location(path), "beamline", what, "it must stand in one of them"))
    return folder


def _take(folder: Folder, section: Section, key: str, value: Any) -> None:
    """Take over one of the keys at the top of a file."""
    if key not in SECTIONS:
        hint = nearest(key, SECTIONS)
        what = f"unknown key {key!r}"
        location = section.location(key=True)
        folder.problems.append(Problem(location, "file", what, f"allowed are {listed(SECTIONS)}", hint))
    elif key == "version":
        if isinstance(value, bool) or value != FORMAT_VERSION:
            what = f"version is {show(value)}"
            folder.problems.append(Problem(section.location(), "file", what, f"must be {FORMAT_VERSION}"))
    elif value is None and key != "beamline":
        pass  # all servers of a file may be commented out
    elif not isinstance(value, dict):
        what = f"{key} is {show(value)}"
        folder.problems.append(Problem(section.location(), "file", what, "must be a mapping"))
    elif key == "beamline":
        _take_beamline(folder, section)
    elif key == "servers":
        _add(folder, folder.servers, section, value, "server")
    elif key == "sessions":
        _add(folder, folder.sessions, section, value, "session")
    else:
        folder.simulators.append(section)
        if isinstance(value.get("instruments"), dict):
            _add(folder, folder.instruments, section.below("instruments"), value["instruments"], "simulator")


def _take_beamline(folder: Folder, section: Section) -> None:
    if folder.beamline is not None:
        what = f"the key 'beamline' is given twice, first in {short(folder.beamline.location(key=True))}"
        folder.problems.append(Problem(section.location(key=True), "beamline", what, "remove one of them"))
        return
    folder.beamline = section
    if "version" not in section.document.data:
        allowed = f"write 'version: {FORMAT_VERSION}' beside the key 'beamline'"
        folder.problems.append(Problem(section.location(key=True), "file", "the key 'version' is missing", allowed))


def _add(folder: Folder, known: dict[str, Section], section: Section, values: Mapping[str, object], sort: str) -> None:
    for name in values:
        if name in known:
            what = f"the {sort} {name!r} is given twice, first in {short(known[name].location(key=True))}"
            location = section.location((name,), key=True)
            folder.problems.append(Problem(location, name, what, "rename or remove one of them"))
        else:
            known[name] = section.below(name)
