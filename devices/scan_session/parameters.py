"""The keys of a scan session in YAML."""

from __future__ import annotations

from typing import Annotated

from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import parameter
from ronda.framework.config.suspenders import SuspenderParameters

SuspenderName = Annotated[str, parameter("Name of a suspender", pattern=NAME_PATTERN)]


class ScanSessionParameters(DeviceParameters):
    """A device that shows the scan of a session, and lets any Tango client pause, resume, stop and abort it."""

    session: str = parameter("Name of the session; whichever scan began last if empty", "")
    suspenders: dict[SuspenderName, SuspenderParameters] = parameter(
        "What scans of this session look at before and after each point, by name", default_factory=dict
    )
