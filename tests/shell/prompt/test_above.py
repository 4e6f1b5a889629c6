"""Output while nobody types, and what becomes of a line that has no end yet."""

from __future__ import annotations

import asyncio
import io
import sys
from typing import Any

import pytest
from prompt_toolkit import Application
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from ronda.shell.prompt.above import Above, Proxy, printing_above


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_prompt_all_is_printed_at_once() -> None:
    terminal = Terminal()
    proxy = Proxy(terminal, Above())

    assert proxy.write("one\ntw") == 6
    proxy.writelines(iter(["o\n", "three"]))

    assert terminal.getvalue() == "one\ntwo\nthree"
    assert proxy.isatty()


def test_while_a_prompt_waits_whole_lines_are_printed_and_the_rest_comes_afterwards() -> None:
    terminal = Terminal()
    proxy: Any = Proxy(terminal, Above())
    with create_pipe_input() as keys:
        shown = Terminal()
        application: Application[None] = Application(
            input=keys, output=Vt100_Output(shown, lambda: _size(), term="xterm")
        )

        async def work() -> None:
            proxy.write("a whole line\nand half ")
            while "a whole line\n" not in shown.getvalue():
                await asyncio.sleep(0.001)
            application.exit()

        application.run(pre_run=lambda: application.create_background_task(work()) and None)

    assert "and half" not in shown.getvalue()
    assert terminal.getvalue() == ""
    proxy.write("of another\n")
    assert terminal.getvalue() == "and half of another\n"


def test_streams_that_are_no_terminal_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, pipe = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", pipe)
    with printing_above():
        assert sys.stderr is pipe
        assert sys.stdout is not terminal
        print("through")

    assert sys.stdout is terminal
    assert terminal.getvalue() == "through\n"


def _size() -> Any:
    from prompt_toolkit.data_structures import Size

    return Size(rows=24, columns=80)
