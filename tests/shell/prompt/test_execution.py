"""Running code, and what is told when it fails."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import gevent
import pytest
import tango

from ronda.framework.errors import OutOfRange
from ronda.shell.prompt import execution
from ronda.shell.prompt.execution import INTERRUPTED, Interpreter
from ronda.shell.prompt.namespace import Namespace


class Told(list[str]):
    """What was told."""

    def last(self) -> str:
        return self[-1]


@pytest.fixture
def told() -> Told:
    return Told()


OURS = """
def refuse():
    raise OutOfRange("samx: cannot move to 9.0 mm, outside limits [-5.0, 5.0] mm")

def fail_in_tango():
    tango.Except.throw_exception("ACME_Broken", "acme/pump/1: the pump is broken", "here")
"""
"""Commands as they stand in this package, which is not where a user looks for an error."""


@pytest.fixture
def commands() -> dict[str, Any]:
    names: dict[str, Any] = {"OutOfRange": OutOfRange, "tango": tango}
    exec(compile(OURS, str(Path(execution.__file__).with_name("commands.py")), "exec"), names)
    return {"refuse": names["refuse"], "fail_in_tango": names["fail_in_tango"]}


@pytest.fixture
def interpreter(told: Told, commands: dict[str, Any]) -> Interpreter:
    namespace = Namespace({"samx": "axis"}, commands)
    return Interpreter(namespace, told.append)


def test_code_runs_and_its_names_stay(interpreter: Interpreter, told: Told) -> None:
    assert interpreter.run("a = 1\nb = a + 1") == 0
    assert interpreter.run("c = b + 1") == 0
    assert interpreter.namespace["c"] == 3
    assert told == []


def test_a_prompt_shows_the_last_value_and_keeps_it(
    interpreter: Interpreter, capsys: pytest.CaptureFixture[str]
) -> None:
    interpreter.run("1 + 1\n2 + 3", show_value=True)
    interpreter.run("None", show_value=True)

    assert capsys.readouterr().out == "5\n"
    assert interpreter.namespace["_"] == 5


def test_given_code_shows_only_what_it_prints(interpreter: Interpreter, capsys: pytest.CaptureFixture[str]) -> None:
    interpreter.run("1 + 1\nprint('here')")

    assert capsys.readouterr().out == "here\n"


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("refuse()", "samx: cannot move to 9.0 mm, outside limits [-5.0, 5.0] mm"),
        ("fail_in_tango()", "acme/pump/1: the pump is broken"),
        ("a = 1\nrefuse()", "line 2: samx: cannot move to 9.0 mm, outside limits [-5.0, 5.0] mm"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("def f():\n    return 1/0\nf()", "line 2: ZeroDivisionError: division by zero"),
        ("raise ValueError", "ValueError"),
        ("smax", "smax is not known; did you mean samx?"),
        ("wavelength", "wavelength is not known"),
        ("a = ", "invalid syntax, line 1\n    a = \n        ^"),
        ("import json; json.loads('{')", "json.decoder.JSONDecodeError"),
    ],
)
def test_an_error_is_told_in_one_sentence(code: str, sentence: str, interpreter: Interpreter, told: Told) -> None:
    assert interpreter.run(code) == 1
    assert len(told) == 1
    assert told.last().startswith(sentence.removeprefix("json.decoder.")), told.last()


def test_an_error_in_a_script_says_file_and_line(interpreter: Interpreter, told: Told, tmp_path: Path) -> None:
    script = tmp_path / "align.py"
    script.write_text("a = 1\n\nrefuse()\n")

    interpreter.run(script.read_text(), str(script))

    assert told == [f"{script}:3: samx: cannot move to 9.0 mm, outside limits [-5.0, 5.0] mm"]


def test_the_whole_story_of_an_error_can_be_asked_for(interpreter: Interpreter) -> None:
    interpreter.run("def f():\n    refuse()\nf()")

    assert interpreter.last_error is not None
    story = interpreter.story(interpreter.last_error)
    assert 'File "<input 1>", line 2, in f\n    refuse()' in story
    assert story.endswith("OutOfRange: samx: cannot move to 9.0 mm, outside limits [-5.0, 5.0] mm")


def test_on_demand_errors_are_told_with_their_story(told: Told, commands: dict[str, Any]) -> None:
    interpreter = Interpreter(Namespace({}, commands), told.append, traceback=True)

    interpreter.run("refuse()")

    assert told.last().startswith("Traceback (most recent call last):")


def test_an_error_says_what_was_stopped(interpreter: Interpreter, told: Told) -> None:
    interpreter.run("error = RuntimeError('bad')\nerror.add_note('samy stopped at 1.0 mm')\nraise error")

    assert told == ["line 3: RuntimeError: bad; samy stopped at 1.0 mm"]


def test_code_may_end_the_program(interpreter: Interpreter) -> None:
    with pytest.raises(SystemExit) as end:
        interpreter.run("raise SystemExit(7)")

    assert end.value.code == 7


@pytest.mark.parametrize(
    "code", ["while True: pass", "gevent.sleep(300)", "while True: gevent.sleep(0)", "gevent.event.Event().wait()"]
)
def test_ctrl_c_reaches_the_command_wherever_it_is(code: str, interpreter: Interpreter, told: Told) -> None:
    import gevent.event

    interpreter.namespace |= {"gevent": gevent, "press_soon": lambda: signal.setitimer(signal.ITIMER_REAL, 0.1)}
    background = gevent.spawn(_turn)
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    begun = time.monotonic()
    try:
        assert interpreter.run(f"press_soon()\n{code}") == INTERRUPTED
    finally:
        signal.signal(signal.SIGALRM, before)

    assert time.monotonic() - begun < 150
    assert told == ["interrupted"]
    assert not background.dead, "the interruption hit a greenlet that was none of its business"
    background.kill()


def _turn() -> None:
    while True:
        gevent.sleep(0.001)


def test_a_function_without_parentheses_says_how_it_is_called(capsys: Any) -> None:
    class Commands:
        def wa(self, *axes: Any) -> None:
            """Show where axes are: wa() all of them."""

    commands = {"wa": Commands().wa}
    Interpreter(Namespace({}, commands), lambda _: None).run("wa", show_value=True)

    assert capsys.readouterr().out == "wa(*axes)\n  Show where axes are: wa() all of them.\n"


def test_a_class_of_ours_without_parentheses_says_how_it_is_made(capsys: Any) -> None:
    from ronda.shell.verbs.cleanup import Restore

    interpreter = Interpreter(Namespace({}, {"Namespace": Namespace}, {"axis": Restore}), lambda _: None)
    interpreter.run("Namespace", show_value=True)
    interpreter.run("axis", show_value=True)

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Namespace(devices, commands, others=None)"
    assert said[2].startswith("POS, VEL, ACC, LIM")
