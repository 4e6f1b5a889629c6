"""Figures of one data logger: `python tests/bench/logger.py [ATTRIBUTES [CHANGES_A_SECOND [SECONDS]]]`.

Ten servers with a tenth of the attributes (10 000) each push changes at a tenth of the rate (10 000/s). Printed are the time until
all are subscribed, the changes stored in a second, what was dropped, and the memory that the logger takes.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import tango
from tango.server import Device, command, run

from ronda.devices.data_logger.kind import KIND
from ronda.devices.data_logger.parameters import DataLoggerParameters
from ronda.framework.host.entries import Wanted, server_name
from ronda.framework.host.registration import Registry
from ronda.framework.services.tango_database import READY_LINE, server_command

SERVERS = 10
BEAMLINE = "bench"
PAUSE = 0.005
"""Seconds between two bursts of a server: a flood without pauses loses events on its way."""


class Bench(Device):
    """Attributes that take turns with a number that rises."""

    green_mode = tango.GreenMode.Synchronous

    def init_device(self) -> None:
        """Make the attributes."""
        super().init_device()
        self.count = int(os.environ["BENCH_ATTRIBUTES"])
        self.sent = 0
        for at in range(self.count):
            self.add_attribute(tango.Attr(f"A{at}", tango.DevDouble, tango.AttrWriteType.READ), self.read_one)
            self.set_change_event(f"A{at}", True, False)

    def read_one(self, attr: tango.Attribute) -> None:
        """Any value."""
        attr.set_value(-1.0)

    @command(dtype_out=int)
    def Sent(self) -> int:  # noqa: N802 - a Tango name
        """How many were pushed."""
        return self.sent

    @command(dtype_in=[float])
    def Run(self, how: list[float]) -> None:  # noqa: N802 - a Tango name
        """Push at a rate for some seconds."""
        threading.Thread(target=self.push, args=tuple(how), daemon=True).start()

    def push(self, rate: float, seconds: float) -> None:
        """Push evenly, as far as the machine lets."""
        with tango.EnsureOmniThread():
            begin = time.monotonic()
            while (past := time.monotonic() - begin) < seconds:
                while self.sent < past * rate:
                    self.push_change_event(f"A{self.sent % self.count}", float(self.sent))
                    self.sent += 1
                time.sleep(PAUSE)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition, what: str, limit: float = 600.0) -> None:
    """Wait, or end with a sentence."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"not within {limit:g} s: {what}")
        time.sleep(0.05)


def main(attributes: int, rate: float, seconds: float) -> None:
    """Measure and print."""
    host = f"127.0.0.1:{free_port()}"
    os.environ["TANGO_HOST"] = host
    folder = Path(tempfile.mkdtemp(prefix="ronda-bench-"))
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, arguments: list[str], **environment: str) -> subprocess.Popen[bytes]:
        with (folder / f"{name}.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    arguments,
                    env={**os.environ, **environment, "PYTHONUNBUFFERED": "1"},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return running[-1]

    try:
        start("db", server_command(host), PYTANGO_DATABASE_NAME=str(folder / "tango.db"))
        wait_for(lambda: READY_LINE in (folder / "db.log").read_text(), "the database is ready")
        database = tango.Database()
        names = [f"bench/server/{number}" for number in range(SERVERS)]
        for number, name in enumerate(names):
            info = tango.DbDevInfo()
            info.name, info._class, info.server = name, "Bench", f"Bench/{number}"
            database.add_device(info)
            start(
                f"server{number}",
                [sys.executable, __file__, "serve", str(number), f"giop:tcp:127.0.0.1:{free_port()}"],
                BENCH_ATTRIBUTES=str(attributes // SERVERS),
            )
        for number in range(SERVERS):
            wait_for(lambda n=number: "Ready" in (folder / f"server{n}.log").read_text(), f"server {number} is ready")
        entry = DataLoggerParameters.model_validate(
            {
                "kind": "data_logger",
                "folder": str(folder / "archive"),
                "rules": [{"beamline": "bench", "tango_class": "Bench", "attributes": ["A*"], "max_rate": 1e5}],
            }
        )
        (device,) = KIND.devices("logger", entry)
        full = f"{BEAMLINE}/{device.family}/{device.name}"
        configuration = {**device.configuration, "implementation": device.implementation}
        wanted = Wanted(
            full, device.name, device.tango_class, server_name(BEAMLINE, "log"), configuration, {}, frozenset()
        )
        Registry(host, BEAMLINE).write(wanted, None)
        begin = time.monotonic()
        logger_process = start(
            "logger",
            [sys.executable, "-m", "ronda.devices", "log"],
            RONDA_BEAMLINE=BEAMLINE,
            RONDA_SERVER_PORT=str(free_port()),
            RONDA_SERVER_ADDRESS="127.0.0.1",
        )
        wait_for(lambda: "ready" in (folder / "logger.log").read_text(), "the logger is ready")
        logger = tango.DeviceProxy(full)
        logger.set_timeout_millis(30_000)
        wait_for(lambda: logger.Subscribed > attributes // SERVERS * SERVERS, "all are subscribed")
        print(f"{attributes} attributes subscribed in {time.monotonic() - begin:.1f} s (wanted: 10 000 in 60 s)")
        wait_for(lambda: logger.Waiting == 0 and logger.Rate < rate / 100, "the first values are stored")
        proxies = [tango.DeviceProxy(name) for name in names]
        stored = logger.Stored
        begin = time.monotonic()
        for proxy in proxies:
            proxy.Run([rate / SERVERS, seconds])
        lag = 0.0
        while time.monotonic() - begin < seconds:
            lag = max(lag, logger.Lag)
            time.sleep(0.5)
        wait_for(lambda: logger.Waiting == 0 and logger.Rate < rate / 100, "all is stored")
        sent, kept = sum(proxy.Sent() for proxy in proxies), logger.Stored - stored
        print(f"{sent / seconds:.0f} changes/s pushed for {seconds:g} s (wanted: 10 000/s for 60 s)")
        print(f"{kept} events stored of {sent} pushed, {logger.Dropped} dropped, longest lag {lag:.2f} s")
        memory = psutil.Process(logger_process.pid).memory_info().rss
        print(f"the logger takes {memory / 1e6:.0f} MB")
    finally:
        for process in running:
            process.kill()
            process.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        run([Bench], args=["Bench", sys.argv[2], "-ORBendPoint", sys.argv[3]])
    else:
        given = [float(text) for text in sys.argv[1:]]
        main(*(int(given[0]) if given else 10_000, *(given[1:2] or [10_000.0]), *(given[2:3] or [60.0])))
