"""What a device tells of its state."""

from __future__ import annotations

from types import SimpleNamespace

import tango

from ronda.devices.device import RondaDevice


def test_a_sentence_that_tango_cannot_carry_is_told_as_far_as_it_can() -> None:
    told: list[object] = []
    device = SimpleNamespace(_state_shown=None, set_status=told.append, set_state=told.append)
    RondaDevice.take_state(device, tango.DevState.ON, "λ → 5 µm")  # type: ignore[arg-type]  # no server is needed for it
    assert told == ["? ? 5 µm", tango.DevState.ON]
