"""The host agent as a Tango device: list, start, stop, restart servers, read their logs, apply a configuration."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import tango
from tango.server import Device, attribute, command, run

from ronda.framework.config.load import load_beamline
from ronda.framework.errors import NotAllowed, NotFound, RondaError
from ronda.framework.host.entries import Wanted
from ronda.framework.host.kept import revert_settings, save_settings
from ronda.framework.host.layout import Layout, make_layout
from ronda.framework.host.logs import last_lines
from ronda.framework.host.managed import Managed
from ronda.framework.host.names import AGENT, AGENT_SERVER, KEEPER
from ronda.framework.host.registration import Registry
from ronda.framework.host.status import State
from ronda.framework.services.ports import require_free

if TYPE_CHECKING:
    from ronda.framework.host.agent import Agent

RETRY = 1.0
"""Seconds between two attempts to reach the database."""

MOST_LINES = 10000
"""Most log lines that one call returns."""


def device_class(agent: Agent) -> type[Device]:
    """The Tango class of one agent's face; it holds the agent, so that nothing is global."""

    class HostAgent(Device):
        """Starts, stops and restarts the processes of one host. It takes only names of the applied configuration."""

        def init_device(self) -> None:
            """Tango calls this at the start and for `Init`; there is nothing to prepare."""
            super().init_device()
            self.set_state(tango.DevState.ON)

        def dev_state(self) -> tango.DevState:
            """ON when all runs, ALARM when something that should run does not."""
            states = {process.state for process in agent.status().processes}
            if states <= {State.RUNNING, State.STOPPED}:
                return tango.DevState.ON
            return tango.DevState.ALARM

        def dev_status(self) -> str:
            """One line for each process."""
            return "\n".join(
                f"{process.name}: {process.state} {process.note}".rstrip() for process in agent.status().processes
            )

        @attribute(dtype=str, doc="State of all processes of this host, as JSON")
        def Processes(self) -> str:  # noqa: N802 Tango attributes are CamelCase
            return agent.status().to_json()

        @command(dtype_out=[str], doc_out="Names of the processes of this host")
        def ListServers(self) -> list[str]:  # noqa: N802
            return [process.name for process in agent.status().processes]

        @command(dtype_in=str, doc_in="Name of a process")
        def StartServer(self, name: str) -> None:  # noqa: N802
            self._bring_in(name)
            self._ask(name, lambda process: process.want(True))

        @command(dtype_in=str, doc_in="Name of a process; it stays stopped until StartServer or the next `ronda up`")
        def StopServer(self, name: str) -> None:  # noqa: N802
            self._ask(name, lambda process: process.want(False))

        @command(dtype_in=str, doc_in="Name of a process")
        def RestartServer(self, name: str) -> None:  # noqa: N802
            self._bring_in(name)
            self._ask(name, lambda process: process.restart("asked for over Tango"))

        @command(
            dtype_in=[str],
            doc_in="Name of a process, number of lines",
            dtype_out=[str],
            doc_out="Last lines of its log",
        )
        def ReadLog(self, which: list[str]) -> list[str]:  # noqa: N802
            name = which[0] if which else ""
            self._require(name, [*agent.processes, AGENT, KEEPER])
            count = int(which[1]) if len(which) > 1 and which[1].isdigit() else 20
            found = last_lines(agent.layout.folders.logs / f"{name}.log", min(count, MOST_LINES))
            return [line.encode("latin-1", "replace").decode("latin-1") for line in found]  # no more goes over Tango

        @command(
            dtype_in=[str],
            doc_in="Processes that may restart; the others keep what they have until they do",
            dtype_out=[str],
            doc_out="What could not be done, a sentence each",
        )
        def Apply(self, restart: list[str]) -> list[str]:  # noqa: N802
            try:
                beamline = load_beamline(agent.layout.folders.proposed, os.environ)
                return agent.apply(beamline, set(restart))
            except RondaError as error:
                tango.Except.throw_exception(error.reason, str(error), self.get_name())
                raise

        @command(
            dtype_in=str,
            doc_in="Name of a device, or an axis",
            dtype_out=str,
            doc_out="What the file said and says now, JSON by key",
        )
        def SaveSettings(self, device: str) -> str:  # noqa: N802
            """Write what was set at run time on a device into its YAML file, comments kept."""
            return self._settings(lambda layout, registry: save_settings(layout, registry, device, os.environ))

        @command(
            dtype_in=str,
            doc_in="Name of a device, or an axis",
            dtype_out=str,
            doc_out="What was set and what counts now, JSON by key",
        )
        def RevertSettings(self, device: str) -> str:  # noqa: N802
            """Forget what was set at run time on a device."""
            return self._settings(lambda layout, registry: revert_settings(layout, registry, device))

        def _settings(self, action: Callable[[Layout, Registry], Mapping[str, tuple[Any, Any]]]) -> str:
            try:
                # what stands in the files now, which is not what runs if somebody has edited them
                beamline = load_beamline(agent.layout.folders.config, os.environ)
                registry = Registry(agent.layout.tango_host, beamline.name)
                return json.dumps(action(make_layout(beamline, agent.layout.host), registry))
            except RondaError as error:
                tango.Except.throw_exception(error.reason, str(error), self.get_name())
                raise

        def _bring_in(self, name: str) -> None:
            self._require(name, list(agent.processes))
            agent.bring_in(name)

        def _ask(self, name: str, action: Callable[[Managed], None]) -> None:
            if agent.stopping:
                error = NotAllowed(f"{agent.layout.host}: the beamline is being taken down")
                tango.Except.throw_exception(error.reason, str(error), self.get_name())
            self._require(name, list(agent.processes))
            agent.supervisor.request(lambda: action(agent.processes[name])).result(timeout=2.5)

        def _require(self, name: str, names: list[str]) -> None:
            if name not in names:
                known = ", ".join(names)
                error = NotFound(f"{agent.layout.host}: there is no process {name!r} on this host, only {known}")
                tango.Except.throw_exception(error.reason, str(error), self.get_name())

    return HostAgent


def serve(agent: Agent, layout: Layout, ready: Callable[[], None], failed: Callable[[str, bool], bool]) -> None:
    """Serve the agent's device; does not return.

    No other thread of the agent may talk Tango before `ready` is called: the Tango library throws away all client
    connections when its server part comes to life.

    Args:
        agent: whose face it is.
        layout: the beamline seen from this host.
        ready: called when the device can be reached.
        failed: called with a sentence, and whether the database does not answer; says whether to try again.
    """
    address, port = layout.parameters.address, layout.agent_port
    instance = f"{layout.beamline.name}-{layout.host.lower()}"
    with tango.EnsureOmniThread():
        while True:
            try:
                require_free(address, port, "the host agent")
                _register(layout, f"{AGENT_SERVER}/{instance}")
                break
            except tango.DevFailed as error:
                why = str(error.args[0].desc).strip()
                again = failed(f"the Tango database at {layout.tango_host} does not answer: {why}", True)
            except RondaError as error:
                again = failed(str(error), False)
            if not again:
                return
            time.sleep(RETRY)
    arguments = [AGENT_SERVER, instance, "-ORBendPoint", f"giop:tcp:{address}:{port}"]
    try:
        run([device_class(agent)], args=arguments, post_init_callback=ready, raises=True)
    except Exception as error:  # noqa: BLE001 whatever it is, the supervision goes on without its face
        if failed(f"the agent's Tango device cannot be served: {error}", False):
            ready()


def _register(layout: Layout, server: str) -> None:
    registry = Registry(layout.tango_host, layout.beamline.name)
    alias = f"{layout.beamline.name}_{layout.host}"
    registry.write(Wanted(layout.agent_device, alias, "HostAgent", server, {}, {}, frozenset()), None)


def unexport() -> None:
    """Tell the database that the agent's device is gone; the process ends right after."""
    try:
        with tango.EnsureOmniThread():
            tango.Util.instance().unregister_server()
    except tango.DevFailed:
        return  # the database is gone as well: nobody is left to be told
