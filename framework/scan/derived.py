"""What pipelines of live analysis add to a scan when it is opened: sources of results, which nobody waits for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
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

    A pipeline that does not answer, or cannot take what is measured, is left out: the remarks of the scan say why.
    They are asked one after the other: each that hangs holds up the scan by Tango's time-out, 3 s.
    """
    waiting = list(beamline.devices(PIPELINE_CLASS))
    remarks: list[str] = []
    found = True
    while found and waiting:
        found = False
        for pipeline in list(waiting):
            try:
                if pipeline.state not in AT_WORK:
                    remarks.append(f"{pipeline.name} computes nothing: {pipeline.status}")
                    waiting.remove(pipeline)
                    continue
                told = json.loads(pipeline.command(AnalysisCommand.DESCRIBE_RESULTS, _asked(description)))
                devices = [_device(one) for one in told["devices"]]
                if devices:
                    description = replace(description, devices=[*description.devices, *devices])
            except (RondaError, ValueError, TypeError, KeyError) as error:
                remarks.append(f"{pipeline.name} computes nothing: {error}")
                waiting.remove(pipeline)
                continue
            if devices:
                waiting.remove(pipeline)
                found = True
    if remarks:
        told_before = list(description.attributes.get(words.REMARKS, ()))
        attributes = {**description.attributes, words.REMARKS: [*told_before, *remarks]}
        description = replace(description, attributes=attributes)
    return description


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
