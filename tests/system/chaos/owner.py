"""Runs saved step scans one after the other until it is told to end, and keeps a ledger of what it was told.

Usage: python owner.py SEED LEDGER END. Each line of the ledger is JSON, written in one piece: `scan` with its number
once it is known, each point with its values as the scan told them, and how the scan ended.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import RondaError
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.scan import Scan
from ronda.framework.scan.standard import Scans


class Book(Observer):
    """Writes down what happens."""

    def __init__(self, path: Path) -> None:
        self._book = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(self, **words: Any) -> None:
        os.write(self._book, (json.dumps(words) + "\n").encode())

    def on_prepared(self, scan: Scan) -> None:
        self.note(scan=scan.identifier, number=scan.number, points=scan.plan.points)

    def on_point(self, scan: Scan, index: int, values: Mapping[str, Any]) -> None:
        self.note(scan=scan.identifier, index=index, values=dict(values))

    def on_end(self, scan: Scan) -> None:
        if scan.identifier:
            self.note(scan=scan.identifier, state=scan.state, sentence=scan.sentence)


def main(seed: str, ledger: Path, end: Path) -> None:
    """Scan until the file `end` is there."""
    dice = random.Random(seed)
    exports = os.environ
    beamline = Beamline.connect(exports["TANGO_HOST"], exports["RONDA_REDIS_URL"], exports["RONDA_BEAMLINE"], exports)
    book = Book(ledger)
    scans = Scans(beamline, "chaos", "nobody", [book])
    while not end.exists():
        try:
            if dice.random() < 0.5:
                scans.loopscan(dice.randrange(5, 40), 0.02, "i0", "diode")
            else:
                scans.ascan("samy", 0.0, 0.05, dice.randrange(3, 12), 0.02, "i0", "diode")
        except RondaError as error:
            book.note(error=str(error))
            time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
