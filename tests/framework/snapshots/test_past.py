"""Snapshots of a time that is over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.framework.snapshots.past import archived
from ronda.framework.snapshots.record import Snapshot

NOW = 1_795_000_000.0
SAMX, GAUGE, OVEN = "demo/axis/samx", "vac/gauge/1", "demo/loop/oven"


@pytest.fixture
def at(tmp_path: Path):
    """`at(seconds)` is the snapshot so long after NOW."""
    settings = json.dumps({"implementation": "some.module:Axis", "name": "samx"})
    with Store(tmp_path / "logger") as store:
        store.append(
            [
                Event(SAMX, NOW, NOW, kind="configuration", text=settings),
                Event(f"{SAMX}/velocity", NOW, NOW, 2.0, "DevDouble", write_value=0.0),
                Event(f"{SAMX}/state", NOW, NOW, "ON", "DevState"),
                Event(f"{SAMX}/velocity", NOW + 10, NOW + 10, 4.0, "DevDouble", write_value=4.0),
                Event(GAUGE, NOW, NOW, kind="configuration", text=json.dumps({"Gain.max_value": "10", "port": "3"})),
                Event(f"{GAUGE}/gain", NOW, NOW, 1.25, "DevDouble", write_value=1.0),
                Event(f"{OVEN}/setpoint", NOW, NOW, 300.0, "DevDouble", write_value=300.0),
                Event(OVEN, NOW + 5, NOW + 5, kind="vanish", text="its server died"),
            ]
        )

    def ask(seconds: float) -> Snapshot:
        with Archive(tmp_path) as archive:
            return archived(archive, NOW + seconds, [SAMX, GAUGE, OVEN, "a/b/c"], {SAMX: "samx"})

    return ask


def test_settings_are_those_that_were_known_at_the_time(at) -> None:
    early, late = at(1), at(11)
    assert early.devices[SAMX].settings.keys() == {"velocity"}
    assert early.devices[SAMX].alias == "samx"
    assert [one.devices[SAMX].settings["velocity"].value for one in (early, late)] == [2.0, 4.0]


def test_ours_go_by_what_was_read_and_others_by_their_setpoints(at) -> None:
    found = at(1)
    samx, gauge = found.devices[SAMX], found.devices[GAUGE]
    assert (samx.ours, samx.wanted(samx.settings["velocity"]), samx.configuration) == (True, 2.0, {})
    assert (gauge.ours, gauge.wanted(gauge.settings["gain"])) == (False, 1.0)
    assert gauge.configuration == {"gain.max_value": "10"}


def test_a_device_that_was_away_or_is_not_archived_is_told(at) -> None:
    found = at(6)
    assert "its server died" in found.missing[OVEN]
    assert found.missing["a/b/c"] == "nothing of it is archived"
    assert OVEN in at(1).devices
