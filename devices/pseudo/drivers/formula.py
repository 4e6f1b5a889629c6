"""Pseudo axes given by formulas in YAML."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, model_validator

from ronda.devices.pseudo.contract import Calculation, CalculationParameters, Positions, Role
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import BadValue
from ronda.framework.expression import Expression


def _check(text: str) -> str:
    try:
        Expression(text)
    except BadValue as error:
        raise ValueError(str(error)) from error
    return text


Formula = Annotated[str, AfterValidator(_check)]


class FormulaParameters(CalculationParameters):
    """Pseudo axes by formulas: how each follows from the real axes, and how each real axis follows from them."""

    constants: dict[str, float] = parameter("Numbers that the formulas use by name", default_factory=dict)
    to_pseudo: dict[Role, Formula] = parameter("For each pseudo role its formula of real roles", min_length=1)
    to_real: dict[Role, Formula] = parameter("For each real role its formula of pseudo roles", min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> FormulaParameters:
        if self.to_real.keys() != self.real.keys():
            raise ValueError(
                f"to_real gives {', '.join(self.to_real)}, but the real axes are {', '.join(self.real)}; "
                "give a formula for each of them"
            )
        names: list[tuple[str, dict[Role, str], set[str]]] = [
            ("to_pseudo", self.to_pseudo, {*self.real, *self.constants}),
            # a real position may depend on where the other real axes are, for those that no pseudo axis moves
            ("to_real", self.to_real, {*self.to_pseudo, *self.real, *self.constants}),
        ]
        for key, formulas, known in names:
            for role, text in formulas.items():
                try:
                    Expression(text, known)
                except BadValue as error:
                    raise ValueError(f"{key} of {role}: {error}") from error
        return self


class Formulas(Calculation):
    """The formulas of the YAML; its roles are those that they name."""

    Parameters = FormulaParameters
    real = ()
    pseudo = ()

    def __init__(self, name: str, parameters: Any) -> None:
        """Compile the formulas."""
        super().__init__(name, parameters)
        self._to_pseudo = {role: Expression(text) for role, text in parameters.to_pseudo.items()}
        self._to_real = {role: Expression(text) for role, text in parameters.to_real.items()}

    @classmethod
    def roles(cls, parameters: Any) -> tuple[tuple[Role, ...], tuple[Role, ...]]:
        """Those that the formulas name."""
        return tuple(parameters.real), tuple(parameters.to_pseudo)

    def to_pseudo(self, real: Positions) -> Positions:
        """By the formulas of `to_pseudo`."""
        values = {**self.parameters.constants, **real}
        return {role: formula(values) for role, formula in self._to_pseudo.items()}

    def to_real(self, pseudo: Positions, real: Positions) -> Positions:
        """By the formulas of `to_real`."""
        values = {**self.parameters.constants, **real, **pseudo}
        return {role: formula(values) for role, formula in self._to_real.items()}
