"""Where a scan's file goes: path templates with plain named fields, below the data root whatever the fields say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ronda.framework.errors import ConfigurationError, NotAllowed
from ronda.framework.nexus import words

if TYPE_CHECKING:  # checking a configuration needs no numpy
    from ronda.framework.stream.description import Description


FIELDS = (
    "user",
    "session",
    "sample",
    "dataset",
    "number",
    "identifier",
    "date",
    "proposal",
    "proposal_session",
    "collection",
    "beamline",
)
"""What a template may name: text of the scan's description, its number (at least four digits), its id, the day. The
collection is the sample where there is none."""

SCAN_TEMPLATE = "{session}/{collection}/{dataset}/scan_{number}.h5"
DATASET_TEMPLATE = "{session}/{collection}/{dataset}/dataset.h5"
PROPOSAL_TEMPLATE = "{session}/proposal.h5"

RAW_DATA = "{proposal}/{beamline}/{proposal_session}/RAW_DATA"

DATASET_FOLDER = f"{RAW_DATA}/{{collection}}/{{collection}}_{{dataset}}"

IN_PROPOSALS = (
    f"{DATASET_FOLDER}/scan_{{number}}.h5",
    f"{DATASET_FOLDER}/{{collection}}_{{dataset}}.h5",
    f"{RAW_DATA}/{{proposal}}_{{beamline}}.h5",
)
"""Templates of scans, datasets and proposals that belong to a proposal: folders as at ESRF."""

_FIELD = re.compile(r"\{([^{}]*)\}")

_NUMBER, _IDENTIFIER, _DATE = "7777777777777", "Q7Q7Q7Q7Q7Q7Q", "7777-77-77"
"""What stands for fields that differ from scan to scan while their files are looked for."""

_VARIES = {_NUMBER: r"(?P<number>\d{4,})", _IDENTIFIER: r".+", _DATE: r"\d{4}-\d\d-\d\d"}


@dataclass(frozen=True)
class Templates:
    """The templates of paths below the data root.

    Attributes:
        scan: of a scan's file.
        dataset: of the file that links to all scans of a dataset; empty for none.
        proposal: of the file that links to all datasets of a proposal; empty for none.

    Raises:
        ConfigurationError: a template names an unknown field, or could not tell two scans apart.
    """

    scan: str
    dataset: str
    proposal: str

    def __post_init__(self) -> None:
        for template in (self.scan, self.dataset, self.proposal):
            check_template(template)
        if "{number}" not in self.scan and "{identifier}" not in self.scan:
            raise ConfigurationError(
                f"path template {self.scan!r}: every scan needs a file of its own; name {{number}} or {{identifier}}"
            )
        if self.dataset and self.dataset == self.proposal:
            raise ConfigurationError(
                f"path template {self.dataset!r}: datasets and proposals need files of their own; change one of both"
            )

    def folder_of_dataset(self) -> str:
        """Template of the folder that belongs to one dataset alone; empty if there is none."""
        parts = self.scan.split("/")[:-1]
        named = [index for index, part in enumerate(parts) if "{dataset}" in part]
        return "/".join(parts[: named[-1] + 1]) if named else ""


def require_own_folders(templates: Templates) -> None:
    """See that the datasets of proposals do not share folders.

    Raises:
        ConfigurationError: two might.
    """
    folder = templates.folder_of_dataset()
    for name in ("dataset", "collection", "proposal", "proposal_session"):
        if f"{{{name}}}" not in folder:
            raise ConfigurationError(
                f"path template {templates.scan!r}: each dataset of a proposal needs a folder of its own; name "
                f"{{{name}}} in a folder"
            )


@dataclass(frozen=True)
class Paths:
    """The folder below which all files lie, and the templates of their paths in it.

    Attributes:
        root: the data root.
        scan: template of a scan's file.
        dataset: template of the file that links to all scans of a dataset; empty for none.
        proposal: template of the file that links to all datasets of a proposal; empty for none.
        in_proposals: the templates for scans that belong to a proposal.

    Raises:
        ConfigurationError: a template names an unknown field, could not tell two scans apart, or lets two datasets of
            a proposal share a folder.
    """

    root: Path
    scan: str = SCAN_TEMPLATE
    dataset: str = DATASET_TEMPLATE
    proposal: str = PROPOSAL_TEMPLATE
    in_proposals: Templates = field(default_factory=lambda: Templates(*IN_PROPOSALS))

    def __post_init__(self) -> None:
        Templates(self.scan, self.dataset, self.proposal)
        require_own_folders(self.in_proposals)

    def templates(self, description: Description) -> Templates:
        """The templates that count for a scan."""
        if description.proposal:
            return self.in_proposals
        return Templates(self.scan, self.dataset, self.proposal)

    def dataset_folder(self, description: Description) -> Path | None:
        """The folder of a dataset; None if it has none of its own.

        Raises:
            NotAllowed: it would lie outside the data root.
        """
        template = self.templates(description).folder_of_dataset()
        if not template or not description.dataset:
            return None
        return self._below_root(template, _IDENTIFIER, 0, description)

    def last_number(self, description: Description) -> int:
        """The highest number of a scan of which a file, or a link in the dataset's file, is there; 0 for none.

        Args:
            description: of any scan of the dataset.

        Raises:
            NotAllowed: its files would lie outside the data root.
            OSError: a folder cannot be read.
        """
        parts = self._parts(self.templates(description).scan, _IDENTIFIER, _NUMBER, description, _DATE)
        found = [*_numbers(self.root.resolve(), parts), 0]
        links = self._links_file(self.templates(description).dataset, _IDENTIFIER, 0, description)
        if links is not None and links.exists():
            from ronda.framework.nexus.dataset import read_links  # with h5py, which checking templates does not need

            found += [int(entry[1]) for name in read_links(links) if (entry := re.fullmatch(r"(\d+)\.1.*", name))]
        return max(found)

    def scan_file(self, identifier: str, number: int, description: Description) -> Path:
        """Path of a scan's file.

        Raises:
            NotAllowed: it would lie outside the data root.
        """
        return self._below_root(self.templates(description).scan, identifier, number, description)

    def unlike(self, path: Path, identifier: str) -> Path:
        """Another path in the same folder, for when the first one belongs to another scan.

        Raises:
            NotAllowed: a symbolic link of that name leads out of the data root.
        """
        other = path.with_name(f"{path.stem}_{clean(identifier)}{path.suffix}")
        return _require_below(other.resolve(), self.root.resolve(), f"scan {identifier}")

    def dataset_file(self, identifier: str, number: int, description: Description) -> Path | None:
        """Path of the dataset's file; None if there shall be none.

        Raises:
            NotAllowed: it would lie outside the data root.
        """
        return self._links_file(self.templates(description).dataset, identifier, number, description)

    def proposal_file(self, identifier: str, number: int, description: Description) -> Path | None:
        """Path of the proposal's file; None if there shall be none.

        Raises:
            NotAllowed: it would lie outside the data root.
        """
        return self._links_file(self.templates(description).proposal, identifier, number, description)

    def lock(self, name: str) -> Path:
        """A file that a writer locks."""
        return self.root / ".writer" / f"{name}.lock"

    def _links_file(self, template: str, identifier: str, number: int, description: Description) -> Path | None:
        """A path that is no scan's file, and no dataset's if it is a proposal's, whatever the fields say."""
        if not template:
            return None
        path = self._below_root(template, identifier, number, description)
        taken = {self.scan_file(identifier, number, description)}
        templates = self.templates(description)
        if template == templates.proposal and templates.dataset:
            taken.add(self._below_root(templates.dataset, identifier, number, description))
        while path in taken:
            path = path.with_name(f"{path.stem}_links{path.suffix}")
        return path

    def _below_root(self, template: str, identifier: str, number: int, description: Description) -> Path:
        root = self.root.resolve()
        parts = self._parts(template, identifier, f"{number:04d}", description, f"{description.started:%Y-%m-%d}")
        return _require_below(root.joinpath(*parts).resolve(), root, f"scan {number}")

    def _parts(self, template: str, identifier: str, number: str, description: Description, date: str) -> list[str]:
        """The parts of a path, those left out that are empty."""
        fields = {
            "user": description.user,
            "session": description.session,
            "sample": description.sample,
            "dataset": description.dataset,
            "number": number,
            "identifier": identifier,
            "date": date,
            "proposal": description.proposal,
            "proposal_session": description.proposal_session,
            "collection": description.collection or description.sample,
            "beamline": str(description.attributes.get(words.BEAMLINE) or ""),
        }
        return [filled for part in template.split("/") if (filled := _fill(part, fields))]


def check_template(template: str) -> None:
    """Refuse anything but plain named fields and relative paths.

    Raises:
        ConfigurationError: it is something else.
    """
    for name in _FIELD.findall(template):
        if name not in FIELDS:
            raise ConfigurationError(
                f"path template {template!r}: {{{name}}} is not a field; the fields are {', '.join(FIELDS)}"
            )
    rest = _FIELD.sub("", template)
    if "{" in rest or "}" in rest:
        raise ConfigurationError(
            f"path template {template!r}: a brace without its partner; fields look like {{sample}}"
        )
    if template.startswith(("/", "~")) or ".." in template.split("/"):
        raise ConfigurationError(f"path template {template!r}: must be relative to the data root, without ..")


def clean(text: str) -> str:
    """Text as one harmless part of a path: separators, control characters and leading dots are replaced."""
    return re.sub(r"[^\w.+=@ \-]", "_", text).strip().lstrip(".")[:80]


def _require_below(path: Path, root: Path, who: str) -> Path:
    if not path.is_relative_to(root) or path == root:
        raise NotAllowed(
            f"{who}: its file would be {path}, which is not below the data root {root}; look for symbolic links there"
        )
    return path


def _numbers(folder: Path, parts: list[str]) -> Iterator[int]:
    """The numbers in the names of scans' files.

    Args:
        folder: where the first part is.
        parts: of the path, with what stands for the fields that vary.
    """
    first, rest = parts[0], parts[1:]
    if not any(_NUMBER in part for part in parts) or not folder.is_dir():
        return
    if rest and not any(sign in first for sign in _VARIES):
        yield from _numbers(folder / first, rest)
        return
    pattern = re.escape(first)
    for sign, form in _VARIES.items():
        pattern = pattern.replace(re.escape(sign), form, 1).replace(re.escape(sign), r".+")
    if not rest:  # one whose place was taken has its id behind its number
        stem, dot, suffix = pattern.rpartition(r"\.")
        pattern = f"{stem}(?:_.*)?{dot}{suffix}" if dot else f"{pattern}(?:_.*)?"
    for entry in folder.iterdir():
        match = re.fullmatch(pattern, entry.name)
        if match is None:
            continue
        if "number" in match.groupdict():
            yield int(match["number"])
        elif rest:
            yield from _numbers(entry, rest)


def _fill(part: str, fields: dict[str, str]) -> str:
    filled = _FIELD.sub(lambda match: clean(fields[match[1]]), part)
    return filled if filled == part else filled.strip("_- ").lstrip(".")
