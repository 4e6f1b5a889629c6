"""Orders that results give to their scan: outputs with the attribute `order`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ronda.framework.analysis.pipeline import Prepared
from ronda.framework.analysis.runner import Found
from ronda.framework.analysis.stage import ORDER
from ronda.framework.errors import BadValue
from ronda.framework.stream.orders import WORDS


class Ordered(NamedTuple):
    """An order.

    Attributes:
        word: as `Scan.order` takes it.
        who: gives it and why, for people.
    """

    word: str
    who: str


class Ordering:
    """Finds the orders in the results of a scan; each output gives its order once."""

    def __init__(self, prepared: Prepared) -> None:
        """Find the outputs that order.

        Raises:
            BadValue: one has another word than a scan takes.
        """
        self._name = prepared.name
        self._words: dict[str, str] = {}
        for device in prepared.devices:
            for channel in device.channels:
                word = channel.attributes.get(ORDER)
                if word is None:
                    continue
                if word not in WORDS:
                    raise BadValue(f"{prepared.name}: {channel.name} orders {word!r}; a scan takes {', '.join(WORDS)}")
                self._words[channel.name] = str(word)

    def of(self, found: Found) -> list[Ordered]:
        """The orders in some results, those that were not given yet."""
        given = []
        for name in [name for name in self._words if name in found.data]:
            places = np.flatnonzero(found.data[name] == 1)
            if places.size:
                why = f"{self._name} ({name} at point {found.first + int(places[0])})"
                given.append(Ordered(self._words.pop(name), why))
        return given
