"""Axes that are started together."""

from __future__ import annotations

from typing import Any

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.together import orders


class Told:
    """Stands for a Tango device."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = f"demo/{name}"
        self.orders: list[Any] = []

    def command(self, name: str, argument: Any = None) -> None:
        self.orders.append((name, argument))

    def write(self, attribute: str, value: float) -> None:
        self.orders.append((attribute, value))


def axis(name: str, group: Any = None, **configuration: Any) -> tuple[Axis, Told]:
    device: Any = Told(name)
    return Axis(device, configuration, group=group), device


def test_axes_of_one_controller_begin_with_one_order() -> None:
    mc1, mc2 = Told("mc1"), Told("mc2")
    (samx, x), (samy, y), (s1u, u), (lone, alone) = axis("samx", mc1), axis("samy", mc1), axis("s1u", mc2), axis("lone")

    made = orders([(samx, 1.0), (s1u, 2.0), (lone, 3.0), (samy, 4.0)])
    for order in made:
        order.start()

    assert [[each.name for each in order.axes] for order in made] == [["samx", "samy"], ["s1u"], ["lone"]]
    assert mc1.orders == [("MoveTogether", '{"samx": 1.0, "samy": 4.0}')]
    assert x.orders == y.orders == mc2.orders == []
    assert u.orders == [("Position", 2.0)]
    assert alone.orders == [("Position", 3.0)]


def test_a_rotation_has_arrived_whatever_its_turn() -> None:
    rot, _ = axis("rot", modulo=360, steps_per_unit=1000)

    assert rot.is_at(350.0, -10.0)
    assert rot.is_at(359.999, 0.0)
    assert not rot.is_at(350.0, 10.0)


def test_without_steps_the_last_digits_say_whether_an_axis_has_arrived() -> None:
    energy, _ = axis("energy", digits=5)

    assert energy.is_at(8.97904, 8.97901)
    assert not energy.is_at(8.9791, 8.979)
