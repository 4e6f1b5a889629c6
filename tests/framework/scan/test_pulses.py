"""A detector whose pulses open the gate of a counter card: it counts while that exposes, in step scans and sub-scans."""

from __future__ import annotations

import numpy as np
import pytest

from ronda.framework.clients.part import part
from ronda.framework.errors import BadValue, HardwareFault
from ronda.framework.scan.standard import Scans
from tests.framework.scan.conftest import Victim


@pytest.fixture
def wired(bring_up, demo_folder):
    """A beamline whose card is wired to the camera."""
    for name, line in (("simulators.yml", '"optics:1"]'), ("counters.yml", "rot, bragg]")):
        file = demo_folder / name
        text = file.read_text()
        assert line in text
        more = '"optics:1", "viewer:1"]' if name == "simulators.yml" else "rot, bragg, cam]"
        file.write_text(text.replace(line, more))
    made = Victim(bring_up(demo_folder))
    yield made.beamline
    made.beamline.close()


def test_a_card_counts_while_the_camera_that_it_is_wired_to_exposes(wired):
    scans = Scans(wired, "tests", "somebody")
    card = part("ct1", trigger="cam")

    scan = scans.ascan("samy", 0, 0.1, 9, 0.02, "cam_intensity", card, save=False)
    assert len(scan["i0"]) == 10
    rate = scan["i0"].mean() / 0.02
    assert scan.durations.exposure == pytest.approx(10 * 0.02, abs=1e-3)  # not one after the other
    for exposure in (0.05, 0.01):  # as long as the camera, whatever the scan's time is
        more = scans.loopscan(5, 0.02, part("cam_intensity", time=exposure), card, save=False)
        assert more["i0"] == pytest.approx(np.full(5, rate * exposure), rel=0.2)
    seldom = scans.loopscan(5, 0.02, "mca_fe", part("cam_intensity", every=2), card, save=False)
    assert np.flatnonzero(np.isfinite(seldom["i0"])).tolist() == [0, 2, 4]
    assert scans.ct(0.01, "i0").values["i0"] > 0  # and counts by itself again

    slow = part("cam_intensity", period=0.1, time=0.02)
    beside = scans.loopscan(400, 0.01, "mca_fe", slow, card, save=False)
    assert len(beside["i0"]) == len(beside["cam_intensity"]) >= 2
    assert beside["i0"] == pytest.approx(np.full(len(beside["i0"]), rate * 0.02), rel=0.2)

    with pytest.raises(
        BadValue, match="ct1: counts between pulses of cam, for as long as that exposes; leave time= out"
    ):
        scans.loopscan(1, 0.02, "cam", part("ct1", trigger="cam", time=0.1), save=False)


def test_pulses_that_go_astray_let_the_scan_fail_with_what_came(wired, demo_folder):
    import json
    import socket

    port = json.loads((demo_folder / ".ronda" / "local" / "ports.json").read_text())["simulators' control"]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        order = {"do": "triggers", "line": "viewer:1", "dropped": 1.0}
        connection.sendall(json.dumps(order).encode() + b"\n")
        answer = json.loads(connection.makefile().readline())
    assert answer["ok"], answer
    scans = Scans(wired, "tests", "somebody")
    with pytest.raises(
        HardwareFault, match=r"ct1: 0 pulses of cam came at point 0, .* there should be two, 0\.02 s apart"
    ):
        scans.loopscan(3, 0.02, "cam_intensity", part("ct1", trigger="cam"), save=False)
