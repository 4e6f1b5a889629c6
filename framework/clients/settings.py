"""What users set at run time on a device, against its YAML file: showing it, saving it there, going back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import RondaError, ServiceFailed
from ronda.framework.host.entries import CONFIGURATION, RUNTIME_SETTINGS

Changes = dict[str, tuple[Any, Any]]
"""By key of the YAML: a value before, and a value after."""

PATIENCE_MS = 30_000
"""How long the agent may take: it reads all YAML files."""


class DeviceSettings:
    """The run-time settings of one device.

    Args:
        remote: the device.
        server: name of its device server in YAML.
        agents: finds the agents of all hosts; the one that runs this server has its files.
    """

    def __init__(self, remote: Remote, server: str, agents: Callable[[], Sequence[Remote]]) -> None:
        self._remote = remote
        self._server = server
        self._agents = agents

    def diff(self) -> Changes:
        """What runs otherwise than the file says: the file's value and the present one, by key.

        Raises:
            CommunicationFailed, TimedOut: the Tango database does not answer.
        """
        stored = self._remote.properties([CONFIGURATION, RUNTIME_SETTINGS])
        file, runtime = (_object(stored[name]) for name in (CONFIGURATION, RUNTIME_SETTINGS))
        return {key: (file.get(key), value) for key, value in runtime.items() if value != file.get(key)}

    def save(self) -> Changes:
        """Write what was set at run time into the YAML file, comments kept; what the file said and says now, by key.

        Raises:
            ServiceFailed: the agent does not answer.
            ConfigurationError: the file cannot be changed.
        """
        return self._ask("SaveSettings")

    def revert(self) -> Changes:
        """Forget what was set at run time; what was set and what counts now, by key.

        Raises:
            ServiceFailed: the agent does not answer.
        """
        return self._ask("RevertSettings")

    def _ask(self, command: str) -> Changes:
        agent = self._agent()
        agent.proxy.set_timeout_millis(PATIENCE_MS)
        answer = json.loads(agent.command(command, self._remote.name))
        return {key: (before, after) for key, (before, after) in answer.items()}

    def _agent(self) -> Remote:
        agents = list(self._agents())
        silent = 0
        for agent in agents:
            try:
                if self._server in agent.command("ListServers"):
                    return agent
            except RondaError:  # that of another host may be away
                silent += 1
        raise ServiceFailed(
            f"{self._remote.name}: no agent of the beamline that runs the server {self._server} answers "
            f"({silent} of {len(agents)} are silent); see `ronda status`"
        )


def _object(values: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(values[0]) if values else {}
    return found
