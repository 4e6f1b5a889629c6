"""One attribute that is kept: which of its values are worth it, and what stands beside them in the archive."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ronda.devices.data_logger.parameters import LoggedParameters
from ronda.framework.archive.record import Event, Kind, Value, same_value
from ronda.framework.tango.values import QUALITY, labels_of, plain, type_of

OLDEST = 315_532_800.0
"""Time stamps before 1980 are absurd."""

AFTER = 1e-6
"""Seconds by which a mark follows what it follows; the archive keeps no shorter ones."""

RECENT = 60.0
"""Seconds for which an attribute that was too fast is named."""


class Sink(Protocol):
    """Takes what shall be stored; any thread."""

    def put(self, event: Event) -> None:
        """Store an event."""

    def wait(self, attribute: Logged) -> None:
        """Call `flush` of an attribute soon."""

    def refuse(self, attribute: str) -> None:
        """Count a value whose time stamp makes no sense."""


class Logged:
    """One attribute. What comes of it comes in any thread; what is worth it goes to the sink in the same order.

    Attributes:
        name: as the archive has it, `demo/axis/samx/position`.
        rule: by which it is kept.
        limited: how many of its values were left out because they came too fast.
    """

    def __init__(
        self,
        name: str,
        described: Any,
        rule: LoggedParameters,
        sink: Sink,
        future_limit: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is known of it yet.

        Args:
            name: as the archive has it.
            described: Tango's description of it.
            rule: by which it is kept.
            sink: takes what is kept.
            future_limit: how far a time stamp may lie in the future, in s.
            clock: tells the time, in s since 1970.
        """
        self.name = name
        self.rule = rule
        self.limited = 0
        self._type = type_of(described)
        self._labels = labels_of(described)
        self._sink = sink
        self._future_limit = future_limit
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Event | None = None  # the last one that was stored, while it counts
        self._last_time = 0.0  # of whatever was stored last
        self._received = 0.0  # when anything came last
        self._broken = False  # whether a mark or an error came since
        self._error = ""
        self._waiting: Event | None = None
        self._tokens = max(1.0, rule.max_rate)
        self._filled = clock()
        self._limited_at = -math.inf

    def describe(self, described: Any) -> None:
        """Its device was started again: it may have another type, or other names of values."""
        self._type = type_of(described)
        self._labels = labels_of(described)

    # -- what comes of it

    def take(self, reading: Any) -> None:
        """A value, as Tango gives it (`DeviceAttribute`)."""
        value = plain(reading.value, self._labels)
        written = plain(reading.w_value, self._labels)
        self.value(value, reading.time.totime(), QUALITY[reading.quality], written)

    def value(self, value: Value, when: float, quality: Any = "VALID", written: Value = None) -> None:
        """A value with the time and the quality that its device gives it."""
        now = self._clock()
        if not OLDEST <= when <= now + self._future_limit:
            self._sink.refuse(self.name)
            self.failed(f"the time stamp of its value is {_words(when, now)}; refused")
            return
        length = len(value) if isinstance(value, np.ndarray | list) else 1
        if length > self.rule.longest:
            self.failed(f"has {length} elements, more than the {self.rule.longest} that are kept")
            return
        with self._lock:
            self._received = now
            if self._broken and when <= self._last_time:
                when = max(now, self._last_time + AFTER)  # what is found after a break is true from now on
            event = Event(self.name, when, now, value, self._type, quality, written)
            if not self._is_news(event):
                return
            self._error = ""
            if not self._may(now):
                self._hold_back(event, now)
                return
            self._waiting = None
            self._store(event)

    def failed(self, sentence: str) -> None:
        """It could not be read, or its value cannot be kept."""
        with self._lock:
            now = self._clock()
            self._received = now
            if sentence == self._error:
                return
            self._error = sentence
            error = Event(self.name, now, now, type=self._type, kind="error", text=sentence)
            if self._may(now):
                self._mark("error", now, sentence)
            else:
                self._hold_back(error, now)

    def missed(self, sentence: str) -> None:
        """Events were lost on their way: from the last one on something may be missing."""
        self.gap(self._received, sentence)

    def gap(self, since: float, sentence: str) -> None:
        """From a time on, or from its last value on if that is later, something may be missing until its next value."""
        with self._lock:
            self._mark("gap", max(since, self._last_time + AFTER), sentence)

    def begin(self) -> None:
        """It can be read (again): the next value counts, whatever it is."""
        with self._lock:
            self._error = ""
            self._mark("appear", self._clock(), "")

    def end(self, sentence: str) -> None:
        """Its device is gone, or it is kept no more."""
        with self._lock:
            self._mark("vanish", self._clock(), sentence)

    def restore(self, when: float) -> None:
        """The archive's last entry of it is from this time."""
        self._last_time = max(self._last_time, when)

    # -- for the thread that stores

    def flush(self) -> bool:
        """Store what waits because it came too fast; returns whether it waits no more."""
        with self._lock:
            if self._waiting is None:
                return True
            if not self._may(self._clock()):
                return False
            self._store_waiting()
            return True

    def too_fast(self) -> bool:
        """Whether values of it were left out of late."""
        return self._clock() - self._limited_at < RECENT

    # -- with the lock

    def _hold_back(self, event: Event, now: float) -> None:
        """It comes too fast: the last of those that do is stored as soon as the rate allows."""
        self.limited += 1
        self._limited_at = now
        if self._waiting is None:
            self._sink.wait(self)
        self._waiting = event

    def _store_waiting(self) -> None:
        event, self._waiting = self._waiting, None
        if event is not None and event.kind == "error":
            self._mark("error", event.time, event.text)
        elif event is not None:
            self._store(event)

    def _is_news(self, event: Event) -> bool:
        kept = self._waiting or self._kept
        if kept is None or kept.kind != "value" or self._broken or event.quality != kept.quality:
            return True
        if event.time == kept.time and same_value(event.value, kept.value):
            return False  # the same reading again
        if self.rule.how == "period":
            return True
        if not same_value(event.write_value, kept.write_value):
            return True
        if self._kept is not None:
            kept = self._kept  # thresholds count from what is stored
        return _changed(event.value, kept.value, self.rule.absolute_change, self.rule.relative_change)

    def _may(self, now: float) -> bool:
        """Take a token, if there is one: `max_rate` of them come in a second."""
        burst = max(1.0, self.rule.max_rate)
        self._tokens = min(burst, self._tokens + max(0.0, now - self._filled) * self.rule.max_rate)
        self._filled = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _store(self, event: Event) -> None:
        self._kept, self._broken = event, False
        self._last_time = max(self._last_time, event.time)
        self._sink.put(event)

    def _mark(self, kind: Kind, when: float, text: str) -> None:
        self._store_waiting()  # the last value before it is worth more than the rate
        when = max(when, self._last_time + AFTER)
        self._last_time, self._broken = when, True
        self._sink.put(Event(self.name, when, self._clock(), type=self._type, kind=kind, text=text))


def _changed(new: Value, old: Value, absolute: float | None, relative: float | None) -> bool:
    """Whether a value differs enough from the one that was kept."""
    if absolute is None and relative is None:
        return not same_value(new, old)
    if isinstance(new, str) or isinstance(old, str) or np.shape(np.asarray(new)) != np.shape(np.asarray(old)):
        return not same_value(new, old)
    try:
        difference = np.abs(np.asarray(new, dtype=float) - np.asarray(old, dtype=float))
    except (TypeError, ValueError):  # words, or none
        return not same_value(new, old)
    if not np.all(np.isfinite(difference)):
        return not same_value(new, old)
    if absolute is not None and np.any(difference >= absolute):
        return True
    return relative is not None and bool(
        np.any(difference >= relative / 100 * np.abs(np.asarray(old, dtype=float))) and np.any(difference > 0)
    )


def _words(when: float, now: float) -> str:
    return f"{when - now:.0f} s in the future" if when > now else f"{when:.0f} s since 1970"
