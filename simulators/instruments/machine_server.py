"""What the machine's control room tells the beamlines, in the lines of our own protocol."""

from __future__ import annotations

from typing import Any

from ronda.simulators.instrument import Instrument
from ronda.simulators.line_protocol import answer, expect
from ronda.simulators.parameters import InstrumentParameters
from ronda.simulators.physics.world import World


class MachineServerParameters(InstrumentParameters):
    """The machine's information server."""


class MachineServer(Instrument):
    """Current, front end and top-up of the storage ring."""

    Parameters = MachineServerParameters

    def __init__(self, name: str, parameters: MachineServerParameters, world: World) -> None:  # noqa: ARG002 - none
        self.name = name
        self._world = world
        self._machine = world.beam.machine  # now, for loading numpy takes longer than a client may want to wait
        self._commands = {"IDN?": self._identify, "STATUS?": self._status}

    def answer(self, line: str) -> str:
        """The reply to one line."""
        return answer(self._commands, line)

    def truth(self, time: float) -> dict[str, Any]:
        """The same as it tells, unrounded."""
        machine = self._machine
        return {
            "current": machine.current_at(time),
            "front_end_open": machine.front_end_open(time),
            "next_injection": machine.next_injection(time),
        }

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return "RONDA-SIM-MI,1,ring"

    def _status(self, words: list[str]) -> str:
        expect(words, 0, "STATUS?")
        now = self._world.clock.now()
        machine = self._machine
        following = machine.next_injection(now)
        front_end = "OPEN" if machine.front_end_open(now) else "CLOSED"
        return f"{machine.current_at(now):.3f},{front_end},{'NONE' if following is None else f'{following:.1f}'}"
