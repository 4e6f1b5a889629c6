"""The kind `sampling`: an entry in YAML becomes one device that measures attributes of other Tango devices in scans."""

from __future__ import annotations

from ronda.devices.kind import OneDevice
from ronda.devices.sampling.parameters import SamplingParameters
from ronda.framework.clients.counter import part_names

KIND = OneDevice(
    summary="Sampling counters: the mean of any attribute of any Tango device",
    what="a sampling server",
    family="sampling",
    tango_class="Sampling",
    implementation="ronda.devices.sampling.device:SamplingDevice",
    model=lambda _: SamplingParameters,
    counters=lambda _, entry: tuple(
        part for name, counter in entry.counters.items() for part in part_names(name, counter.mode)
    ),
)
