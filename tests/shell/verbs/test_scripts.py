"""User scripts: what they see, what they leave behind, and what is told of those that fail."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ronda.framework.errors import BadValue, NotAllowed, NotFound
from ronda.shell.prompt.execution import Interpreter
from ronda.shell.prompt.namespace import Namespace
from ronda.shell.prompt.preferences import Preferences
from ronda.shell.verbs.scripts import ScriptCommands

ALIGN = """\
import math
STEP = 0.1
_hidden = 1

def align(width):
    return mv, samx, width * STEP
"""


class Prompt:
    """A prompt with one axis and one command, and the folder of scripts of who works there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = StringIO()
        self.told: list[str] = []
        self.kept = 0
        self.names = Namespace({"samx": "the axis samx"}, {"mv": "the command mv"})
        self.interpreter = Interpreter(self.names, self.told.append)
        console = Console(file=self.printed, width=200)
        likes = Preferences(scripts=str(folder))
        self.scripts = ScriptCommands(lambda: self.names, likes, self._keep, console)
        for command in self.scripts.commands():
            self.names.add(command.__name__, command, "command")

    def _keep(self) -> None:
        self.kept += 1

    def write(self, name: str, text: str, age: int = 0) -> Path:
        """A script whose file was changed so many seconds ago."""
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        os.utime(file, (1e9 - age, 1e9 - age))
        return file

    def run(self, code: str) -> Any:
        """What an expression gives that is typed."""
        assert self.interpreter.run(f"_value = {code}") == 0, self.told
        return self.names["_value"]


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt:
    return Prompt(tmp_path.resolve())


def test_the_objects_of_a_script_stand_under_user(prompt: Prompt) -> None:
    prompt.write("align.py", ALIGN)

    prompt.run("user_script_load('align')")

    assert prompt.run("user.align(3)") == ("the command mv", "the axis samx", pytest.approx(0.3))
    assert sorted(vars(prompt.names["user"])) == ["STEP", "align"], "neither modules nor what begins with _"
    assert "align" not in prompt.names
    assert "user.STEP, user.align" in prompt.printed.getvalue()


def test_or_at_the_prompt_itself_or_under_another_name_or_nowhere(prompt: Prompt) -> None:
    prompt.write("align.py", ALIGN)

    prompt.run("user_script_load('align.py', True)")
    assert prompt.run("align(STEP)")
    prompt.run("user_script_load('align', 'mine')")
    given = prompt.run("user_script_load('align', export_global=False)")

    assert prompt.run("mine.align(1)") == given.align(1)
    assert "align" not in prompt.names, "it was loaded elsewhere since"


def test_a_script_sees_a_device_that_came_later(prompt: Prompt) -> None:
    prompt.write("late.py", "def late():\n    return samy\n")
    prompt.run("user_script_load('late')")

    prompt.names.renew({"samx": "the axis samx", "samy": "the axis samy"})

    assert prompt.run("user.late()") == "the axis samy"


def test_names_of_the_prompt_are_seen_wherever_they_stand(prompt: Prompt) -> None:
    prompt.write(
        "deep.py",
        "class Thing:\n    axis = samx\n    axes = [samx for _ in range(1)]\n    def get(self): return [samx for _ in (1,)]\n"
        "def outer():\n    def inner():\n        import math\n        return samx, math.pi, len('a')\n    return inner\n",
    )
    prompt.run("user_script_load('deep')")

    assert prompt.run("user.Thing.axis, user.Thing.axes, user.Thing().get()") == (
        "the axis samx",
        ["the axis samx"],
        ["the axis samx"],
    )
    assert prompt.run("user.outer()()[0]") == "the axis samx"


def test_an_edited_script_is_told_of_once_and_loaded_anew(prompt: Prompt) -> None:
    file = prompt.write("align.py", ALIGN + "from helper import ANGLE\n", age=10)
    prompt.write("helper.py", "ANGLE = 1\n", age=10)
    prompt.run("user_script_load('align')")
    assert prompt.run("user.ANGLE") == 1
    assert prompt.scripts.edited() == []

    prompt.write("align.py", "from helper import ANGLE\ndef centre(): return 4\n", age=5)
    prompt.write("helper.py", "ANGLE = 22\n", age=5)
    assert prompt.scripts.edited() == [f"{file} was edited since it was loaded; user_script_load('align') loads it"]
    assert prompt.scripts.edited() == []
    prompt.run("user_script_load('align')")

    assert sorted(vars(prompt.names["user"])) == ["ANGLE", "centre"]
    assert prompt.run("user.ANGLE") == 22, "what it imports from beside it is read again too"


def test_what_a_script_defines_when_it_runs_is_gone_afterwards(prompt: Prompt) -> None:
    prompt.write("go.py", "done = [__name__, samx]\nprint(done)\nmv_twice = mv * 2\n")
    before = set(prompt.names)

    prompt.scripts.user_script_run("go")

    assert set(prompt.names) == before


def test_scripts_are_listed_with_what_became_of_them(prompt: Prompt) -> None:
    prompt.write("align.py", ALIGN, age=9)
    prompt.write("deep/other.py", "a = 1\n")
    prompt.run("user_script_load('align')")
    prompt.write("align.py", ALIGN)
    prompt.printed.truncate(0)

    prompt.scripts.user_script_list()

    rows = [line.split(maxsplit=1) for line in prompt.printed.getvalue().replace("\0", "").splitlines()[1:]]
    assert rows == [["align", "loaded as user, edited since"], ["deep/other"]]


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a = 1\n\n1/0\n", 3, "ZeroDivisionError: division by zero"),
        ("def f(:\n", 1, "invalid syntax\n"),
        ("a = smax\n", 1, "smax is not known; did you mean samx?"),
        ("a = 1\nsamx = 3\n", 2, "samx is a device; choose another name"),
        ("for mv in (1, 2): pass\n", 1, "mv is a command; choose another name"),
    ],
)
def test_an_error_is_told_at_the_line_of_the_script(prompt: Prompt, text: str, line: int, sentence: str) -> None:
    file = prompt.write("bad.py", text)

    for verb in ("user_script_load", "user_script_run"):
        assert prompt.interpreter.run(f"{verb}('bad')") == 1
        assert prompt.told[-1].startswith(f"{file}:{line}: {sentence}")
        assert "scripts.py" not in prompt.told[-1]
    assert prompt.names["samx"] == "the axis samx"


def test_an_error_in_a_function_is_told_at_its_line(prompt: Prompt) -> None:
    file = prompt.write("late.py", "def fail():\n    pass\n    raise ValueError('no beam')\n")
    prompt.run("user_script_load('late')")

    prompt.interpreter.run("user.fail()")

    assert prompt.told == [f"{file}:3: ValueError: no beam"]


@pytest.mark.parametrize("place", ["samx", "np"])
def test_scripts_take_nobodys_name(prompt: Prompt, place: str) -> None:
    prompt.names["np"] = "numpy"
    prompt.write("align.py", ALIGN)

    with pytest.raises(NotAllowed, match=f"{place} is something else already; give another name"):
        prompt.scripts.user_script_load("align", place)
    prompt.write("thief.py", "globals().update(samx=1)\n")
    with pytest.raises(NotAllowed, match="samx is a device"):
        prompt.scripts.user_script_load("thief", True)


def test_a_script_that_is_not_there_gets_a_hint(prompt: Prompt) -> None:
    prompt.write("align.py", ALIGN)

    with pytest.raises(NotFound, match=r"no script algin in .*; did you mean align\?"):
        prompt.scripts.user_script_load("algin")
    with pytest.raises(BadValue, match=r'takes the name of a script, as in user_script_run\("align"\), not 3'):
        prompt.scripts.user_script_run(3)  # type: ignore[arg-type]
    with pytest.raises(BadValue, match=r"takes True, False or a name, not 'a b'"):
        prompt.scripts.user_script_load("align", "a b")


def test_the_folder_is_chosen_and_kept(prompt: Prompt, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()

    prompt.scripts.user_script_homedir(str(tmp_path / "more"))
    assert prompt.scripts.user_script_homedir() == str((tmp_path / "more").resolve())
    with pytest.raises(NotFound, match="is no folder; make it first"):
        prompt.scripts.user_script_homedir(str(tmp_path / "nowhere"))
    prompt.scripts.user_script_homedir(reset=True)

    assert str(prompt.scripts.user_script_homedir()).endswith("/ronda-scripts")
    assert prompt.kept == 2
