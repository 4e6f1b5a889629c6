"""Fits of a peak or an edge with a background, by lmfit, which is loaded when the first one is made."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.scan.analysis.curve import Curve

Array = npt.NDArray[np.float64]

LN2 = math.log(2)

BACKGROUNDS = ("none", "constant", "linear")


def gauss(x: Array, centre: float, fwhm: float, height: float) -> Array:
    """height · exp(−4 ln 2 ((x − centre) / fwhm)²)."""
    return np.asarray(height * np.exp(-4 * LN2 * ((x - centre) / fwhm) ** 2))


def lorentz(x: Array, centre: float, fwhm: float, height: float) -> Array:
    """height / (1 + 4 ((x − centre) / fwhm)²)."""
    return np.asarray(height / (1 + 4 * ((x - centre) / fwhm) ** 2))


def pseudo_voigt(x: Array, centre: float, fwhm: float, height: float, fraction: float) -> Array:
    """fraction · lorentz + (1 − fraction) · gauss, of one width and height.

    G. K. Wertheim et al., Rev. Sci. Instrum. 45 (1974) 1369.
    """
    return fraction * lorentz(x, centre, fwhm, height) + (1 - fraction) * gauss(x, centre, fwhm, height)


def error_function(x: Array, centre: float, fwhm: float, height: float) -> Array:
    """An edge: height · (1 + erf(2 √ln 2 (x − centre) / fwhm)) / 2; its derivative is a Gaussian of that fwhm."""
    from scipy.special import erf

    return np.asarray(height * (1 + erf(2 * math.sqrt(LN2) * (x - centre) / fwhm)) / 2)


SHAPES: Mapping[str, Callable[..., Array]] = {
    "gauss": gauss,
    "lorentz": lorentz,
    "pseudo_voigt": pseudo_voigt,
    "erf": error_function,
}


@dataclass(frozen=True)
class Fit:
    """A fitted curve.

    Attributes:
        shape: which.
        values: parameters by name: `centre`, `fwhm` (units of x), `height` (units of y), and as the shape and the
            background have them `fraction`, `offset`, `slope`; the background is offset + slope · (x − centre of x).
        errors: their standard deviations; NaN where the data do not tell.
        chi2: reduced chi-square, with the weights that were used.
        units: of the parameters.
        title: of what it is a fit, for people.
        middle: where the background's slope is counted from.
    """

    shape: str
    values: dict[str, float]
    errors: dict[str, float]
    chi2: float
    units: dict[str, str] = field(repr=False)
    title: str = ""
    middle: float = field(default=0.0, repr=False)

    @property
    def centre(self) -> float:
        """Where it is."""
        return self.values["centre"]

    @property
    def fwhm(self) -> float:
        """Full width at half maximum."""
        return self.values["fwhm"]

    def __call__(self, x: Any) -> Array:
        """The fitted curve at positions."""
        at = np.asarray(x, np.float64)
        shape = {name: value for name, value in self.values.items() if name not in ("offset", "slope")}
        background = self.values.get("offset", 0.0) + self.values.get("slope", 0.0) * (at - self.middle)
        return SHAPES[self.shape](at, **shape) + background

    def __info__(self) -> str:
        """A table; the shell shows it."""
        rows = [
            (name, f"{value:.6g}", f"{self.errors[name]:.2g}", self.units[name]) for name, value in self.values.items()
        ]
        widths = [max(len(row[place]) for row in rows) for place in range(3)]
        lines = [f"{self.title}: {self.shape}, reduced chi-square {self.chi2:.3g}"]
        lines += [
            f"{name.rjust(widths[0])} = {value.rjust(widths[1])} ± {error.ljust(widths[2])} {unit}".rstrip()
            for name, value, error, unit in rows
        ]
        return "\n".join(lines)


def fit(
    curve: Curve,
    shape: str = "gauss",
    background: str = "constant",
    *,
    counts: bool = False,
    units: tuple[str, str] = ("", ""),
    start: Mapping[str, float] | None = None,
) -> Fit:
    """Fit a shape; its start values come from the curve itself, unless they are given.

    Args:
        curve: what is fitted.
        shape: one of SHAPES.
        background: one of BACKGROUNDS.
        counts: whether y are counts, whose variance is their number; else all points have the same weight.
        units: of x and y.
        start: where to begin: parameters by name, such as those of the fit of fewer points.

    Raises:
        BadValue: there is no such shape or background, too few points, no signal, or the fit does not converge.
    """
    if shape not in SHAPES:
        raise BadValue(f"fit: there is no shape {shape!r}; there are {', '.join(SHAPES)}")
    if background not in BACKGROUNDS:
        raise BadValue(f"fit: there is no background {background!r}; there are {', '.join(BACKGROUNDS)}")
    curve.require_signal()
    import lmfit  # takes most of a second

    middle = float(curve.x.mean())
    model, parameters = _model(lmfit, curve, shape, background, middle)
    for name, value in (start or {}).items():
        parameters[name].set(value=value)
    free = len(parameters)
    if len(curve.x) <= free:
        raise BadValue(f"{curve.who}: {len(curve.x)} points do not tell {free} parameters of {shape}; measure more")
    weights = 1 / np.sqrt(np.maximum(curve.y, 1.0)) if counts else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a standard deviation that cannot be told; it is NaN
            result = model.fit(curve.y, parameters, x=curve.x, weights=weights, nan_policy="raise")
    except ValueError as error:
        raise BadValue(f"{curve.who}: the fit of {shape} leads nowhere ({error})") from error
    if not result.success:
        raise BadValue(f"{curve.who}: the fit of {shape} does not converge ({result.message})")
    values = {name: float(parameter.value) for name, parameter in result.params.items()}
    errors = {
        name: math.nan if parameter.stderr is None else float(parameter.stderr)
        for name, parameter in result.params.items()
    }
    x_unit, y_unit = units
    slope = f"{y_unit}/{x_unit}" if x_unit else y_unit
    told = {"centre": x_unit, "fwhm": x_unit, "height": y_unit, "fraction": "", "offset": y_unit, "slope": slope}
    return Fit(shape, values, errors, float(result.redchi), {name: told[name] for name in values}, curve.who, middle)


def _model(lmfit: Any, curve: Curve, shape: str, background: str, middle: float) -> tuple[Any, Any]:
    """The model and its start values."""
    model = lmfit.Model(SHAPES[shape])
    low, high = float(curve.y.min()), float(curve.y.max())
    span = float(curve.x[-1] - curve.x[0])
    step = span / (len(curve.x) - 1)
    start: dict[str, dict[str, Any]] = {}
    offset = low
    if shape == "erf":
        rises = curve.y[-1] > curve.y[0]
        start["centre"] = {"value": Curve(curve.x, curve.y, curve.who).cen}
        start["fwhm"] = {"value": max(rise(curve), step), "min": 1e-9 * span}
        start["height"] = {"value": (high - low) if rises else (low - high)}
        offset = low if rises else high
    else:
        dip = curve.form == "dip"
        extreme = int(curve.y.argmin() if dip else curve.y.argmax())
        found = curve.crossings
        width = found[1] - found[0] if len(found) > 1 else 2 * abs(found[0] - float(curve.x[extreme]))
        start["centre"] = {"value": sum(found) / 2 if len(found) > 1 else float(curve.x[extreme])}
        start["fwhm"] = {"value": max(width, step), "min": 1e-9 * span}
        start["height"] = {"value": (low - high) if dip else (high - low)}
        offset = high if dip else low
        if shape == "pseudo_voigt":
            start["fraction"] = {"value": 0.5, "min": 0.0, "max": 1.0}
    if background == "none":
        start["height"]["value"] = low if curve.form == "dip" and shape != "erf" else high
    elif background == "constant":
        model += lmfit.Model(lambda x, offset: offset + 0 * x, name="background")
        start["offset"] = {"value": offset}
    else:
        model += lmfit.Model(lambda x, offset, slope: offset + slope * (x - middle), name="background")
        start["offset"] = {"value": offset}
        start["slope"] = {"value": 0.0}
    parameters = model.make_params(**start)
    return model, parameters


def rise(curve: Curve) -> float:
    """Distance over which an edge goes from a quarter to three quarters of its height, as a Gaussian's width."""
    low, high = float(curve.y.min()), float(curve.y.max())
    inner = (curve.y > low + 0.1 * (high - low)) & (curve.y < low + 0.9 * (high - low))
    where = curve.x[inner]
    return float(where.max() - where.min()) if where.size else 0.0
