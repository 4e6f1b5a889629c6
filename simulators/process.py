"""All simulated instruments of a beamline in one process: read the file, listen, say when ready, run until told."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ronda.simulators.catalogue import instrument_class, instrument_types
from ronda.simulators.control import Control
from ronda.simulators.instrument import Instrument
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.clock import Clock
from ronda.simulators.physics.world import World
from ronda.simulators.server import LineServer


class StartFailed(Exception):
    """The simulators cannot start; the text is a sentence for people."""


class SimulatorsFile(InstrumentParameters):
    """The file that says what to simulate."""

    address: str = parameter("Address of the network interface to listen on", "127.0.0.1")
    seed: int = parameter("Makes the noise of a run repeatable", 1, ge=0)
    speed: float = parameter("How much faster than real time the simulated world runs", 1.0, unit="s/s", gt=0)
    control_port: int | None = parameter("Port for tests; None: there is none", None, ge=0, le=65535)
    instruments: dict[str, dict[str, Any]] = parameter(
        "The instruments by name; each has `type`, `port` and the parameters of its type"
    )


@dataclass
class Simulation:
    """The running simulators.

    Attributes:
        ports: on which each instrument listens, by name.
        control_port: on which tests may come; None without.
    """

    world: World
    instruments: dict[str, Instrument] = field(default_factory=dict)
    servers: dict[str, LineServer] = field(default_factory=dict)
    control: LineServer | None = None
    ports: dict[str, int] = field(default_factory=dict)
    control_port: int | None = None

    def close(self) -> None:
        """Stop listening and drop all clients."""
        for server in [*self.servers.values(), *([self.control] if self.control else [])]:
            server.close()
        for instrument in self.instruments.values():
            instrument.close()


def read(path: Path) -> SimulatorsFile:
    """Read the file.

    Raises:
        StartFailed: it cannot be read, or something in it is wrong.
    """
    try:
        return SimulatorsFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StartFailed(f"simulators: cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise StartFailed(f"simulators: {path}: {_first_problem(error)}") from error


async def start(file: SimulatorsFile, clock: Clock | None = None) -> Simulation:
    """Make the world and its instruments, and listen.

    Args:
        file: what to simulate.
        clock: another than real time; for tests.

    Raises:
        StartFailed: an instrument's parameters are wrong, or a port cannot be had.
    """
    loop = asyncio.get_running_loop()
    simulation = Simulation(World(clock or Clock(file.speed), file.seed))
    try:
        for name, entry in file.instruments.items():
            instrument = _build(name, entry, simulation.world)
            server = LineServer(instrument.answer, loop, instrument.framing, instrument.afterwards)
            simulation.instruments[name] = instrument
            simulation.servers[name] = server
            simulation.ports[name] = await _listen(
                server, f"simulator {name}", file.address, entry.get("port"), instrument
            )
        _wire(simulation)
        if file.control_port is not None:
            control = Control(simulation.world, simulation.instruments, simulation.servers)
            simulation.control = LineServer(control.answer, loop)
            simulation.control_port = await _listen(
                simulation.control, "the simulators' control", file.address, file.control_port
            )
    except StartFailed:
        simulation.close()
        raise
    return simulation


def main(arguments: list[str]) -> int:
    """Run the simulators of a file until SIGTERM or SIGINT; returns the exit code."""
    if len(arguments) != 1:
        _report({"error": "usage: python -m ronda.simulators FILE.json"})
        return 1
    try:
        asyncio.run(_run(Path(arguments[0])))
    except StartFailed as failure:
        _report({"error": str(failure)})
        return 1
    return 0


async def _run(path: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    simulation = await start(read(path))
    _report({"ready": True, "ports": simulation.ports, "control_port": simulation.control_port})
    await stop.wait()
    simulation.close()


def _build(name: str, entry: dict[str, Any], world: World) -> Instrument:
    instrument_type = entry.get("type")
    try:
        kind = instrument_class(str(instrument_type))
    except KeyError as error:
        raise StartFailed(
            f"simulator {name}: type should be one of {', '.join(instrument_types())}, not {instrument_type!r}"
        ) from error
    parameters = {key: value for key, value in entry.items() if key not in ("type", "port")}
    try:
        return kind(name, kind.Parameters.model_validate(parameters), world)
    except ValidationError as error:
        raise StartFailed(f"simulator {name}: {_first_problem(error)}") from error
    except ValueError as error:
        raise StartFailed(f"simulator {name}: {error}") from error


def _wire(simulation: Simulation) -> None:
    """Connect the trigger outputs, and the encoders.

    Raises:
        StartFailed: an input is wired to an output that nothing has.
    """
    for name, instrument in simulation.instruments.items():
        try:
            instrument.connect_outputs()
        except ValueError as error:
            raise StartFailed(f"simulator {name}: {error}") from error
    for output, line in simulation.world.lines.items():
        if not line.driven:
            raise StartFailed(
                f"simulators: an input is wired to {output}, but there is no such output; outputs are called "
                "CONTROLLER:AXIS, and controllers with outputs are those of type motor_controller"
            )
    for axis, encoder in simulation.world.encoder_lines.items():
        if not encoder.driven:
            raise StartFailed(
                f"simulators: an input is wired to the encoder of {axis}, but there is none; an axis of a "
                "motor_controller or an icepap, called CONTROLLER:AXIS, has one if its parameter encoder is given"
            )


async def _listen(server: LineServer, who: str, address: str, port: Any, instrument: Instrument | None = None) -> int:
    if not isinstance(port, int) or not 0 <= port < 65536:
        raise StartFailed(f"{who}: port should be a number from 0 to 65535, not {port!r}")
    try:
        own = None if instrument is None else instrument.listen(address, port)
        return await server.listen(address, port) if own is None else own
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartFailed(
                f"{who}: port {port} of {address} is used by another program; stop that one or choose another port"
            ) from error
        raise StartFailed(f"{who}: cannot listen on port {port} of {address}: {error.strerror}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def _report(message: dict[str, Any]) -> None:
    """Tell who started us, over the pipe that it gave us or else for people."""
    descriptor = os.environ.get("RONDA_READY_FD")
    if descriptor is None:
        sys.stderr.write(message.get("error") or f"ready: {message}")
        sys.stderr.write("\n")
        return
    with os.fdopen(int(descriptor), "w") as pipe:
        pipe.write(json.dumps(message) + "\n")
