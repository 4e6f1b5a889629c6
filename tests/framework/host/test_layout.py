"""What a beamline needs on one host."""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from ronda.framework.config.beamline import Beamline, HostParameters
from ronda.framework.config.kinds import TangoDevice
from ronda.framework.errors import ConfigurationError, ServiceFailed
from ronda.framework.host.layout import Layout, choose_host

Axis = Callable[..., TangoDevice]
MakeBeamline = Callable[..., Beamline]
MakeLayout = Callable[..., Layout]

TWO = {"left": HostParameters(address="127.0.0.1", services=True), "right": HostParameters(address="127.0.0.2")}


def test_servers_need_the_services_the_simulators_and_each_other(
    beamline: MakeBeamline, axis: Axis, layout: MakeLayout
) -> None:
    made = layout(
        beamline(
            {"motors": [axis("samx")], "empty": [], "scans": [axis("rot")]},
            parameters={"scans": {"needs": ["motors", "empty"]}},
            instruments={"motion": {"type": "x"}},
        )
    )
    assert [server.name for server in made.servers()] == ["motors", "scans"]
    [scans] = [made.server_plan(server) for server in made.servers() if server.name == "scans"]
    assert scans.needs == ["motors", "redis", "tango-database"]
    assert [plan.name for plan in made.service_plans()] == ["redis", "tango-database"]


def test_configured_services_are_not_started(beamline: MakeBeamline, layout: MakeLayout) -> None:
    services = {"redis": {"url": "redis://stream:6379"}, "tango": {"host": "tango:10000"}}
    made = layout(beamline(services=services))
    assert made.service_plans() == []
    assert made.environment() == {
        "TANGO_HOST": "tango:10000",
        "RONDA_REDIS_URL": "redis://stream:6379",
        "RONDA_BEAMLINE": "demo",
    }


def test_each_host_runs_its_own_servers(beamline: MakeBeamline, axis: Axis, layout: MakeLayout) -> None:
    services = {"tango": {"port": 20500}, "redis": {"url": "redis://127.0.0.1:6379"}}
    both = beamline(
        {"motors": [axis("samx")], "cameras": [axis("cam")]},
        hosts=TWO,
        where={"cameras": "right"},
        services=services,
    )
    left, right = layout(both, "left"), layout(both, "right")
    assert [server.name for server in left.servers()] == ["motors"]
    assert [server.name for server in right.servers()] == ["cameras"]
    assert (left.services(), right.services()) == (["tango-database"], [])
    assert left.tango_host == right.tango_host == "127.0.0.1:20500"
    assert left.folders.state != right.folders.state


def test_passwords_go_by_the_environment_only(
    beamline: MakeBeamline, axis: Axis, layout: MakeLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_PASSWORD", "hush")
    redis = {"url": "redis://stream:6379", "user": "ronda", "password": "${STREAM_PASSWORD}"}
    made = layout(beamline({"motors": [axis("samx")]}, services={"redis": redis}))
    [plan] = [made.server_plan(server) for server in made.servers()]
    assert plan.launch.environment["RONDA_REDIS_PASSWORD"] == "hush"
    assert plan.launch.environment["RONDA_REDIS_USER"] == "ronda"
    assert "hush" not in " ".join(plan.launch.command)
    assert "hush" not in plan.launch.environment["RONDA_REDIS_URL"]
    assert "hush" not in repr(made)


def test_ports_are_the_same_each_time(beamline: MakeBeamline, axis: Axis, layout: MakeLayout) -> None:
    same = beamline({"motors": [axis("samx", address="simulator:motion")]}, instruments={"motion": {"type": "x"}})
    first, second = layout(same), layout(same)
    ports = [
        (made.tango_host, made.agent_port, made.server_plan(made.servers()[0]).launch.environment["RONDA_SERVER_PORT"])
        for made in (first, second)
    ]
    assert ports[0] == ports[1]
    assert first.wanted(first.servers()[0]) == second.wanted(second.servers()[0])


def test_devices_find_their_simulators(beamline: MakeBeamline, axis: Axis, layout: MakeLayout) -> None:
    made = layout(
        beamline(
            {"motors": [axis("SamX", address="simulator:motion", deep={"list": ["simulator:motion", 1]})]},
            instruments={"motion": {"type": "x"}},
        )
    )
    [wanted] = made.wanted(made.servers()[0])
    address = f"127.0.0.1:{made.ports.port('simulator motion')}"
    assert wanted.configuration["address"] == address
    assert wanted.configuration["deep"] == {"list": [address, 1]}
    assert (wanted.name, wanted.alias, wanted.server) == ("demo/axis/samx", "SamX", "Ronda/demo-motors")
    plan: Any = made.simulator_plan()
    plan.before()
    written = json.loads((made.folders.state / "simulators.json").read_text())
    assert written["instruments"] == {"motion": {"type": "x", "port": made.ports.port("simulator motion")}}


def test_a_start_whose_port_is_taken_is_refused(beamline: MakeBeamline, axis: Axis, layout: MakeLayout) -> None:
    made = layout(beamline({"motors": [axis("samx")]}))
    plan = made.server_plan(made.servers()[0])
    assert plan.before is not None
    plan.before()
    port = int(plan.launch.environment["RONDA_SERVER_PORT"])
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ServiceFailed, match=rf"server motors: port {port} on 127\.0\.0\.1 is in use by .*; stop that"),
    ):
        plan.before()


def test_the_live_view_is_served_where_and_as_it_is_configured(beamline: MakeBeamline, layout: MakeLayout) -> None:
    assert layout(beamline()).view_plan() is None
    alone = layout(beamline(view={}))
    plan = alone.view_plan()
    assert plan is not None
    assert plan.needs == ["redis", "tango-database"]
    assert plan.ask is not None
    assert callable(plan.ask())
    assert alone.view_address() == f"http://127.0.0.1:{alone.ports.port('view')}/"
    services = {"tango": {"port": 20500}, "redis": {"url": "redis://127.0.0.1:6379"}}
    view = {"host": "right", "address": "0.0.0.0", "port": 8443, "names": ["b7.org"], "certificate": "c", "key": "/k/k"}
    both = beamline(hosts=TWO, services=services, view=view)
    left, right = layout(both, "left"), layout(both, "right")
    assert left.view_plan() is None
    assert left.view_address() == right.view_address() == "https://b7.org:8443/"
    plan = right.view_plan()
    assert plan is not None
    told = " ".join(plan.launch.command)
    assert f"--certificate {right.folders.config}/c --key /k/k" in told
    assert "--address 0.0.0.0 --port 8443 --name=b7.org" in told


def test_redis_starts_although_somebody_cleaned_up_its_folder(beamline: MakeBeamline, layout: MakeLayout) -> None:
    made = layout(beamline())
    made.folders.remove_run()
    plan = made.service_plans()[0]
    assert plan.before is not None
    plan.before()
    assert made.folders.run.is_dir()
    made.folders.redis_socket.touch()  # of a Redis that was killed
    plan.before()
    assert not made.folders.redis_socket.exists()


@pytest.mark.parametrize(
    ("wanted", "names", "host"),
    [
        ("right", [], "right"),
        (None, ["right", "right.facility.eu"], "right"),
        (None, ["pc17", "127.0.0.2"], "right"),
    ],
)
def test_a_machine_knows_which_host_it_is(
    beamline: MakeBeamline, wanted: str | None, names: list[str], host: str
) -> None:
    assert choose_host(beamline(hosts=TWO), wanted, names) == host


def test_a_machine_that_is_no_host_is_asked_which_one_it_is(beamline: MakeBeamline) -> None:
    with pytest.raises(ConfigurationError, match=r"which host of beamline demo is this machine\? Say it with --host"):
        choose_host(beamline(hosts=TWO), None, ["pc17"])
    with pytest.raises(ConfigurationError, match=r"'middle' is not a host of beamline demo; its hosts are left, right"):
        choose_host(beamline(hosts=TWO), "middle", [])


def test_the_only_host_needs_no_name(beamline: MakeBeamline) -> None:
    assert choose_host(beamline(), None, []) == "local"
