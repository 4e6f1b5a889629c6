"""How a pipeline treats a scan that is faster than it, and how many processes share its work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["lossless", "sampled", "latest"]


@dataclass(frozen=True)
class DaskPlace:
    """Where a scheduler of Dask is.

    Attributes:
        address: `tcp://HOST:PORT` on this host, or `tls://HOST:PORT`.
        ca, certificate, key: files for TLS; those of Dask's own configuration if empty.
    """

    address: str
    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True)
class Options:
    """Options of a pipeline.

    Attributes:
        mode: `lossless` computes each point that memory still has when its turn comes; `sampled` each n-th;
            `latest` only the newest point whenever it has time. None of them ever holds the scan.
        every: n of `sampled`.
        workers: number of processes that share the first stages, those that look at each point alone; 1 computes all
            in the process of the pipeline, 0 leaves all to processes that are started elsewhere.
        patience: seconds after which the work of a worker that has not said a word is given to another.
        dask: whose workers share the first stages instead of processes of ours.
    """

    mode: Mode = "lossless"
    every: int = 1
    workers: int = 1
    patience: float = 2.0
    dask: DaskPlace | None = None

    @property
    def step(self) -> int:
        """Distance of the points that are looked at."""
        return self.every if self.mode == "sampled" else 1
