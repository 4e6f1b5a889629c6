"""Which stages of a pipeline several processes may share, and what they tell each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ronda.framework.analysis.aligning import Batch
from ronda.framework.analysis.pipeline import Prepared
from ronda.framework.analysis.runner import InHand, Problem

FAILED = "failed"
"""Field of what a worker hands in instead of results: why there are none."""

SECONDS = "seconds"
"""Field of what a worker hands in: how long it computed."""

HEAD, DATA, BAD = "head", "data ", "bad "


def shared_stages(prepared: Prepared) -> int:
    """How many stages from the first on may be shared: all see each point alone, and what the others need of the scan
    is not large."""
    count = 0
    for placed in prepared.placed:
        if not (placed.stage.point_wise and placed.stage.each_point and placed.line == prepared.main):
            break
        count += 1
    large = {one.name for channels in prepared.sources.values() for one in channels if one.storage == "reference"}
    needs = {name for placed in prepared.placed[count:] for names in placed.taken.values() for name in names}
    apart = any(placed.line[0] == "apart" for placed in prepared.placed)
    return 0 if needs & large or apart else count


def encode_all(prepared: Prepared, works: Sequence[InHand], stages: int) -> dict[str, bytes]:
    """What shared stages made of consecutive ranges of points, as fields of one entry of Redis.

    They are two, however many outputs there are: a script of Redis passes on some thousands at most.
    """
    parts = [
        (place, name, value)
        for place, work in enumerate(works)
        for name, value in encode(prepared, work, stages).items()
    ]
    index = [(place, name, len(value)) for place, name, value in parts]
    return {"index": json.dumps(index).encode(), "parts": b"".join(value for _, _, value in parts)}


def decode_all(fields: Mapping[str, bytes]) -> list[InHand]:
    """The same ranges again."""
    found: dict[int, dict[str, bytes]] = {}
    at = 0
    for place, name, length in json.loads(fields["index"]):
        found.setdefault(place, {})[name] = fields["parts"][at : at + length]
        at += length
    return [decode(found[place]) for place in sorted(found)]


def encode(prepared: Prepared, work: InHand, stages: int) -> dict[str, bytes]:
    """What shared stages made of a range of points, as fields of an entry of Redis."""
    later = {name for placed in prepared.placed[stages:] for names in placed.taken.values() for name in names}
    told = {one.name for placed in prepared.placed[:stages] for one in placed.outputs if not one.internal}
    batch = work.batch
    names = [name for name in batch.data if name in later | told]
    head = {
        "first": batch.first,
        "arrays": {name: [batch.data[name].dtype.str, list(batch.data[name].shape)] for name in names},
        "problems": [asdict(one) for one in work.problems],
        "pulses": batch.pulses is not None,
    }
    fields = {HEAD: json.dumps(head).encode(), "times": batch.times.tobytes(), "status": work.status.tobytes()}
    if batch.pulses is not None:
        fields["pulses"] = batch.pulses.tobytes()
    fields |= {f"{DATA}{name}": np.ascontiguousarray(batch.data[name]).tobytes() for name in names}
    fields |= {f"{BAD}{name}": work.bad[name].tobytes() for name in [*names, ""] if work.bad[name].any()}
    return fields


def decode(fields: Mapping[str, bytes]) -> InHand:
    """The same range again."""
    head = json.loads(fields[HEAD])
    times = np.frombuffer(fields["times"], "<f8")
    data = {
        name: np.frombuffer(fields[f"{DATA}{name}"], dtype).reshape(shape)
        for name, (dtype, shape) in head["arrays"].items()
    }
    pulses = np.frombuffer(fields["pulses"], "<u8") if head["pulses"] else None
    good = np.zeros(len(times), bool)
    bad: dict[str, Any] = {
        name: np.frombuffer(fields[f"{BAD}{name}"], bool) if f"{BAD}{name}" in fields else good for name in [*data, ""]
    }
    problems = [Problem(**one) for one in head["problems"]]
    status = np.frombuffer(fields["status"], "u1").copy()
    return InHand(Batch(head["first"], data, times, pulses), bad, problems, status)
