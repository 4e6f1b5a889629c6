"""Formulas that users write in YAML: numbers and named values, computed with numpy and never with `eval`."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue

Value = npt.NDArray[np.float64]
Computed = Callable[[Mapping[str, Value]], Value]

CONSTANTS: Mapping[str, float] = {"pi": float(np.pi), "e": float(np.e), "inf": float(np.inf), "nan": float(np.nan)}

FUNCTIONS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "abs": (1, np.abs),
    "sqrt": (1, np.sqrt),
    "exp": (1, np.exp),
    "log": (1, np.log),
    "log10": (1, np.log10),
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "tan": (1, np.tan),
    "asin": (1, np.arcsin),
    "acos": (1, np.arccos),
    "atan": (1, np.arctan),
    "atan2": (2, np.arctan2),
    "degrees": (1, np.degrees),
    "radians": (1, np.radians),
    "floor": (1, np.floor),
    "ceil": (1, np.ceil),
    "round": (1, np.round),
    "sign": (1, np.sign),
    "min": (2, np.minimum),
    "max": (2, np.maximum),
    "where": (3, np.where),
}
"""Functions with the number of their arguments; angles are in radians."""

_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.FloorDiv: np.floor_divide,
    ast.Pow: np.power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}

LONGEST = 1000
"""Characters that a formula may have."""

DEEPEST = 50
"""Levels of parentheses and operators within each other."""


class Expression:
    """A formula such as `degrees(asin(12.39842 / (2 * d * energy)))`.

    It has numbers, names, `+ - * / // % **`, comparisons, the functions and constants of this module, and nothing else.
    A place where it has no value (a root of something negative, a division by zero) gives NaN or an infinity.

    Attributes:
        text: as written.
        names: the values that it needs.
    """

    def __init__(self, text: str, known: Collection[str] | None = None) -> None:
        """Check it.

        Args:
            text: the formula.
            known: names that it may use; any if None.

        Raises:
            BadValue: it is not such a formula, or uses a name that is not known.
        """
        self.text = text
        names: set[str] = set()
        if len(text) > LONGEST:
            raise BadValue(f"a formula of {len(text)} characters is too long; at most {LONGEST} are allowed")
        try:
            tree = ast.parse(text.strip(), mode="eval")
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            raise BadValue(f"{text!r} is not a formula: {error.args[0] if error.args else error}") from error
        self._compute = _compiled(tree.body, text, names, 0)
        self.names = frozenset(names)
        unknown = sorted(names - set(known)) if known is not None else []
        if unknown:
            raise BadValue(
                f"the formula {text!r} uses {unknown[0]}, which is not known here; "
                f"known are {', '.join(sorted(known or ())) or 'no names'} and {', '.join(CONSTANTS)}"
            )

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __call__(self, values: Mapping[str, Any]) -> Value:
        """Its value, element by element.

        Args:
            values: numbers or arrays of float64 that numpy can broadcast together, by name; more than it needs does no
                harm.
        """
        given = {name: np.asarray(values[name], dtype=np.float64) for name in self.names}
        with np.errstate(all="ignore"):
            return np.asarray(self._compute(given), dtype=np.float64)


def _compiled(node: ast.expr, text: str, names: set[str], depth: int) -> Computed:
    if depth > DEEPEST:
        raise BadValue(f"the formula {text[:40]!r}… is nested more than {DEEPEST} deep; write it in parts")

    def inner(part: ast.expr) -> Computed:
        return _compiled(part, text, names, depth + 1)

    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as number):
            constant = np.asarray(number, dtype=np.float64)
            return lambda values: constant  # noqa: ARG005 - a constant needs no values
        case ast.Name(id=name) if name in CONSTANTS:
            known = np.asarray(CONSTANTS[name], dtype=np.float64)
            return lambda values: known  # noqa: ARG005 - as above
        case ast.Name(id=name) if name in FUNCTIONS:
            raise BadValue(f"the formula {text!r}: the function {name} needs its arguments in parentheses")
        case ast.Name(id=name):
            names.add(name)
            return lambda values: values[name]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            function, first, second = _OPERATORS[type(op)], inner(left), inner(right)
            return lambda values: function(first(values), second(values))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATORS:
            function, only = _OPERATORS[type(op)], inner(operand)
            return lambda values: function(only(values))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            function, first, second = _OPERATORS[type(op)], inner(left), inner(right)
            return lambda values: function(first(values), second(values))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            count, function = FUNCTIONS[name]
            if len(arguments) != count:
                wanted = f"{count} argument{'s' if count > 1 else ''}"
                raise BadValue(f"the formula {text!r}: {name} takes {wanted}, not {len(arguments)}")
            parts = [inner(argument) for argument in arguments]
            return lambda values: function(*(part(values) for part in parts))
        case ast.Call(func=ast.Name(id=name)):
            raise BadValue(f"the formula {text!r}: there is no function {name}; there are {', '.join(FUNCTIONS)}")
    raise BadValue(
        f"the formula {text!r}: {ast.unparse(node)!r} is not allowed; a formula has numbers, names, + - * / // % **, "
        f"comparisons, and {', '.join(FUNCTIONS)}"
    )
