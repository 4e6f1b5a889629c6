"""A free-running acquisition as a process: publishes batches until it is told to end, and keeps a ledger of its own.

Usage: python publisher.py URL SCAN DEVICE LEDGER END. A line of the ledger is written before anybody could see the
points and after Redis has confirmed them, each in one piece, so that a kill loses none:

    try INCARNATION FIRST COUNT   it is going to publish these points, with values that name its incarnation
    has INCARNATION LENGTH        Redis has confirmed all points below that index
    end INCARNATION LENGTH        it has sealed its device
    error INCARNATION SENTENCE    it gave up
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import RondaError
from ronda.framework.stream import Batch, HeldBack, Stream
from ronda.framework.stream.publisher import Publisher

PIXELS = 64 * 64


def points(device: str, incarnation: int, index: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    """What an incarnation measures at some points: each value tells who measured it, and where it belongs."""
    if device == "camera":
        first = (index * 7 + incarnation * 1000)[:, None]
        return {"image": ((first + np.arange(PIXELS)) % 65536).astype("<u2").reshape(-1, 64, 64)}
    who = np.full(len(index), incarnation)
    return {"x": who * 1e7 + index, "n": np.stack([who, index], axis=1)}


def main(url: str, scan: str, device: str, ledger: Path, end: Path) -> int:
    """Publish until the file `end` is there."""
    book = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def note(*words: object) -> None:
        os.write(book, (" ".join(map(str, words)) + "\n").encode())

    incarnation = ledger.read_text().count("start ") + 1
    note("start", incarnation)
    try:
        with Stream.connect(url, wait=60) as stream:
            publisher = stream.scan(scan).publisher(device, batch=Batch(points=64, age=0.05), wait=0)
            run(publisher, incarnation, note, end)
            publisher.seal()
            note("has", incarnation, publisher.index)
            note("end", incarnation, publisher.index)
    except RondaError as error:
        note("error", incarnation, type(error).__name__, error)
        return 1
    return 0


def run(publisher: Publisher, incarnation: int, note: Any, end: Path) -> None:
    """Measure batches; a batch for which there is no room is tried again."""
    device = publisher.device.name
    size = 2 if device == "camera" else 20
    while not end.exists():
        first = publisher.index
        index = np.arange(first, first + size)
        note("try", incarnation, first, size)
        try:
            publisher.publish_block(points(device, incarnation, index), times=1.7e9 + index, first=first)
        except HeldBack:
            time.sleep(0.1)  # what was taken is kept, and `index` says how much that is
        note("has", incarnation, publisher.index - publisher.pending)
        time.sleep(0.02)
    while True:
        try:
            publisher.flush()
            return
        except HeldBack:
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4], Path(sys.argv[4]), Path(sys.argv[5])))
