"""What each driver does on its controller, the simulated one as the real ones: one suite of the contract for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ronda.devices.motor.contract import AxisReading, Channel, MotorController, ReferenceMark
from ronda.framework.config.kinds import load_driver
from ronda.framework.errors import CommunicationFailed, HardwareFault, TimedOut

STEPS = 2000
MECHANICS = {"steps_per_unit": STEPS, "velocity": 20, "acceleration_time": 0.05, "fastest": 50}
SWITCHED = {**MECHANICS, "lower_switch": -5, "upper_switch": 5, "home": 1.0, "home_width": 0.2}
AXIS = {"steps_per_unit": STEPS, "velocity": 20.0, "acceleration_time": 0.05}


@dataclass(frozen=True)
class Make:
    """A make of controller.

    Attributes:
        driver: its name in YAML.
        simulator: the type of its simulator.
        channels: of three axes; the first has switches, and an encoder if the make reads one.
        extra: keys that its simulated axes have beside the mechanics.
        encoder: keys that an axis with an encoder has in YAML; None if the driver reads none.
        far: a query that only this make understands, and the beginning of the answer.
    """

    driver: str
    simulator: str
    channels: tuple[Channel, ...]
    extra: dict[str, Any]
    encoder: dict[str, Any] | None
    far: tuple[str, str]


MAKES = [
    Make("simulated", "motor_controller", (1, 2, 3), {}, {}, ("IDN?", "OK RONDA-SIM-MC")),
    Make("icepap", "icepap", (1, 2, 11), {}, {"encoder_input": "EncIn"}, ("?VER", "?VER 3.17")),
    Make(
        "pi_gcs",
        "pi_gcs",
        ("1", "2", "Z"),
        {"servo": True, "referenced": True, "lowest": -10, "highest": 10},
        None,
        ("*IDN?", "(c)Physik Instrumente"),
    ),
]


@dataclass
class Bench:
    """A driver, connected to its simulator."""

    make: Make
    driver: MotorController
    simulators: Any
    instrument: str

    @property
    def first(self) -> Channel:
        return self.make.channels[0]

    def read(self, channel: Channel | None = None) -> AxisReading:
        channel = self.first if channel is None else channel
        return self.driver.read([channel])[channel]

    def wait(self, *channels: Channel) -> None:
        """Wait until axes stand."""
        asked = channels or self.make.channels
        deadline = time.monotonic() + 120
        while any(reading.moving for reading in self.driver.read(asked).values()):
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def go(self, steps: float, channel: Channel | None = None) -> None:
        channel = self.first if channel is None else channel
        self.driver.start({channel: steps})
        self.wait(channel)

    def true(self, channel: Channel) -> dict[str, Any]:
        axes: dict[str, Any] = self.simulators.ask(do="truth")["instruments"][self.instrument]["axes"]
        return dict(axes[str(channel)])

    def number(self, channel: Channel) -> int:
        """By which the control port calls the axis."""
        return self.make.channels.index(channel) + 1 if isinstance(channel, str) else channel


BENCHES = 30
"""More than there are tests."""


@dataclass
class Stock:
    """Many controllers of one make in one process, so that each test has its own."""

    make: Make
    simulators: Any
    used: int = 0


@pytest.fixture(scope="module", params=MAKES, ids=[make.driver for make in MAKES])
def stock(request: pytest.FixtureRequest, simulate: Callable[..., Any]) -> Stock:
    make: Make = request.param
    first = {**SWITCHED, **make.extra}
    if make.encoder is not None:
        first["encoder"] = 1000
    axes = {make.channels[0]: first, **{key: {**MECHANICS, **make.extra} for key in make.channels[1:]}}
    return Stock(make, simulate(**{f"motion{n}": {"type": make.simulator, "axes": axes} for n in range(BENCHES)}))


@pytest.fixture
def bench(stock: Stock) -> Iterator[Bench]:
    """A driver on a controller that nobody has used before."""
    instrument = f"motion{stock.used}"
    stock.used += 1
    driver = make_driver(stock.make, stock.simulators.address(instrument))
    driver.connect()
    yield Bench(stock.make, driver, stock.simulators, instrument)
    driver.disconnect()


def make_driver(make: Make, address: str) -> MotorController:
    """The driver, not connected yet."""
    found = load_driver("motor", make.driver, MotorController)
    entry = {"kind": "motor", "driver": make.driver, "address": address, "timeout": 5.0}
    driver: MotorController = found("mc1", found.Parameters.model_validate(entry))
    for channel in make.channels:
        keys = {**AXIS, "channel": channel, **((make.encoder or {}) if channel == make.channels[0] else {})}
        driver.axes[channel] = found.AxisParameters.model_validate(keys)
    return driver


def test_axes_are_read_together(bench: Bench) -> None:
    readings = bench.driver.read(bench.make.channels)
    assert list(readings) == list(bench.make.channels)
    assert {reading.position for reading in readings.values()} == {0.0}
    assert not any(each.moving or each.low_limit or each.high_limit or each.fault for each in readings.values())
    assert all(reading.powered for reading in readings.values())


def test_a_move_is_seen_from_its_start_to_its_target(bench: Bench) -> None:
    bench.driver.start({bench.first: 4000})
    assert bench.read().moving
    bench.wait()
    assert bench.read().position == pytest.approx(4000, abs=1)
    assert bench.true(bench.first)["position"] == pytest.approx(2.0, abs=1e-3)
    bench.go(-1000)
    assert bench.read().position == pytest.approx(-1000, abs=1)


def test_axes_start_at_the_same_instant(bench: Bench) -> None:
    bench.driver.start(dict.fromkeys(bench.make.channels, 2000.0))
    bench.wait()
    assert len({bench.true(channel)["started"] for channel in bench.make.channels}) == 1
    assert bench.driver.starts_together
    assert all(
        reading.position == pytest.approx(2000, abs=1) for reading in bench.driver.read(bench.make.channels).values()
    )


def test_of_a_group_that_cannot_start_nobody_moves(bench: Bench) -> None:
    bench.driver.set_power(bench.make.channels[1], False)
    assert not bench.read(bench.make.channels[1]).powered
    with pytest.raises(HardwareFault, match="mc1 refuses"):
        bench.driver.start(dict.fromkeys(bench.make.channels, 2000.0))
    assert not any(reading.moving for reading in bench.driver.read(bench.make.channels).values())
    bench.driver.set_power(bench.make.channels[1], True)
    assert bench.read(bench.make.channels[1]).powered


def test_stop_brakes_and_abort_is_quicker(bench: Bench) -> None:
    axis = bench.make.channels[1]
    ways = []
    for end in (bench.driver.stop, bench.driver.abort):
        bench.go(0, axis)
        bench.driver.set_velocity(axis, 5000)
        bench.driver.set_acceleration_time(axis, 0.5)
        bench.driver.start({axis: 15000})
        while bench.read(axis).position < 3000:
            time.sleep(0.002)
        end([axis])
        bench.wait(axis)
        ways.append(bench.read(axis).position)
    assert all(3000 <= way < 14000 for way in ways)
    if bench.make.driver != "pi_gcs":  # it can only halt one axis of several smoothly
        assert ways[1] < ways[0]
    bench.driver.stop([axis])
    bench.driver.stop(bench.make.channels)
    assert bench.read(axis).position == ways[1]


def test_a_limit_switch_ends_a_move_and_is_seen(bench: Bench) -> None:
    bench.go(5.8 * STEPS)
    reading = bench.read()
    assert (reading.low_limit, reading.high_limit) == (False, True)
    assert 5.0 * STEPS <= reading.position < 5.7 * STEPS
    with pytest.raises(HardwareFault, match="limit switch"):
        bench.driver.start({bench.first: 5.9 * STEPS})
    bench.go(-5.8 * STEPS)
    reading = bench.read()
    assert (reading.low_limit, reading.high_limit) == (True, False)


def test_velocity_and_acceleration_time_read_back_and_are_obeyed(bench: Bench) -> None:
    assert bench.driver.set_acceleration_time(bench.first, 0.25) == pytest.approx(0.25)
    assert bench.driver.set_velocity(bench.first, 4000) == pytest.approx(4000)
    assert bench.driver.set_acceleration_time(bench.first, 0.5) == pytest.approx(0.5)
    bench.go(4000)
    motion = bench.true(bench.first)
    assert motion["ends"] - motion["started"] == pytest.approx(1.5, abs=1e-3)


def test_the_acceleration_time_stays_when_the_velocity_changes(bench: Bench) -> None:
    bench.driver.set_acceleration_time(bench.first, 0.5)
    bench.driver.set_velocity(bench.first, 8000)
    bench.go(8000)
    motion = bench.true(bench.first)
    assert motion["ends"] - motion["started"] == pytest.approx(1.5, abs=1e-3)


def test_what_is_too_fast_is_refused_and_the_range_is_told(bench: Bench) -> None:
    low, high = bench.driver.velocity_range(bench.first)
    assert 0 <= low <= 20 * STEPS <= high == pytest.approx(50 * STEPS)
    with pytest.raises(HardwareFault, match="mc1 refuses"):
        bench.driver.set_velocity(bench.first, 2 * high)
    shortest, _ = bench.driver.acceleration_time_range(bench.first)
    assert 0 <= shortest <= 0.05


def test_a_position_is_redefined_without_moving(bench: Bench) -> None:
    bench.go(1000)
    bench.driver.set_position(bench.first, -500)
    assert bench.read().position == -500
    assert bench.true(bench.first)["position"] == pytest.approx(0.5, abs=1e-3)
    bench.go(500)
    assert bench.true(bench.first)["position"] == pytest.approx(1.0, abs=1e-3)


def test_a_jog_goes_on_until_stopped(bench: Bench) -> None:
    axis = bench.make.channels[2]
    bench.driver.jog(axis, -4000)
    while (reading := bench.read(axis)).position > -1000:
        assert reading.moving
        time.sleep(0.005)
    bench.driver.stop([axis])
    bench.wait(axis)
    assert -10 * STEPS < bench.read(axis).position <= -1000


@pytest.mark.parametrize(
    ("mark", "direction", "place"),
    [(ReferenceMark.HOME_SWITCH, 1, 0.9), (ReferenceMark.LOW_LIMIT, -1, -5.0), (ReferenceMark.HIGH_LIMIT, 1, 5.0)],
)
def test_a_search_finds_its_mark(bench: Bench, mark: ReferenceMark, direction: int, place: float) -> None:
    assert mark in bench.driver.reference_marks
    bench.driver.home(bench.first, mark, direction, 4000)
    assert bench.read().moving
    bench.wait(bench.first)
    found = bench.driver.home_found(bench.first)
    assert found == pytest.approx(place * STEPS, abs=1)
    # found is told in steps as they count now
    assert bench.read().position - found == pytest.approx((bench.true(bench.first)["position"] - place) * STEPS, abs=2)
    assert bench.driver.set_velocity(bench.first, 20 * STEPS) == 20 * STEPS


def test_a_search_that_is_stopped_found_nothing(bench: Bench) -> None:
    bench.driver.set_velocity(bench.first, 1000)
    bench.driver.home(bench.first, ReferenceMark.HIGH_LIMIT, 1, 1000)
    assert bench.read().moving
    bench.driver.stop([bench.first])
    bench.wait(bench.first)
    assert bench.driver.home_found(bench.first) is None


def test_a_mark_that_is_not_there_is_refused_or_not_found(bench: Bench) -> None:
    axis = bench.make.channels[1]  # has no switches
    if bench.make.driver == "pi_gcs":
        with pytest.raises(HardwareFault, match="the axis has no reference switch"):
            bench.driver.home(axis, ReferenceMark.HOME_SWITCH, 1, None)
        return
    bench.simulators.ask(do="fault", instrument=bench.instrument, axis=bench.number(axis))
    with pytest.raises(HardwareFault):
        bench.driver.home(axis, ReferenceMark.HOME_SWITCH, 1, None)


def test_the_encoder_sees_what_the_steps_do_not(bench: Bench) -> None:
    if bench.make.encoder is None:
        assert bench.read().encoder is None
        pytest.skip("its position is its encoder's")
    assert bench.read().encoder == 0
    bench.simulators.ask(do="carry", instrument=bench.instrument, axis=1, distance=0.5)
    assert (bench.read().position, bench.read().encoder) == (0, 500)
    bench.driver.set_encoder(bench.first, -7)
    assert bench.read().encoder == -7
    assert bench.read(bench.make.channels[1]).encoder is None


def test_a_fault_is_told_in_words_and_power_on_clears_it(bench: Bench) -> None:
    bench.driver.start({bench.first: 4000})
    bench.simulators.ask(do="fault", instrument=bench.instrument, axis=bench.number(bench.first))
    reading = bench.read()
    assert reading.fault
    assert not reading.moving
    with pytest.raises(HardwareFault, match="mc1 refuses"):
        bench.driver.start({bench.first: 0})
    bench.driver.set_power(bench.first, True)
    assert (bench.read().fault, bench.read().powered) == ("", True)
    bench.go(1000)
    assert bench.read().position == pytest.approx(1000, abs=1)


def test_an_axis_that_the_controller_does_not_have_is_refused_in_words(bench: Bench) -> None:
    missing: Channel = "9" if isinstance(bench.first, str) else 8
    with pytest.raises(HardwareFault, match=r"mc1 .*(axis|Axis) (8|9)"):
        bench.driver.read([bench.first, missing])
    assert bench.read().position == 0


def test_an_expert_may_ask_in_the_controllers_own_language(bench: Bench) -> None:
    question, beginning = bench.make.far
    assert bench.driver.query(question).startswith(beginning)


def test_a_controller_that_hangs_is_a_time_out_and_one_that_left_comes_back(bench: Bench) -> None:
    bench.driver.start({bench.first: 4000})
    bench.driver.disconnect()
    address = bench.simulators.address(bench.instrument)
    again = make_driver(bench.make, address)
    again.connect()
    assert again.read([bench.first])[bench.first].position >= 0
    bench.simulators.ask(do="close", instrument=bench.instrument)
    with pytest.raises(CommunicationFailed):
        again.read([bench.first])
    again.disconnect()
    again.connect()
    bench.simulators.ask(do="garbage", instrument=bench.instrument, answers=1)
    with pytest.raises(CommunicationFailed):
        again.read([bench.first])
    again.disconnect()
    again.parameters = again.parameters.model_copy(update={"timeout": 0.2})
    again.connect()
    bench.simulators.ask(do="hang", instrument=bench.instrument, seconds=1)
    with pytest.raises(TimedOut, match=r"mc1 at .* did not answer"):
        again.read([bench.first])
    again.disconnect()


@pytest.mark.parametrize("make", [make for make in MAKES if make.driver != "simulated"], ids=["icepap", "pi_gcs"])
def test_another_instrument_is_not_taken_for_the_controller(make: Make, instrument: Callable[..., Any]) -> None:
    other = instrument(lambda line: "ACME counter, 1.0")
    driver = make_driver(make, other.address)
    with pytest.raises(CommunicationFailed, match=r"mc1: at \S+ answers 'ACME counter, 1.0', no (IcePAP|PI device)"):
        driver.connect()
    driver.disconnect()
