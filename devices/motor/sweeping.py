"""The Tango device of one axis, the part that continuous scans ask for: sweeps, and triggers at positions."""

from __future__ import annotations

import json
import math
import threading
from typing import TYPE_CHECKING, Any

from ronda.devices.device import command
from ronda.devices.motor.axis import HALF_STEP, AxisDevice
from ronda.devices.motor.closed_loop import ClosedLoop
from ronda.devices.motor.journey import Journey
from ronda.devices.motor.scale import move_time
from ronda.framework.errors import BadValue, Busy, NotAllowed, NotReady, OutOfRange
from ronda.framework.scan.sweep import WIDTH, Line, Sweep, seconds_of, sweep
from ronda.framework.tango.names import AcquisitionCommand, AxisCommand

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ronda.devices.motor.contract import Latches, MotorController
    from ronda.devices.motor.latching import LatchRecorder

LEAD = 0.05
"""Seconds at full velocity before the first point, for triggers that set clocks, if the controller keeps no time."""

LEAD_STEPS = 200
"""Steps that are left for them at least, so that whole steps round nothing away."""

CLOCKS = 5
"""So many triggers set the clocks."""

LINE = 'JSON: start and step in units, npoints, time of a point in s: {"start": 0, "step": 0.01, "npoints": 100, ...}'


class SweepingAxis(AxisDevice):
    """An axis that can also sweep at constant velocity, and give triggers at positions if its controller can."""

    def opened(self) -> None:
        """Join the controller's motion."""
        self._recorder: LatchRecorder | None = None
        self._arming = threading.Lock()
        super().opened()

    def closing(self) -> None:
        """Leave the scan and the controller's motion."""
        if self._recorder is not None:
            self._recorder.leave()
        super().closing()

    @command(
        AxisCommand.CHECK_SWEEP,
        dtype_in=str,
        doc_in=LINE,
        dtype_out=str,
        doc_out="JSON: begins, end, rests (user positions), velocity, duration and run_up in s, triggers: whether it "
        "gives them, clock: whether it keeps their times, jitter: of these in s, widths: whether it can set "
        "how long they stay on",
    )
    def check_sweep(self, text: str) -> str:
        """How it would sweep over points; an error says why it cannot. Nothing moves."""
        line, _ = Line.from_json(text)
        found = self._sweep(line)
        way, before = abs(found.rests - found.begins), abs(found.start - found.begins)
        return json.dumps(
            {
                "begins": found.begins,
                "end": found.end,
                "rests": found.rests,
                "velocity": found.velocity,
                "duration": move_time(way, found.velocity, self._rates.acceleration_time),
                "run_up": before / found.velocity + self._rates.acceleration_time / 2,
                "triggers": self.gives_triggers(found.npoints + 1),
                "clock": self._motion.keeps_time(),
                "jitter": self._motion.trigger_jitter(),
                "widths": self._motion.offers("trigger_width"),
            }
        )

    @command(
        AxisCommand.ARM_SWEEP,
        dtype_in=str,
        doc_in=f"{LINE}; also scan, its id, line, its number, and clocks, spacing and width",
    )
    def arm_sweep(self, text: str) -> None:
        """Get ready to give triggers where points begin and end, and give those that set the clocks if asked for."""
        line, told = Line.from_json(text)
        scan, number = str(told.get("scan", "")), told.get("line", 0)
        if not isinstance(number, int) or not scan:
            raise BadValue(
                f"{self.label}: ArmSweep needs scan, the id of a scan, and line, a whole number: {text[:100]}"
            )
        found = self._sweep(line)
        what = f"give triggers from {self._text(found.start)} on"
        self.permit(what)
        reading = self._require_ready(what)
        if reading.moving:
            raise Busy(f"{self.label}: cannot {what}: it is moving")
        if abs(self._scale.user(self._dial()) - found.begins) > self.tolerance():
            raise NotReady(
                f"{self.label}: cannot {what}: it stands at {self.where(self._dial())}, and its run-up begins at "
                f"{self._text(found.begins)}"
            )
        slip = self._slip()
        start = self._scale.steps(self._scale.dial(found.start)) + slip
        step = self._scale.sign * self._scale.steps(found.step)
        clocks, width = told.get("clocks", True) is not False, seconds_of(self.label, told, WIDTH)
        spacing = seconds_of(self.label, told)
        channel = self.parameters.channel

        def compare(driver: MotorController) -> None:
            from ronda.devices.motor.latching import before_first

            lead = before_first(found.lead / found.velocity, line.spacing) * step / line.time
            places = [] if driver.keeps_time else (start - lead).tolist()
            driver.compare(channel, start, step, found.npoints + 1, period=line.time, clocks=places)

        self.wait(lambda: self._recorder_of(scan).arm(number, compare, clocks=clocks, spacing=spacing, width=width))

    @command(AxisCommand.START_SWEEP, dtype_in=str, doc_in=LINE)
    def start_sweep(self, text: str) -> None:
        """Sweep over points: run up, move at the velocity that they need, and brake; returns when it has begun."""
        found = self._sweep(Line.from_json(text)[0])
        what = f"move to {self._text(found.rests)}"
        reading = self._require_ready(what)
        end = self._scale.steps(self._scale.dial(found.rests)) + self._slip()
        self._require_no_switch(what, reading, (end > reading.position) - (end < reading.position))
        velocity = self._scale.steps(found.velocity)
        self._go(
            Journey(
                self,
                what,
                target=found.rests,
                dial=self._scale.dial(found.rests),
                here=reading.position,
                legs=[end],
                speed=velocity,
                acceleration_time=self._rates.acceleration_time,
                arrival=self._scale.steps(self.tolerance()) + (HALF_STEP if self._motion.whole_steps() else 0.0),
                velocity=velocity,
                loop=None if (closed := self.parameters.closed_loop) is None else ClosedLoop(closed),
            )
        )

    @command(AcquisitionCommand.DISARM_SCAN, dtype_in=str, doc_in="Id of the scan")
    def disarm_scan(self, scan: str) -> None:
        """Give no more triggers for a scan, and publish the last ones; harmless for a scan that it is not in."""
        recorder = self._recorder
        if recorder is not None and recorder.scan.identifier == scan:
            self.wait(recorder.leave)

    # -- tools

    def _sweep(self, line: Line) -> Sweep:
        """How it sweeps.

        Raises:
            OutOfRange: it cannot, or may not go there with its run-up.
            NotAllowed: it cannot sweep at all.
        """
        scale = self._scale
        if scale.modulo is not None:
            raise NotAllowed(
                f"{self.label}: cannot sweep, because its positions repeat after {scale.modulo} {scale.unit}"
            )
        if not self._motion.offers("set_velocity"):
            raise NotAllowed(f"{self.label}: cannot sweep, its controller cannot set a velocity")
        found = sweep(
            self.label,
            line.start,
            line.step,
            line.npoints,
            line.time,
            acceleration_time=self._rates.acceleration_time,
            velocities=self._rates.velocities,
            backlash=self.parameters.backlash,
            lead_time=self._lead_time(abs(line.step) / line.time, line.spacing) if line.time > 0 else 0.0,
            unit=scale.unit,
        )
        if self._motion.whole_steps() and scale.steps(abs(found.step)) < 1.0:
            raise OutOfRange(
                f"{self.label}: a point of {abs(found.step):g} {scale.unit} is less than one step of its controller, "
                f"{1 / scale.steps_per_unit:g} {scale.unit}"
            )
        low, high = scale.limits()
        if not (low <= min(found.begins, found.rests) and max(found.begins, found.rests) <= high):
            lead = f", and {found.lead:g} {scale.unit} for triggers that set the clocks," if found.lead else ""
            raise OutOfRange(
                f"{self.label}: cannot sweep from {found.start:g} to {found.end:g} {scale.unit}: with {found.run_up:g} "
                f"{scale.unit} to run up and to brake{lead} it moves from {found.begins:g} to {found.rests:g} "
                f"{scale.unit}, outside limits [{low}, {high}] {scale.unit}"
            )
        return found

    def _lead_time(self, velocity: float, spacing: float) -> float:
        """For triggers that set the clocks, so many s further apart, in s; the velocity in units/s."""
        if self._motion.keeps_time() or not self._motion.offers("compare") or not velocity > 0:
            return 0.0
        return max(LEAD, LEAD_STEPS / self._scale.steps(velocity)) + CLOCKS * spacing

    def gives_triggers(self, count: int, hook: str = "compare") -> bool:
        """Whether its controller gives so many triggers in a line, by this hook, and those that set the clocks."""
        if not self._motion.offers(hook):
            return False
        clocks = 0 if self._motion.keeps_time() else CLOCKS
        return count + clocks <= self._motion.most_triggers(self.parameters.channel)

    def _slip(self) -> float:
        """By how many steps the controller counts more than the encoder tells, of which the dial is."""
        if self.parameters.closed_loop is None:
            return 0.0
        return self._known().position - self._scale.steps(self._dial())

    def _recorder_of(self, scan: str) -> LatchRecorder:
        """What publishes the triggers of a scan."""
        from ronda.devices.acquisition import ScanStream  # most axes take part in no continuous scan
        from ronda.devices.motor.latching import LatchRecorder

        with self._arming:
            recorder = self._recorder
            if recorder is not None and recorder.running:
                if recorder.scan.identifier == scan:
                    return recorder
                raise Busy(f"{self.label}: cannot give triggers for scan {scan}: it is in scan {recorder.scan.number}")
            found = self.process.share(ScanStream, "stream").scan(scan)
            self._recorder = LatchRecorder(self.label, found, self._motion, self.parameters.channel, self._user_of)
            return self._recorder

    def _user_of(self, latches: Latches) -> npt.NDArray[np.float64]:
        """User positions at triggers: of the encoder if there is one, else what the controller counted."""
        encoder: Any = self._encoder
        if encoder is not None and not any(map(math.isnan, latches.encoders[:1])):
            dial = encoder.dial(latches.encoders)
        else:
            dial = self._scale.from_steps(latches.positions)  # type: ignore[arg-type]  # arrays do as well
        found: npt.NDArray[np.float64] = self._scale.sign * dial + self._scale.offset
        return found
