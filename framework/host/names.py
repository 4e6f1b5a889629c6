"""Names that the parts of the host agent share: processes, files, environment variables."""

from __future__ import annotations

REDIS, TANGO_DATABASE, SIMULATORS, AGENT, KEEPER = "redis", "tango-database", "simulators", "agent", "keeper"
"""Names of the processes that every beamline may have; no server may be called so."""

VIEW = "view"
"""Name of the live view's process, likewise; and what its port is kept for."""

HEARTBEAT = "heartbeat"
"""File in the state folder that the agent touches every second; it removes it when it ends in order."""

REPORT = "RONDA_REPORT_FD"
"""Environment variable: number of the pipe on which the first agent tells how the start goes."""

HOST_FAMILY = "host"
"""Family of the agents' Tango devices, `<beamline>/host/<host>`."""

AGENT_SERVER = "RondaAgent"
"""Tango server name of all host agents; the instance is `<beamline>-<host>`."""
