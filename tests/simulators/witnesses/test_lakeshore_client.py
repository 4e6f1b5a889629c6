"""Lake Shore's own client drives the simulator of the Model 336: an independent witness of its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lakeshore import InstrumentException, Model336

OVEN = {"output": 1, "noise": 0.0, "delay": 0.5}


@pytest.fixture
def simulators(start: Callable[..., Any], write_file: Callable[..., Any]) -> Any:
    return start(write_file({"ls": {"type": "lakeshore_336", "ovens": {"A": OVEN}}}, speed=50.0))


@pytest.fixture
def client(simulators: Any) -> Iterator[Model336]:
    with Model336(ip_address="127.0.0.1", tcp_port=simulators.message["ports"]["ls"], timeout=60) as found:
        yield found


def test_the_client_knows_the_instrument_and_reads_it(client: Model336) -> None:
    assert (client.model_number, client.serial_number) == ("MODEL336", "336S001")
    assert client.get_kelvin_reading("A") == pytest.approx(77.0)
    assert client.get_celsius_reading("A") == pytest.approx(77.0 - 273.15)
    assert client.get_all_kelvin_reading() == pytest.approx([77.0, 0, 0, 0])
    assert client.get_sensor_reading("A") == pytest.approx(
        20.18, abs=0.02
    )  # IEC 60751: 18.52 Ω at -200 °C, 22.83 at -190
    assert client.get_input_reading_status("D").sensor_units_overrange


def test_the_client_heats_and_ramps(client: Model336, wait_for: Any) -> None:
    client.set_heater_pid(1, 20, 50, 0)
    client.set_control_setpoint(1, 78)
    client.set_setpoint_ramp_parameter(1, True, 60)
    client.set_heater_output_mode(1, client.HeaterOutputMode.CLOSED_LOOP, client.InputChannel.CHANNEL_A)
    client.set_heater_range(1, client.HeaterRange.HIGH)
    client.set_control_setpoint(1, 110)
    assert client.get_heater_pid(1)["gain"] == 20
    wait_for(lambda: client.get_kelvin_reading("A") > 85, 100, "it warms")
    wait_for(lambda: not client.get_setpoint_ramp_status(1), 100, "the ramp ends")
    wait_for(lambda: abs(client.get_kelvin_reading("A") - 110) < 0.5, 100, "it is there")
    assert client.get_control_setpoint(1) == 110
    assert client.get_heater_output(1) > 5
    client.all_heaters_off()
    assert client.get_heater_output(1) == 0


def test_the_client_is_told_of_what_is_refused(client: Model336) -> None:
    with pytest.raises(InstrumentException, match="Command Error"):
        client.command("NONSENSE 1")
    with pytest.raises(InstrumentException, match="Execution Error"):
        client.set_heater_range(1, 7)
    assert client.get_heater_status(1) == client.HeaterError.NO_ERROR


def test_the_client_stores_a_curve(client: Model336) -> None:
    client.set_curve_data_point(21, 1, 1.5, 10)
    client.set_curve_data_point(21, 2, 0.5, 300)
    assert client.get_curve_data_point(21, 2) == (0.5, 300.0)
    client.set_input_curve("A", 21)
    assert client.get_input_curve("A") == 21
    assert client.get_sensor_reading("A") == pytest.approx(1.5 - 67 / 290, abs=1e-3)
    client.set_sensor_name("A", "cell")
    assert client.get_sensor_name("A") == "cell"


def test_the_client_sees_broken_wires(simulators: Any, client: Model336) -> None:
    control = simulators.control()
    control.do(do="fault", instrument="ls", axis=1, fault="sensor")
    assert client.get_input_reading_status("A").sensor_units_overrange
    control.do(do="fault", instrument="ls", axis=1, fault="repair")
    assert not client.get_input_reading_status("A").sensor_units_overrange
    control.do(do="fault", instrument="ls", axis=1, fault="heater")
    client.set_heater_range(1, client.HeaterRange.HIGH)
    assert client.get_heater_status(1) == client.HeaterError.HEATER_OPEN_LOAD
