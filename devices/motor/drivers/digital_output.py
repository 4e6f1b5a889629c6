"""Driver for actuators on digital outputs, such as pneumatic slides: axes that stand at 0 (out) or at 1 (in)."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from ronda.devices.motor.contract import AxisParameters, AxisReading, Channel, ControllerParameters, MotorController
from ronda.devices.motor.parameters import DiscrepancyParameters, DiscrepancyPolicy, Limits
from ronda.framework.config.parameters import MemberOf, parameter
from ronda.framework.errors import CommunicationFailed, HardwareFault, NotAllowed, TimedOut

if TYPE_CHECKING:
    from ronda.framework.clients.remote import Remote

Signal = Annotated[str, MemberOf()]

BETWEEN = 0.5
"""Position of an actuator that is at neither end."""


class ActuatorsParameters(ControllerParameters):
    """Actuators on the signals of digital input/output units; each axis names its own signals."""

    timeout: float = parameter("Longest wait for an answer of a unit", 1.0, unit="s", gt=0, le=3)


class ActuatorParameters(AxisParameters):
    """An actuator with two places: 0 while its output is off, 1 while it is on."""

    channel: Signal = parameter("Its output, as DEVICE/SIGNAL of any Tango device with such a writable attribute")
    in_input: Signal | None = parameter("Input that is on while it stands at 1, as DEVICE/SIGNAL", None)
    out_input: Signal | None = parameter("Input that is on while it stands at 0, as DEVICE/SIGNAL", None)
    travel_time: float = parameter("How long its way takes; without inputs it has arrived then", 1.0, unit="s", ge=0)
    time_limit: float = parameter("How long its way may take, where inputs tell its end", 5.0, unit="s", gt=0)
    unit: str = parameter("What its positions are in", "in", min_length=1)
    digits: int = parameter("Digits shown after the decimal point", 1, ge=0, le=12)
    steps_per_unit: float = parameter("One step is the whole way", 1.0, unit="steps/{unit}", ge=1, le=1)
    velocity: float = parameter("Nobody can set it", 1.0, unit="{unit}/s", gt=0)
    acceleration_time: float = parameter("Nobody can set it", 0.0, unit="s", ge=0)
    limits: Limits = parameter("Lowest and highest dial position", (0.0, 1.0), unit="{unit}", setting=True)
    discrepancy: DiscrepancyParameters = parameter(
        "What to do if it stands elsewhere than where it was seen last; others may switch it, so this is accepted",
        default_factory=lambda: DiscrepancyParameters(policy=DiscrepancyPolicy.ACCEPT, tolerance=0.1),
        live=True,
    )


class Actuators(MotorController):
    """Writes outputs, and reads them and the switches at both ends of the way."""

    Parameters = ActuatorsParameters
    AxisParameters = ActuatorParameters
    whole_steps = False

    def connect(self) -> None:
        self._remotes: dict[str, Remote] = {}
        self._begun: dict[Channel, tuple[float, bool]] = {}  # when, and to which end
        self._late: set[Channel] = set()

    def read(self, channels: Sequence[Channel]) -> Mapping[Channel, AxisReading]:
        return {channel: self._read(channel) for channel in channels}

    def start(self, moves: Mapping[Channel, float]) -> None:
        for channel, place in moves.items():
            if place not in (0, 1):
                raise HardwareFault(f"{channel}: an actuator goes to 0 or to 1, not to {place:g}")
        for channel, place in moves.items():
            device, _, signal = str(channel).rpartition("/")
            try:
                self._remote(device).write(signal, bool(place))
            except (CommunicationFailed, TimedOut) as error:
                raise HardwareFault(str(error)) from error
            self._begun[channel] = (time.monotonic(), bool(place))
            self._late.discard(channel)

    def stop(self, channels: Sequence[Channel]) -> None:
        """An actuator cannot be stopped on its way: it ends at the place to which its output sends it."""

    def set_velocity(self, channel: Channel, velocity: float) -> float:
        if velocity != self.axes[channel].velocity:
            raise NotAllowed(f"{channel}: an actuator has its own velocity")
        return velocity

    def set_acceleration_time(self, channel: Channel, duration: float) -> float:
        if duration != self.axes[channel].acceleration_time:
            raise NotAllowed(f"{channel}: an actuator has its own acceleration")
        return duration

    def _read(self, channel: Channel) -> AxisReading:
        axis = self.axes[channel]
        try:
            wanted = self._signal(str(channel))
            ends = {place: self._signal(name) for place, name in ((0, axis.out_input), (1, axis.in_input)) if name}
        except (CommunicationFailed, TimedOut) as error:
            raise HardwareFault(str(error)) from error  # the link to one unit is no link to the others
        elapsed = float("inf")
        begun = self._begun.get(channel)
        if begun is not None:  # what a unit says of its output may be older than what we wrote
            elapsed, wanted = time.monotonic() - begun[0], begun[1]
        place = _place(wanted, ends, arrived=elapsed >= axis.travel_time)
        if place == float(wanted):
            self._begun.pop(channel, None)
            self._late.discard(channel)
        elif begun is not None and elapsed > axis.time_limit:
            del self._begun[channel]
            self._late.add(channel)
        late = f"it did not arrive at {int(wanted)} within {axis.time_limit:g} s"
        return AxisReading(place, moving=channel in self._begun, cut_short=late if channel in self._late else "")

    def _signal(self, name: str) -> bool:
        device, _, signal = name.rpartition("/")
        value = self._remote(device).read(signal)
        if value is None:
            raise HardwareFault(f"{name}: its unit does not know whether it is on")
        return bool(value)

    def _remote(self, device: str) -> Remote:
        if device not in self._remotes:
            import tango  # not to be needed by those who only read the configuration

            from ronda.framework.clients.remote import Remote

            remote = Remote(device, device, tango.DeviceProxy)
            remote.proxy.set_timeout_millis(int(self.parameters.timeout * 1000))
            self._remotes[device] = remote
        return self._remotes[device]


def _place(wanted: bool, ends: Mapping[int, bool], *, arrived: bool) -> float:
    """Where an actuator stands: where its switches say, and without any where it must be by now.

    Args:
        wanted: what its output says.
        ends: whether the switch at 0, and that at 1, is on; those that it has.
        arrived: whether its travel time is over, for an end without a switch.
    """
    on = [place for place, active in ends.items() if active]
    if on:
        return float(on[0]) if len(on) == 1 else BETWEEN
    if int(wanted) in ends or not arrived:  # on its way, or stuck
        return BETWEEN
    return float(wanted)
