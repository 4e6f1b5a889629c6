"""The files of datasets and proposals: links to scans, and the defaults by which viewers find a plot."""

from __future__ import annotations

import fcntl
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import h5py

from ronda.framework.nexus.layout import PROGRAM


def add_link(
    links_file: Path,
    target: Path,
    inside: str,
    name: str,
    *,
    beside: Mapping[str, str] = MappingProxyType({}),
    root: Path,
    lock: Path,
    give: Callable[[Path], None] = lambda _: None,
) -> Path:
    """Let a file link to something in another, and show that first; returns the path of that file.

    The whole file is replaced at once, open viewers keep the old one; if nothing changes, it stays. A file that holds
    anything but links is never replaced: ours is called differently then.

    Args:
        target: the other file.
        inside: path in it.
        name: of the link; if it leads elsewhere already, the new one is called differently.
        beside: names of further links, by the path in the other file; nothing shows them first.
        root: links to anything that is not below it are dropped.
        lock: file that keeps other writers out meanwhile.
        give: sets mode and owner of the new file.

    Raises:
        OSError: it cannot be written.
    """
    with _locked(lock):
        while not _holds_links_only(links_file):
            links_file = links_file.with_name(f"{links_file.stem}_links{links_file.suffix}")
        to = os.path.relpath(target, links_file.parent)
        links = read_links(links_file)
        kept = {link: place for link, place in links.items() if _is_below(root, links_file, place[0])}
        for where, wished in beside.items():
            kept[_free_name(wished, target, (to, where), kept)] = (to, where)
        name = _free_name(name, target, (to, inside), kept)
        kept[name] = (to, inside)
        if kept == links and _default(links_file) == name:
            return links_file
        part = links_file.with_name(f"{links_file.name}.part")
        part.unlink(missing_ok=True)
        with h5py.File(part, "w", locking=False) as file:
            file.attrs.update({"NX_class": "NXroot", "creator": PROGRAM, "default": name})
            for link, place in kept.items():
                file[link] = h5py.ExternalLink(*place)
        give(part)
        part.replace(links_file)
    return links_file


def _free_name(name: str, target: Path, place: tuple[str, str], taken: Mapping[str, tuple[str, str]]) -> str:
    """The name for a link to a place, or one like it if that leads elsewhere already."""
    others = (f"{name}_{target.stem}", *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    return next(one for one in itertools.chain((name,), others) if taken.get(one, place) == place)


def read_links(links_file: Path) -> dict[str, tuple[str, str]]:
    """The links of a file by name: path of the other file from there, and the path inside it.

    Raises:
        OSError: it cannot be read.
    """
    if not links_file.exists():
        return {}
    with h5py.File(links_file, "r", locking=False) as file:
        found = {name: file.get(name, getlink=True) for name in file}
        return {name: (link.filename, link.path) for name, link in found.items() if isinstance(link, h5py.ExternalLink)}


def _default(links_file: Path) -> str:
    with h5py.File(links_file, "r", locking=False) as file:
        return str(file.attrs.get("default", ""))


def _holds_links_only(links_file: Path) -> bool:
    """Whether a file may be replaced; one that does not exist may."""
    if not links_file.exists():
        return True
    if not h5py.is_hdf5(links_file):
        return False
    with h5py.File(links_file, "r", locking=False) as file:
        return all(isinstance(file.get(name, getlink=True), h5py.ExternalLink) for name in file)


def _is_below(root: Path, links_file: Path, target: str) -> bool:
    return (links_file.parent / target).resolve().is_relative_to(root.resolve())


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)
