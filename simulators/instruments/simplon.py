"""A Dectris detector that sees the powder's rings: the SIMPLON interface 1.8 over HTTP, Stream V2 over ZeroMQ."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ronda.simulators.instrument import Instrument
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.world import World
from ronda.simulators.simplon import stream
from ronda.simulators.simplon.http import HttpFraming, parse, respond
from ronda.simulators.simplon.keys import VERSION, Key, detector_keys, other_keys, read_only
from ronda.simulators.simplon.triggers import Exposure, TriggerInput

LOOK = 0.02
"""Longest wait in one piece, in s."""

TRIGGER_PERIOD = 0.005
"""Seconds between two looks at the trigger input; exposures begin when their pulses came, not when they are seen."""

POOL_BELOW = 0.05
"""Exposure times in s below which images are put together from a pool: drawn one by one they come too slowly."""

COMMANDS = ("initialize", "arm", "trigger", "disarm", "cancel", "abort", "status_update")


class SimplonParameters(InstrumentParameters):
    """A detector that speaks SIMPLON."""

    stream_address: str = parameter("Address of the network interface on which images are pushed", "127.0.0.1")
    stream_port: int = parameter("Port on which images are pushed; 0 for any that is free", 0, ge=0, le=65535)
    frame_rate: float = parameter("Most frames in a second", 500.0, unit="1/s", gt=0, le=5000)
    trigger: str | list[str] | None = parameter(
        "Which output its trigger input is wired to, as CONTROLLER:OUTPUT such as motion:1, or several, of which each "
        "pulse counts; None: to nothing",
        None,
    )
    clock_skew: float = parameter("By which part its clock is faster than that of the world", 0.0, gt=-0.01, lt=0.01)


@dataclass
class Series:
    """A series from arming to its end.

    Attributes:
        number, unique: what tells it from others.
        config: the detector's keys as they were when it was armed.
        triggers: how many have been taken.
        over: whether it shall end.
        sent: images sent.
        origin: when it began, in s of the world's clock; the times of images count from there.
        date: the same for people.
    """

    number: int
    config: dict[str, Any]
    unique: str = field(default_factory=lambda: uuid.uuid4().hex)
    triggers: int = 0
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    origin: float = 0.0
    date: str = field(default_factory=lambda: datetime.now(UTC).isoformat())

    @property
    def external(self) -> bool:
        """Whether a signal starts its images."""
        return str(self.config["trigger_mode"]).startswith("ext")

    @property
    def enabled(self) -> bool:
        """Whether the signal also says how long they are exposed."""
        return str(self.config["trigger_mode"]).endswith("e")


class Refused(Exception):
    """A request that cannot be carried out.

    Args:
        status: of the HTTP answer.
        text: what is wrong.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Simplon(Instrument):
    """The detector's control unit."""

    Parameters = SimplonParameters
    framing = HttpFraming()

    def __init__(self, name: str, parameters: SimplonParameters, world: World) -> None:
        # Here and not above: the parameters alone, which configuration checks ask for, need no numpy.
        from ronda.simulators.physics import powder

        self.name = name
        self._world = world
        self._powder = powder
        self._parameters = parameters
        columns, rows = powder.COLUMNS, powder.ROWS
        frame_time = 1 / parameters.frame_rate
        detector = detector_keys(columns, rows, powder.PIXEL * 1e-3, min(1e-4, frame_time / 2), frame_time)
        self._config: dict[str, dict[str, Key]] = {"detector": detector, **other_keys()}
        self._state = "na"
        self._number = 0
        self._series: Series | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"detector {name}")
        self._outlet: stream.Outlet | None = None
        self._images: Any = None
        wired = parameters.trigger or []
        self._input = TriggerInput(world, [wired] if isinstance(wired, str) else wired)
        self._timer: asyncio.TimerHandle | None = None
        self._to_lose = 0

    def answer(self, line: str) -> bytes:
        """The reply to one request."""
        method, path, body = parse(line)
        try:
            return respond(200, self._serve(method, path, body))
        except Refused as refused:
            return respond(refused.status, str(refused))

    def truth(self, time: float) -> dict[str, Any]:
        """What lights the detector at a time, its state, and how many images the latest series has sent."""
        light = self._powder.collect(self._world.beam, time, time + 0.001)
        return {
            "state": self._state,
            "intensity": light.intensity,
            "share": light.share,
            "energy": light.energy,
            "sent": 0 if self._series is None else self._series.sent,
            "triggers": self._input.taken,
            "ignored": self._input.ignored,
            "dropped": 0 if self._outlet is None else self._outlet.dropped,
        }

    def close(self) -> None:
        """End the series, and stop pushing."""
        if self._timer is not None:
            self._timer.cancel()
        if self._series is not None:
            self._series.over.set()
        if self._outlet is not None:
            self._thread.submit(self._outlet.close)
        self._thread.shutdown()

    def fail(self, axis: int, fault: str) -> None:
        """Lose the next images on their way, as many as `axis` says; the fault is `lost`."""
        if fault != "lost":
            raise LookupError(f"{self.name} has the fault lost, not {fault}")
        self._to_lose = axis

    # -- requests

    def _serve(self, method: str, path: str, body: str) -> Any:
        parts = path.strip("/").split("/")
        if parts[1:] in (["api", "version"], ["api", "version", ""]) and method == "GET":
            return {"value": VERSION, "value_type": "string"}
        if len(parts) < 4 or parts[0] not in self._config or parts[1] != "api":
            raise Refused(404, f"no such path: {path}")
        if parts[2] != VERSION:
            raise Refused(404, f"version {parts[2]} is not served, {VERSION} is")
        module, section, key = parts[0], parts[3], "/".join(parts[4:])
        if section == "command" and method == "PUT":
            return self._command(module, key, body)
        keys = self._keys(module, section)
        if not key and method == "GET":
            return sorted(keys)
        if key not in keys:
            raise Refused(404, f"no such parameter: {module} {section} {key}")
        if method == "GET":
            return keys[key].told()
        if method != "PUT" or section != "config":
            raise Refused(405, f"{method} is not allowed here")
        return self._write(module, key, keys, body)

    def _keys(self, module: str, section: str) -> dict[str, Key]:
        if section == "config":
            return self._config[module]
        if section != "status":
            raise Refused(404, f"no such section: {section}")
        if module == "detector":
            return {
                "state": read_only(self._shown(), "string"),
                "error": read_only([], "string[]"),
                "time": read_only(self._world.clock.now(), "float", "s"),
            }
        if module == "stream":
            outlet = self._open()
            return {
                "state": read_only("acquire" if self._state == "acquire" else "ready", "string"),
                "dropped": read_only(outlet.dropped, "uint"),
                "port": read_only(outlet.port, "uint"),
            }
        return {"state": read_only("ready", "string"), "error": read_only([], "string[]")}

    def _write(self, module: str, key: str, keys: dict[str, Key], body: str) -> list[str]:
        if module == "detector" and self._state != "idle":
            raise Refused(400, f"the configuration can be changed in the state idle, not in {self._state}")
        try:
            keys[key].take(json.loads(body)["value"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(400, f"{key}: {error}") from error
        changed = [key]
        times, dead = self._config["detector"], 1e-7
        if key == "count_time" and times["frame_time"].value < times["count_time"].value + dead:
            times["frame_time"].value = max(times["count_time"].value + dead, times["frame_time"].low or 0.0)
            changed.append("frame_time")
        elif key == "frame_time" and times["count_time"].value > times["frame_time"].value - dead:
            times["count_time"].value = times["frame_time"].value - dead
            changed.append("count_time")
        return changed

    def _command(self, module: str, name: str, body: str) -> Any:
        if module != "detector":
            if name in ("initialize", "clear"):
                return None
            raise Refused(404, f"no such command: {module} {name}")
        if name not in COMMANDS:
            raise Refused(404, f"no such command: {name}")
        if name == "initialize":
            self._end()
            self._state = "idle"
            return None
        if name == "status_update":
            return None
        if self._state == "na":
            raise Refused(400, f"{name}: the detector is not initialized")
        if name == "arm":
            return self._arm()
        if name == "trigger":
            return self._trigger(body)
        self._end()
        return {"sequence id": self._number}

    def _arm(self) -> dict[str, int]:
        if self._state != "idle":
            raise Refused(400, f"arm: the detector is {self._state}, it should be idle")
        self._number += 1
        config = {key: one.value for key, one in self._config["detector"].items()}
        series = self._series = Series(self._number, config)
        self._state = "configure"
        self._open()
        if series.external:
            self._look_at_input(series)
        self._thread.submit(self._get_ready, series)
        return {"sequence id": series.number}

    def _trigger(self, body: str) -> None:
        series = self._series
        if series is None or self._state != "ready":
            raise Refused(400, f"trigger: the detector is {self._state}, it should be ready")
        mode = series.config["trigger_mode"]
        if mode not in ("ints", "inte"):
            raise Refused(400, f"trigger: in the mode {mode} the detector waits for an external signal")
        seconds = 0.0
        if mode == "inte":
            try:
                seconds = float(json.loads(body)["value"])
            except (ValueError, KeyError, TypeError) as error:
                raise Refused(400, "trigger: in the mode inte it takes the exposure time as its value") from error
        self._begin(series, seconds)

    # -- series

    def _open(self) -> stream.Outlet:
        if self._outlet is None:
            address, port = self._parameters.stream_address, self._parameters.stream_port
            self._outlet = self._thread.submit(stream.Outlet, address, port).result()
        return self._outlet

    def _begin(self, series: Series, seconds: float) -> None:
        self._state = "acquire"
        series.triggers += 1
        self._thread.submit(self._take, series, self._world.clock.now(), seconds)

    def _shown(self) -> str:
        series = self._series
        exposing = self._state == "ready" and series is not None and series.external
        return "acquire" if exposing and self._input.busy(self._world.clock.now()) else self._state

    def _look_at_input(self, series: Series) -> None:
        """Let pulses at the input begin images until the series is over. In the thread of all instruments."""
        if series.over.is_set() or series is not self._series:
            return
        config = series.config
        if self._state != "ready":
            self._input.forget()
            self._input.arm()
        elif series.enabled:
            for exposure in self._input.enabled(config["detector_readout_time"]):
                self._thread.submit(self._take_triggered, series, exposure)
        else:
            for exposure in self._input.exposures(config["nimages"] * config["frame_time"]):
                self._thread.submit(self._take_triggered, series, exposure)
        self._timer = asyncio.get_running_loop().call_later(TRIGGER_PERIOD, self._look_at_input, series)

    def _end(self) -> None:
        series = self._series
        if series is not None and not series.over.is_set():
            series.over.set()
            self._thread.submit(self._close, series)
        if self._state != "na":
            self._state = "idle"

    # -- in the detector's own thread

    def _get_ready(self, series: Series) -> None:
        from ronda.simulators.simplon.images import Images

        config = series.config
        if self._images is None:
            self._images = Images(self._world.chance(self.name))
        now = self._world.clock.now()
        series.origin = now
        many = config["nimages"] > 1 or (series.external and config["count_time"] < POOL_BELOW)
        if many and config["compression"] == "bslz4":
            light = self._powder.collect(self._world.beam, now, now + 0.01)
            self._images.fill_pool(light, config["count_time"])
        if self._streams:
            self._send(stream.start_message(series.number, series.unique, config, config["photon_energy"]))
        if not series.over.is_set():
            self._state = "ready"

    def _take(self, series: Series, began: float, seconds: float) -> None:
        config = series.config
        exposure = seconds if series.enabled else config["count_time"]
        for image in range(1 if series.enabled else config["nimages"]):
            start = began + image * config["frame_time"]
            if not self._wait_until(series, start + exposure):
                return
            self._send_image(series, start, exposure)
        if series.triggers >= config["ntrigger"]:
            series.over.set()
            self._close(series)
            self._state = "idle"
        elif not series.over.is_set():
            self._state = "ready"

    def _take_triggered(self, series: Series, triggered: Exposure) -> None:
        """Images that a pulse at the input has begun."""
        config = series.config
        series.triggers += 1
        exposure = triggered.seconds if series.enabled else config["count_time"]
        for image in range(1 if series.enabled else config["nimages"]):
            start = triggered.begins + image * config["frame_time"]
            if series.triggers > config["ntrigger"] or not self._wait_until(series, start + exposure):
                return
            self._send_image(series, start, exposure)

    def _send_image(self, series: Series, start: float, exposure: float) -> None:
        compression = series.config["compression"]
        light = self._powder.collect(self._world.beam, start, start + exposure)
        data = self._images.image(light, exposure, compression)
        number, series.sent = series.sent, series.sent + 1
        if self._to_lose:
            self._to_lose -= 1
        elif self._streams:
            after = (start - series.origin) * (1.0 + self._parameters.clock_skew)
            shape, times = (self._powder.ROWS, self._powder.COLUMNS), (after, after + exposure)
            told = (series.number, series.unique, series.date, number)
            self._send(stream.image_message(*told, data, compression, shape, times))

    def _wait_until(self, series: Series, time: float) -> bool:
        """Wait for a time of the world; whether the series still goes on."""
        clock = self._world.clock
        while not series.over.is_set():
            left = (time - clock.now()) / clock.speed
            if left <= 0:
                return True
            series.over.wait(min(left, LOOK))
        return False

    def _close(self, series: Series) -> None:
        if self._streams:
            self._send(stream.end_message(series.number, series.unique))

    @property
    def _streams(self) -> bool:
        keys = self._config["stream"]
        return bool(keys["mode"].value == "enabled" and keys["format"].value == "cbor")

    def _send(self, message: dict[str, Any]) -> None:
        assert self._outlet is not None  # noqa: S101 - opened when it was armed
        self._outlet.send(message)
