"""The vendor's client library, `pipython`, drives the simulator over TCP: an independent witness of GCS 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pipython import GCSDevice, GCSError, pitools
from pipython.pidevice.interfaces.pisocket import PISocket

AXIS = {"steps_per_unit": 10000, "velocity": 2.0, "acceleration_time": 0.1}
STAGE = {**AXIS, "lower_switch": -15, "upper_switch": 15, "lowest": -14, "highest": 16, "home": 1.0, "home_width": 0.1}
SPEED = 20.0
"""How much faster than real time the simulated world runs."""


@pytest.fixture
def simulators(start: Callable[..., Any], write_file: Callable[..., Any]) -> Any:
    axes = {"1": {**STAGE, "name": "stage"}, "2": STAGE, "Z": {**AXIS, "servo": True, "referenced": True}}
    return start(write_file({"pi": {"type": "pi_gcs", "axes": axes}}, speed=SPEED))


class Socket(PISocket):
    """The client's own, which may be closed twice: the device closes it once more when it is forgotten."""

    def close(self) -> None:
        if self.connected:
            super().close()


@pytest.fixture
def device(simulators: Any) -> Iterator[GCSDevice]:
    gateway = Socket("127.0.0.1", autoconnect=False)
    gateway.ConnectTCPIP("127.0.0.1", simulators.message["ports"]["pi"])
    with GCSDevice(gateway=gateway) as device:
        device.timeout = 10000
        yield device


@pytest.fixture
def ready(device: GCSDevice) -> GCSDevice:
    """With all axes referenced and their servo on, by pipython's own start-up procedure."""
    pitools.startup(device, refmodes=["FRF", "FNL", None], servostates=True, polldelay=0.02, timeout=60)
    return device


def refusal(action: Callable[..., Any], *arguments: Any) -> int:
    """The code of the error that an action raises."""
    with pytest.raises(GCSError) as refused:
        action(*arguments)
    return int(refused.value.val)


def test_the_client_learns_what_it_speaks_to(device: GCSDevice) -> None:
    assert "Physik Instrumente" in device.qIDN()
    assert device.devname == "C-884.DC"
    assert device.qCSV() == 2.0
    assert device.axes == ["1", "2", "Z"]
    assert device.qCST() == {"1": "stage", "2": "STAGE", "Z": "STAGE"}
    assert "FW_ARM" in device.qVER()
    assert device.HasMOV()
    assert device.HasFRF()
    assert not device.HasINI()
    assert (device.qLIM("1")["1"], device.qTRS("Z")["Z"]) == (True, False)
    assert device.qSPA("1", 0xA)["1"][0xA] == 50.0
    assert (device.canfrf("1"), device.canfrf("Z")) == (True, False)


def test_an_axis_does_not_move_before_it_is_referenced_and_its_servo_is_on(device: GCSDevice) -> None:
    assert device.qFRF(["1", "Z"]) == {"1": False, "Z": True}
    assert device.qSVO(["1", "Z"]) == {"1": False, "Z": True}
    assert refusal(device.MOV, "1", 1.0) == 5
    device.SVO("1", True)
    assert refusal(device.MOV, "1", 1.0) == 5
    assert refusal(device.FRF, "Z") == 31
    assert refusal(device.FNL, "Z") == 32


def test_the_client_starts_a_controller_up_by_its_reference_marks(ready: GCSDevice, simulators: Any) -> None:
    assert ready.qFRF() == {"1": True, "2": True, "Z": True}
    assert ready.qSVO() == {"1": True, "2": True, "Z": True}
    assert ready.qPOS("1")["1"] == pytest.approx(0.95, abs=1e-3)
    axes = simulators.control().do(do="truth")["instruments"]["pi"]["axes"]
    for axis in ("1", "2"):
        assert ready.qPOS(axis)[axis] == pytest.approx(axes[axis]["position"], abs=1e-3)


def test_the_client_moves_axes_together_and_waits_for_them(ready: GCSDevice, simulators: Any) -> None:
    ready.MOV({"1": 3.0, "2": -2.0, "Z": 1.5})
    assert ready.IsMoving() == {"1": True, "2": True, "Z": True}
    assert not all(ready.qONT().values())
    pitools.waitontarget(ready, polldelay=0.02, timeout=60)
    assert ready.qPOS() == pytest.approx({"1": 3.0, "2": -2.0, "Z": 1.5}, abs=1e-4)
    assert ready.qMOV() == {"1": 3.0, "2": -2.0, "Z": 1.5}
    assert ready.IsMoving("2") == {"2": False}
    axes = simulators.control().do(do="truth")["instruments"]["pi"]["axes"]
    assert len({axes[axis]["started"] for axis in ("1", "2", "Z")}) == 1
    ready.MVR("1", -0.5)
    pitools.waitontarget(ready, "1", polldelay=0.02, timeout=60)
    assert ready.qPOS("1")["1"] == pytest.approx(2.5, abs=1e-4)


def test_the_client_sets_velocity_and_acceleration_and_the_move_obeys(ready: GCSDevice, simulators: Any) -> None:
    ready.VEL("Z", 5.0)
    ready.ACC("Z", 10.0)
    assert (ready.qVEL("Z")["Z"], ready.qACC("Z")["Z"], ready.qDEC("Z")["Z"]) == (5.0, 10.0, 10.0)
    ready.MOV("Z", 10.0)
    pitools.waitontarget(ready, "Z", polldelay=0.02, timeout=60)
    motion = simulators.control().do(do="truth")["instruments"]["pi"]["axes"]["Z"]
    assert motion["ends"] - motion["started"] == pytest.approx(2.5)
    assert refusal(ready.VEL, "Z", 1000.0) == 8
    assert refusal(ready.ACC, "Z", -1.0) == 17


def test_the_client_stops_what_moves(ready: GCSDevice, wait_for: Any) -> None:
    for stop in (ready.StopAll, ready.STP, ready.HLT):
        ready.VEL("Z", 0.5)
        ready.MVR("Z", 1000)
        assert refusal(stop) == 10
        wait_for(lambda: not ready.IsMoving("Z")["Z"], 150, "the axis stands")
        assert ready.qMOV("Z")["Z"] == pytest.approx(ready.qPOS("Z")["Z"], abs=1e-4)
        stop(noraise=True)


def test_targets_outside_the_travel_are_refused_and_none_moves(ready: GCSDevice) -> None:
    assert (ready.qTMN("1")["1"], ready.qTMX("1")["1"]) == (-14.0, 16.0)
    assert refusal(ready.MOV, {"2": 0.0, "1": 17.0}) == 7
    assert not any(ready.IsMoving().values())


def test_the_client_learns_of_a_limit_switch(ready: GCSDevice, wait_for: Any) -> None:
    ready.MOV("1", 15.9)  # its switch is at 15
    ready.errcheck = False
    wait_for(lambda: not ready.IsMoving("1")["1"], 150, "the axis stands")
    assert ready.qERR() == 216
    assert ready.qSRG("1", 1)["1"][1] & 0b111 == 0b100
    assert 15.0 <= ready.qPOS("1")["1"] < 15.5


def test_a_motion_error_switches_the_servo_off_until_it_is_switched_on(ready: GCSDevice, simulators: Any) -> None:
    simulators.control().do(do="fault", instrument="pi", axis=1)
    assert ready.qERR() == -1024
    assert ready.qSVO("1") == {"1": False}
    assert ready.qSRG("1", 1)["1"][1] & 0x100
    ready.SVO("1", True)
    ready.MOV("1", 0.0)
    pitools.waitontarget(ready, "1", polldelay=0.02, timeout=60)


def test_the_client_defines_a_position(ready: GCSDevice) -> None:
    assert refusal(ready.POS, "Z", 7.0) == 34
    ready.RON("Z", False)
    ready.POS("Z", 7.0)
    assert ready.qPOS("Z")["Z"] == 7.0
    assert ready.qRON() == {"1": True, "2": True, "Z": False}
    assert refusal(ready.FRF, "Z") == 50


def test_mistakes_have_the_codes_of_the_manual(ready: GCSDevice) -> None:
    assert refusal(ready.MOV, "9", 1.0) == 15
    assert refusal(ready.send, "HELLO 1") == 2
    ready.errcheck = False
    for line, code in {
        "MOV 1": 24,
        "MOV": 26,
        "MOV 1 x": 25,
        "MOV 1 1 1 2": 22,
        "SVO 1 2": 17,
        "POS? 9": 15,
        "SPA? 1 0x77": 54,
    }.items():
        ready.send(line)
        assert ready.qERR() == code, line
