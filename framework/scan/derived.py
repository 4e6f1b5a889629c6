"""What pipelines of live analysis add to a scan when it is opened: sources of results, which nobody waits for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import RondaError
from ronda.framework.nexus import words
from ronda.framework.stream.description import Channel, Description, Device
from ronda.framework.tango.names import AnalysisCommand

PIPELINE_CLASS = "AnalysisPipeline"
"""Tango class of the pipelines."""

AT_WORK = ("ON", "RUNNING", "ALARM")
"""States in which a pipeline takes scans."""


def with_results(beamline: Beamline, description: Description) -> Description:
    """A scan's description with the results of all pipelines whose inputs it measures, those of others among them.

    A pipeline that does not answer, or cannot take what is measured, is left out: the remarks of the scan say why. All
    are asked at the same time, in a program that can: however many hang, the scan waits for Tango's time-out, 3 s,
    once.
    """
    waiting = list(beamline.devices(PIPELINE_CLASS))
    remarks: list[str] = []
    while waiting:
        answers = _answers(beamline, waiting, _asked(description))
        remarks += [f"{one.name} computes nothing: {answer}" for one, answer in answers if isinstance(answer, str)]
        found = [device for _, answer in answers if not isinstance(answer, str) for device in answer]
        if not found:
            break
        description = replace(description, devices=[*description.devices, *found])
        waiting = [one for one, answer in answers if answer == []]  # they may take what others give
    if remarks:
        told_before = list(description.attributes.get(words.REMARKS, ()))
        attributes = {**description.attributes, words.REMARKS: [*told_before, *remarks]}
        description = replace(description, attributes=attributes)
    return description


def _answers(beamline: Beamline, pipelines: Sequence[Any], asked: str) -> list[tuple[Any, list[Device] | str]]:
    """What each pipeline would add, or why it computes nothing, in the order of the pipelines."""
    answers: dict[int, list[Device] | str] = {}

    def ask(place: int) -> None:
        pipeline = pipelines[place]
        try:
            if pipeline.state in AT_WORK:
                told = json.loads(pipeline.command(AnalysisCommand.DESCRIBE_RESULTS, asked))
                answers[place] = [_device(one) for one in told["devices"]]
            else:
                answers[place] = str(pipeline.status)
        except (RondaError, ValueError, TypeError, KeyError) as error:
            answers[place] = str(error)

    beamline.each([partial(ask, place) for place in range(len(pipelines))])
    return [(pipeline, answers[place]) for place, pipeline in enumerate(pipelines)]


def _asked(description: Description) -> str:
    return json.dumps(
        {
            "heading": description.heading(),
            "devices": description.devices_json(),
            "consumers": description.consumers_json(),
        }
    )


def _device(told: Mapping[str, Any]) -> Device:
    channels = [Channel(**{**one, "shape": tuple(one["shape"])}) for one in told["channels"]]
    return Device(told["name"], channels, told["attributes"])
