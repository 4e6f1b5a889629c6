"""Typing at the prompt of a running beamline, in a pseudo-terminal."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def chair(demo: Any, seat: Callable[..., Any]) -> list[Any]:
    """Who types: one person for all tests, replaced after one that went wrong."""
    return [seat(demo.folder)]


@pytest.fixture
def typist(demo: Any, chair: list[Any], seat: Callable[..., Any]) -> Any:
    if not chair[0].at_prompt:
        chair[0] = seat(demo.folder)
    return chair[0]


@pytest.fixture
def home(demo: Any, wait_for: Callable[..., Any]) -> Iterator[None]:
    """Afterwards samx and samy stand at 0 again."""
    yield
    for name in ("samx", "samy"):
        axis = demo.device(name)
        wait_for(lambda axis=axis: axis.State().name == "ON", 150, f"{name} to stand")
        axis.Position = 0.0
    for name in ("samx", "samy"):
        wait_for(lambda name=name: demo.device(name).State().name == "ON", 150, f"{name} back at 0")


@pytest.fixture
def slow(demo: Any, home: None, wait_for: Callable[..., Any]) -> Iterator[None]:
    """samx and samy may be made slower than any test waits."""
    before = {name: demo.device(name).Velocity for name in ("samx", "samy")}
    yield
    for name, velocity in before.items():
        axis = demo.device(name)
        axis.Stop()
        wait_for(lambda axis=axis: axis.State().name == "ON", 150, f"{name} to stand")
        axis.Velocity = velocity


def test_the_first_screen_says_where_one_is(demo: Any, seat: Callable[..., Any]) -> None:
    typist = seat(demo.folder)

    assert "beamline demo: 20 axes" in typist.told()
    assert "Ctrl-C stops" in typist.told()


def test_a_command_without_parentheses_becomes_a_call_that_is_shown(typist: Any, demo: Any, home: None) -> None:
    screen = typist.enter("mv samx 0.25")

    assert "mv(samx, 0.25)" in screen
    assert demo.device("samx").Position == pytest.approx(0.25, abs=0.001)
    assert "samx[mm]" in typist.enter("wa samx")


def test_a_question_mark_explains(typist: Any) -> None:
    assert "steps" in typist.enter("?ascan")
    assert "did you mean samx?" in typist.enter("?smax")


def test_programs_of_the_operating_system_run(typist: Any) -> None:
    assert "forty-two" in typist.enter("!printf 'forty-%s' two; echo")


def test_the_typing_helper_can_be_switched_off(typist: Any) -> None:
    typist.enter("typing_helper False")
    try:
        assert "invalid syntax" in typist.enter("wa samx")
    finally:
        typist.enter("typing_helper(True)")


def test_wa_shows_user_and_dial_positions_with_units(typist: Any) -> None:
    screen = typist.enter("wa(samx, samy)")

    assert "samx[mm]  samy[mm]" in screen
    assert "\nuser" in screen
    assert "\ndial" in screen


def test_mv_comes_back_when_the_axis_is_there(typist: Any, demo: Any, home: None) -> None:
    typist.enter("mv(samx, 0.5)")

    assert demo.device("samx").Position == pytest.approx(0.5, abs=0.001)
    assert "0.5000" in typist.enter("wa(samx)")


def test_small_steps_add_up(typist: Any, demo: Any, home: None) -> None:
    typist.enter("for i in range(3):", "mvr(samx, 0.1)", "")

    assert demo.device("samx").Target == pytest.approx(0.3)


def test_umv_shows_position_target_and_time_left(typist: Any, demo: Any, slow: None) -> None:
    demo.device("samx").Velocity = 0.1
    typist.send("umv(samx, 1)")
    typist.wait_for(r"→ 1\.0000 mm +\d+\.\d s left")

    assert "samx      1.0000 mm" in typist.wait_for_prompt()


def test_nothing_moves_if_one_target_is_outside_the_limits(typist: Any, demo: Any, home: None) -> None:
    before = demo.device("samx").Position
    screen = typist.enter("mv(samx, 1, samy, 99)")

    assert "samy: cannot move to 99.0 mm, outside limits [-5.0, 25.0] mm" in screen
    assert demo.device("samx").Position == before


@pytest.mark.parametrize("verb", ["mv", "umv"])
def test_ctrl_c_stops_a_move_and_says_where(verb: str, typist: Any, demo: Any, slow: None) -> None:
    samx = demo.device("samx")
    samx.Velocity = demo.device("samy").Velocity = 0.1
    typist.send(f"{verb}(samx, 9, samy, 8)")
    _wait_until_moving(samx)
    typist.press_ctrl_c()

    assert samx.State().name == demo.device("samy").State().name == "ON"
    assert f"interrupted; samx stopped at {samx.Position:.4f} mm; samy stopped at" in typist.told()
    assert samx.Position < 9


def test_ctrl_c_ends_a_scan_in_order(typist: Any, demo: Any, home: None) -> None:
    typist.send("ascan(samy, 0, 8, 160, 0.2, diode)")
    typist.wait_for(r"2 +0\.1000 ")
    typist.press_ctrl_c()

    assert "ABORTED after" in typist.told()
    assert "saved: " in typist.told()
    assert demo.device("samy").State().name == demo.device("ct1").State().name == "ON"
    assert "counted for 0.1 s" in typist.enter("ct(0.1)"), "the card is free again"


SLOW_RETURN = """
class Slow(PointPreset):
    def stop(self, scan, index):
        samx.velocity = 0.1

def slow_return():
    scan = dscan(samx, 5, 5.5, 1, 0.02, diode, save=False, run=False)
    scan.add_preset(Slow())
    scan.run()
"""


def test_the_second_ctrl_c_stops_the_way_back(typist: Any, demo: Any, slow: None, tmp_path: Path) -> None:
    samx = demo.device("samx")
    (tmp_path / "slow.py").write_text(SLOW_RETURN)
    typist.enter(f"user_script_load('{tmp_path}/slow.py')")
    typist.send("user.slow_return()")
    typist.wait_for(r"0 +5\.0000 ")
    typist.terminal.sendintr()
    typist.wait_for(r"→ 0\.0000 mm")
    typist.press_ctrl_c()

    assert f"samx stopped at {samx.Position:.4f} mm, on its way back" in typist.told()
    assert samx.Position > 0.1


STUBBORN = """\
def stubborn():
    move(samx, 9, wait=False)
    while True:
        try:
            print("be" + "gun"); time.sleep(300)
        except KeyboardInterrupt:
            pass
"""


def test_the_third_ctrl_c_comes_back_at_once_and_says_what_is_left(
    typist: Any, demo: Any, slow: None, tmp_path: Path
) -> None:
    (tmp_path / "stubborn.py").write_text(f"import time\n{STUBBORN}")
    typist.enter(f"user_script_load('{tmp_path}/stubborn.py')")
    demo.device("samx").Velocity = 0.1
    typist.send("user.stubborn()")
    for _ in range(2):
        typist.wait_for("begun")
        typist.terminal.sendintr()
    typist.wait_for("begun")
    typist.press_ctrl_c()

    assert "interrupted; left as it is: samx still moves" in typist.told()
    assert "samx stopped at" in typist.enter("stop(samx)")


def test_what_a_script_moves_without_waiting_is_stopped_too(typist: Any, demo: Any, slow: None) -> None:
    demo.device("samx").Velocity = 0.1
    import_time = "import time; "
    typist.send(f"{import_time}move(samx, 9, wait=False); print('be' + 'gun'); time.sleep(300)")
    typist.wait_for("begun")
    typist.press_ctrl_c()

    assert f"interrupted; samx stopped at {demo.device('samx').Position:.4f} mm" in typist.told()


def test_esc_ends_a_scan_after_the_point_in_hand_and_p_lets_it_wait(typist: Any, home: None) -> None:
    typist.send("ascan(samy, 0, 8, 80, 0.05, diode, save=False)")
    typist.wait_for("Esc ends  p pauses")
    typist.terminal.send("p")
    typist.wait_for(r": paused[^!]*p goes on")
    typist.terminal.send("p")
    typist.wait_for("Esc ends  p pauses")
    typist.terminal.send("\x1b")
    typist.wait_for_prompt()

    assert "ABORTED after" in typist.told()
    assert "stopped by Esc" in typist.told()


def test_what_is_typed_while_a_scan_runs_stands_at_the_next_prompt(typist: Any, home: None) -> None:
    typist.send("ascan(samy, 0, 8, 80, 0.05, diode, save=False)")
    typist.wait_for("Esc ends  p pauses")
    typist.terminal.send("'ah' + 'ead pp'\r")
    typist.wait_for("typed: 'ah'")
    typist.terminal.send("\x1b")
    typist.wait_for_prompt()

    assert "'ahead pp'" in typist.wait_for_prompt()


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(300)"])
def test_ctrl_c_ends_any_command(code: str, typist: Any) -> None:
    typist.send(f"exec(\"print('be' + 'gun')\\n{code}\")")
    typist.wait_for("begun")

    typist.press_ctrl_c()
    assert "2" in typist.enter("1 + 1")


def test_ctrl_c_at_the_prompt_drops_what_was_typed(typist: Any) -> None:
    typist.terminal.send("mv(samx,")
    typist.terminal.sendintr()

    assert "2" in typist.enter("1 + 1")


def test_a_scan_shows_its_table_and_names_its_file(typist: Any, home: None) -> None:
    screen = typist.enter("scan = ascan(samy, 0, 0.2, 2, 0.05, diode)")

    assert "ascan(samy, 0, 0.2, 2, 0.05, diode)" in screen
    assert "samy[mm]" in screen
    assert "diode[count]" in screen
    assert "0.2000" in screen
    file = Path(screen.partition("saved:")[2].split()[0])
    assert file.suffix == ".h5"
    assert file.exists()


def test_ct_shows_counts_and_counts_per_second(typist: Any) -> None:
    screen = typist.enter("ct(0.1, i0)")

    assert "counted for 0.1 s" in screen
    assert "count/s" in screen


def test_a_typo_gets_a_sentence_and_no_traceback(typist: Any) -> None:
    screen = typist.enter("wa(smax)")

    assert "smax is not known; did you mean samx?" in screen
    assert "Traceback" not in screen
    assert "Traceback" in typist.enter("last_error()")


def test_devices_are_not_overwritten_by_accident(typist: Any) -> None:
    assert "samx is a device; choose another name" in typist.enter("samx = 3")


def test_the_history_is_there_the_next_time(demo: Any, seat: Callable[..., Any]) -> None:
    typist = seat(demo.folder)
    typist.enter("'to be' + ' remembered'")
    assert typist.leave() == 0

    again = seat(demo.folder)
    assert "'to be remembered'" in again.enter("\x1b[A")  # the key "up"


def test_exit_leaves(demo: Any, seat: Callable[..., Any]) -> None:
    typist = seat(demo.folder)
    typist.send("exit()")

    assert typist.ended() == 0


def test_an_axis_works_again_after_its_server_was_killed(typist: Any, demo: Any, wait_for: Callable[..., Any]) -> None:
    motors = demo.servers()["motors"]
    assert "!ERR" not in typist.enter("wa(samx)")
    os.kill(motors["pid"], signal.SIGKILL)
    wait_for(lambda: demo.servers()["motors"]["pid"] not in (0, motors["pid"]), 150, "another process")
    wait_for(lambda: "!ERR" not in typist.enter("wa(samx)"), 150, "an answer in the same shell")

    assert "Traceback" not in typist.enter("mvr(samx, 0)")


def _wait_until_moving(axis: Any) -> None:
    deadline = time.monotonic() + 60
    while axis.State().name != "MOVING":
        assert time.monotonic() < deadline, "the axis does not move"
        time.sleep(0.02)
