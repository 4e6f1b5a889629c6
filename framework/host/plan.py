"""What a changed configuration means for the running system: what starts, stops, restarts, or is set at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ronda.framework.config.beamline import Beamline, Server
from ronda.framework.host.entries import Registered, Wanted, server_name
from ronda.framework.host.layout import Layout, servers_on, simulators_on, view_on
from ronda.framework.host.names import REDIS, SIMULATORS, TANGO_DATABASE, VIEW


@dataclass(frozen=True)
class Change:
    """One key of one device that differs."""

    device: str
    key: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.device}.{self.key}: {self.old!r} → {self.new!r}"


@dataclass(frozen=True)
class Kept:
    """A value that a user set at run time; it wins over the file until saved or reverted."""

    device: str
    key: str
    file: Any
    running: Any

    def __str__(self) -> str:
        return f"{self.device}.{self.key}: {self.running!r} (file: {self.file!r})"


@dataclass
class Plan:
    """What `apply` would do on one host.

    Attributes:
        start: servers to start, with the number of their devices; the simulators with that of their instruments, the
            live view with 0.
        stop: servers to stop, because they are no longer configured here.
        restart: processes that must restart, with the reasons.
        live: changes that running devices take at once.
        kept: run-time values that stay.
        notes: sentences about changes that need something else.
        down_needed: whether the beamline must be taken down for the change.
    """

    start: dict[str, int] = field(default_factory=dict)
    stop: list[str] = field(default_factory=list)
    restart: dict[str, list[str]] = field(default_factory=dict)
    live: list[Change] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    down_needed: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.start or self.stop or self.restart or self.live or self.notes)


def make_plan(layout: Layout, registered: dict[str, Registered], applied: Beamline | None) -> Plan:
    """Compare the configuration with what runs.

    Args:
        layout: the new configuration, seen from this host.
        registered: what the Tango database holds.
        applied: the configuration that runs, or None where none was ever applied.
    """
    plan = Plan()
    beamline = layout.beamline
    held: dict[str, list[Registered]] = {}
    for device in registered.values():
        held.setdefault(device.server.lower(), []).append(device)
    ran = servers_on(applied, layout.host) if applied is not None else {}
    for server in layout.servers():
        wanted = layout.wanted(server)
        full = server_name(beamline.name, server.name).lower()
        before = ran.get(server.name)
        if before is None and (applied is not None or full not in held):
            plan.start[server.name] = len(wanted)
            continue
        if before is not None:
            plan.live += _compare_parameters(before, server)
        reasons = _compare_server(wanted, registered, held.get(full, []), plan)
        if reasons:
            plan.restart[server.name] = reasons
    if applied is not None:
        plan.stop = [name for name in ran if name not in servers_on(beamline, layout.host)]
        _compare_simulators(layout, applied, plan)
        _compare_view(layout, applied, plan)
        _compare_services(layout, applied, plan)
        _compare_sessions(beamline, applied, plan)
    _find_kept(layout, registered, plan)
    return plan


def _compare_server(
    wanted: list[Wanted], registered: dict[str, Registered], held: list[Registered], plan: Plan
) -> list[str]:
    reasons = []
    for device in wanted:
        old = registered.get(device.name.lower())
        if old is None or old.server.lower() != device.server.lower():
            reasons.append(f"{device.alias}: new device")
            continue
        for key in sorted(old.configuration.keys() | device.configuration.keys()):
            before, after = old.configuration.get(key), device.configuration.get(key)
            if before == after:
                continue
            change = Change(device.alias, key, before, after)
            if key in device.live:
                plan.live.append(change)
            else:
                reasons.append(str(change))
    names = {device.name.lower() for device in wanted}
    reasons += [f"{old.alias or old.name}: removed" for old in held if old.name.lower() not in names]
    return reasons


def _compare_parameters(before: Server, after: Server) -> list[Change]:
    """What the agent takes at once of what is said about a server itself."""

    def taken(server: Server) -> dict[str, Any]:
        restart = server.parameters.restart.model_dump()
        return {
            "needs": sorted(server.needs),
            "start_timeout": server.parameters.start_timeout,
            **{f"restart.{key}": value for key, value in restart.items()},
        }

    old, new = taken(before), taken(after)
    return [Change(after.name, key, old[key], new[key]) for key in new if old[key] != new[key]]


def _compare_simulators(layout: Layout, applied: Beamline, plan: Plan) -> None:
    before, after = simulators_on(applied, layout.host), simulators_on(layout.beamline, layout.host)
    if after is None:
        plan.stop += [SIMULATORS] if before is not None else []
    elif before is None:
        plan.start[SIMULATORS] = len(after.instruments)
    elif before != after:
        plan.restart[SIMULATORS] = ["the simulated instruments are configured otherwise"]


def _compare_view(layout: Layout, applied: Beamline, plan: Plan) -> None:
    before, after = view_on(applied, layout.host), view_on(layout.beamline, layout.host)
    if after is None:
        plan.stop += [VIEW] if before is not None else []
    elif before is None:
        plan.start[VIEW] = 0
    elif before != after:
        plan.restart[VIEW] = ["the live view is configured otherwise"]
    elif plan.start or plan.stop or plan.restart or _changed_elsewhere(layout, applied):
        plan.restart[VIEW] = ["its pages show the devices that there were when it began"]


def _compare_sessions(beamline: Beamline, applied: Beamline, plan: Plan) -> None:
    before, after = applied.session_keys(), beamline.session_keys()
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:
        plan.notes.append(f"sessions that differ: {', '.join(changed)}; shells that begin afterwards have them so")


def _compare_services(layout: Layout, applied: Beamline, plan: Plan) -> None:
    old, new = applied.parameters, layout.beamline.parameters
    if old.name != new.name:
        plan.notes.append(
            f"the beamline's name changes from {old.name} to {new.name}, and with it every device's: "
            "`ronda down` and `ronda up` are needed"
        )
        plan.down_needed = True
    for what, before, after in (
        (REDIS, old.services.redis, new.services.redis),
        (TANGO_DATABASE, old.services.tango, new.services.tango),
        ("the state folder", old.state, new.state),
        (f"host {layout.host}", _addresses(applied, layout.host), _addresses(layout.beamline, layout.host)),
    ):
        if before != after:
            plan.notes.append(f"{what} is configured otherwise: `ronda down` and `ronda up` are needed")
            plan.down_needed = True
    if changed := _changed_elsewhere(layout, applied):
        plan.notes.append(f"{', '.join(changed)} on another host changed too: say `ronda config apply` there as well")


def _changed_elsewhere(layout: Layout, applied: Beamline) -> list[str]:
    """Servers of other hosts that differ; those that are gone too."""
    now, before = layout.beamline.servers, applied.servers
    names = dict.fromkeys(
        server.name for known in (now, before) for server in known.values() if server.host != layout.host
    )
    return [name for name in names if _entry(layout.beamline, name) != _entry(applied, name)]


def _addresses(beamline: Beamline, host: str) -> dict[str, str]:
    """Where this host listens, and where the services are."""
    return {name: entry.address for name, entry in beamline.hosts.items() if name == host or entry.services}


def _entry(beamline: Beamline, server: str) -> Any:
    found = beamline.servers.get(server)
    return found and (found.host, found.parameters, [(device.name, device.entry) for device in found.devices])


def _find_kept(layout: Layout, registered: dict[str, Registered], plan: Plan) -> None:
    for server in layout.servers():
        for device in layout.wanted(server):
            old = registered.get(device.name.lower())
            if old is None:
                continue
            for key, running in old.runtime_settings.items():
                in_file = device.configuration.get(key)
                if in_file != running:
                    plan.kept.append(Kept(device.alias, key, in_file, running))
