"""A digital and analogue input/output unit with shutters wired to it, in the lines of our own protocol."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ronda.simulators.instrument import Instrument, ProtocolError
from ronda.simulators.line_protocol import BAD_ARGUMENT, NO_SUCH_CHANNEL, answer, expect, number
from ronda.simulators.parameters import InstrumentParameters, parameter
from ronda.simulators.physics.axis import Range
from ronda.simulators.physics.shutter import Shutter
from ronda.simulators.physics.world import World

DIGITAL, ANALOGUE = 16, 8
"""How many inputs it has of each sort, and how many outputs."""

VOLTAGES = Range(-10.0, 10.0)
"""What analogue inputs and outputs can be at, in V."""

SMALLEST_VOLTAGE = 20.0 / 2**16
"""One bit of a converter, in V."""

INPUT_NOISE = 0.001
"""Noise of an analogue input, rms, in V."""

Digital = Annotated[int, Field(ge=1, le=DIGITAL)]
Analogue = Annotated[int, Field(ge=1, le=ANALOGUE)]


class ShutterParameters(InstrumentParameters):
    """A shutter in the beam, moved by a digital output, with contacts at digital inputs."""

    travel_time: float = parameter("Time from closed to open", unit="s", gt=0)
    output: Digital = parameter("Digital output that opens it while it is on")
    open_input: Digital | None = parameter("Digital input that is on while it is open", None)
    closed_input: Digital | None = parameter("Digital input that is on while it is closed", None)
    interlock_input: Digital | None = parameter(
        "Digital input that is on while the interlock lets it open. None: it has no interlock", None
    )
    opened: bool = parameter("Whether it is open at first", True)


class IoUnitParameters(InstrumentParameters):
    """A digital and analogue input/output unit: 16 digital and 8 analogue channels in each direction."""

    shutters: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ShutterParameters] = parameter(
        "The shutters of the beamline that are wired to it, by name", default_factory=dict
    )
    sensors: dict[Analogue, Literal["intensity", "crystal_temperature", "ring_current"]] = parameter(
        "What is wired to the analogue inputs: a beam monitor (8 V in the full beam), a thermometer (10 mV/K), "
        "the machine's current (20 mV/mA)",
        default_factory=dict,
    )
    piezo: Analogue | None = parameter(
        "Analogue output at the piezo of the monochromator's second crystal (5 µrad/V). None: it is not wired", None
    )

    @model_validator(mode="after")
    def _wires(self) -> Self:
        outputs: dict[int, str] = {}
        inputs: dict[int, str] = {}
        for name, shutter in self.shutters.items():
            if shutter.output in outputs:
                raise ValueError(
                    f"{outputs[shutter.output]} and {name} are both wired to digital output {shutter.output}"
                )
            outputs[shutter.output] = name
            for channel in (shutter.open_input, shutter.closed_input, shutter.interlock_input):
                if channel in inputs:
                    raise ValueError(f"{inputs[channel]} and {name} are both wired to digital input {channel}")
                if channel is not None:
                    inputs[channel] = name
        return self


class IoUnit(Instrument):
    """The unit, and the shutters that it moves."""

    Parameters = IoUnitParameters

    def __init__(self, name: str, parameters: IoUnitParameters, world: World) -> None:
        self.name = name
        self._world = world
        self._parameters = parameters
        self._outputs = dict.fromkeys(range(1, DIGITAL + 1), False)
        self._voltages = dict.fromkeys(range(1, ANALOGUE + 1), 0.0)
        # now, for loading numpy takes longer than a client may want to wait
        self._chance = world.chance(name) if parameters.sensors else None
        self._shutters: dict[str, Shutter] = {}
        for shutter_name, entry in parameters.shutters.items():
            shutter = Shutter(
                entry.travel_time,
                opened=entry.opened,
                interlocked=entry.interlock_input is not None,
                time=world.clock.now(),
            )
            world.add_shutter(shutter_name, shutter)
            self._shutters[shutter_name] = shutter
            self._outputs[entry.output] = entry.opened
        self._commands = {
            "IDN?": self._identify,
            "DI?": self._digital_inputs,
            "DO?": self._digital_outputs,
            "DO": self._set_digital_output,
            "AI?": self._analogue_inputs,
            "AO?": self._analogue_outputs,
            "AO": self._set_analogue_output,
        }

    def answer(self, line: str) -> str:
        """The reply to one line."""
        return answer(self._commands, line)

    def truth(self, time: float) -> dict[str, Any]:
        """How far each shutter is open (0 to 1), what it is told, and the voltages at the analogue channels."""
        return {
            "shutters": {
                name: {"opened": shutter.opened(time), "ordered": shutter.ordered}
                for name, shutter in self._shutters.items()
            },
            "searched": self._world.interlock.searched,
            "sensors": {str(channel): self._sensor(channel, time) for channel in sorted(self._parameters.sensors)},
            "outputs": {str(channel): voltage for channel, voltage in self._voltages.items()},
        }

    def _identify(self, words: list[str]) -> str:
        expect(words, 0, "IDN?")
        return f"RONDA-SIM-IO,1,{DIGITAL},{ANALOGUE}"

    def _digital_inputs(self, words: list[str]) -> str:
        inputs = dict.fromkeys(range(1, DIGITAL + 1), False)
        now = self._world.clock.now()
        for name, entry in self._parameters.shutters.items():
            opened = self._shutters[name].opened(now)
            contacts = {
                entry.open_input: opened == 1.0,
                entry.closed_input: opened == 0.0,
                entry.interlock_input: self._world.interlock.searched,
            }
            inputs.update((channel, on) for channel, on in contacts.items() if channel is not None)
        return ",".join([str(int(inputs[channel])) for channel in _channels(words, DIGITAL)])

    def _digital_outputs(self, words: list[str]) -> str:
        return ",".join([str(int(self._outputs[channel])) for channel in _channels(words, DIGITAL)])

    def _set_digital_output(self, words: list[str]) -> str:
        expect(words, 2, "DO channel 0|1")
        [channel] = _channels(words[:1], DIGITAL)
        if words[1] not in ("0", "1"):
            raise ProtocolError(BAD_ARGUMENT, f"a digital output should be 0 or 1, not {words[1][:40]}")
        self._outputs[channel] = words[1] == "1"
        for name, entry in self._parameters.shutters.items():
            if entry.output == channel:
                self._world.interlock.order(self._shutters[name], self._outputs[channel], self._world.clock.now())
        return ""

    def _analogue_inputs(self, words: list[str]) -> str:
        now = self._world.clock.now()
        voltages = [self._sensor(channel, now) for channel in _channels(words, ANALOGUE)]
        if self._chance is not None:
            voltages = [voltage + INPUT_NOISE * self._chance.standard_normal() for voltage in voltages]
        return ",".join([repr(_converted(voltage)) for voltage in voltages])

    def _analogue_outputs(self, words: list[str]) -> str:
        return ",".join([repr(self._voltages[channel]) for channel in _channels(words, ANALOGUE)])

    def _set_analogue_output(self, words: list[str]) -> str:
        expect(words, 2, "AO channel voltage")
        [channel] = _channels(words[:1], ANALOGUE)
        self._voltages[channel] = _converted(number(words[1], "the voltage", VOLTAGES, "V"))
        if channel == self._parameters.piezo:
            self._world.piezo.set(self._voltages[channel], self._world.clock.now())
        return ""

    def _sensor(self, channel: int, time: float) -> float:
        """Voltage that is wired to an analogue input; nothing wired is 0 V."""
        sensor = self._parameters.sensors.get(channel)
        if sensor is None:
            return 0.0
        beam = self._world.beam
        match sensor:
            case "intensity":
                return 8.0 * beam.intensity_at(time)
            case "crystal_temperature":
                return 0.01 * beam.monochromator.crystal_temperature(time)
            case "ring_current":
                return 0.02 * beam.machine.current_at(time)


def _channels(words: list[str], last: int) -> list[int]:
    """The channels that words name; all if there are none."""
    if not words:
        return list(range(1, last + 1))
    channels = []
    for word in words:
        try:
            channel = int(word)
        except ValueError:
            raise ProtocolError(BAD_ARGUMENT, f"the channel should be a whole number, not {word[:40]}") from None
        if not 1 <= channel <= last:
            raise ProtocolError(NO_SUCH_CHANNEL, f"there is no channel {word[:40]}; they are 1 to {last}")
        channels.append(channel)
    return channels


def _converted(voltage: float) -> float:
    """What a 16-bit converter makes of a voltage."""
    bits = round(voltage / SMALLEST_VOLTAGE)
    return min(max(bits, -(2**15)), 2**15 - 1) * SMALLEST_VOLTAGE
