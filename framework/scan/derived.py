"""What pipelines of live analysis add to a scan when it is opened: sources of results, which nobody waits for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.pipeline import AT_WORK, Pipeline
from ronda.framework.errors import RondaError
from ronda.framework.nexus import words
from ronda.framework.stream.description import Channel, Description, Device
from ronda.framework.tango.names import AnalysisCommand

READY_LIMIT = 60.0
"""Seconds that a scan waits for a pipeline that makes its stages ready: after an installation numba compiles them."""


@dataclass(frozen=True)
class _NotYet:
    """A pipeline does not know yet what it would add; `why` is a sentence."""

    why: str


_Answer = list[Device] | str | _NotYet
"""What a pipeline would add, or why it computes nothing."""


def with_results(
    beamline: Beamline,
    description: Description,
    waiting_for: Callable[[str], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> Description:
    """A scan's description with the results of all pipelines whose inputs it measures, those of others among them.

    A pipeline that does not answer, or cannot take what is measured, is left out: the remarks of the scan say why. All
    are asked at the same time, in a program that can: however many hang, the scan waits for Tango's time-out, 3 s,
    once.

    Args:
        beamline: whose pipelines.
        description: of the scan, as it would be without them.
        waiting_for: is told for what the scan waits, and an empty text when it goes on.
        check: called now and then; raises to give up.
    """
    waiting = list(beamline.pipelines())
    remarks: list[str] = []
    while waiting:
        answers = _answers(beamline, waiting, _asked(description), waiting_for, check)
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


def _answers(
    beamline: Beamline,
    pipelines: Sequence[Pipeline],
    asked: str,
    waiting_for: Callable[[str], None],
    check: Callable[[], None],
) -> list[tuple[Pipeline, list[Device] | str]]:
    """What each pipeline would add, or why it computes nothing, in the order of the pipelines."""
    answers: dict[int, _Answer] = {}

    def ask(place: int) -> None:
        answers[place] = _answer(pipelines[place], asked)

    deadline, said, late = time.monotonic() + READY_LIMIT, "", list(range(len(pipelines)))
    while late:
        beamline.each([partial(ask, place) for place in late])
        late = [place for place in late if isinstance(answers[place], _NotYet)]
        why = "; ".join(answer.why for answer in answers.values() if isinstance(answer, _NotYet))
        if why != said:
            waiting_for(said := why)
        check()
        if late and time.monotonic() >= deadline:
            told = f"it makes its stages ready since {READY_LIMIT:g} s; a later scan will have its results"
            answers |= dict.fromkeys(late, told)
            late = []
    found = [(pipeline, answers[place]) for place, pipeline in enumerate(pipelines)]
    return [(pipeline, answer) for pipeline, answer in found if not isinstance(answer, _NotYet)]


def _answer(pipeline: Pipeline, asked: str) -> _Answer:
    try:
        if pipeline.state not in AT_WORK:
            return str(pipeline.status)
        told = json.loads(pipeline.command(AnalysisCommand.DESCRIBE_RESULTS, asked))
        return _NotYet(str(told["not_yet"])) if "not_yet" in told else [_device(one) for one in told["devices"]]
    except (RondaError, ValueError, TypeError, KeyError) as error:
        return str(error)


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
