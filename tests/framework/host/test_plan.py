"""What a changed configuration means for the running system."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from ronda.framework.config.beamline import Beamline, HostParameters
from ronda.framework.config.kinds import TangoDevice
from ronda.framework.errors import ConfigurationError
from ronda.framework.host.entries import Registered
from ronda.framework.host.layout import Layout
from ronda.framework.host.plan import Plan, make_plan

Axis = Callable[..., TangoDevice]
MakeBeamline = Callable[..., Beamline]
MakeLayout = Callable[..., Layout]
Compare = Callable[..., Plan]


def registered(layout: Layout) -> dict[str, Registered]:
    """What the Tango database holds after a beamline came up."""
    return {
        wanted.name: Registered(
            wanted.name,
            wanted.alias,
            wanted.tango_class,
            wanted.server,
            json.loads(json.dumps(wanted.configuration)),
            {},
            wanted.attributes,
        )
        for server in layout.beamline.servers.values()
        for wanted in layout.wanted(server)
    }


@pytest.fixture
def compare(layout: MakeLayout) -> Compare:
    """`compare(before, after, host=…)`: the plan by which a beamline that runs as `before` becomes `after`."""

    def plan(before: Beamline, after: Beamline, host: str = "local", settings: dict[str, Any] | None = None) -> Plan:
        held = registered(layout(before, host))
        for name, values in (settings or {}).items():
            held[name].runtime_settings = values
        return make_plan(layout(after, host), held, before)

    return plan


def test_nothing_changes_where_nothing_differs(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    same = beamline({"motors": [axis("samx", limits=(-1, 1))], "empty": []}, instruments={"motion": {"type": "x"}})
    plan = compare(same, same)
    assert plan == Plan()
    assert plan.empty


def test_a_key_that_the_running_device_takes_is_set_at_once(
    beamline: MakeBeamline, axis: Axis, compare: Compare
) -> None:
    plan = compare(beamline({"motors": [axis("samx")]}), beamline({"motors": [axis("samx", velocity=3.0)]}))
    assert [str(change) for change in plan.live] == ["samx.velocity: 2.0 → 3.0"]
    assert (plan.restart, plan.start, plan.stop) == ({}, {}, [])


def test_another_key_restarts_its_server_alone(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    plan = compare(
        beamline({"motors": [axis("samx")], "others": [axis("rot")]}),
        beamline({"motors": [axis("samx", channel=2, velocity=3.0)], "others": [axis("rot")]}),
    )
    assert plan.restart == {"motors": ["samx.channel: 1 → 2"]}
    assert [str(change) for change in plan.live] == ["samx.velocity: 2.0 → 3.0"]


def test_the_live_view_begins_ends_and_begins_anew(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    without, with_one = beamline({"motors": [axis("samx")]}), beamline({"motors": [axis("samx")]}, view={})
    assert compare(without, with_one).start == {"view": 0}
    assert compare(with_one, without).stop == ["view"]
    assert compare(with_one, with_one).empty
    elsewhere = beamline({"motors": [axis("samx")]}, view={"port": 8000})
    assert compare(with_one, elsewhere).restart == {"view": ["the live view is configured otherwise"]}
    more = beamline({"motors": [axis("samx")], "others": [axis("rot")]}, view={})
    assert compare(with_one, more).restart.keys() == {"view"}  # whose pages shall show the new axis


def test_a_key_that_comes_or_goes_is_a_change(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    plan = compare(beamline({"motors": [axis("samx", a=1)]}), beamline({"motors": [axis("samx", b=2)]}))
    assert plan.restart == {"motors": ["samx.a: 1 → None", "samx.b: None → 2"]}


def test_a_device_that_comes_or_goes_restarts_its_server(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    plan = compare(beamline({"motors": [axis("samx")]}), beamline({"motors": [axis("samy")]}))
    assert plan.restart == {"motors": ["samy: new device", "samx: removed"]}


def test_a_device_that_moves_restarts_both_servers(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    plan = compare(
        beamline({"a": [axis("samx"), axis("samy")], "b": [axis("rot")]}),
        beamline({"a": [axis("samx")], "b": [axis("rot"), axis("samy")]}),
    )
    assert plan.restart == {"a": ["samy: removed"], "b": ["samy: new device"]}


def test_servers_come_and_go(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    plan = compare(
        beamline({"kept": [axis("samx")], "old": [axis("samy")]}),
        beamline({"kept": [axis("samx")], "new": [axis("rot"), axis("tilt")]}),
    )
    assert plan.start == {"new": 2}
    assert plan.stop == ["old"]
    assert plan.restart == {}


def test_a_server_runs_as_long_as_it_has_devices(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    filled, emptied = beamline({"motors": [axis("samx")]}), beamline({"motors": []})
    assert compare(emptied, emptied) == Plan()
    assert compare(emptied, filled) == Plan(start={"motors": 1})
    assert compare(filled, emptied) == Plan(stop=["motors"])


def test_a_server_that_stands_in_the_database_and_does_not_run_here_is_started(
    beamline: MakeBeamline, axis: Axis, compare: Compare
) -> None:
    """It came from another host."""
    hosts = {"local": HostParameters(services=True), "far": HostParameters(address="127.0.0.2")}
    devices = {"motors": [axis("samx")]}
    before = beamline(devices, hosts=hosts, where={"motors": "far"})
    plan = compare(before, beamline(devices, hosts=hosts, where={"motors": "local"}))
    assert plan.start == {"motors": 1}
    assert compare(before, beamline(devices, hosts=hosts, where={"motors": "local"}), host="far").stop == ["motors"]


def test_what_changes_on_another_host_is_said(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    hosts = {"local": HostParameters(services=True), "far": HostParameters(address="127.0.0.2")}
    where = {"cameras": "far"}
    plan = compare(
        beamline({"motors": [axis("samx")], "cameras": []}, hosts=hosts, where=where),
        beamline({"motors": [axis("samx")], "cameras": [axis("cam")]}, hosts=hosts, where=where),
    )
    assert plan.notes == ["cameras on another host changed too: say `ronda config apply` there as well"]
    assert not plan.down_needed


def test_the_live_view_begins_anew_for_what_changes_on_another_host(
    beamline: MakeBeamline, axis: Axis, compare: Compare
) -> None:
    hosts = {"local": HostParameters(services=True), "far": HostParameters(address="127.0.0.2")}
    where = {"cameras": "far"}
    one = beamline({"motors": [axis("samx")], "cameras": []}, hosts=hosts, where=where, view={})
    other = beamline({"motors": [axis("samx")], "cameras": [axis("cam")]}, hosts=hosts, where=where, view={})
    none = beamline({"motors": [axis("samx")]}, hosts=hosts, view={})
    assert compare(one, other).restart.keys() == {"view"}
    assert compare(one, none).restart.keys() == {"view"}
    assert compare(one, one).restart == {}


def test_what_is_said_about_a_server_itself_is_taken_at_once(
    beamline: MakeBeamline, axis: Axis, compare: Compare
) -> None:
    devices = {"motors": [axis("samx")], "others": [axis("rot")]}
    after = {"motors": {"restart": {"policy": "never"}, "start_timeout": 60.0, "needs": ["others"], "description": "x"}}
    plan = compare(beamline(devices), beamline(devices, parameters=after))
    assert [str(change) for change in plan.live] == [
        "motors.needs: [] → ['others']",
        "motors.start_timeout: 20.0 → 60.0",
        "motors.restart.policy: 'always' → 'never'",
    ]
    assert plan.restart == {}


@pytest.mark.parametrize(
    ("before", "after", "start", "stop", "restart"),
    [
        ({}, {"motion": {"type": "a"}}, {"simulators": 1}, [], []),
        ({"motion": {"type": "a"}}, {}, {}, ["simulators"], []),
        ({"motion": {"type": "a"}}, {"motion": {"type": "b"}}, {}, [], ["simulators"]),
        ({"motion": {"type": "a"}}, {"motion": {"type": "a"}}, {}, [], []),
    ],
)
def test_simulators_come_go_and_change(
    beamline: MakeBeamline,
    compare: Compare,
    before: dict[str, Any],
    after: dict[str, Any],
    start: dict[str, int],
    stop: list[str],
    restart: list[str],
) -> None:
    plan = compare(beamline(instruments=before), beamline(instruments=after))
    assert (plan.start, plan.stop, list(plan.restart)) == (start, stop, restart)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"name": "other"}, "the beamline's name changes from demo to other, and with it every device's"),
        ({"services": {"redis": {"memory": 2048}}}, "redis is configured otherwise"),
        ({"services": {"tango": {"host": "tango:10000"}}}, "tango-database is configured otherwise"),
        ({"state": "elsewhere"}, "the state folder is configured otherwise"),
        (
            {"hosts": {"local": HostParameters(address="127.0.0.2", services=True)}},
            "host local is configured otherwise",
        ),
    ],
)
def test_what_everything_stands_on_cannot_change_while_it_runs(
    beamline: MakeBeamline, axis: Axis, compare: Compare, change: dict[str, Any], note: str
) -> None:
    plan = compare(beamline({"motors": [axis("samx")]}), beamline({"motors": [axis("samx")]}, **change))
    assert plan.notes == [f"{note}: `ronda down` and `ronda up` are needed"]
    assert plan.down_needed


def test_a_host_that_is_configured_no_more_is_refused(beamline: MakeBeamline, layout: MakeLayout) -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"this machine runs as host 'local' of beamline demo, whose hosts are now left, right: `ronda down`",
    ):
        layout(beamline(hosts={"left": HostParameters(services=True), "right": HostParameters()}))


def test_values_set_at_run_time_are_listed_and_kept(beamline: MakeBeamline, axis: Axis, compare: Compare) -> None:
    same = beamline({"motors": [axis("samx"), axis("samy")]})
    plan = compare(
        same,
        same,
        settings={"demo/axis/samx": {"velocity": 5.0, "offset": 1.25}, "demo/axis/samy": {"velocity": 2.0}},
    )
    assert [str(kept) for kept in plan.kept] == [
        "samx.velocity: 5.0 (file: 2.0)",
        "samx.offset: 1.25 (file: None)",
    ]
    assert plan.empty


def test_a_first_plan_goes_by_the_database(beamline: MakeBeamline, axis: Axis, layout: MakeLayout) -> None:
    seen = layout(beamline({"motors": [axis("samx")], "new": [axis("rot")]}))
    held = registered(layout(beamline({"motors": [axis("samx")]})))
    assert make_plan(seen, held, None) == Plan(start={"new": 1})
