"""Brings a running host in line with a changed configuration: live values at once, restarts where allowed."""

from __future__ import annotations

import time
from collections.abc import Callable

import tango

from ronda.framework.errors import ConfigurationError, ServiceFailed
from ronda.framework.host.entries import Registered
from ronda.framework.host.layout import Layout
from ronda.framework.host.managed import Managed
from ronda.framework.host.plan import Plan, make_plan
from ronda.framework.host.registrar import register_server, remove_stale
from ronda.framework.host.registration import Registry
from ronda.framework.host.supervisor import Supervisor
from ronda.framework.tango.errors import from_dev_failed

STOP_TIME = 15.0
"""Seconds within which a server that is no longer configured must have ended."""


def apply_configuration(
    new: Layout, old: Layout, supervisor: Supervisor, restart: set[str], take: Callable[[Layout], None]
) -> list[str]:
    """Apply `new` on a host that runs by `old`; touches nothing that does not differ.

    Args:
        new: the changed configuration.
        old: the one that runs.
        supervisor: of this host.
        restart: processes that may restart; what needs the restart of another one is left undone.
        take: makes the agent supervise by a layout; called in the supervisor's thread.

    Returns:
        A sentence for each thing that could not be done.

    Raises:
        ConfigurationError: the change needs more than this.
        ServiceFailed: the Tango database does not answer.
    """
    try:
        with tango.EnsureOmniThread():
            registry = Registry(old.tango_host, old.beamline.name)
            registered = registry.read()
            plan = make_plan(new, registered, old.beamline)
            if plan.down_needed:
                raise ConfigurationError("; ".join(plan.notes))
            allowed = {name for name in plan.restart if name in restart}
            for name in [*plan.start, *allowed]:
                if name in new.beamline.servers:  # the simulators are not
                    register_server(new, registry, registered, name)
            problems = _set_live(new, registry, registered, plan, allowed)
            _stop(supervisor, plan.stop)
            supervisor.request(lambda: take(new)).result()
            remove_stale(new, registry, registered)
            registry.write_sessions(new.beamline.session_keys())
    except tango.DevFailed as error:
        raise ServiceFailed(f"the Tango database at {old.tango_host} failed: {from_dev_failed(error)}") from error

    def restart_allowed() -> None:
        for name in allowed:
            supervisor.processes[name].restart("its configuration changed")

    supervisor.request(restart_allowed).result()
    return problems


def bring_in(layout: Layout, name: str) -> str:
    """Write into the Tango database what a server that keeps running has not got yet of the applied configuration.

    Returns:
        Why that could not be done; empty if it was, or there is nothing to do.
    """
    if name not in layout.beamline.servers:
        return ""
    try:
        with tango.EnsureOmniThread():
            registry = Registry(layout.tango_host, layout.beamline.name)
            register_server(layout, registry, registry.read(), name)
    except tango.DevFailed as error:
        return f"{name} starts with the configuration that it had: {from_dev_failed(error)}"
    return ""


def _stop(supervisor: Supervisor, names: list[str]) -> None:
    """Stop servers and forget them."""

    def there() -> list[Managed]:
        return [supervisor.processes[name] for name in names if name in supervisor.processes]

    def stop() -> None:
        for process in there():
            process.want(False)

    def all_gone() -> bool:
        return all(process.identity is None for process in there())

    def forget() -> None:
        for process in there():
            if process.identity is None:
                del supervisor.processes[process.plan.name]

    supervisor.request(stop).result()
    deadline = time.monotonic() + STOP_TIME
    while not supervisor.request(all_gone).result() and time.monotonic() < deadline:
        time.sleep(0.05)
    supervisor.request(forget).result()


def _set_live(
    layout: Layout, registry: Registry, registered: dict[str, Registered], plan: Plan, restarting: set[str]
) -> list[str]:
    """Give running devices the changed keys that they take at once; leave all else of them as it is."""
    problems = []
    devices = {
        device.alias: device
        for server in layout.servers()
        if server.name not in restarting
        for device in layout.wanted(server)
    }
    for alias in dict.fromkeys(change.device for change in plan.live):
        device = devices.get(alias)
        if device is None:
            continue
        old = registered[device.name.lower()]
        changes = {change.key: change.new for change in plan.live if change.device == alias}
        registry.set_configuration(old, {**old.configuration, **changes}, device.attributes)
        try:
            tango.DeviceProxy(f"tango://{layout.tango_host}/{device.name}").command_inout("ApplyConfiguration")
        except tango.DevFailed as error:
            why = str(from_dev_failed(error, alias)).removeprefix(f"{alias}: ")
            problems.append(f"{alias}: it could not be told ({why}); it takes the change at its next start")
    return problems
