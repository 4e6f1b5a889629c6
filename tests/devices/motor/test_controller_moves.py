"""Moves of several axes of one controller: all or none, together at the start, and at the end if so wished."""

from __future__ import annotations

import json
import signal

import pytest
import tango

ON = tango.DevState.ON


@pytest.fixture(scope="module")
def axes(serve):
    return serve(
        "group",
        {
            "g1": ({}, {}),
            "g2": ({"velocity": 5.0, "backlash": 0.1}, {}),
            "g3": ({"acceleration_time": 0.2}, {}),
            "g4": ({}, {"slowest": 1.0}),
        },
    )


def move(axes, command, **targets):
    getattr(axes.mcgroup, command)(json.dumps(targets))


def test_axes_start_together_by_the_simulators_clock(axes, stands, slowly):
    assert axes.mcgroup.StartsTogether
    with slowly(axes.simulators):
        move(axes, "MoveTogether", g1=3.0, g2=2.0, g3=-1.0)
        assert [axes.rig.proxy(name).state() for name in ("g1", "g2", "g3")] == [tango.DevState.MOVING] * 3
    starts = {axes.true(channel)["started"] for channel in (1, 2, 3)}
    assert len(starts) == 1
    for name, target in (("g1", 3.0), ("g2", 2.0), ("g3", -1.0)):
        axis = axes.rig.proxy(name)
        stands(axis)
        assert axis.Position == pytest.approx(target)
        assert axis.Target == target


def test_a_coordinated_move_ends_together_and_gives_the_velocities_back(axes, stands):
    move(axes, "MoveCoordinated", g1=13.0, g2=2.5, g3=-0.5)
    proxies = [axes.rig.proxy(name) for name in ("g1", "g2", "g3")]
    ends = [axes.true(channel)["ends"] for channel in (1, 2, 3)]
    assert max(ends) - min(ends) < 0.001
    for proxy in proxies:
        stands(proxy)
    assert [proxy.Position for proxy in proxies] == pytest.approx([13.0, 2.5, -0.5])
    assert [axes.mcgroup.Query(f"VEL? {channel}") for channel in (1, 2, 3)] == [
        "OK 40000.0",
        "OK 10000.0",
        "OK 40000.0",
    ]


def test_one_axis_that_may_not_move_keeps_all_where_they_are(axes, refusal):
    reason, sentence = refusal(axes.mcgroup.MoveTogether, '{"g1": 0, "g2": 500}')
    assert reason == "RONDA_OUT_OF_RANGE"
    assert sentence.startswith("g2: cannot move to 500.0 mm, outside limits [-100.0, 100.0] mm")
    axes.rig.proxy("g3").Disable()
    reason, _ = refusal(axes.mcgroup.MoveTogether, '{"g1": 0, "g3": 0}')
    assert reason == "RONDA_NOT_READY"
    axes.rig.proxy("g3").Enable()
    assert axes.rig.proxy("g1").state() == ON
    assert axes.rig.proxy("g1").Position == pytest.approx(13.0)


@pytest.mark.parametrize(
    ("text", "reason", "sentence"),
    [
        ("nix", "RONDA_BAD_VALUE", "mcgroup: expects a JSON object such as"),
        ("{}", "RONDA_BAD_VALUE", "mcgroup: expects a JSON object such as"),
        ('{"g1": "far"}', "RONDA_BAD_VALUE", "mcgroup: the position of g1 should be a number, not 'far'"),
        ('{"gx": 1}', "RONDA_NOT_FOUND", "mcgroup: mcgroup has no axis gx; it has g1, g2, g3, g4"),
    ],
)
def test_a_wrong_order_is_refused_in_words(axes, refusal, text, reason, sentence):
    found = refusal(axes.mcgroup.MoveTogether, text)
    assert found[0] == reason
    assert found[1].startswith(sentence)


def test_an_axis_that_cannot_move_so_slowly_is_named(axes, refusal):
    reason, sentence = refusal(axes.mcgroup.MoveCoordinated, '{"g1": 90, "g4": 0.2}')
    assert reason == "RONDA_NOT_ALLOWED"
    assert "g4 would have to move at" in sentence
    assert sentence.endswith("1 mm/s is its lowest velocity")


def test_a_stop_ends_a_coordinated_move_and_gives_the_velocities_back(axes, stands):
    move(axes, "MoveCoordinated", g1=-80.0, g2=0.0)
    axes.mcgroup.Stop()
    for name in ("g1", "g2"):
        stands(axes.rig.proxy(name))
        assert axes.rig.proxy(name).state() == ON
    assert axes.mcgroup.Query("VEL? 2") == "OK 10000.0"


def test_a_server_killed_in_a_coordinated_move_sets_the_velocities_when_it_is_back(axes, stands):
    move(axes, "MoveCoordinated", g1=90.0, g2=1.0)
    axes.rig.servers["group"].end(signal.SIGKILL)
    axes.rig.start("group")
    g1 = axes.rig.ready("g1")
    assert axes.mcgroup.Query("VEL? 2") == "OK 10000.0"
    g1.Stop()
    for name in ("g1", "g2"):
        stands(axes.rig.proxy(name))
