"""The keys of a pipeline of live analysis in YAML."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, parameter

if TYPE_CHECKING:
    from ronda.framework.analysis.live.options import DaskPlace
    from ronda.framework.analysis.pipeline import Step


class StageParameters(Parameters):
    """A stage of a pipeline."""

    stage: str = parameter(
        "What it computes: the short name of a stage of ours, `package.module:NAME`, or `FILE.py:NAME` with a file in "
        "the folder of the YAML files",
        min_length=1,
    )
    name: str = parameter(
        "Its name in the pipeline; by default the last part of `stage`", "", pattern="^[A-Za-z0-9_]*$"
    )
    inputs: dict[str, str] = parameter(
        "By input of the stage the channel of the scan, or output of an earlier stage, that it takes; `*` stands for "
        "any text. By default that of the same name",
        default_factory=dict,
    )
    parameters: dict[str, Any] = parameter("Parameters of the stage", default_factory=dict)
    prefix: str = parameter("Begins the names of its outputs", "", pattern="^[A-Za-z0-9_]*$")

    def step(self) -> Step:
        """The same for the pipeline."""
        from ronda.framework.analysis.pipeline import Step  # who only reads YAML needs no Redis

        return Step(self.stage, self.name, self.inputs, self.parameters, self.prefix)


class DaskParameters(Parameters):
    """A Dask scheduler, with files for TLS."""

    address: str = parameter("`tls://HOST:PORT`, or `tcp://HOST:PORT` on this host")
    ca: str = parameter(
        "File with the certificate of the authority, in the folder of the YAML files or with an absolute path; by "
        "default that of Dask's own configuration, as with those below",
        "",
    )
    certificate: str = parameter("File with our certificate", "")
    key: str = parameter("File with its key", "")

    @field_validator("address")
    @classmethod
    def _can_be_used(cls, value: str) -> str:
        try:
            found = urlsplit(value)
            protocol, host, port = found.scheme, found.hostname, found.port
        except ValueError:
            protocol, host, port = "", None, None
        if protocol not in ("tcp", "tls") or not host or not port or found.path:
            raise ValueError(f"a Dask scheduler is at tls://HOST:PORT or tcp://127.0.0.1:PORT, not at {value!r}")
        if protocol == "tcp" and not _is_loopback(host):
            raise ValueError(
                f"{value}: whoever reaches a Dask scheduler may run programs on it, so that tcp:// is for this host "
                f"alone, as tcp://127.0.0.1:{port}; give the scheduler certificates and say tls://{host}:{port}"
            )
        return value

    def require_fit(self) -> None:
        """See that the files are those for the address.

        Raises:
            ValueError: they are not.
        """
        if (self.ca or self.certificate or self.key) and not self.address.startswith("tls://"):
            raise ValueError(f"dask: {self.address} takes no certificates, they are for tls://")
        if bool(self.certificate) != bool(self.key):
            raise ValueError("dask: certificate and key go together; give both")

    def place(self, folder: Path) -> DaskPlace:
        """The same for the pipeline, with the files in a folder."""
        from ronda.framework.analysis.live.options import DaskPlace  # as above

        ca, certificate, key = (str(folder / one) if one else "" for one in (self.ca, self.certificate, self.key))
        return DaskPlace(self.address, ca, certificate, key)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class AnalysisPipelineParameters(DeviceParameters):
    """A pipeline of live analysis: its results are channels of each scan that measures what it takes."""

    stages: list[StageParameters] = parameter("Stages; outputs of one are inputs of the next", min_length=1)
    active: bool = parameter(
        "Whether it takes part in scans; `Active` of the device changes it until its server starts again", True
    )
    mode: Literal["lossless", "sampled", "latest"] = parameter(
        "What it looks at of a scan that is faster: `lossless` each point that memory still has when its turn comes, "
        "`sampled` each n-th, `latest` the newest whenever it has time. None of them holds the scan",
        "lossless",
    )
    every: int = parameter("n of `sampled`", 1, ge=1)
    workers: int = parameter(
        "Processes beside the server that share the first stages, those that look at each point alone; with 1 the "
        "server computes all itself, with 0 all is left to `analysis_workers` on other hosts",
        1,
        ge=0,
        le=64,
    )
    patience: float = parameter(
        "After this time without a sign of life the work of a worker is given to another one", 2.0, unit="s", ge=0.2
    )
    dask: str | DaskParameters | None = parameter(
        "A Dask scheduler whose workers share the first stages, instead of `workers`: `tls://HOST:PORT`, or "
        "`tcp://127.0.0.1:PORT`; or a mapping with files for TLS, see below",
        None,
    )
    sessions: list[str] = parameter("Only scans of these sessions; empty for all", default_factory=list)

    @field_validator("dask", mode="before")
    @classmethod
    def _address_alone(cls, value: Any) -> Any:
        return DaskParameters(address=value) if isinstance(value, str) else value

    def dask_place(self, folder: Path) -> DaskPlace | None:
        """Where Dask is, with its files in a folder; None without it."""
        return self.dask.place(folder) if isinstance(self.dask, DaskParameters) else None

    @model_validator(mode="after")
    def _fits(self) -> AnalysisPipelineParameters:
        if self.every > 1 and self.mode != "sampled":
            raise ValueError("every is for mode: sampled")
        if isinstance(self.dask, DaskParameters):
            self.dask.require_fit()
        if self.workers != 1 and self.dask is not None:
            raise ValueError("workers are processes beside the server, dask those of a cluster; give one of the two")
        return self
