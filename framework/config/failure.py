"""The key that says what a failure of an acquiring device means for the scan that it is in."""

from __future__ import annotations

from typing import Any, Literal

from ronda.framework.config.parameters import parameter

OnFailure = Literal["fatal", "skip", "retry"]


def on_failure() -> Any:
    """The key `on_failure`."""
    return parameter(
        "What its failure means for a scan: `fatal` ends it, `skip` goes on without it (its channels hold NaN from "
        "there), `retry` lets it try the point again for 10 s before it is fatal",
        "fatal",
    )
