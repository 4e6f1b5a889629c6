"""`ronda shell -c` and `--run`: code without a terminal."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def test_output_is_what_the_code_printed(demo: Any, ronda: Any) -> None:
    assert ronda("shell", demo.folder, "-c", "print(2 * 3)\n7").stdout == "6\n"


def test_a_scan_is_a_plain_table_and_names_its_file(demo: Any, ronda: Any) -> None:
    printed = ronda("shell", demo.folder, "-c", "loopscan(3, 0.05, diode, title='hello')").stdout

    assert "\x1b" not in printed
    lines = printed.splitlines()
    assert lines[0].endswith("hello")
    assert lines[1].split() == ["#", "time[s]", "diode[count]"]
    assert [line.split()[0] for line in lines[2:5]] == ["0", "1", "2"]
    assert len(lines) == 6
    assert Path(lines[5].partition(" saved: ")[2]).exists()


def test_umv_without_a_terminal_says_where_the_axis_ended(demo: Any, ronda: Any) -> None:
    printed = ronda("shell", demo.folder, "-c", "umv(s1u, 0.1); umvr(s1u, -0.1)").stdout

    assert [line.split() for line in printed.splitlines()] == [["s1u", "0.1000", "mm"], ["s1u", "0.0000", "mm"]]


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("mv(samx, 99)", "samx: cannot move to 99.0 mm, outside limits [-10.0, 10.0] mm"),
        ("ascan(samy, 0, 99, 2, 0.1)", "samy: cannot move to 49.5 mm, outside limits [-5.0, 25.0] mm"),
        ("1 +", "invalid syntax, line 1\n    1 +\n       ^"),
    ],
)
def test_an_error_is_one_sentence_and_exit_code_1(code: str, sentence: str, demo: Any, ronda: Any) -> None:
    assert ronda("shell", demo.folder, "-c", code, code=1).stdout == f"{sentence}\n"


def test_a_dry_run_of_a_script_moves_nothing_and_tells_its_time(demo: Any, ronda: Any) -> None:
    code = """
with dryrun():
    shclose(fsh)
    mv(samz, 0.5); mvr(samz, 0.25)
    dscan(samz, -1, 1, 4, 0.1, diode, save=False)
    ct(2)
print(samz.position, fsh.state)
dryrun(ascan, s1vg, 1, 2, 4, 0.1, diode)
"""
    was = f"{demo.device('samz').Position} {demo.device('fsh').Position.upper()}"
    lines = ronda("shell", demo.folder, "-c", code).stdout.splitlines()

    assert lines[0] == "fsh: would close"
    assert lines[1].startswith("mv(samz, 0.5): ")
    assert lines[2].startswith("mvr(samz, 0.75): ")
    assert lines[3].startswith("dscan(samz, -1, 1, 4, 0.1, diode): ")
    assert "samz from -0.25 to 1.75 mm" in lines[3]
    assert lines[4].startswith("ct(2): 2.01 s; 1 points")
    assert lines[5].startswith("together ")
    assert lines[6] == was
    assert "5 points" in lines[7]
    assert "which fits" in lines[7]
    assert "s1u from " in lines[7]


def test_suspenders_are_shown_and_put_to_use(demo: Any, ronda: Any) -> None:
    code = "suspenders(); suspenders('beam', True); add_suspender('i0', 'ct1/I0', above=10)"
    beam = "beam: no beam: machine/Beam should be True, settling 2 s"
    printed = ronda("shell", demo.folder, "-c", code).stdout

    assert printed.splitlines() == [f"{beam}, not in use", beam, "i0: ct1/I0 should be above 10, settling 1 s"]


def test_on_demand_an_error_has_its_traceback(demo: Any, ronda: Any) -> None:
    printed = ronda("shell", demo.folder, "-c", "mv(samx, 99)", code=1, RONDA_TRACEBACK="1").stdout

    assert printed.startswith("Traceback")
    assert "OutOfRange: samx: cannot move" in printed


def test_code_chooses_its_exit_code(demo: Any, ronda: Any) -> None:
    ronda("shell", demo.folder, "-c", "exit(7)", code=7)


def test_ctrl_c_stops_what_the_code_started_and_gives_130(demo: Any, wait_for: Any) -> None:
    samx = demo.device("samx")
    wait_for(lambda: samx.State().name == "ON", 150, "samx stands")
    velocity, samx.Velocity = samx.Velocity, 0.1  # slower than any machine
    try:
        code = "print('begun', flush=True)\nmv(samx, 9)"
        process = subprocess.Popen(
            [Path(sys.executable).parent / "ronda", "shell", demo.folder, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        while samx.State().name != "MOVING":
            assert process.poll() is None

        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=180)

        assert process.returncode == 130
        assert printed.startswith("interrupted; samx stopped at ")
        assert samx.State().name == "ON"
    finally:
        samx.Stop()
        wait_for(lambda: samx.State().name == "ON", 150, "samx stands")
        samx.Velocity = velocity
        samx.Position = 0.0
    wait_for(lambda: samx.State().name == "ON", 150, "samx at 0")


def test_a_script_runs_and_its_errors_say_where(demo: Any, ronda: Any, tmp_path: Path) -> None:
    script = tmp_path / "align.py"
    script.write_text("def go(where):\n    mv(samx, where)\n\nprint(__name__)\ngo(99)\n")

    printed = ronda("shell", demo.folder, "--run", script, code=1).stdout

    assert printed == f"__main__\n{script}:2: samx: cannot move to 99.0 mm, outside limits [-10.0, 10.0] mm\n"


def test_a_script_that_cannot_be_read_is_told(demo: Any, ronda: Any, tmp_path: Path) -> None:
    missing = tmp_path / "nothing.py"

    printed = ronda("shell", demo.folder, "--run", missing, code=1).stdout

    assert printed == f"ronda: {missing} cannot be read: No such file or directory\n"


def test_code_and_a_script_together_are_refused(demo: Any, ronda: Any) -> None:
    assert "either -c CODE or --run FILE" in ronda("shell", demo.folder, "-c", "1", "--run", "x", code=2).stdout


def test_a_prompt_needs_a_terminal(demo: Any) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "ronda", "shell", demo.folder],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "ronda: there is no terminal to type in; give the code with -c CODE\n"


def test_axes_whose_server_is_down_do_not_hinder_the_others(
    demo_folder: Path, bring_up: Any, ronda: Any, wait_for: Any
) -> None:
    motors = demo_folder / "motors.yml"
    motors.write_text(motors.read_text().replace("\n      mc2:\n", "\n  slits:\n    devices:\n      mc2:\n"))
    beamline = bring_up(demo_folder)
    ronda("stop", "slits", "--beamline", demo_folder)
    wait_for(lambda: beamline.servers()["slits"]["state"] == "STOPPED", 150, "slits is stopped")

    printed = ronda("shell", beamline.folder, "-c", "wa(samx, s1u, samy)\nmv(samx, 0.1)\nmv(s1u, 1)", code=1).stdout

    lines = printed.splitlines()
    assert lines[2].split() == ["user", "0.0000", "!ERR", "0.0000"]
    assert lines[3].split() == ["dial", "0.0000", "!ERR", "0.0000"]
    assert "s1u: its server is not running" in lines[4], "whoever is dead is told below the table"
    assert len(lines) == 6, "an error is one line"
    assert lines[5].startswith("line 3: ")
    assert "s1u" in lines[5]
    assert beamline.device("samx").Position == pytest.approx(0.1, abs=0.001)


def test_a_session_has_its_own_objects_and_gives_the_others_when_asked(demo: Any, ronda: Any) -> None:
    code = "lsmot(); samz2 = config.get('rot'); print(samz2.unit, SCANS); rot"
    printed = ronda("shell", demo.folder, "-s", "alignment", "-c", code, code=1).stdout

    names = [line.split()[0] for line in printed.splitlines()]
    assert {"s1vg", "samx", "samz"} <= set(names)
    assert not {"bragg", "energy"} & set(names)
    assert printed.splitlines()[-1] == (
        'rot is not known; the session alignment leaves it out; rot = config.get("rot") takes it'
    )
    assert (
        "demo: there is no session nosuch; there are alignment"
        in ronda("shell", demo.folder, "-s", "nosuch", "-c", "1", code=1).stdout
    )


def test_the_logbook_has_what_was_typed_noted_and_measured_beside_the_data(
    demo: Any, ronda: Any, wait_for: Any
) -> None:
    code = "elog_add('a crack'); scan = loopscan(1, 0.01, i0, title='noted'); mv(samx, 99)"
    ronda("shell", demo.folder, "-c", code, code=1)
    text = Path(demo.folder, "data", "logbook.md")
    wait_for(
        lambda: text.exists() and "begins: noted" in text.read_text() and "99.0 mm" in text.read_text(), 60, "told"
    )
    shown = ronda("shell", demo.folder, "-c", "elog_show(3, 'note'); elog_show(kind='scan', text='noted')").stdout

    assert "a crack" in shown
    assert "begins: noted" in shown
    lines = text.read_text().splitlines()
    assert sum("**note** a crack" in line for line in lines) == 1
    assert any(line.partition(": ")[2].startswith(f"`{code}`") for line in lines)
    assert any("**error** `samx: cannot move to 99.0 mm" in line for line in lines)


def test_any_tango_client_may_note_something(demo: Any, wait_for: Any) -> None:
    logbook = demo.device("logbook")
    logbook.Add("the chiller was refilled")
    text = Path(demo.folder, "data", "logbook.md")
    wait_for(lambda: text.exists() and "**note** the chiller was refilled" in text.read_text(), 150, "written")
    wait_for(lambda: str(logbook.state()) == "ON", 150, "all is well")
    with pytest.raises(Exception, match="logbook: Add takes a text, not an empty one"):
        logbook.Add(" ")
