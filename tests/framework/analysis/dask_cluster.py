"""A real Dask cluster on loopback: a scheduler and workers, each a process that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ronda.framework.analysis.live.options import DaskPlace
from tests.framework.stream.conftest import wait_until
from tests.ports import free_port

TOP = Path(__file__).parents[3]


class DaskCluster:
    """Its processes.

    Args:
        folder: for logs and certificates.
        tls: with certificates made here.
    """

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        self.folder = folder
        self._port = free_port()
        self._options: list[str] = []
        self.place = DaskPlace(f"tcp://127.0.0.1:{self._port}")
        if tls:
            from distributed.security import Security

            made = Security.temporary()
            certificate, key = folder / "ronda.pem", folder / "ronda.key"
            certificate.write_text(made.tls_client_cert)
            key.write_text(made.tls_client_key)
            self.place = DaskPlace(f"tls://127.0.0.1:{self._port}", str(certificate), str(certificate), str(key))
            self._options = ["--tls-ca-file", str(certificate), "--tls-cert", str(certificate), "--tls-key", str(key)]
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_scheduler(self) -> None:
        protocol = self.place.address.partition(":")[0]
        command = ["scheduler", "--host", f"{protocol}://127.0.0.1", "--port", str(self._port)]
        self.scheduler = self._start(*command, "--no-dashboard", "--no-jupyter")

    def start_worker(self, threads: int = 1) -> subprocess.Popen[bytes]:
        command = ["worker", self.place.address, "--no-nanny", "--no-dashboard", "--nthreads", str(threads)]
        worker = self._start(*command, "--death-timeout", "120", "--local-directory", str(self.folder))
        self.workers.append(worker)
        return worker

    def kill_scheduler(self) -> None:
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def kill_worker(self, worker: subprocess.Popen[bytes]) -> None:
        self.workers.remove(worker)
        worker.kill()
        worker.wait()

    def end(self) -> None:
        for process in [*self.workers, *([self.scheduler] if self.scheduler else [])]:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))

    def _start(self, what: str, *options: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{what}-{len(list(self.folder.glob('*.log')))}.log"
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options, *self._options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RONDA_")}
        environment["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] = "0"  # one death is enough, instead of four
        with log.open("wb") as into:
            process = subprocess.Popen(command, cwd=TOP, env=environment, stdout=into, stderr=into)
        if what == "scheduler":
            wait_until(lambda: b"Scheduler at" in log.read_bytes() or process.poll() is not None, what="a scheduler")
            assert process.poll() is None, log.read_text()
        return process
