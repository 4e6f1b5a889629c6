"""Questions as JSON, checked; and answers as JSON, bounded."""

from __future__ import annotations

import json
import math
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ValidationError

from ronda.devices.settings import first_problem
from ronda.framework.errors import BadValue

LONGEST = 8_000_000
"""Characters of an answer at most: spectra may be long."""

M = TypeVar("M", bound=BaseModel)


def asked(model: type[M], who: str, command: str, question: str) -> M:
    """A question, checked.

    Args:
        model: of what may be asked.
        who: name of the logger, for messages.
        command: that asks.
        question: JSON.

    Raises:
        BadValue: it is no JSON object, or has what makes no sense.
    """
    try:
        found = json.loads(question) if question.strip() else {}
    except ValueError as error:
        raise BadValue(f"{who}: {command} takes JSON, not {question[:100]!r} ({error})") from error
    if not isinstance(found, dict):
        raise BadValue(f'{who}: {command} takes a JSON object such as {{"pattern": "*"}}, not {found!r:.100}')
    try:
        return model.model_validate(found)
    except ValidationError as error:
        raise BadValue(f"{who}: {command}: {first_problem(error)}") from error


def said(who: str, command: str, answer: Any) -> str:
    """An answer, in ASCII: Tango's strings are Latin-1.

    Raises:
        BadValue: it is too long.
    """
    text = json.dumps(_plain(answer), allow_nan=False)
    if len(text) > LONGEST:
        raise BadValue(
            f"{who}: the answer of {command} would have {len(text)} characters, more than {LONGEST}; ask for less "
            "time, fewer attributes or fewer devices"
        )
    return text


def _plain(value: Any) -> Any:
    """As JSON has it: what is no number is null, what is infinite a word."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
