"""The lines of the machine's information server, against a clock set by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ronda.simulators.instruments.machine_server import MachineServer, MachineServerParameters
from ronda.simulators.physics.world import World


@pytest.fixture
def server(world: World) -> MachineServer:
    return MachineServer("control_room", MachineServerParameters(), world)


def test_it_says_what_it_is(server: MachineServer) -> None:
    assert server.answer("IDN?") == "OK RONDA-SIM-MI,1,ring"


def test_it_tells_current_front_end_and_the_seconds_to_the_next_injection(server: MachineServer, clock: Any) -> None:
    assert server.answer("STATUS?") == "OK 200.000,OPEN,178.0"
    clock.advance(60.0)
    assert server.answer("STATUS?") == "OK 199.670,OPEN,118.0"
    clock.advance(119.0)
    assert server.answer("STATUS?").endswith(",OPEN,0.0"), "an injection lasts 2 s"
    clock.advance(1.0)
    assert server.answer("STATUS?") == "OK 200.000,OPEN,178.0"


def test_it_tells_a_beam_loss_and_a_closed_front_end(server: MachineServer, world: World, clock: Any) -> None:
    machine = world.beam.machine
    machine.lose_beam(clock.now(), 20.0)
    machine.move_front_end(clock.now(), opened=False)
    clock.advance(60.0)
    assert server.answer("STATUS?") == "OK 19.670,CLOSED,NONE"
    assert server.truth(clock.now()) == {
        "current": pytest.approx(19.67),
        "front_end_open": False,
        "next_injection": None,
    }


@pytest.mark.parametrize(
    ("line", "reply"), [("STATUS? now", "ERR 2 usage: STATUS?"), ("CURRENT?", "ERR 1 unknown command")]
)
def test_a_wrong_line_gets_an_error_that_says_what_is_right(server: MachineServer, line: str, reply: str) -> None:
    assert server.answer(line) == reply
