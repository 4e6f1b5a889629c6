"""A place for data: proposal, collection, sample and dataset, and which names they may have."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from ronda.framework.errors import BadValue

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.+-]*[A-Za-z0-9+])?")
"""Names that stay what they are as part of a path, on any system."""

LONGEST = 64
"""Characters of a name."""

FIRST_COLLECTION = "sample"
"""The collection of a proposal before anybody names one."""


@dataclass(frozen=True)
class Place:
    """Where data belong; everything empty without a proposal, sample, collection and dataset.

    Attributes:
        proposal: as the facility calls it.
        proposal_session: tells several visits of one proposal apart: the day on which it began, `20261126`.
        collection: usually all data of one sample.
        sample: name of the sample.
        sample_description: what it is, in words.
        dataset: empty until a scan or `newdataset` begins one.
    """

    proposal: str = ""
    proposal_session: str = ""
    collection: str = ""
    sample: str = ""
    sample_description: str = ""
    dataset: str = ""

    def to_state(self) -> dict[str, Any]:
        """As it is kept."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Place:
        """From what is kept; what another version has added is left aside."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: str(value) for name, value in state.items() if name in known})

    def scan_fields(self) -> dict[str, str]:
        """What a scan's description says of it."""
        found = asdict(self)
        del found["sample_description"]
        return found


def require_name(verb: str, what: str, name: object) -> str:
    """A name of a proposal, sample, collection or dataset.

    Raises:
        BadValue: it may not be called so.
    """
    text = f"{name:04d}" if isinstance(name, int) and not isinstance(name, bool) and name >= 0 else name
    if not isinstance(text, str) or not NAME.fullmatch(text) or len(text) > LONGEST or ".." in text:
        raise BadValue(
            f"{verb}: {name!r} cannot be the name of a {what}, because folders and files are named after it; take at "
            f"most {LONGEST} letters, digits, _ . + and -, with a letter or digit at both ends"
        )
    return text


def candidates(name: str) -> Any:
    """The names to try for a dataset: the name, then with `_0002`, `_0003` …; `0001`, `0002` … if it is empty."""
    if name:
        yield name
    for number in range(2 if name else 1, 10_000):
        yield f"{name}_{number:04d}" if name else f"{number:04d}"
