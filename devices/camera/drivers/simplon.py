"""Driver for Dectris detectors (EIGER2, PILATUS4): control over the SIMPLON interface 1.8, images from Stream V2."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Any, Literal

from ronda.devices.camera.contract import (
    MOST_FRAMES,
    Camera,
    Capabilities,
    Setup,
    TriggeredCameraParameters,
    TriggeredFrame,
)
from ronda.devices.camera.simplon_rest import Arming, SimplonRest
from ronda.devices.camera.stream_v2 import Image, StreamReceiver, began, exposed, image_of
from ronda.framework.config.parameters import Address, parameter
from ronda.framework.errors import HardwareFault, RondaError, TimedOut
from ronda.framework.stream.frames.packed import PackedFrame

STREAM_PORT = 31001
"""On which detectors push Stream V2."""

LOOK_PERIOD = 1.0
"""Seconds between two looks whether the detector still takes an image that does not come."""

MESSAGE_LIMIT = 5.0
"""Seconds that the message of an image, or of the end of a series, may take after the detector has come to rest."""

SHORTEST, LONGEST = 1e-5, 3600.0
"""Exposure time in s, where a detector does not say its limits."""

DTYPES = {8: "u1", 16: "<u2", 32: "<u4"}


GIVEN_UP_LIMIT = 1.0
"""Seconds for which arming that was given up is waited for before the detector is armed again."""

NO_SERIES = -1
"""While the detector has not said which series it is armed for."""

SOFTWARE, PULSE, ENABLE = "ints", "exts", "exte"
"""Trigger modes: a command starts images, a pulse at the input does, or a signal there exposes while it is on."""


class SimplonParameters(TriggeredCameraParameters):
    """A Dectris detector."""

    address: Address = parameter("Control unit, HOST:PORT (port 80) or simulator:NAME")
    stream_port: int | None = parameter(
        "Port of Stream V2; null for the one that the control unit names, else 31001", None, ge=1, le=65535
    )
    photon_energy: float | None = parameter(
        "Energy for which thresholds are set; null to leave it as it is", None, unit="eV", gt=0
    )
    trigger_mode: Literal["exts", "exte"] = parameter(
        "What a trigger at its input does: exts, it begins an exposure of the time that was set; exte, the detector is "
        "exposed for as long as the signal is on",
        "exts",
    )
    timeout: float = parameter("Longest wait for an answer", 5.0, unit="s", gt=0, le=60)
    arm_limit: float = parameter("Longest time that arming takes", 20.0, unit="s", gt=0, le=120)


class Simplon(Camera):
    """Armed once for many images; each start triggers one, or each pulse at the input does."""

    Parameters = SimplonParameters

    _rest: SimplonRest | None = None
    _receiver: StreamReceiver | None = None
    _arming: Arming | None = None

    def connect(self) -> None:
        told = self.parameters
        self._rest = SimplonRest(self.name, told.address, told.timeout)
        self._series = 0
        self._armed: Setup | None = None
        self._external, self._arming_since = False, 0.0
        self._image: dict[str, Any] | None = None
        self._pending, self._next = False, 0
        self._look_at, self._at_rest_since = 0.0, math.inf
        if self._get("detector status state") in ("na", "error"):
            self._rest.put("detector command initialize")
        else:
            self._rest.put("detector command disarm")
        self._rest.put("stream config format", "cbor")
        self._rest.put("stream config header_detail", "basic")
        self._rest.put("stream config mode", "enabled")
        self._rest.put("detector config compression", "bslz4")
        if told.photon_energy is not None:
            self._rest.put("detector config photon_energy", told.photon_energy)
        port = told.stream_port
        if port is None:
            port = STREAM_PORT
            with suppress(HardwareFault):
                port = int(self._get("stream status port"))
        self._receiver = StreamReceiver(self.name, f"{told.address.rpartition(':')[0]}:{port}")

    def disconnect(self) -> None:
        if self._receiver is not None:
            self._receiver.close()
        if self._arming is not None:
            self._arming.give_up()
        if self._rest is not None:
            with suppress(RondaError):
                self._rest.put("detector command abort")
            self._rest.close()
        self._rest = self._receiver = None

    def capabilities(self) -> Capabilities:
        count, frame = self._ask("detector config count_time"), self._ask("detector config frame_time")
        bits = int(self._get("detector config bit_depth_image"))
        if bits not in DTYPES:
            raise HardwareFault(f"{self.name}: images of {bits} bit are not supported; 8, 16 and 32 bit are")
        return Capabilities(
            width=int(self._get("detector config x_pixels_in_detector")),
            height=int(self._get("detector config y_pixels_in_detector")),
            dtype=DTYPES[bits],
            bits=bits,
            exposures=(float(count.get("min", SHORTEST)), float(count.get("max", LONGEST))),
            read_out=float(self._get("detector config detector_readout_time")),
            frame_rate=1 / float(frame.get("min", frame["value"])),
            triggers=("software", "external" if self.parameters.trigger_mode == PULSE else "enable"),
            pixel_size=float(self._get("detector config x_pixel_size")),
            model=str(self._get("detector config description")),
        )

    def prepare(self, setup: Setup) -> None:
        if self._armed == setup and not self._pending and self._settled() == "ready":
            self._pending, self._image = False, None
            return
        self._series = self._arm(setup, SOFTWARE).series()
        self._settled()
        self._require_ready()
        self._armed, self._pending, self._image, self._next = setup, False, None, 0

    def _arm(self, setup: Setup, mode: str) -> Arming:
        """Let it arm, for as many triggers as it can take, of one image each.

        Raises:
            HardwareFault: it refuses a setting, or still arms for what was given up.
        """
        rest = self._open()
        if self._arming is not None and not self._arming.ended(GIVEN_UP_LIMIT):
            raise HardwareFault(f"{self.name}: the detector still arms for a scan that was stopped; try again")
        self._armed, self._external = None, False
        rest.put("detector command disarm")
        rest.put("detector config trigger_mode", mode)
        rest.put("detector config nimages", 1)
        rest.put("detector config ntrigger", int(self._ask("detector config ntrigger").get("max", 1_000_000)))
        rest.put("detector config count_time", setup.exposure)
        if mode != SOFTWARE:  # for so long it takes no further pulse
            frame_time = self._ask("detector config frame_time")
            needed = setup.exposure + float(self._get("detector config detector_readout_time"))
            rest.put("detector config frame_time", max(needed, float(frame_time.get("min", 0.0))))
        self._series, self._arming_since = NO_SERIES, time.monotonic()
        self._arming = Arming(self.name, self.parameters.address, self.parameters.arm_limit)
        return self._arming

    def _require_ready(self) -> None:
        """See that it is armed, and that images can come.

        Raises:
            TimedOut: it is not, or they cannot.
        """
        if (state := self._get("detector status state")) != "ready":
            took = time.monotonic() - self._arming_since
            raise TimedOut(f"{self.name}: is {state}, not ready, {took:.3g} s after arming")
        if self._receiver is None or not self._receiver.await_connection(self.parameters.timeout):
            raise TimedOut(f"{self.name}: no connection to its stream of images within {self.parameters.timeout:g} s")

    def start(self) -> None:
        self._image, self._pending = None, True
        self._look_at, self._at_rest_since = time.monotonic() + LOOK_PERIOD, math.inf
        try:
            self._open().put("detector command trigger")
        except HardwareFault:  # an image may come before its detector is ready for the next one
            if self._settled() != "ready":
                raise
            self._open().put("detector command trigger")

    def busy(self) -> bool:
        assert self._receiver is not None  # noqa: S101 - connected
        while self._pending and (message := self._receiver.next(self._series)) is not None:
            if message["type"] == "end":
                self._pending, self._armed = False, None
                raise HardwareFault(f"{self.name}: series {self._series} ended before its image {self._next} came")
            if message["type"] == "image":
                number, expected = int(message["image_id"]), self._next
                self._next, self._pending, self._image = number + 1, False, message
                if number != expected:
                    raise HardwareFault(
                        f"{self.name}: image {expected} did not come, {number} came; the network lost it"
                    )
        if self._pending:
            self._require_series()
        return self._pending

    def _require_series(self) -> None:
        """Where no image comes, see now and then whether the detector still takes one: messages may be lost.

        Raises:
            HardwareFault: it has not for some time.
        """
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_PERIOD
        if (state := str(self._get("detector status state"))) in ("acquire", "configure"):
            self._at_rest_since = math.inf
        elif self._at_rest_since == math.inf:
            self._at_rest_since = now
        elif now - self._at_rest_since > MESSAGE_LIMIT:
            self._pending, self._armed = False, None
            raise HardwareFault(
                f"{self.name}: series {self._series} ended before its image {self._next} came: the detector is "
                f"{state}; somebody else ended it, or the network lost the image"
            )

    def read(self) -> Image:
        if self._image is None:
            raise HardwareFault(f"{self.name}: there is no image; start one")
        image = image_of(self.name, self._image)
        return image.unpack() if isinstance(image, PackedFrame) else image

    def arm_triggered(self, setup: Setup) -> None:
        self._arm(setup, self.parameters.trigger_mode)
        self._pending, self._external = False, True

    def armed(self) -> bool:
        if self._arming is None or not self._arming.ended():
            return False
        self._series = self._arming.series()
        state = self._get("detector status state")
        waits = time.monotonic() < self._arming_since + self.parameters.arm_limit
        if state not in ("ready", "acquire") and state not in ("idle", "error", "na") and waits:
            return False
        if state != "acquire":
            self._require_ready()
        return True

    def triggered(self) -> list[TriggeredFrame]:
        assert self._receiver is not None  # noqa: S101 - connected
        found: list[TriggeredFrame] = []
        gated = self.parameters.trigger_mode == ENABLE
        while len(found) < MOST_FRAMES and (message := self._receiver.next(self._series)) is not None:
            if message["type"] == "image":
                image = image_of(self.name, message)
                lasted = exposed(self.name, message) if gated else 0.0
                found.append(TriggeredFrame(int(message["image_id"]), began(self.name, message), image, lasted))
            elif message["type"] == "end":
                raise HardwareFault(
                    f"{self.name}: series {self._series} ended while triggers could come; somebody else ended it"
                )
        return found

    def disarm_triggered(self) -> None:
        if self._external:
            self._external = False
            if self._arming is not None:
                self._arming.give_up()
            self._open().put("detector command disarm")

    def stop(self) -> None:
        self._pending, self._armed, self._external = False, None, False
        if self._arming is not None:
            self._arming.give_up()
        self._open().put("detector command abort")

    def _settled(self) -> str:
        """The detector's state once it neither arms nor takes an image, which it may still do when that has come."""
        deadline = time.monotonic() + self.parameters.arm_limit
        while (state := str(self._get("detector status state"))) not in ("ready", "idle", "error", "na"):
            if time.monotonic() > deadline:
                break
            time.sleep(0.005)
        return state

    def _open(self) -> SimplonRest:
        assert self._rest is not None  # noqa: S101 - connected
        return self._rest

    def _ask(self, path: str) -> dict[str, Any]:
        return self._open().get(path)

    def _get(self, path: str) -> Any:
        return self._ask(path)["value"]
