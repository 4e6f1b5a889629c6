"""The Tango device of an attenuator."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import tango

from ronda.devices.attenuator.filters import Filter, Foil, filter_at, filters_of, foil_of, nearest_filter
from ronda.devices.attenuator.parameters import AttenuatorParameters
from ronda.devices.axis_group import AxisState
from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.places import Places
from ronda.framework.errors import NotReady, OutOfRange, RondaError
from ronda.framework.tango.names import AttenuatorAttribute, AttenuatorCommand

MOST_FILTERS = 10000

TABLES_LIMIT = 2.0
"""Seconds that a client waits for the tables of absorption; Tango clients give up after 3."""

BETWEEN = -1
"""What Filter says while a wheel stands between its places."""

Value = tuple[Any, float, tango.AttrQuality]


class AttenuatorDevice(RondaDevice):
    """Foils in the beam: which, and how much they let through at the present energy."""

    def model(self, configuration: Mapping[str, Any]) -> type[AttenuatorParameters]:
        """Its keys."""
        del configuration
        return AttenuatorParameters

    @property
    def parameters(self) -> AttenuatorParameters:
        """What it goes by."""
        if self.settings is None:
            raise NotReady(self.get_status())
        found: AttenuatorParameters = self.settings.values
        return found

    def opened(self) -> None:
        """Begin to look for the axes."""
        self._filters: list[Filter] | None = None  # made when first asked for: the tables of absorption take a second
        self._reading: Future[list[Filter]] | None = None
        self._foils: list[Foil] | None = None  # None between places
        self._energy = math.nan
        self._error: RondaError | None = NotReady(f"{self.label}: its axes have not answered yet")
        self.show(tango.DevState.UNKNOWN, str(self._error))
        parameters = self.parameters
        energy = parameters.energy
        axes = [*parameters.wheels, *([energy] if isinstance(energy, str) else [])]
        still = [energy] if isinstance(energy, str) else []
        self._places = Places(self.label, axes, self, parameters.idle_poll_period, only_read=still)
        self._places.open(self.process)

    def closing(self) -> None:
        """Let go of the axes; a motion of them goes on."""
        self._places.close(self.process)

    def remarks(self) -> list[str]:
        """What else is to be said in Status."""
        return [sentence for sentence in (self._places.silence(),) if sentence]

    # -- what its axes tell, in the worker's thread

    def begun(self, goal: str) -> None:
        """A move has begun."""
        self.show(tango.DevState.MOVING, f"{self.label}: moving to {goal}")

    def take(self, states: Mapping[str, AxisState], complaint: tuple[str, str] | None, *, moving: bool) -> None:
        """Take where the axes are. At the end of a move the values go out before the state."""
        energy = self.parameters.energy
        now = states[energy].position if isinstance(energy, str) else energy
        foils = self._where(states)
        known = self._error is None
        changed = (foils, now) != (self._foils, self._energy)
        self._foils, self._energy, self._error = foils, now, None
        if changed or not known:
            self.publish(AttenuatorAttribute.ENERGY, now)
            if self._filters is not None:  # else nobody has asked yet
                self.publish(AttenuatorAttribute.FILTER, self._number(self._filters))
                self.publish(AttenuatorAttribute.TRANSMISSION, *self._transmission(self._filters))
        if moving:
            if self.get_state() != tango.DevState.MOVING:
                self.show(tango.DevState.MOVING, f"{self.label}: moving")
        elif complaint is not None:
            self.show(getattr(tango.DevState, complaint[0]), f"{self.label}: {complaint[1]}")
        elif foils is None:
            self.show(tango.DevState.ALARM, f"{self.label}: a wheel stands between its places")
        else:
            self.show(tango.DevState.ON, f"{self.label}: {' + '.join(map(str, foils)) or 'no foil'} in the beam")

    def lost(self, error: RondaError) -> None:
        """An axis cannot be reached."""
        self._foils, self._error = None, error
        waiting = isinstance(error, NotReady)
        self.show(tango.DevState.UNKNOWN if waiting else tango.DevState.FAULT, f"{self.label}: {error}")

    # -- attributes and commands

    @attribute(name=AttenuatorAttribute.FILTER, dtype=int)
    def filter_number(self) -> int:
        """Number of the filter in the beam, 0 for the most transparent; -1 between places. Writing it moves there."""
        return self._number(self._known_filters())

    @filter_number.write
    def write_filter(self, number: int) -> None:
        """Move."""
        self.wait(lambda: self._move(int(number)))

    @attribute(name=AttenuatorAttribute.TRANSMISSION, dtype=float, unit="1", format="%.4g")
    def transmission(self) -> Value:
        """Part of the photons that passes at the present energy. Writing it moves to the nearest that there is."""
        return self._transmission(self._known_filters())

    @transmission.write
    def write_transmission(self, value: float) -> None:
        """Move to the filter with the nearest transmission."""
        filters = self._known_filters()
        self.wait(lambda: self._move(nearest_filter(filters, value, self._energy)))

    @attribute(name=AttenuatorAttribute.ENERGY, dtype=float, unit="keV", format="%.5f")
    def energy(self) -> float:
        """Photon energy that transmissions are computed for."""
        self._require_axes()
        return self._energy

    @attribute(name=AttenuatorAttribute.FILTER_NAMES, dtype=(str,), max_dim_x=MOST_FILTERS, events=False)
    def filter_names(self) -> list[str]:
        """What each filter consists of, by number."""
        return [str(one) for one in self._known_filters()]

    @attribute(
        name=AttenuatorAttribute.TRANSMISSIONS,
        dtype=(float,),
        max_dim_x=MOST_FILTERS,
        unit="1",
        format="%.4g",
        events=False,
    )
    def transmissions(self) -> npt.NDArray[np.float64]:
        """What each filter lets through at the present energy, by number."""
        filters, energy = self._known_filters(), self._energy
        return np.array([one.transmission(energy) for one in filters])

    @command(AttenuatorCommand.STOP)
    def stop(self) -> None:
        """Decelerate all wheels."""
        self.wait(self._places.stop)

    @command(AttenuatorCommand.ABORT)
    def abort(self) -> None:
        """Stop all wheels as fast as the hardware can."""
        self.wait(lambda: self._places.stop(abort=True))

    # -- tools

    def _move(self, number: int) -> None:
        filters = self._known_filters()
        if not 0 <= number < len(filters):
            raise OutOfRange(f"{self.label}: has no filter {number}; it has 0 to {len(filters) - 1}")
        self._places.move(f"filter {number}, {filters[number]}", [filters[number].places])

    def _where(self, states: Mapping[str, AxisState]) -> list[Foil] | None:
        """The foils in the beam; None while a wheel stands between its places."""
        parameters = self.parameters
        foils: list[Foil] = []
        for axis, places in parameters.wheels.items():
            here = [foil for foil in places if abs(states[axis].position - foil.at) <= parameters.tolerance]
            if not here:
                return None
            foils += [foil for foil in map(foil_of, here) if foil]
        return foils

    def _number(self, filters: list[Filter]) -> int:
        return BETWEEN if self._foils is None else filter_at(filters, self._foils)

    def _transmission(self, filters: list[Filter]) -> Value:
        number = self._number(filters)
        if number != BETWEEN:
            with contextlib.suppress(OutOfRange):
                return filters[number].transmission(self._energy), time.time(), tango.AttrQuality.ATTR_VALID
        return math.nan, time.time(), tango.AttrQuality.ATTR_INVALID

    def _require_axes(self) -> None:
        if self._error is not None:
            raise type(self._error)(f"{self.label}: cannot be read: {self._error}")

    def _known_filters(self) -> list[Filter]:
        self._require_axes()
        if self._filters is None:
            self._filters = self.wait(self._tables)
        return self._filters

    def _tables(self) -> list[Filter]:
        """The filters; reading the tables of absorption for the first time may take long on a busy machine."""
        with self.changing:
            if self._reading is None:
                thread = ThreadPoolExecutor(1, "absorption")
                self._reading = thread.submit(filters_of, self.parameters.wheels)
                thread.shutdown(wait=False)
        try:
            return self._reading.result(TABLES_LIMIT)
        except TimeoutError as error:
            raise NotReady(f"{self.label}: is still reading the tables of absorption; ask again in a second") from error
