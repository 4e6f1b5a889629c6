"""Fixtures of the shell: somebody who types into a pseudo-terminal, and a demo of one's own to bring up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest

SPACE = re.compile(r" (?![+*?{])")

ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]|\r")


@dataclass
class Typist:
    """Types into `ronda …` in a pseudo-terminal and reads the answers.

    Attributes:
        seen: what was printed before the latest prompt.
        at_prompt: whether it waits for a command.
    """

    terminal: pexpect.spawn
    prompts: int = 0
    seen: str = field(default="", repr=False)
    at_prompt: bool = False

    def wait_for_prompt(self, seconds: float = 150) -> str:
        """Wait for the next prompt; returns what was printed before it."""
        self.prompts += 1
        self.seen = self.wait_for(rf"\[{self.prompts}\]:", seconds)
        self.at_prompt = True
        return self.seen

    def wait_for(self, pattern: str, seconds: float = 150) -> str:
        """Wait until something is printed; returns what was printed up to it.

        A sentence may be wrapped at any of its words, so that each space in the pattern stands for the end of a line too.
        """
        self.terminal.expect(SPACE.sub(r"\\s+", pattern), timeout=seconds)
        return ESCAPES.sub("", self.terminal.before)

    def told(self) -> str:
        """What was printed before the latest prompt, as one line: sentences are wrapped at the width of the terminal."""
        return " ".join(self.seen.split())

    def send(self, *lines: str) -> None:
        """Type lines."""
        self.at_prompt = False
        for line in lines:
            self.terminal.send(line + "\r")

    def enter(self, *lines: str) -> str:
        """Type lines and wait for the next prompt; returns what was printed."""
        self.send(*lines)
        return self.wait_for_prompt()

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C and wait for the next prompt."""
        self.terminal.sendintr()
        self.wait_for_prompt()

    def leave(self) -> int | None:
        """Press Ctrl-D; returns the exit code."""
        self.terminal.sendeof()
        return self.ended()

    def ended(self) -> int | None:
        """Wait for the end of the program; returns the exit code."""
        self.at_prompt = False
        self.terminal.expect(pexpect.EOF, timeout=150)
        self.terminal.close()
        code: int | None = self.terminal.exitstatus
        return code


def end(terminal: pexpect.spawn) -> None:
    """End what runs in a terminal, and wait until it is gone."""
    try:
        terminal.close(force=True)
    except pexpect.ExceptionPexpect:  # killed it is, but a busy machine had not ended it 0.1 s later
        terminal.ptyproc.wait()


def children(process: int) -> set[int]:
    """Numbers of the processes that a process has started."""
    return {child.pid for child in psutil.Process(process).children()}


@pytest.fixture(scope="module")
def seat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Typist]]:
    """`seat(folder)` starts `ronda shell` on a running beamline; returns who types, at the first prompt."""
    try:
        for each in os.openpty():
            os.close(each)
    except OSError as error:
        pytest.skip(f"this machine has no pseudo-terminals: {error}")
    typists: list[Typist] = []
    state = tmp_path_factory.mktemp("state")

    def start(
        folder: Path,
        *,
        columns: int = 100,
        rows: int = 50,
        screen: Any = None,
        wait: bool = True,
        session: str = "",
        user: str = "",
        options: Sequence[str] = (),
    ) -> Typist:
        terminal = pexpect.spawn(
            str(Path(sys.executable).parent / "ronda"),
            ["shell", str(folder), *(["--session", session] if session else []), *options],
            env={
                # how wide a terminal is says the terminal, not who runs the tests
                **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},
                **({"LOGNAME": user} if user else {}),
                "TERM": "xterm-256color",
                "XDG_STATE_HOME": str(state),
                "PROMPT_TOOLKIT_NO_CPR": "1" if screen is None else "0",  # only a screen says where the cursor is
            },
            dimensions=(rows, columns),
            encoding="utf-8",
        )
        if screen is not None:
            terminal.logfile_read = screen  # gets all that is printed
            screen.answer = terminal.send
        typists.append(Typist(terminal))
        if wait:
            typists[-1].wait_for_prompt()
        return typists[-1]

    yield start
    for typist in typists:
        end(typist.terminal)


@pytest.fixture
def ronda_demo(demo_folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`ronda_demo("-c", code)` starts `ronda demo` on a copy of the demo's files."""
    program = (
        "import sys; from pathlib import Path; from ronda.shell.commands import demo\n"
        "demo.PACKAGED = Path(sys.argv.pop(1))\n"
        "from ronda.shell.main import main; main()"
    )
    processes: list[subprocess.Popen[str]] = []
    (demo_folder.parents[1] / "pyproject.toml").touch()  # it lies in a clone

    def start(*arguments: str) -> subprocess.Popen[str]:
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", program, str(demo_folder), "demo", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "COLUMNS": "100"},
            )
        )
        return processes[-1]

    yield start
    from ronda.framework.host.control import take_down

    for process in processes:
        process.kill()
        process.communicate()
    take_down(demo_folder / ".ronda" / "local", print)
