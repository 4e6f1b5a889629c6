"""When a camera's frames that have not come at the end of a line are given up."""

from types import SimpleNamespace

import pytest

from ronda.devices.camera import triggered
from ronda.devices.camera.triggered import LONGEST_LOOK, ON_ITS_WAY, FramesParticipation


def test_frames_are_not_given_up_because_we_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(triggered, "time", SimpleNamespace(monotonic=lambda: now))
    taking = FramesParticipation.__new__(FramesParticipation)
    taking._camera = SimpleNamespace(triggered=list)
    taking.order = taking._own = SimpleNamespace(exposure=0.02)
    taking._looked = taking._silent = taking._complete_since = 0.0

    def given_up(seconds: float) -> bool:
        """Look again after so many s."""
        nonlocal now
        now += seconds
        taking._read_counts()
        taking._complete_since = taking._complete_since or now
        return taking._all_came(SimpleNamespace(all_on_time=False), now - taking._complete_since)

    assert not given_up(20.0)  # the last trigger is heard of
    assert not given_up(20.0)  # a stall
    quiet = int((ON_ITS_WAY - LONGEST_LOOK) / 0.02)
    assert not any(given_up(0.02) for _ in range(quiet))
    assert any(given_up(0.02) for _ in range(4))
