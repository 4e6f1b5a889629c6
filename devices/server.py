"""The program of a device server: `python -m ronda.devices SERVER`."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import queue
import re
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import tango

from ronda.devices.device import IMPLEMENTATION, RondaDevice
from ronda.devices.log import configure_log
from ronda.devices.process import Process
from ronda.devices.stored import StoredProperties
from ronda.framework.config.beamline import NAME_PATTERN
from ronda.framework.errors import ConfigurationError, RondaError, ServiceFailed
from ronda.framework.host.entries import server_name
from ronda.framework.host.process import report
from ronda.framework.turns import take_short_turns

HALT_LIMIT = 2.0
"""Seconds that motion and counting have to come to rest when the server ends."""

END_LIMIT = 2.8
"""Seconds after which the server ends whatever hangs."""

HEED_PERIOD = 0.5
"""Seconds after which a signal is heeded at the latest."""

TIMER_SLACK = 1000
"""Nanoseconds by which a sleep may end late."""

PYTHON_TURN = 0.0005
"""Seconds for which a thread works in Python while another one waits to; of itself Python allows 5 ms, five cycles of a
fast loop."""


@dataclass(frozen=True)
class Place:
    """Who this server is and where it listens, from the environment that the host agent sets."""

    server: str
    address: str
    port: int

    @classmethod
    def of(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> Place:
        """Read it.

        Raises:
            ConfigurationError: something is missing or wrong.
        """
        if len(arguments) != 1 or not re.fullmatch(NAME_PATTERN, arguments[0]):
            raise ConfigurationError("usage: python -m ronda.devices SERVER, where SERVER is a name in the YAML files")
        needed = ("TANGO_HOST", "RONDA_BEAMLINE", "RONDA_SERVER_PORT")
        missing = [name for name in needed if not environment.get(name)]
        if missing:
            raise ConfigurationError(
                f"server {arguments[0]}: {', '.join(missing)} not set in the environment; `ronda up` does this"
            )
        port = environment["RONDA_SERVER_PORT"]
        if not port.isdigit() or not 0 < int(port) < 65536:
            raise ConfigurationError(f"server {arguments[0]}: RONDA_SERVER_PORT should be a port, not {port!r}")
        return cls(
            server_name(environment["RONDA_BEAMLINE"], arguments[0]),
            environment.get("RONDA_SERVER_ADDRESS") or "127.0.0.1",
            int(port),
        )


def main(arguments: Sequence[str]) -> int:
    """Run a device server until SIGTERM or SIGINT; returns the exit code only if it cannot start."""
    configure_log()
    wake_in_time()
    try:
        place = Place.of(arguments, os.environ)
        process, classes = prepare(place)
        serve(place, process, classes)
    except RondaError as error:
        structlog.get_logger().error(str(error))
        report({"error": str(error)})
        return 1
    return 0


def wake_in_time() -> None:
    """Let all threads to come run as soon as they wake, also from short sleeps: Linux adds 0.05 ms to save power."""
    take_short_turns()
    sys.setswitchinterval(PYTHON_TURN)
    with contextlib.suppress(OSError):  # not on other systems
        Path("/proc/self/timerslack_ns").write_text(str(TIMER_SLACK))


def prepare(place: Place) -> tuple[Process, list[type[RondaDevice]]]:
    """Find out which devices this server has, and import their classes.

    Raises:
        ServiceFailed: the Tango database does not answer, or our port is taken.
        ConfigurationError: there are no devices, or a class does not import.
    """
    _require_port(place)
    try:
        database = tango.Database()
        stored = StoredProperties()
        listed = list(database.get_device_class_list(place.server))
        devices = {name: kind for name, kind in zip(listed[::2], listed[1::2], strict=True) if kind != "DServer"}
        if not devices:
            raise ConfigurationError(
                f"{place.server}: the Tango database knows no device of this server; `ronda up` registers them"
            )
        stored.fetch(database, list(devices))
    except tango.DevFailed as error:
        raise ServiceFailed(
            f"{place.server}: the Tango database at {os.environ.get('TANGO_HOST')} does not answer: "
            f"{error.args[0].desc}"
        ) from error
    process = Process(stored)
    return process, [
        bind(name, load_class(place.server, path), process) for name, path in implementations(stored, devices).items()
    ]


def implementations(stored: StoredProperties, devices: Mapping[str, str]) -> dict[str, str]:
    """The `package.module:Class` of each Tango class.

    Raises:
        ConfigurationError: none is given for a class, or two different ones.
    """
    found: dict[str, str] = {}
    for device, tango_class in devices.items():
        try:
            path = stored.peek(device).get(IMPLEMENTATION)
        except ConfigurationError:
            continue  # the device says so itself, as long as another of its class says what the class is
        if path is None:
            continue
        if found.setdefault(tango_class, path) != path:
            raise ConfigurationError(
                f"{device}: the class {tango_class} is {path} here, but {found[tango_class]} for another device of "
                "this server; a Tango class can be only one thing in a server"
            )
    missing = sorted(set(devices.values()) - found.keys())
    if missing:
        raise ConfigurationError(f"no device of class {missing[0]} says in its configuration which Python class it is")
    return found


def load_class(server: str, path: str) -> type[RondaDevice]:
    """Import a device class.

    Raises:
        ConfigurationError: it does not import, or is no device class of ours.
    """
    module_name, _, class_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a third party's module may raise anything
        structlog.get_logger().exception("import failed")
        raise ConfigurationError(
            f"{server}: the device class {path} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, RondaDevice)):
        raise ConfigurationError(f"{server}: {path} is not a device class (derived from RondaDevice)")
    return found


def bind(name: str, device_class: type[RondaDevice], process: Process) -> type[RondaDevice]:
    """The class that Tango gets: it has the name known to clients, and the things that this process's devices share."""
    members = {"process": process, "__doc__": device_class.__doc__, "__module__": device_class.__module__}
    make: Any = type(device_class)
    bound: type[RondaDevice] = make(name, (device_class,), members)
    return bound


def serve(place: Place, process: Process, classes: Sequence[type[RondaDevice]]) -> None:
    """Run the Tango server until a signal ends it; does not return then.

    Raises:
        ServiceFailed: Tango refuses to start.
    """
    events: queue.SimpleQueue[str | BaseException] = queue.SimpleQueue()
    threading.Thread(target=_run_tango, args=(place, classes, process, events), name="tango", daemon=True).start()
    first = events.get()
    if isinstance(first, BaseException):
        raise ServiceFailed(f"{place.server}: Tango cannot start the server: {_said(first)}") from first

    # Signal handlers of Python run in the main thread only, and Tango sets its own while it starts.
    def end(number: int, _: Any) -> None:
        events.put(signal.Signals(number).name)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    structlog.get_logger().info("ready", server=place.server, address=f"{place.address}:{place.port}")
    report({"ready": True})
    finish(process, str(_awaited(events)))


def _awaited(events: queue.SimpleQueue[str | BaseException]) -> str | BaseException:
    """The next event.

    Any thread may take a signal that came while the process was halted, or just before this one slept, but only this
    one acts on it, when it wakes up.
    """
    while True:
        with contextlib.suppress(queue.Empty):
            return events.get(timeout=HEED_PERIOD)


def finish(process: Process, why: str) -> None:
    """Stop what moves and counts, take the devices out of the Tango database, and end the process."""
    log = structlog.get_logger()
    last_resort = threading.Timer(END_LIMIT, _end, args=("ending although something hangs",))
    last_resort.daemon = True
    last_resort.start()
    log.info("ending", because=why)
    process.halt(HALT_LIMIT)
    process.let_go()
    with contextlib.suppress(tango.DevFailed):
        tango.Util.instance().unregister_server()
    _end("ended")


def _run_tango(
    place: Place,
    classes: Sequence[type[RondaDevice]],
    process: Process,
    events: queue.SimpleQueue[str | BaseException],
) -> None:
    forever = threading.Event()

    def while_it_serves() -> bool:
        # Tango calls this once it answers clients, and serves them in threads of its own
        process.start()
        events.put("ready")
        forever.wait()
        return True

    program, instance = place.server.split("/")
    try:
        util = tango.Util([program, instance, "-ORBendPoint", f"giop:tcp:{place.address}:{place.port}"])
        for each in classes:
            util.add_class(each.TangoClassClass, each, each.__name__)
        util.server_set_event_loop(while_it_serves)
        gc.disable()  # it would look through hundreds of devices, none of which goes away, again and again
        util.server_init()
        gc.freeze()
        gc.enable()
        util.server_run()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the main thread must hear of it
        events.put(error)


def _require_port(place: Place) -> None:
    """Tango's own words about a port in use are none."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((place.address, place.port))
    except OSError as error:
        raise ServiceFailed(
            f"{place.server}: cannot listen on {place.address}:{place.port}: {error.strerror}; "
            "stop the program that has the port, or choose another port"
        ) from error


def _said(error: BaseException) -> str:
    return str(error.args[0].desc) if isinstance(error, tango.DevFailed) else f"{type(error).__name__}: {error}"


def _end(word: str) -> None:
    structlog.get_logger().info(word)
    sys.stdout.flush()
    os._exit(0)  # threads that hang, Tango's among them, shall not keep us
