"""Where data belong, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ronda.framework.policy.metadata import shown
from ronda.framework.policy.place import Place


def place_table(place: Place, folder: str, metadata: Mapping[str, Any]) -> str:
    """A line for each part of a place.

    Args:
        place: where data belong.
        folder: where they are on disk; empty if that is not known.
        metadata: what is written with each scan.
    """
    sample = f"{place.sample}, {place.sample_description}" if place.sample_description else place.sample
    rows = {
        "proposal": place.proposal or "none",
        "proposal session": place.proposal_session,
        "collection": place.collection,
        "sample": sample,
        "dataset": place.dataset or ("the next scan begins one" if place.proposal else ""),
        "folder": folder or "not known, no writer says",
    }
    rows |= {f"+ {name}": shown(value) for name, value in sorted(metadata.items())}
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {text}" for name, text in rows.items() if text)
