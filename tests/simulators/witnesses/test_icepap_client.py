"""The community's client of the IcePAP, `icepap`, drives the simulator: an independent witness of its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import icepap
import pytest
from icepap.group import Group, ensure_power

AXIS = {"steps_per_unit": 2000, "velocity": 2.0, "acceleration_time": 0.1}
SPEED = 20.0
"""How much faster than real time the simulated world runs."""


@pytest.fixture
def simulators(start: Callable[..., Any], write_file: Callable[..., Any]) -> Any:
    axes = {
        1: {**AXIS, "name": "th", "lower_switch": -5, "upper_switch": 5, "home": 1.0, "encoder": 1000},
        2: {**AXIS, "name": "tth"},
        151: AXIS,
    }
    return start(write_file({"ice": {"type": "icepap", "axes": axes}}, speed=SPEED))


@pytest.fixture
def system(simulators: Any) -> Iterator[icepap.IcePAPController]:
    controller = icepap.IcePAPController("127.0.0.1", simulators.message["ports"]["ice"], timeout=60, auto_axes=True)
    yield controller
    controller.disconnect()


def test_the_client_finds_the_boards_and_knows_the_system(system: Any) -> None:
    assert system.axes == [1, 2, 151]
    assert system.find_racks() == [0, 15]
    assert (system.mode, system.fver) == ("OPER", 3.17)
    assert system.ver["SYSTEM"]["VER"][0] == 3.17
    assert system.ver["SYSTEM"]["DRIVER"]["VER"][0] == 3.17
    assert (system[1].addr, system[1].name, system[1].active, system[1].mode) == (1, "th", True, "OPER")
    system[1].name = "chi"
    assert system[1].name == "chi"


def test_the_client_moves_an_axis_and_sees_it_move(system: Any, wait_for: Any) -> None:
    axis = system[1]
    axis.move(8000)
    assert axis.state_moving
    assert not axis.state_ready
    assert axis.velocity_current >= 0
    wait_for(lambda: axis.state_ready, 150, "the axis is ready")
    assert (axis.pos, axis.state_moving, axis.state_stop_code) == (8000, False, 0)
    axis.rmove(-500)
    wait_for(lambda: axis.state_ready, 150, "the axis is ready")
    assert system.get_fpos([1, 2]) == [7500, 0]
    assert axis.vstopcode == "End of movement"


def test_the_client_sets_velocity_and_acceleration_and_the_move_obeys(
    simulators: Any, system: Any, wait_for: Any
) -> None:
    axis = system[2]
    axis.velocity, axis.acctime = 10000, 0.5
    assert (axis.velocity, axis.acctime, axis.acctime_steps) == (10000, 0.5, 2500)
    assert axis.velocity_min <= 10000 <= axis.velocity_max
    axis.move(20000)
    wait_for(lambda: axis.state_ready, 150, "the axis is ready")
    motion = simulators.control().do(do="truth")["instruments"]["ice"]["axes"]["2"]
    assert motion["ends"] - motion["started"] == pytest.approx(2.5)
    with pytest.raises(RuntimeError, match="Out of range"):
        axis.velocity = 1e9


def test_the_client_moves_a_group_whose_axes_start_at_the_same_instant(simulators: Any, system: Any) -> None:
    group = Group([system[1], system[2], system[151]])
    group.start_move([4000, -4000, 2000])
    assert group.is_moving()
    assert group.wait_stopped(timeout=60)
    assert group.get_pos() == [4000, -4000, 2000]
    axes = simulators.control().do(do="truth")["instruments"]["ice"]["axes"]
    assert len({axes[number]["started"] for number in ("1", "2", "151")}) == 1


def test_the_client_stops_and_aborts(system: Any, wait_for: Any) -> None:
    system.move([(2, 10_000_000), (151, 10_000_000)], group=False)
    wait_for(lambda: system[2].pos > 1000, 150, "it moves")
    system.stop([2])
    system.abort([151])
    wait_for(lambda: system[2].state_ready and system[151].state_ready, 150, "both stand")
    assert [state.get_stop_code() for state in system.get_states([2, 151])] == [1, 2]
    assert all(0 < position < 10_000_000 for position in system.get_pos([2, 151]))


def test_the_client_homes_an_axis(system: Any, wait_for: Any) -> None:
    axis = system[1]
    axis.home(1)
    wait_for(lambda: axis.homestat[0] != "MOVING", 150, "the search ends")
    assert axis.homestat == ("FOUND", 1)
    assert axis.get_home_position() == 1900
    assert axis.get_home_encoder("ENCIN") == 950
    axis.srch("LIM-", "POSEDGE", -1)
    wait_for(lambda: axis.srchstat[0] != "MOVING", 150, "the search ends")
    assert axis.srchstat == ("FOUND", -1)
    assert axis.get_srch_position() == -10000
    assert axis.state_limit_negative


def test_the_client_sees_a_limit_switch(system: Any, wait_for: Any) -> None:
    axis = system[1]
    axis.jog(4000)
    wait_for(lambda: not axis.state_moving, 150, "it stands")
    assert axis.state_limit_positive
    assert not axis.state_limit_negative
    assert axis.state_stop_str == "Last motion stopped when the LIMIT+ was reached"
    with pytest.raises(RuntimeError, match="positive limit switch"):
        axis.rmove(100)


def test_the_client_switches_power(system: Any) -> None:
    axis = system[2]
    assert axis.power
    system.set_power([1, 2], False)
    assert system.get_power([1, 2, 151]) == [False, False, True]
    assert (axis.state_poweron, axis.state_ready, axis.state_disable_code) == (False, False, 7)
    with pytest.raises(RuntimeError, match="ERROR"):
        axis.move(5)
    with ensure_power([system[1], axis]):
        assert axis.power
    assert not axis.power


def test_the_client_sees_a_closed_loop_error_and_a_board_that_is_gone(simulators: Any, system: Any) -> None:
    control = simulators.control()
    assert system[1].alarm == (False, "")
    control.do(do="fault", instrument="ice", axis=1)
    assert system[1].alarm == (True, "Closed loop error")
    assert system[1].state_stop_code == 12
    control.do(do="fault", instrument="ice", axis=2, fault="disconnected")
    assert system.find_axes(only_alive=True) == [1, 151]
    with pytest.raises(RuntimeError, match="Board is not present in the system"):
        system.get_fstatus([1, 2])


def test_the_client_reads_and_sets_positions_and_encoders(system: Any) -> None:
    axis = system[1]
    axis.pos = 123
    axis.enc_encin = 456
    assert (axis.pos, axis.enc_encin, axis.pos_encin) == (123, 456, 912)
    system.set_pos([(2, 7), (151, 8)])
    assert system.get_pos([1, 2, 151]) == [123, 7, 8]
    system.esync([1])
    assert axis.pos == 0


def test_the_client_reads_answers_of_several_lines(system: Any) -> None:
    assert "POWER: ON" in system[1].vstatus.split("\n")
    assert "MOVE" in system.send_cmd("?HELP")
    assert system.multiline_answer


def test_the_client_loads_the_electronic_cam_whose_pulses_arrive_in_both_directions(
    start: Callable[..., Any], write_file: Callable[..., Any], wait_for: Any
) -> None:
    card = {"type": "counter_card", "channels": {1: "i0"}, "gate": "ice:2"}
    simulators = start(write_file({"ice": {"type": "icepap", "axes": {2: AXIS}}, "card": card}, speed=SPEED))
    system = icepap.IcePAPController("127.0.0.1", simulators.message["ports"]["ice"], timeout=60)
    axis = system[2]
    try:
        positions = [100.0 * place for place in range(1, 301)]
        axis.set_ecam_table(list(positions), dtype="FLOAT")
        axis.infoa = ("ECAM", "NORMAL")
        axis.ecam = "PULSE"
        assert (axis.ecam, axis.infoa) == ("ON PULSE", ["ECAM", "NORMAL"])
        assert axis.get_ecam_table() == positions

        def arrived() -> int:
            simulators.control().do(do="triggers", line="ice:2", dropped=0.0)  # lets all arrive that is under way
            return simulators.control().do(do="triggers", line="ice:2")["arrived"]

        for target, pulses in ((15_050, 150), (0, 300)):
            axis.move(target)
            wait_for(lambda: axis.state_ready, 150, "the axis is ready")
            assert arrived() == pulses
        axis.clear_ecam_table()
        axis.move(15_050)
        wait_for(lambda: axis.state_ready, 150, "the axis is ready")
        assert (arrived(), axis.ecam) == (300, "OFF PULSE")
    finally:
        system.disconnect()


def test_the_client_lets_axes_follow_parametric_tables(simulators: Any, system: Any, wait_for: Any) -> None:
    times, there = [0.0, 1.0, 2.0, 3.0], [0, 1000, 3000, 2000]
    for axis, sign in ((system[1], 1), (system[2], -1)):
        axis.set_parametric_table(times, [sign * place for place in there], [0.0, sign * 2000.0, 0.0, 0.0])
        assert axis.is_parametric_table_loaded()
        assert axis.get_parametric_table() == (times, [sign * place for place in there], [0, sign * 2000, 0, 0])
        assert axis.get_parval(1.0) == sign * 1000
        axis.parvel, axis.paracct = 1.0, 0.0
        assert (axis.parvel, axis.paracct) == (1.0, 0.0)
    with pytest.raises(RuntimeError, match="not on its parametric table"):
        system.pmove(3, [1, 2], group=True)
    system.movep(0, [1, 2])
    wait_for(lambda: system[1].state_ready and system[2].state_ready, 150, "both are on their way")
    system.pmove(3, [1, 2], group=True)
    wait_for(lambda: system[1].state_ready and system[2].state_ready, 150, "both are at its end")
    assert (system.get_pos([1, 2]), system[1].parpos) == ([2000, -2000], 3.0)
    truth = simulators.control().do(do="truth")["instruments"]["ice"]["axes"]
    assert truth["1"]["started"] == truth["2"]["started"]
    system[1].clear_parametric_table()
    assert not system[1].is_parametric_table_loaded()
