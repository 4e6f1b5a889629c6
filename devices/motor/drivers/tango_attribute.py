"""Driver for motors that other Tango device servers serve: any device with a position that can be written."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ronda.devices.motor.contract import AxisParameters, AxisReading, Channel, ControllerParameters, MotorController
from ronda.devices.motor.parameters import DiscrepancyParameters, DiscrepancyPolicy
from ronda.framework.config.parameters import parameter
from ronda.framework.errors import CommunicationFailed, HardwareFault, NotAllowed, TimedOut

if TYPE_CHECKING:
    from ronda.framework.clients.remote import Remote

GRACE = 1.0
"""Seconds that a device has after a write until its state says that it moves."""


class TangoMotorsParameters(ControllerParameters):
    """Motors of other Tango servers; each axis names its own device, so that one that is away hinders no other."""

    timeout: float = parameter("Longest wait for an answer of a device", 1.0, unit="s", gt=0, le=3)


class TangoMotorParameters(AxisParameters):
    """A motor of another Tango server. Its own position counts as steps."""

    channel: str = parameter("Tango name of its device, DOMAIN/FAMILY/MEMBER, an alias, or tango://HOST:PORT/…")
    steps_per_unit: float = parameter("Units of the device for one unit of the axis", 1.0, unit="1/{unit}", gt=0)
    velocity: float = parameter(
        "Velocity of a move; without velocity_attribute the one that is to be expected",
        1.0,
        unit="{unit}/s",
        gt=0,
        setting=True,
    )
    acceleration_time: float = parameter("Time from rest to full velocity", 0.0, unit="s", ge=0, setting=True)
    discrepancy: DiscrepancyParameters = parameter(
        "What to do if it stands elsewhere than where it was seen last; others may move it, so this is accepted",
        default_factory=lambda: DiscrepancyParameters(policy=DiscrepancyPolicy.ACCEPT),
        live=True,
    )
    position_attribute: str = parameter("Attribute whose write moves it", "Position")
    readback_attribute: str | None = parameter("Attribute that says where it is; that of the position if absent", None)
    stop_command: str = parameter("Command that stops it", "Stop")
    abort_command: str | None = parameter("Command that stops it at once; that of the stop if absent", None)
    velocity_attribute: str | None = parameter("Attribute of its velocity, in its units per second", None)
    define_command: str | None = parameter("Command that calls its place by another number, if it has one", None)
    low_limit_attribute: str | None = parameter("Attribute that is true on the low limit switch", None)
    high_limit_attribute: str | None = parameter("Attribute that is true on the high limit switch", None)
    moving_states: list[str] = parameter("States in which it moves", default_factory=lambda: ["MOVING", "RUNNING"])
    fault_states: list[str] = parameter("States in which it is broken", default_factory=lambda: ["FAULT", "UNKNOWN"])
    off_states: list[str] = parameter("States in which it cannot move", default_factory=lambda: ["OFF", "DISABLE"])
    tolerance: float = parameter("How near its target it must come", 0.001, unit="{unit}", gt=0)


class TangoMotors(MotorController):
    """Writes positions to foreign devices, reads positions and states of them."""

    Parameters = TangoMotorsParameters
    AxisParameters = TangoMotorParameters

    def connect(self) -> None:
        self._remotes: dict[Channel, Remote] = {}
        self._begun: dict[Channel, tuple[float, float]] = {}

    def read(self, channels: Sequence[Channel]) -> Mapping[Channel, AxisReading]:
        return {channel: self._read(channel) for channel in channels}

    def start(self, moves: Mapping[Channel, float]) -> None:
        begun: list[Channel] = []
        try:
            for channel, position in moves.items():
                self._begun[channel] = (time.monotonic(), position)
                self._remote(channel).write(self.axes[channel].position_attribute, position)
                begun.append(channel)
        except Exception:
            self.stop(begun)  # all or none
            raise

    def stop(self, channels: Sequence[Channel]) -> None:
        self._command(channels, {channel: self.axes[channel].stop_command for channel in channels})

    def abort(self, channels: Sequence[Channel]) -> None:
        names = {each: self.axes[each].abort_command or self.axes[each].stop_command for each in channels}
        self._command(channels, names)

    def set_velocity(self, channel: Channel, velocity: float) -> float:
        axis = self.axes[channel]
        if axis.velocity_attribute is not None:
            self._remote(channel).write(axis.velocity_attribute, velocity)
            return float(self._remote(channel).read(axis.velocity_attribute))
        if velocity != axis.velocity * axis.steps_per_unit:
            raise NotAllowed(f"{channel}: its configuration names no velocity_attribute, so it has its own velocity")
        return velocity

    def set_position(self, channel: Channel, position: float) -> None:
        command = self.axes[channel].define_command
        if command is None:
            raise NotAllowed(f"{channel}: its configuration names no define_command, so its dial cannot be changed")
        self._remote(channel).command(command, position)

    def query(self, line: str) -> str:
        device, _, attribute = line.strip().rpartition("/")
        remote = next((self._remote(each) for each in self.axes if str(each).lower() == device.lower()), None)
        if remote is None:
            raise NotAllowed(f"{self.name}: ask for DEVICE/ATTRIBUTE of one of {', '.join(map(str, self.axes))}")
        return str(remote.read(attribute))

    def _read(self, channel: Channel) -> AxisReading:
        axis = self.axes[channel]
        names = [axis.readback_attribute or axis.position_attribute, "State"]
        switches = [name for name in (axis.low_limit_attribute, axis.high_limit_attribute) if name is not None]
        try:
            position, state, *active = self._remote(channel).read_many([*names, *switches])
            if position is None:
                raise HardwareFault(f"{channel}: does not know its position")
            status = ""
            if str(state) in axis.fault_states:
                status = f"its device {channel} is {state}: {self._remote(channel).status()}"
        except (CommunicationFailed, TimedOut) as error:
            self._remotes.pop(channel, None)
            # the link to one device is no link to the others
            raise HardwareFault(str(error)) from error
        on = dict(zip(switches, active, strict=True))
        return AxisReading(
            float(position),
            moving=self._moves(channel, float(position), moving=str(state) in axis.moving_states),
            powered=str(state) not in axis.off_states,
            low_limit=bool(on.get(axis.low_limit_attribute)),
            high_limit=bool(on.get(axis.high_limit_attribute)),
            fault=" ".join(status.split()),
        )

    def _moves(self, channel: Channel, position: float, *, moving: bool) -> bool:
        """Whether it moves, or is about to: many servers notice a move some time after they took it."""
        begun = self._begun.get(channel)
        if begun is None:
            return moving
        since, target = begun
        axis = self.axes[channel]
        arrived = abs(position - target) <= axis.tolerance * axis.steps_per_unit
        if moving or arrived or time.monotonic() - since > GRACE:
            del self._begun[channel]
            return moving
        return True

    def _command(self, channels: Sequence[Channel], names: Mapping[Channel, str]) -> None:
        failure: Exception | None = None
        for channel in channels:
            self._begun.pop(channel, None)
            try:
                self._remote(channel).command(names[channel])
            except Exception as error:  # noqa: BLE001 - the others must be stopped too
                failure = error
        if failure is not None:
            raise failure

    def _remote(self, channel: Channel) -> Remote:
        if channel not in self._remotes:
            import tango  # not to be needed by those who only read the configuration

            from ronda.framework.clients.remote import Remote

            remote = Remote(str(channel), str(channel), tango.DeviceProxy)
            remote.proxy.set_timeout_millis(int(self.parameters.timeout * 1000))
            self._remotes[channel] = remote
        return self._remotes[channel]
