"""The community's Modbus client, `pymodbus`, drives the simulated Eurotherm: an independent witness of its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymodbus.client import ModbusTcpClient


@pytest.fixture
def simulators(start: Callable[..., Any], write_file: Callable[..., Any]) -> Any:
    oven = {"type": "eurotherm_3000", "unit_id": 3, "noise": 0.0}
    return start(write_file({"et": oven}, speed=50.0))


@pytest.fixture
def client(simulators: Any) -> Iterator[ModbusTcpClient]:
    found = ModbusTcpClient("127.0.0.1", port=simulators.message["ports"]["et"], timeout=60, retries=0)
    assert found.connect()
    yield found
    found.close()


def test_the_client_reads_scaled_integers_and_floats(client: ModbusTcpClient) -> None:
    assert client.read_holding_registers(1, count=2, device_id=3).registers == [219, 219]
    assert client.read_input_registers(1, count=1, device_id=3).registers == [219]
    assert client.read_holding_registers(525, count=1, device_id=3).registers == [1]
    words = client.read_holding_registers(0x8002, count=2, device_id=3).registers
    assert client.convert_from_registers(words, client.DATATYPE.FLOAT32) == pytest.approx(21.85)


def test_the_client_heats(client: ModbusTcpClient, wait_for: Any) -> None:
    def read(address: int) -> int:
        return client.read_holding_registers(address, count=1, device_id=3).registers[0]

    client.write_register(6, 300, device_id=3)
    client.write_registers(0x8000 + 2 * 8, client.convert_to_registers(90.0, client.DATATYPE.FLOAT32), device_id=3)
    client.write_registers(8, [90, 2], device_id=3)
    client.write_register(35, 600, device_id=3)
    client.write_register(2, 600, device_id=3)
    client.write_register(273, 0, device_id=3)
    assert [read(address) for address in (2, 6, 8, 9, 35, 273)] == [600, 300, 90, 2, 600, 0]
    wait_for(lambda: read(5) == 600, 100, "the ramp ends")
    wait_for(lambda: abs(read(1) - 600) < 10, 100, "it is there")
    assert read(4) > 0
    client.write_register(273, 1, device_id=3)
    client.write_register(3, 0, device_id=3)
    assert read(4) == 0


def test_the_client_is_told_of_what_is_refused(client: ModbusTcpClient) -> None:
    assert client.read_holding_registers(999, count=1, device_id=3).exception_code == 2
    assert client.write_register(1, 5, device_id=3).exception_code == 2
    assert client.write_register(2, 30000, device_id=3).exception_code == 3
    assert client.read_coils(1, count=1, device_id=3).exception_code == 1


def test_the_client_sees_a_broken_sensor(simulators: Any, client: ModbusTcpClient) -> None:
    simulators.control().do(do="fault", instrument="et", axis=1, fault="sensor")
    assert client.read_holding_registers(75, count=1, device_id=3).registers[0] & 32
