"""How exactly loops keep their rate, what they cost, and how soon a setpoint counts.

    pytest tests/bench/regulation.py -m bench -s

The input and output cost nothing, so that what is measured is ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
import pytest
import tango

from ronda.devices.regulation.contract import Reading, RegulationController
from tests.devices.conftest import rig, tango_host, wait_until  # noqa: F401 - fixtures

pytestmark = pytest.mark.bench

SECONDS = 60.0


class Nothing(RegulationController):
    """A controller whose input follows its output at once."""

    def connect(self) -> None:
        self.at = dict.fromkeys(self.outputs, 0.0)

    def bound(self) -> float:
        return 0.001

    def read_inputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        return {name: Reading(self.at[name.replace("in", "out")]) for name in names}

    def read_outputs(self, names: Sequence[str]) -> Mapping[str, Reading]:
        return {name: Reading(self.at[name]) for name in names}

    def write_output(self, name: str, value: float) -> None:
        self.at[name] = value


def devices(count: int, frequency: float) -> dict[str, Any]:
    made: dict[str, Any] = {
        "nothing": {
            "kind": "regulation",
            "driver": "tests.bench.regulation:Nothing",
            "poll_period": 1.0,
            "inputs": {f"in{number}": {"channel": number} for number in range(count)},
            "outputs": {f"out{number}": {"channel": number} for number in range(count)},
        }
    }
    for number in range(count):
        made[f"loop{number}"] = {
            "kind": "regulation_loop",
            "input": f"in{number}",
            "output": f"out{number}",
            "sampling_frequency": frequency,
            "kp": 0.1,
            "ki": 0.5,
        }
    return made


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("count", "frequency"), [(1, 1000.0), (100, 10.0)])
def test_rate_and_cost(rig: Any, count: int, frequency: float) -> None:  # noqa: F811 - the fixture
    server = f"bench{count}"
    rig.register(server, devices(count, frequency))
    program = rig.start(server)
    loops = [rig.ready(f"loop{number}") for number in range(count)]
    for loop in loops:
        loop.Setpoint = 50.0
    process = psutil.Process(program.process.pid)
    time.sleep(2)
    spent, begun, cycles = sum(process.cpu_times()[:2]), time.monotonic(), sum(loop.Cycles for loop in loops)
    time.sleep(SECONDS)
    took = time.monotonic() - begun
    made = sum(loop.Cycles for loop in loops) - cycles
    print(
        f"\n{count} loops at {frequency:g} Hz for {took:.0f} s: {made / took / count:.2f} cycles/s each, "
        f"missed {sum(loop.MissedCycles for loop in loops)}, jitter p99 {1e3 * max(loop.Jitter for loop in loops):.2f} ms, "
        f"{100 * (sum(process.cpu_times()[:2]) - spent) / took:.1f} % of a core"
    )
    first = loops[0]
    late = []
    for target in range(51, 71):
        asked = first.Cycles
        first.Setpoint = float(target)
        wait_until(lambda target=target: first.WorkingSetpoint == target, "the setpoint counts")
        late.append(first.Cycles - asked)
    print(f"a new setpoint counts after at most {max(late)} cycles, the calls of the client included")
    for loop in loops:
        loop.command_inout("Off")
    assert first.state() == tango.DevState.OFF
    rig.servers[server].end()
