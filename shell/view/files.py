"""Files in the data folders, opened to be looked at: nothing outside is reached, by whatever way something points.

The file of a running scan is opened like any other: read-only, without a lock, and closed after each answer.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import hdf5plugin  # noqa: F401 - images are compressed with what it brings
from h5grove.content import (
    DatasetContent,
    DatatypeContent,
    EntityContent,
    ExternalLinkContent,
    GroupContent,
    SoftLinkContent,
)
from h5grove.utils import hdf_path_join

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import NotAllowed, NotFound, OutOfRange, ServiceFailed
from ronda.framework.scan.saving import WRITER_CLASS

ATTEMPTS = 5
"""How often a file that is being written is opened before its failure counts."""

DEEPEST = 16
"""Links that may lead to each other; more are a circle."""

MOST_STEPS = 200_000
"""Names that are looked up for one answer: links of links could multiply without end."""

DEEPEST_VIRTUAL = 3
"""Virtual datasets that may be made of each other."""


class DataFolders:
    """The folders in which data are.

    Args:
        roots: absolute.
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = list(roots)

    def find(self, name: str) -> Path:
        """A file in one of the folders.

        Args:
            name: its path, absolute or relative to the first folder.

        Returns:
            its real path, without links.

        Raises:
            NotFound: there is no such file in the folders; whether there is one elsewhere is not told.
        """
        missing = NotFound(f"file {name!r}: there is none of this name in the data folders")
        if not self._roots:
            raise missing
        try:
            return self.contained(self._roots[0] / name)
        except (NotAllowed, OSError, ValueError) as error:
            raise missing from error

    def contained(self, path: Path) -> Path:
        """The real path of a file.

        Raises:
            NotAllowed: it is no ordinary file in one of the folders.
            OSError: there is none.
            ValueError: no path can be written so.
        """
        real = path.resolve(strict=True)
        inside = any(real.is_relative_to(root.resolve()) for root in self._roots)
        if not inside or not stat.S_ISREG(real.stat().st_mode):
            raise NotAllowed(f"{path.name}: is no file in the data folders")
        return real


class TooMany(OutOfRange):
    """A file asks for more than anybody can look at."""


class LookedAt:
    """An open file, with those that its links lead to; a `with` block closes them.

    Args:
        folders: in which all of them must be.
        path: of the file, as `DataFolders.find` returned it.
    """

    def __init__(self, folders: DataFolders, path: Path) -> None:
        self._folders = folders
        self._path = path
        self._stack = ExitStack()
        self._open: dict[Path, h5py.File] = {}
        self._steps = 0

    def __enter__(self) -> LookedAt:
        self._file(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def file(self) -> h5py.File:
        """The file itself."""
        return self._file(self._path)

    def content(self, path: str) -> EntityContent:
        """What stands at a path, as h5grove describes it.

        Raises:
            NotFound: nothing does.
            ServiceFailed: a file cannot be read.
        """
        return self._content(path, self._walk(self._file(self._path)["/"], path, 0))

    def dataset(self, path: str) -> h5py.Dataset:
        """The dataset at a path, all of whose data are in the folders.

        Raises:
            NotFound: there is none.
            NotAllowed: data of it are elsewhere.
            ServiceFailed: a file cannot be read.
        """
        found = self._walk(self._file(self._path)["/"], path, 0)
        if not isinstance(found, h5py.Dataset):
            raise NotFound(f"{path} is not a valid path of a dataset in {self._path.name}")
        self._require_inside(found, 0)
        return found

    def child(self, group: h5py.Group, name: str, path: str) -> EntityContent:
        """What stands in a group under a name."""
        try:
            return self._content(path, self._step(group, name, 0))
        except NotFound:  # a link into a file that has no such thing
            return self._content(path, group.get(name, getlink=True))

    def _content(self, path: str, found: Any) -> EntityContent:
        match found:
            case h5py.Dataset():
                return DatasetContent(path, found)
            case h5py.Group():
                return _Group(path, found, self)
            case h5py.Datatype():
                return DatatypeContent(path, found)
            case h5py.ExternalLink():
                return ExternalLinkContent(path, found)
            case h5py.SoftLink():
                return SoftLinkContent(path, found)
        raise NotFound(f"{path} is not a valid path in {self._path.name}")

    # HDF5 follows links by itself into whatever they name; here each step is looked at

    def _walk(self, group: h5py.Group, path: str, depth: int) -> Any:
        found: Any = group.file["/"] if path.startswith("/") else group
        for name in path.split("/"):
            if name in ("", "."):
                continue
            if not isinstance(found, h5py.Group):
                raise NotFound(f"{path} is not a valid path in {self._path.name}")
            found = self._step(found, name, depth)
        return found

    def _step(self, group: h5py.Group, name: str, depth: int) -> Any:
        """What a name in a group stands for; the link itself if it leads nowhere, or out of the folders."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise TooMany(f"{self._path.name}: has too many links to be looked at")
        link = group.get(name, getlink=True)
        if link is None:
            raise NotFound(f"{name} is not a valid path in {group.name} of {self._path.name}")
        if isinstance(link, h5py.HardLink):
            return group[name]
        if depth >= DEEPEST:
            return link
        try:
            if isinstance(link, h5py.ExternalLink):
                beside = Path(group.file.filename).parent
                other = self._file(self._folders.contained(beside / link.filename))
                return self._walk(other["/"], f"/{link.path}", depth + 1)
            return self._walk(group, link.path, depth + 1)
        except (NotFound, NotAllowed, ServiceFailed, OSError, ValueError):
            return link

    def _require_inside(self, dataset: h5py.Dataset, depth: int) -> None:
        outside = NotAllowed(f"{dataset.name}: has data in files that are not in the data folders")
        if dataset.external:
            raise outside
        if not dataset.is_virtual:
            return
        here = Path(dataset.file.filename).parent
        for source in dict.fromkeys((one.file_name, one.dset_name) for one in dataset.virtual_sources()):
            name, inner = source
            if depth >= DEEPEST_VIRTUAL or "%" in name:
                raise outside
            if name == ".":
                files = [Path(dataset.file.filename)]
            else:  # where HDF5 looks for it
                places = (here / name, here / Path(name).name, Path.cwd() / name)
                files = [place for place in places if place.exists() or place.is_symlink()]
            try:
                for file in files:
                    found = self._walk(self._file(self._folders.contained(file))["/"], inner, 0)
                    if not isinstance(found, h5py.Dataset):
                        raise outside
                    self._require_inside(found, depth + 1)
            except (NotFound, NotAllowed, OSError, ValueError) as error:
                raise outside from error

    def _file(self, path: Path) -> h5py.File:
        if path in self._open:
            return self._open[path]
        for attempt in range(ATTEMPTS):
            try:
                opened = self._stack.enter_context(h5py.File(path, "r", locking=False))
                self._open[path] = opened
                return opened
            except (OSError, RuntimeError) as error:
                if attempt == ATTEMPTS - 1:
                    raise ServiceFailed(f"{path.name}: cannot be read as HDF5: {error}") from error
                time.sleep(0.02)
        raise AssertionError("unreachable")


def data_folders(beamline: Beamline, config: Path) -> DataFolders:
    """The folders that the writers of a beamline save in and find detectors' files in.

    Args:
        config: folder of the YAML files, to which theirs are relative.
    """
    found: list[Path] = []
    for writer in beamline.devices(WRITER_CLASS):
        configured = beamline.configurations.get(writer.name.lower(), {})
        told = [configured.get("data_root"), *configured.get("detector_roots", ())]
        found += [config / Path(one).expanduser() for one in told if one]
    return DataFolders(found)


class _Group(GroupContent):
    """A group whose children are looked at before they are followed."""

    def __init__(self, path: str, group: h5py.Group, opened: LookedAt) -> None:
        super().__init__(path, group, group.file)
        self._group = group
        self._opened = opened

    def _get_child_metadata_content(self, depth: int = 0) -> list[Any]:
        return [
            self._opened.child(self._group, name, hdf_path_join(self.path, name)).metadata(depth)
            for name in self._group
        ]
