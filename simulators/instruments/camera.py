"""A camera that looks at the beam before the sample: lines of our own protocol, images as bytes; times in s."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import BAD_ARGUMENT, REFUSED, answer, expect, number, with_data
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.axis import Range
from ronda.simulators.physics.world import World

EXPOSURES = Range(1e-4, 60.0)
"""Exposure times that it takes, in s."""

BINNINGS = (1, 2, 4)

READ_OUT = 0.0099
"""Time from the end of an exposure until the image can be fetched, in s: 100 images/s at most."""


class CameraParameters(InstrumentParameters):
    """A camera."""

    behind: bool = parameter("Whether it stands behind the sample and sees it turn, or before it", False)
    read_out: float = parameter("Time that reading an image out takes", READ_OUT, unit="s", ge=0, le=10)


class Camera(Instrument):
    """The camera: one image for each START."""

    Parameters = CameraParameters

    def __init__(self, name: str, parameters: CameraParameters, world: World) -> None:
        # Here and not above: the parameters alone, which configuration checks ask for, need no numpy.
        from ronda.simulators.physics import camera

        self.name = name
        self._world = world
        self._physics = camera
        self._sensor = camera.Sensor(world.chance(name))
        self._read_out = parameters.read_out
        self._behind = parameters.behind
        self._region = camera.Region()
        self._exposure = 0.1
        self._began: float | None = None
        self._image: Future[Any] | None = None
        self._pulses: list[float] = []
        world.line(f"{name}:1").drive(self._emitted)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"camera {name}")
        self._commands = {
            "IDN?": self._identify,
            "CAPS?": self._capabilities,
            "SETUP": self._set_up,
            "START": self._start,
            "STOP": self._stop,
            "STATUS?": self._status,
        }

    def answer(self, line: str) -> str | bytes:
        """The reply to one line."""
        if line.split() != ["READ?"]:
            return answer(self._commands, line)
        if self._image is None or self._state(self._world.clock.now()) != "READY":
            return f"ERR {REFUSED} there is no image"
        image = self._image.result()
        return with_data(f"{image.shape[1]},{image.shape[0]}", image.astype("<u2").tobytes())

    def truth(self, time: float) -> dict[str, Any]:
        """What an exposure of 1 ms at a time would see: the spot's middle in pixels, light in its middle in ADU/s."""
        light = self._physics.collect(self._world.beam, time, time + 0.001, behind=self._behind)
        return {
            "spot": [float(place) for place in light.places[0]],
            "peak": float(light.charges.sum() / light.seconds),
            "state": self._state(time),
        }

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return "RONDA-SIM-CAM,1,viewer"

    def _capabilities(self, words: list[str]) -> str:
        expect(words, 0, "CAPS?")
        sensor = self._physics
        fields = [sensor.SIZE, sensor.SIZE, 12, sensor.PIXEL, EXPOSURES.low, EXPOSURES.high, self._read_out]
        return ",".join([*map(repr, fields), "/".join(map(str, BINNINGS))])

    def _set_up(self, words: list[str]) -> str:
        expect(words, 6, "SETUP exposure binning x y width height")
        exposure = number(words[0], "the exposure", EXPOSURES, "s")
        binning, x, y, width, height = (int(number(word, "each of these")) for word in words[1:])
        size = self._physics.SIZE
        if binning not in BINNINGS:
            raise ProtocolError(BAD_ARGUMENT, f"binning should be one of {', '.join(map(str, BINNINGS))}")
        if min(x, y) < 0 or min(width, height) < binning or x + width > size or y + height > size:
            raise ProtocolError(BAD_ARGUMENT, f"the region should lie on the {size} x {size} pixels")
        if width % binning or height % binning:
            raise ProtocolError(BAD_ARGUMENT, f"width and height should be multiples of the binning {binning}")
        self._refuse_if_busy()
        self._began = self._image = None
        self._exposure = exposure
        self._region = self._physics.Region(x, y, width, height, binning)
        return ""

    def _start(self, words: list[str]) -> str:
        expect(words, 0, "START")
        self._refuse_if_busy()
        self._began, self._image = self._world.clock.now(), None
        self._pulses += [self._began, self._began + self._exposure]
        return ""

    def _stop(self, words: list[str]) -> str:
        expect(words, 0, "STOP")
        now = self._world.clock.now()
        if self._state(now) != "READY":
            self._began = self._image = None
            self._pulses = [min(pulse, now) for pulse in self._pulses]
        return ""

    def _emitted(self, until: float) -> list[float]:
        """Pulses of output 1 up to a time: one when an exposure begins, one when it ends."""
        emitted = [pulse for pulse in self._pulses if pulse <= until]
        self._pulses = self._pulses[len(emitted) :]
        return emitted

    def _status(self, words: list[str]) -> str:
        expect(words, 0, "STATUS?")
        now = self._world.clock.now()
        return f"{self._state(now)},{0.0 if self._began is None else min(now - self._began, self._exposure)!r}"

    def _state(self, now: float) -> str:
        """What it does; the image of an exposure that has ended is made beside the other instruments' answers."""
        if self._began is None:
            return "IDLE"
        end = self._began + self._exposure
        if now < end:
            return "EXPOSING"
        if self._image is None:
            light = self._physics.collect(self._world.beam, self._began, end, behind=self._behind)
            self._image = self._thread.submit(self._sensor.read, light, self._region)
        return "READY" if now >= end + self._read_out and self._image.done() else "READING"

    def _refuse_if_busy(self) -> None:
        if self._state(self._world.clock.now()) not in ("IDLE", "READY"):
            raise ProtocolError(REFUSED, "an image is being taken")
