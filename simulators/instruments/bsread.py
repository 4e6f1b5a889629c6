"""A beam-synchronous source: for each pulse of the machine a BSREAD message over ZeroMQ, with frame or numbers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from ronda.simulators.instrument import Instrument
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.world import World

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PERIOD = 0.005
"""Seconds between two looks which messages are due."""

HIGH_WATER = 100
"""Messages kept for a receiver that is slow; more are dropped."""

OFFSET, READ_NOISE, PEAK, WIDTH = 100.0, 4.0, 6000.0, 12.0
"""Of a pixel without light, its noise (rms), light in the middle of the spot of a mean pulse, in ADU; width of the spot
(standard deviation) in pixels."""

POOL = 16
"""Images of noise, of which each frame takes one."""

FULL = 1000.0
"""What the monitor shows of a mean pulse of the full beam, in µJ; it sees 0.5 % of noise."""

JITTER = 2.0
"""How far the spot lies from the middle, pulse by pulse, in pixels (standard deviation)."""


class BsreadParameters(InstrumentParameters):
    """A source of messages."""

    timing: str = parameter("Name of the timing system whose pulses it sees")
    sees: Literal["camera", "monitor"] = parameter(
        "A camera behind the sample: a channel `image`; or a monitor of each pulse's energy before it: `energy`, `x`"
    )
    prefix: str = parameter("What the names of its channels begin with", "")
    width: int = parameter("Columns of the camera", 256, ge=16, le=4096)
    height: int = parameter("Rows of the camera", 192, ge=16, le=4096)
    compression: Literal["none", "bitshuffle_lz4"] = parameter("Of frames", "bitshuffle_lz4")
    every: int = parameter("It sees each so many-th pulse id", 1, ge=1)
    delay: float = parameter("How long after its pulse a message goes out", 0.01, unit="s", ge=0, le=1)


class Bsread(Instrument):
    """The source. It sends whether anybody measures or not; only what a receiver can take is drawn."""

    Parameters = BsreadParameters

    def __init__(self, name: str, parameters: BsreadParameters, world: World) -> None:
        self._name, self._parameters, self._world = name, parameters, world
        self._timer: asyncio.TimerHandle | None = None
        self._context: Any = None
        self._next = 0
        self._sent = self._dropped = self._lost = self._doubled = self._swapped = 0
        self._faults = {"lost": 0, "doubled": 0, "swapped": 0}
        self._held: list[bytes] | None = None

    def listen(self, address: str, port: int) -> int:
        """Offer messages."""
        import zmq

        from ronda.simulators.bsread.messages import Encoder

        told = self._parameters
        names = {"image": ("uint16", (told.width, told.height))}
        numbers: dict[str, tuple[str, tuple[int, ...]]] = {"energy": ("float64", (1,)), "x": ("float64", (1,))}
        channels = names if told.sees == "camera" else numbers
        self._encoder = Encoder({told.prefix + name: kind for name, kind in channels.items()}, told.compression)
        self._zmq, self._context = zmq, zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.LINGER, 0)
        try:
            self._socket.bind(f"tcp://{address}:{port or '*'}")
        except zmq.ZMQError as error:
            raise OSError(error.errno, str(error)) from error
        return int(self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    def connect_outputs(self) -> None:
        """Begin to look at the pulses."""
        pulses = self._world.pulses
        if self._parameters.timing not in pulses:
            known = ", ".join(sorted(pulses)) or "none"
            raise ValueError(f"timing is {self._parameters.timing!r}, simulated timing systems are {known}")
        self._train = pulses[self._parameters.timing]
        self._next = self._train.until(self._world.clock.now())
        self._next += -(self._train.first + self._next) % self._parameters.every
        self._chance = self._world.chance(self._name)
        if self._parameters.sees == "camera":
            self._draw_pool()
        self._tick()

    def answer(self, line: str) -> None:
        """It takes no lines."""

    def truth(self, time: float) -> dict[str, Any]:  # noqa: ARG002 - counts are those of now
        """Messages sent, those without receiver, lost on the way, sent twice, and sent behind the next one."""
        return {
            "sent": self._sent,
            "dropped": self._dropped,
            "lost": self._lost,
            "doubled": self._doubled,
            "swapped": self._swapped,
        }

    def fail(self, axis: int, fault: str) -> None:
        """Let the next messages, as many as `axis` says, be `lost`, `doubled`, or `swapped` with those behind them."""
        if fault not in self._faults:
            raise LookupError(f"{self._name} has the faults {', '.join(self._faults)}, not {fault}")
        self._faults[fault] = axis

    def close(self) -> None:
        """Send nothing more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._context is not None:
            self._context.destroy(linger=0)

    # -- messages

    def _tick(self) -> None:
        due = self._train.until(self._world.clock.now() - self._parameters.delay)
        while self._next < due:
            self._pulse(self._next)
            self._next += self._parameters.every
        self._timer = asyncio.get_running_loop().call_later(PERIOD, self._tick)

    def _pulse(self, number: int) -> None:
        if self._take("lost"):
            self._lost += 1
            return
        if not self._socket.poll(0, self._zmq.POLLOUT):  # nobody takes it
            self._dropped += 1
            return
        time = self._train.time(number)
        values = {self._parameters.prefix + name: value for name, value in self._look(number, time).items()}
        message = self._encoder.message(self._train.first + number, self._world.clock.epoch_ns(time), values)
        if self._held is None and self._take("swapped"):
            self._held = message
            return
        self._send(message)
        if self._held is not None:
            self._send(self._held)
            self._held = None
            self._swapped += 1
        if self._take("doubled"):
            self._send(message)
            self._doubled += 1

    def _take(self, fault: str) -> bool:
        wanted = self._faults[fault] > 0
        self._faults[fault] -= wanted
        return wanted

    def _send(self, message: list[bytes]) -> None:
        try:
            self._socket.send_multipart(message, self._zmq.NOBLOCK)
            self._sent += 1
        except self._zmq.Again:
            self._dropped += 1

    # -- what it sees

    def _look(self, number: int, time: float) -> dict[str, NDArray[Any]]:
        import numpy as np

        energy = self._train.energy(number) * self._world.beam.intensity_at(time)
        x = float(np.random.default_rng([self._train.first, number]).normal(0.0, JITTER))
        if self._parameters.sees == "monitor":
            shown = FULL * energy * (1 + 0.005 * self._chance.standard_normal())
            return {"energy": np.array([shown], "<f8"), "x": np.array([x], "<f8")}
        passed = float(self._world.beam.sample_transmission(np.array([time]))[0])
        return {"image": self._frame(energy * passed, x)}

    def _frame(self, energy: float, x: float) -> NDArray[np.uint16]:
        import numpy as np

        shift = round(x)
        light = PEAK * energy * np.roll(self._spot, shift, axis=1)
        noise = self._noise[int(self._chance.integers(POOL))]
        counts = OFFSET + light + noise * np.sqrt(READ_NOISE**2 + light)
        frame: NDArray[np.uint16] = np.clip(np.rint(counts), 0, 65535).astype("<u2")
        return frame

    def _draw_pool(self) -> None:
        import numpy as np

        rows, columns = self._parameters.height, self._parameters.width
        y, x = np.mgrid[:rows, :columns].astype("f4")
        self._spot = np.exp(-((x - (columns - 1) / 2) ** 2 + (y - (rows - 1) / 2) ** 2) / (2 * WIDTH**2))
        self._noise = self._chance.standard_normal((POOL, rows, columns), "f4")
