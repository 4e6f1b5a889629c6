"""What all simulated motor controllers share: their axes, made from the parameters, and the truth about them."""

from __future__ import annotations

from typing import Any

from ronda.simulators.parameters import AxisParameters
from ronda.simulators.physics.axis import Axis, Range
from ronda.simulators.physics.encoder import Encoder
from ronda.simulators.physics.stage import Mechanics, Stage
from ronda.simulators.physics.world import World


def build_axis(number: int, parameters: AxisParameters, world: World) -> Axis:
    """Make an axis with its stage, which the world knows by name if it has one.

    Raises:
        ValueError: another stage has this name.
    """
    mechanics = Mechanics(
        steps_per_unit=parameters.steps_per_unit,
        play=parameters.play,
        lower_switch=parameters.lower_switch,
        upper_switch=parameters.upper_switch,
        home=parameters.home,
        home_width=parameters.home_width,
        index=parameters.index,
    )
    stage = Stage(mechanics, parameters.position, world.clock.now())
    if parameters.name is not None:
        world.add_stage(parameters.name, stage)
    steps = parameters.steps_per_unit
    encoder = None
    if parameters.encoder is not None:
        encoder = Encoder(stage, parameters.encoder, parameters.encoder_zero, parameters.encoder_drift)
    return Axis(
        number,
        stage,
        velocity=parameters.velocity * steps,
        acceleration_time=parameters.acceleration_time,
        velocities=Range(parameters.slowest * steps, parameters.fastest * steps),
        acceleration_times=Range(parameters.shortest_acceleration_time, parameters.longest_acceleration_time),
        encoder=encoder,
        slip=parameters.slip,
    )


def connect_encoder(controller: str, axis: Axis, world: World) -> None:
    """Drive the line of an axis's encoder, if it has one and something counts its pulses."""
    line = world.encoder_lines.get(f"{controller}:{axis.number}")
    if line is not None and axis.encoder is not None:
        line.drive(axis.encoder)


def state(axis: Axis, time: float) -> str:
    """FAULT, OFF, MOVING or IDLE."""
    if axis.fault:
        return "FAULT"
    if not axis.powered:
        return "OFF"
    return "MOVING" if axis.moving(time) else "IDLE"


def truth(axis: Axis, name: str | None, time: float) -> dict[str, Any]:
    """Where an axis truly is, how fast, and when the motion of that time began and ends."""
    motion = axis.stage.motion(time)
    return {
        "name": name,
        "state": state(axis, time),
        "register": axis.position(time),
        "motor": axis.stage.motor(time),
        "position": axis.stage.position(time),
        "encoder": None if axis.encoder is None else axis.encoder.counts(time),
        "velocity": motion.velocity(time) / axis.stage.mechanics.steps_per_unit,
        "started": motion.start,
        "ends": motion.end,
    }
