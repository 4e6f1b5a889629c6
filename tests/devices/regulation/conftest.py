"""What tests of regulation share: an oven with its devices, in a server of its own."""

from __future__ import annotations

from typing import Any

import pytest

FAST = {"capacity": 4.0, "delay": 0.2, "sensor_time": 0.15, "noise": 0.002}
"""A small quick oven, so that tests need not wait: its time constant is 16 s."""

GAINS = {"kp": 6.0, "ki": 2.0, "kd": 1.0, "filter_time": 0.05}


def controller(address: str, **parts: Any) -> dict[str, Any]:
    """The entry of an oven's controller."""
    return {
        "kind": "regulation",
        "driver": "simulated_oven",
        "address": address,
        "poll_period": 0.1,
        **parts,
    }


def soft_loop(source: str, sink: str, **keys: Any) -> dict[str, Any]:
    """The entry of a loop of ours."""
    return {
        "kind": "regulation_loop",
        "input": source,
        "output": sink,
        **GAINS,
        "sampling_frequency": 20.0,
        "deadband": 0.2,
        "deadband_time": 0.5,
        "limits": [280, 500],
        **keys,
    }


@pytest.fixture
def truth() -> Any:
    """What is truly so of a simulated oven."""

    def ask(simulators: Any, name: str = "oven") -> dict[str, Any]:
        found: dict[str, Any] = simulators.ask(do="truth")["instruments"][name]
        return found

    return ask
