"""Writes a host's devices into the Tango database while the first servers already start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import tango

from ronda.framework.errors import ConfigurationError
from ronda.framework.host.entries import Registered, server_name
from ronda.framework.host.layout import Layout
from ronda.framework.host.registration import Registry
from ronda.framework.host.supervisor import Supervisor
from ronda.framework.tango.errors import from_dev_failed

RETRY = 3.0
"""Seconds between two attempts, when it insists."""


class Registrar:
    """Registers servers one after the other in a thread, and lets the supervisor start each as soon as it is known."""

    def __init__(self, layout: Layout, supervisor: Supervisor, *, insist: bool) -> None:
        """Nothing is written yet.

        Args:
            layout: what to register.
            supervisor: holds the servers back until we release them.
            insist: try again until it works, instead of giving up at the first failure.
        """
        self._layout = layout
        self._supervisor = supervisor
        self._insist = insist
        self.done = False
        """Whether all is written."""
        self.problem = ""
        """Why it could not be; empty while all is well."""

    def begin(self, servers: list[str], after: threading.Event) -> None:
        """Register these servers in a thread, as soon as `after` is set."""
        threading.Thread(target=self._run, args=(servers, after), name="registration", daemon=True).start()

    def _run(self, servers: list[str], after: threading.Event) -> None:
        after.wait()
        with tango.EnsureOmniThread():
            while not self.done:
                try:
                    self._register(servers)
                except ConfigurationError as error:
                    self.problem = str(error)
                except tango.DevFailed as error:
                    self.problem = f"the Tango database at {self._layout.tango_host} failed: {from_dev_failed(error)}"
                self.done = not self.problem
                self._supervisor.wake()
                if not self._insist:
                    return
                if not self.done:
                    time.sleep(RETRY)

    def _register(self, servers: list[str]) -> None:
        self.problem = ""
        registry = Registry(self._layout.tango_host, self._layout.beamline.name)
        registered = registry.read()
        for name in servers:
            register_server(self._layout, registry, registered, name)
            self._release(name)
        remove_stale(self._layout, registry, registered)
        registry.write_sessions(self._layout.beamline.session_keys())

    def _release(self, name: str) -> None:
        def release() -> None:
            process = self._supervisor.processes.get(name)
            if process is not None:
                process.held = False

        self._supervisor.request(release)


def register_server(layout: Layout, registry: Registry, registered: dict[str, Registered], name: str) -> None:
    """Bring the entries of one server in line with the configuration."""
    wanted = layout.wanted(layout.beamline.servers[name])
    for device in wanted:
        registry.write(device, registered.get(device.name.lower()))
    full = server_name(layout.beamline.name, name).lower()
    _remove(layout, registry, registered, lambda server: server == full)


def remove_stale(layout: Layout, registry: Registry, registered: dict[str, Registered]) -> None:
    """Take out devices of servers that no host of the beamline has any more."""
    servers = layout.beamline.servers.values()
    known = {server_name(layout.beamline.name, server.name).lower() for server in servers if server.devices}
    stale = {old.server for old in registered.values() if old.server.lower() not in known}
    _remove(layout, registry, registered, lambda server: server not in known)
    for server in stale - {old.server for old in registered.values()}:
        registry.remove_server(server)


def _remove(
    layout: Layout, registry: Registry, registered: dict[str, Registered], affected: Callable[[str], bool]
) -> None:
    """Take out devices of some servers; one that moves to another server is left for that one to take."""
    wanted = {
        layout.beamline.tango_name(device).lower()
        for server in layout.beamline.servers.values()
        for entry in server.devices
        for device in entry.tango_devices
    }
    for key, old in list(registered.items()):
        if affected(old.server.lower()) and key not in wanted:
            registry.remove(old)
            del registered[key]
