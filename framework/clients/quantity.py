"""Attributes of any Tango devices, read side by side: one that does not answer costs no more than its own value."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import tango

from ronda.framework.clients.remote import Remote
from ronda.framework.errors import RondaError
from ronda.framework.tango.errors import from_dev_failed

PAUSE = 0.001
"""Seconds between two looks for answers."""

Value = float | str


class Quantity:
    """A numeric, boolean or text attribute that is recorded with scans.

    Attributes:
        name: what it is called in the data.
        attribute: `DOMAIN/FAMILY/MEMBER/ATTRIBUTE`, or `ALIAS/ATTRIBUTE`.
        silent: whether it did not answer in time when it was last asked.
    """

    def __init__(self, name: str, attribute: str, unit: str | None, remote: Callable[[str], Remote]) -> None:
        """Nothing is connected yet.

        Args:
            name: what it is called in the data.
            attribute: which.
            unit: of its values; what Tango says if None.
            remote: makes a client of a device from its Tango name or alias.
        """
        self.name = name
        self.attribute = attribute
        device, _, self._attribute = attribute.rpartition("/")
        self._remote = remote(device)
        self._unit = unit
        self.silent = False

    @property
    def unit(self) -> str:
        """Unit of its values; empty for none. Asked for once, if YAML does not say it.

        Raises:
            CommunicationFailed, TimedOut, NotFound: the device does not tell it.
        """
        if self._unit is None:
            told = str(self._remote.attribute_configuration(self._attribute).unit)
            self._unit = "" if told == "No unit" else told
        return self._unit

    def ask(self) -> tuple[Any, int]:
        """Ask for its value; for `answer`.

        Raises:
            CommunicationFailed, NotFound: the device cannot be asked.
        """
        proxy = self._remote.proxy
        try:
            return proxy, proxy.read_attribute_asynch(self._attribute)
        except tango.DevFailed as failed:
            raise from_dev_failed(failed, self.attribute) from failed

    def answer(self, asked: tuple[Any, int]) -> Value | None:
        """Its value; None as long as there is no answer.

        Raises:
            RondaError: the device has no value that can be recorded, or does not tell it.
        """
        proxy, request = asked
        try:
            value = proxy.read_attribute_reply(request).value
        except tango.AsynReplyNotArrived:
            return None
        except tango.DevFailed as failed:
            raise from_dev_failed(failed, self.attribute) from failed
        if isinstance(value, str):
            return value
        try:
            return math.nan if value is None else float(value)
        except (TypeError, ValueError) as error:
            raise RondaError(f"{self.attribute}: is {value!r}, which is neither a number nor text") from error


class Readings:
    """Asks for quantities when it is made; `collect` gives what has been answered.

    Attributes:
        values: what is known, by name.
        missing: why others are not, by name.
    """

    def __init__(self, quantities: Sequence[Quantity]) -> None:
        self.values: dict[str, Value] = {}
        self.missing: dict[str, str] = {}
        self._begun = time.monotonic()
        self._waiting: dict[Quantity, tuple[Any, int]] = {}
        for quantity in quantities:
            try:
                self._waiting[quantity] = quantity.ask()
            except RondaError as error:
                self.missing[quantity.name] = str(error)

    def collect(self, limit: float, if_silent: float | None = None) -> None:
        """Wait for the answers, but no longer than so many seconds after they were asked for.

        Args:
            limit: longest wait in s.
            if_silent: the same for those that did not answer last time either; `limit` if None.
        """
        patience = dict.fromkeys(self._waiting, limit)
        if if_silent is not None:
            patience |= {quantity: if_silent for quantity in self._waiting if quantity.silent}
        while True:
            for quantity, asked in list(self._waiting.items()):
                try:
                    value = quantity.answer(asked)
                except RondaError as error:
                    self.missing[quantity.name] = str(error)
                else:
                    if value is None:
                        continue
                    self.values[quantity.name] = value
                quantity.silent = False
                del self._waiting[quantity]
            if time.monotonic() >= self._begun + max(map(patience.__getitem__, self._waiting), default=0.0):
                break
            time.sleep(PAUSE)
        for quantity in self._waiting:
            quantity.silent = True
            self.missing[quantity.name] = f"{quantity.attribute}: did not answer within {patience[quantity]:g} s"
