"""Numbers that commands return: programs get all digits, a prompt shows those that mean something."""

from __future__ import annotations

from collections.abc import Mapping


class ShownNumber(float):
    """A number as any, shown with six significant digits."""

    def __info__(self) -> str:
        """Its text."""
        return f"{self:.6g}"


class SaidNumber(float):
    """A number of which a sentence has told already."""

    def __info__(self) -> str:
        """Nothing is left to say."""
        return ""


class ShownPlaces(dict[str, float]):
    """Numbers by name, each shown with six significant digits."""

    def __info__(self) -> str:
        """Their text."""
        return ", ".join(f"{name} {value:.6g}" for name, value in self.items())


class SaidPlaces(dict[str, float]):
    """Numbers by name of which a sentence has told already."""

    def __info__(self) -> str:
        """Nothing is left to say."""
        return ""


def told(place: float | Mapping[str, float], *, said: bool = False) -> float | dict[str, float]:
    """A place, or a place of each axis, as a command returns it.

    Args:
        place: it.
        said: whether the command has told it already.
    """
    if isinstance(place, Mapping):
        return (SaidPlaces if said else ShownPlaces)(place)
    return (SaidNumber if said else ShownNumber)(place)
