"""A pipeline that is ready to compute ranges of the points of one scan, by whichever process."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ronda.framework.analysis.live.serving import loader
from ronda.framework.analysis.pipeline import Pipeline, Prepared
from ronda.framework.analysis.runner import Runner
from ronda.framework.analysis.sharing import SECONDS, encode_all, shared_stages
from ronda.framework.stream.answers import NoLongerInMemory
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.description import Description
from ronda.framework.stream.frames.reader import FrameReader
from ronda.framework.stream.scan import Scan


class Job:
    """The shared stages of a pipeline for one scan; it serves one thread at a time."""

    def __init__(self, scan: Scan, pipeline: Pipeline) -> None:
        self._scan = scan
        self._pipeline = pipeline
        self._prepared: Prepared = pipeline.prepare(without_own(scan.description, pipeline.name))
        self._stages = shared_stages(self._prepared)
        self._parameters = {name: one.model_dump(mode="json") for name, one in pipeline.parameters.items()}

    def compute(self, reader: FrameReader, first: int, stop: int, every: int, parameters: str) -> dict[str, bytes]:
        """What the shared stages make of the points first ≤ index < stop, as `decode_all` takes it, and `SECONDS`.

        Args:
            every: only each n-th point is looked at.
            parameters: by stage, as JSON; they hold for this range.

        Raises:
            ScanGone, CommunicationFailed: it cannot be read.
        """
        began = time.perf_counter()
        self._take_parameters(json.loads(parameters))
        runner = Runner(self._prepared, loader(reader), first, every)
        blocks: list[Block] = []
        missing: dict[str, tuple[int, str]] = {}
        for device in self._prepared.together:
            names = [channel.name for channel in self._prepared.sources[device]]
            at = first
            while at < stop:
                try:
                    blocks += self._scan.blocks(device, names, at, stop)
                    at = stop
                except NoLongerInMemory as error:
                    at = min(error.first, stop)
                    missing[device] = (at, "left memory before it was analysed; analyse the file")
        works = list(runner.begin(blocks, missing, self._stages))
        found = encode_all(self._prepared, works, self._stages)
        return {**found, SECONDS: f"{time.perf_counter() - began:.6f}".encode()}

    def _take_parameters(self, wanted: Mapping[str, Any]) -> None:
        for placed in self._prepared.placed[: self._stages]:
            label = placed.step.label
            if wanted.get(label, self._parameters[label]) != self._parameters[label]:
                with contextlib.suppress(Exception):  # somebody's own code; what it refuses stays as it was
                    placed.stage.change(self._pipeline.checked(label, wanted[label]))
                    self._parameters[label] = wanted[label]


def concerns(scan: Scan, pipeline: str) -> bool:
    """Whether the results of a pipeline are part of a scan."""
    return any(device.name.partition(".")[0] == pipeline and device.derived for device in scan.description.devices)


def without_own(description: Description, pipeline: str) -> Description:
    """A scan's description without the results of a pipeline itself."""
    others = [one for one in description.devices if not (one.derived and one.name.partition(".")[0] == pipeline)]
    return replace(description, devices=others)
