"""The data tables of HDB++: one for each Tango type, and how values stand in their columns and come back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ronda.framework.archive import coding

STATES = (
    *("ON", "OFF", "CLOSE", "OPEN", "INSERT", "EXTRACT", "MOVING", "STANDBY"),
    *("FAULT", "INIT", "RUNNING", "ALARM", "DISABLE", "UNKNOWN"),
)
"""Tango's states by their numbers, which HDB++ stores."""


class Fitted(NamedTuple):
    """A value as its column has it.

    Attributes:
        value: what the column takes; None where there is no value, or none that the column has a place for.
        exact: whether the same comes back out.
        label: of an enumeration the word, for the column beside it.
    """

    value: Any
    exact: bool
    label: Any = None


class Type(NamedTuple):
    """A Tango type and its tables.

    Attributes:
        tango: `DevDouble`.
        sql: the type of the columns; of spectra with `[]`.
        hdb: its name in `att_conf_type`.
        number: as above.
        title: in the comments of the tables.
        fit: makes a single value that is not None fit the column.
        cast: the type as which SQL selects a value; empty for its own.
        back: makes of what was selected what the archive keeps.
        dtype: of a spectrum.
    """

    tango: str
    sql: str
    hdb: str
    number: int
    title: str
    fit: Callable[[Any, Sequence[str]], Fitted]
    cast: str = ""
    back: Callable[[Any], Any] | None = None
    dtype: Any = None

    def table(self, *, spectrum: bool) -> str:
        """The name of its table."""
        return f"att_{'array' if spectrum else 'scalar'}_{self.tango.lower()}"

    def select(self, column: str, *, spectrum: bool) -> str:
        """What SQL selects of a column."""
        many = "[]" if spectrum else ""
        if self.enumeration:
            return f"coalesce({column}_label, {column}::text{many})"
        return f"{column}::{self.cast}{many}" if self.cast else column

    @property
    def enumeration(self) -> bool:
        """Whether its tables have columns for words beside the numbers."""
        return self.tango == "DevEnum"


def _boolean(value: Any, _: Sequence[str]) -> Fitted:
    return Fitted(value, exact=True) if isinstance(value, bool) else Fitted(None, exact=False)


def _real(value: Any, _: Sequence[str]) -> Fitted:
    if isinstance(value, float):
        return Fitted(value, exact=True)
    if isinstance(value, int) and not isinstance(value, bool):
        return Fitted(float(value), exact=False)
    return Fitted(None, exact=False)


def _short_real(value: Any, labels: Sequence[str]) -> Fitted:
    fitted = _real(value, labels)
    if fitted.value is None:
        return fitted
    with np.errstate(over="ignore"):
        short = float(np.float32(fitted.value))
    same = short == fitted.value or (math.isnan(short) and math.isnan(fitted.value))
    return Fitted(short, exact=fitted.exact and same)


def _integer(low: int, high: int) -> Callable[[Any, Sequence[str]], Fitted]:
    def fit(value: Any, _: Sequence[str]) -> Fitted:
        fits = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return Fitted(value, exact=True) if fits else Fitted(None, exact=False)

    return fit


def _text(value: Any, _: Sequence[str]) -> Fitted:
    if not isinstance(value, str):
        return Fitted(None, exact=False)
    return Fitted(plain(value), exact="\x00" not in value)


def _state(value: Any, _: Sequence[str]) -> Fitted:
    known = isinstance(value, str) and value in STATES
    return Fitted(STATES.index(value), exact=True) if known else Fitted(None, exact=False)


def _enumeration(value: Any, labels: Sequence[str]) -> Fitted:
    if not isinstance(value, str):
        return Fitted(None, exact=False)
    if value in labels:
        number: int | None = labels.index(value)
    else:
        number = int(value) if value.isdecimal() and len(value) < 5 else None  # Tango gave a number without a name
    return Fitted(number, "\x00" not in value, plain(value))


def plain(text: str) -> str:
    """Text that PostgreSQL takes."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _state_back(number: int) -> str:
    return STATES[number] if 0 <= number < len(STATES) else str(number)


TYPES = (
    Type("DevBoolean", "boolean", "DEV_BOOLEAN", 1, "Boolean", _boolean, dtype=np.bool_),
    Type("DevUChar", "uchar", "DEV_UCHAR", 22, "UChar", _integer(0, 2**8 - 1), "bigint", dtype=np.int64),
    Type("DevShort", "smallint", "DEV_SHORT", 2, "Short", _integer(-(2**15), 2**15 - 1), dtype=np.int64),
    Type("DevUShort", "ushort", "DEV_USHORT", 6, "UShort", _integer(0, 2**16 - 1), "bigint", dtype=np.int64),
    Type("DevLong", "integer", "DEV_LONG", 3, "Long", _integer(-(2**31), 2**31 - 1), dtype=np.int64),
    Type("DevULong", "ulong", "DEV_ULONG", 7, "ULong", _integer(0, 2**32 - 1), "bigint", dtype=np.int64),
    Type("DevLong64", "bigint", "DEV_LONG64", 23, "Long64", _integer(-(2**63), 2**63 - 1), dtype=np.int64),
    Type(
        "DevULong64", "ulong64", "DEV_ULONG64", 24, "ULong64", _integer(0, 2**64 - 1), "numeric", int, dtype=np.uint64
    ),
    Type("DevFloat", "real", "DEV_FLOAT", 4, "Float", _short_real, "float8", dtype=np.float64),
    Type("DevDouble", "double precision", "DEV_DOUBLE", 5, "Double", _real, dtype=np.float64),
    Type("DevString", "text", "DEV_STRING", 8, "String", _text, dtype=np.str_),
    Type("DevState", "integer", "DEV_STATE", 19, "State", _state, back=_state_back, dtype=np.str_),
    Type("DevEnum", "smallint", "DEV_ENUM", 30, "Enum", _enumeration, dtype=np.str_),
)
"""In the order in which HDB++ makes their tables. Those of encoded values stay empty."""

BY_NAME = {type_.tango: type_ for type_ in TYPES}

BY_TABLE = {type_.table(spectrum=spectrum): (type_, spectrum) for type_ in TYPES for spectrum in (False, True)}


def fitted(type_: Type, value: Any, labels: Sequence[str], *, spectrum: bool) -> Fitted:
    """A value as the column of its table takes it.

    Args:
        type_: of the attribute.
        value: of an event, or of its setpoint: Python's own, or an array.
        labels: of an enumeration.
        spectrum: whether the attribute is one.
    """
    if value is None:
        return Fitted(None, exact=True)
    if spectrum != isinstance(value, np.ndarray):
        return Fitted(None, exact=False)
    if not spectrum:
        return type_.fit(value, labels)
    right = len(value) == 0 or type_.dtype is np.str_ or value.dtype.kind in "biu" or type_.dtype is np.float64
    parts = [type_.fit(one, labels) for one in value.tolist()] if right else []
    if not right or any(one.value is None and one.label is None for one in parts):
        return Fitted(None, exact=False)
    label = [one.label for one in parts] if type_.enumeration else None
    return Fitted([one.value for one in parts], all(one.exact for one in parts), label)


def same_form(type_: Type, form: int) -> bool:
    """Whether a spectrum that is kept in a form comes back in it: one without elements may not."""
    if form not in coding.DTYPES:
        return True
    return form == coding.UNSIGNEDS or form == coding.stored(np.zeros(0, type_.dtype))[0]


def restored(type_: Type, value: Any, *, spectrum: bool) -> tuple[int, Any]:
    """Form of what was selected from a column, and how the buffer keeps it (see `coding.stored`)."""
    if value is None:
        return coding.NOTHING, None
    if spectrum:
        parts = value if type_.back is None else [None if one is None else type_.back(one) for one in value]
        return coding.stored(_array(type_, parts))
    return coding.stored(value if type_.back is None else type_.back(value))


def restored_setpoint(type_: Type, value: Any, *, spectrum: bool) -> str | None:
    """A setpoint that was selected from a column, as the buffer keeps it."""
    form, kept = restored(type_, value, spectrum=spectrum)
    return coding.written_text(coding.restored(form, kept))


def _array(type_: Type, values: Any) -> Any:
    if type_.dtype is np.float64:
        return np.array([math.nan if one is None else one for one in values], np.float64)
    if type_.dtype is np.str_:
        return np.array(["" if one is None else one for one in values], np.str_)
    return np.array(values, type_.dtype)
