"""A Tango server that nobody of ours wrote a base class for: it pushes serial numbers, and says which it pushed.

`python pusher.py INSTANCE PORT LOG`; each serial number is in the file LOG before it is pushed, with its time.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import tango
from tango.server import Device, attribute, command, run


class Pusher(Device):
    """`Serial0` to `Serial9` take turns with a number that rises, over restarts too."""

    green_mode = tango.GreenMode.Synchronous
    COUNT = 10

    def init_device(self) -> None:
        super().init_device()
        self.values = [0] * self.COUNT
        self.serial = self.range = 0
        self.gain = 0.0
        self.pause = threading.Event()
        for at in range(self.COUNT):
            name = f"Serial{at}"
            self.add_attribute(tango.Attr(name, tango.DevLong64, tango.AttrWriteType.READ), self.read_serial)
            self.set_change_event(name, True, False)
        for name in ("Wrong", "Plain"):
            self.set_change_event(name, True, False)

    def read_serial(self, attr: tango.Attribute) -> None:
        attr.set_value(self.values[int(attr.get_name()[6:])])

    @attribute(dtype=float)
    def Wrong(self) -> float:  # noqa: N802 - a Tango name
        return 1.0

    @attribute(dtype=float)
    def Plain(self) -> float:  # noqa: N802 - a Tango name
        return 1.0

    @attribute(dtype=float)
    def Silent(self) -> float:  # noqa: N802 - it has no events
        return round(time.time(), 1)

    @attribute(dtype="DevEnum", enum_labels=["FAST", "SLOW"])
    def Mode(self) -> int:  # noqa: N802 - a Tango name
        return 1

    @attribute(dtype=float, unit="V", min_value="0", max_value="10", access=tango.AttrWriteType.READ_WRITE)
    def Gain(self) -> float:  # noqa: N802 - a Tango name
        return self.gain + 0.25  # the hardware never does quite what it is told

    @Gain.setter  # type: ignore[no-redef]
    def Gain(self, value: float) -> None:  # noqa: N802 - a Tango name
        self.gain = value

    @attribute(dtype="DevEnum", enum_labels=["LOW", "HIGH"], access=tango.AttrWriteType.READ_WRITE)
    def Range(self) -> int:  # noqa: N802 - a Tango name
        return self.range

    @Range.setter  # type: ignore[no-redef]
    def Range(self, value: int) -> None:  # noqa: N802 - a Tango name
        self.range = value

    @command(dtype_in=float)
    def PushPlain(self, value: float) -> None:  # noqa: N802 - a Tango name
        self.push_change_event("Plain", value)

    @command(dtype_in=float)
    def PushWrong(self, when: float) -> None:  # noqa: N802 - a Tango name
        self.push_change_event("Wrong", 2.0, when, tango.AttrQuality.ATTR_VALID)

    @command(dtype_in=float)
    def Run(self, rate: float) -> None:  # noqa: N802 - a Tango name
        threading.Thread(target=self.push, args=(rate,), daemon=True).start()

    def push(self, rate: float) -> None:
        path = sys.argv[3]
        with tango.EnsureOmniThread(), open(path, "a") as log:  # noqa: PTH123
            self.serial = sum(1 for _ in open(path))  # noqa: PTH123, SIM115
            while True:
                at = self.serial % self.COUNT
                self.serial += 1
                now = time.time()
                log.write(f"{self.serial} {at} {now:.6f}\n")
                log.flush()
                self.values[at] = self.serial
                self.push_change_event(f"Serial{at}", self.serial, now, tango.AttrQuality.ATTR_VALID)
                time.sleep(1 / rate)


if __name__ == "__main__":
    run([Pusher], args=["Pusher", sys.argv[1], "-ORBendPoint", f"giop:tcp:127.0.0.1:{sys.argv[2]}"])
    os._exit(0)
