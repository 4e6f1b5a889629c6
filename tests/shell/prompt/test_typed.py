"""The typing helper: what becomes a call, and what stays as it was typed."""

from __future__ import annotations

import ast
import keyword
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.shell.prompt.typed import as_call

Named = object


class Thing:
    position = 1.0

    def move(self, target: float) -> None: ...

    @property
    def dead(self) -> float:
        raise AssertionError("a device was asked")


def newsample(name: str, description: str = "") -> None: ...


def newdataset(name: str | int = "") -> None: ...


def command(*arguments: Any, **keywords: Any) -> None: ...


def debugon(*what: Named) -> None: ...


COMMANDS = {
    "debugon": debugon,
    "wa": command,
    "mv": command,
    "mvr": command,
    "ascan": command,
    "newsample": newsample,
    "newdataset": newdataset,
}
NAMES: dict[str, Any] = {**COMMANDS, "samx": Thing(), "samy": Thing(), "diode": Thing(), "x": 3}


def call(text: str) -> str:
    return as_call(text, NAMES, COMMANDS.__contains__)


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("wa", "wa()"),
        ("  wa  ", "  wa()  "),
        ("wa samx", "wa(samx)"),
        ("mv samx 3", "mv(samx, 3)"),
        ("mv samx -3", "mv(samx, -3)"),
        ("mv samx, 3", "mv(samx, 3)"),
        ("mv samx 3 samy -1.5e-3", "mv(samx, 3, samy, -1.5e-3)"),
        ("ascan samx 0 1 10 .1", "ascan(samx, 0, 1, 10, .1)"),
        ("ascan samx 0 1 10 .1 diode title='my scan'", "ascan(samx, 0, 1, 10, .1, diode, title='my scan')"),
        ("mv samx samy.position + 1", "mv(samx, samy.position + 1)"),
        ("mv samx max(1, 2)", "mv(samx, max(1, 2))"),
        ("samx.move 3", "samx.move(3)"),
        ("mvr -3", "mvr(-3)"),
        ("samx.move -.5", "samx.move(-.5)"),
        ("debugon mc* samx ct1", "debugon('mc*', samx, 'ct1')"),
        ("newsample Cu", "newsample('Cu')"),
        ("newsample Cu-foil 'of 6 µm'", "newsample('Cu-foil', 'of 6 µm')"),
        ("newsample /data/my-foil", "newsample('/data/my-foil')"),
        ("newdataset 3", "newdataset(3)"),
        ("mv samx 3; wa", "mv(samx, 3); wa()"),
        ("wa; wa", "wa(); wa()"),
        ("mv samx 3  # to the beam", "mv(samx, 3)  # to the beam"),
        ("for i in range(3):\n    mv samx i\n    wa\n", "for i in range(3):\n    mv(samx, i)\n    wa()\n"),
        ("mv smax 3", "mv(smax, 3)"),
    ],
)
def test_a_command_with_arguments_becomes_a_call(typed: str, called: str) -> None:
    assert call(typed) == called


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "samx",
        "x",
        "mv(samx, 3)",
        "mv (samx, 3)",
        "wa()",
        "wa - 1",
        "wa = 3",
        "newsample / 3",
        "wa /x",
        "samx.position",
        "samx.dead 3",
        "x 3",
        "unknown samx 3",
        "if x:",
        "import numpy as np",
        "print 'a",
        "mv samx )",
        "mv 3 =",
        "# wa",
        "'''\nmv samx 3\n'''",
        "text = '''\nmv samx 3\n",
        "list = [\nwa\n",
        "def f():\n    mv(samx, 3)\n    wa\n",
    ],
)
def test_everything_else_stays_as_it_is(typed: str) -> None:
    assert call(typed) == typed


IDENTIFIERS = st.from_regex(r"[a-z_]{1,6}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))
EXPRESSIONS = st.recursive(
    IDENTIFIERS | st.sampled_from([*NAMES, "1", "-2.5", "'a b'", '"#;"']),
    lambda inner: st.builds(
        lambda form, one, two: form.format(one, two),
        st.sampled_from(["{}({})", "({} + {})", "[{}, {}]", "{{{}: {}}}", "{} - {}", "{} if {} else 1"]),
        inner,
        inner,
    ),
)


@given(EXPRESSIONS, st.sampled_from(["{}", "a = {}", "for i in {}: pass", "return_ = [{}]", "assert {}"]))
def test_valid_python_is_never_changed(expression: str, form: str) -> None:
    text = form.format(expression)
    try:
        ast.parse(text)
    except SyntaxError:
        return
    if text.strip() not in COMMANDS:
        assert call(text) == text


@given(st.text(alphabet="abmvw samxy0123456789.,;#'\"()[]{}\\\n =-+", max_size=40))
def test_no_text_is_too_odd_and_doing_it_twice_changes_nothing_more(text: str) -> None:
    once = call(text)

    assert call(once) == once
