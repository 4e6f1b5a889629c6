"""The commands that ask the person at the prompt."""

from __future__ import annotations

import asyncio
import sys

import pytest
from rich.console import Console

from ronda.framework.errors import BadValue, NotReady
from ronda.shell.verbs import asking
from ronda.shell.verbs.asking import AskingCommands


@pytest.fixture
def answers():
    """What the person types, line by line."""
    return []


@pytest.fixture
def asked():
    """The questions as they were shown."""
    return []


@pytest.fixture
def commands(output, answers, asked):
    def read(question, choices):
        asked.append(question)
        return answers.pop(0)

    return AskingCommands(Console(file=output, width=100), read)


@pytest.mark.parametrize(("typed", "meant"), [("y", True), ("YES", True), (" no ", False), ("N", False)])
def test_yes_and_no_are_understood_long_and_short(commands, answers, typed, meant):
    answers.append(typed)
    assert commands.yesno("open?") is meant


def test_enter_alone_means_the_default(commands, answers, asked):
    answers += ["", ""]
    assert commands.yesno("open?", True) is True
    assert commands.getval("exposure", 0.1, unit="s") == 0.1
    assert asked == ["open? [Y/n] ", "exposure (a number s) [0.1 s] "]


def test_what_is_no_answer_is_asked_again_with_a_sentence(commands, answers, output):
    answers += ["perhaps", "", "n"]
    assert commands.yesno("open?") is False
    assert output.getvalue().splitlines() == ["answer yes or no, or y or n"] * 2


def test_a_number_outside_its_bounds_is_asked_again(commands, answers, output):
    answers += ["11", "-1", "nan", "ten", "10"]
    assert commands.getval("exposure", low=0, high=10, unit="s") == 10.0
    assert output.getvalue().splitlines()[0] == "'11' cannot be taken; give a number from 0 to 10 s"
    assert len(output.getvalue().splitlines()) == 4


def test_whole_numbers_and_texts_keep_their_kind(commands, answers):
    answers += ["1.5", "3", "Cu foil"]
    assert commands.getval("points", 10) == 3
    assert commands.getval("sample", kind=str) == "Cu foil"


def test_one_of_several_may_be_chosen(commands, answers, output, asked):
    answers += ["Au", "Rh"]
    assert commands.getval("mirror", choices=("Si", "Rh", "Pt")) == "Rh"
    assert asked[0] == "mirror (Si, Rh or Pt) "
    assert output.getvalue() == "'Au' cannot be taken; give Si, Rh or Pt\n"


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"low": 5, "high": 1}, "getval: low should be below high, they are 5 and 1"),
        ({"kind": list}, "getval: asks for float, int or str, not list"),
        ({"default": True}, "not bool; yesno asks for yes"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(commands, keywords, sentence):
    with pytest.raises(BadValue, match=sentence):
        commands.getval("?", **keywords)


def test_without_a_terminal_it_says_that_nobody_can_answer(output, monkeypatch):
    monkeypatch.setattr(sys, "stdin", output)
    with pytest.raises(NotReady, match=r"yesno: nobody can answer 'open\?': there is no terminal; give the value in"):
        AskingCommands(Console(file=output)).yesno("open?", True)


def test_what_runs_beside_the_prompt_does_not_take_its_keys(output, monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setattr(asking, "sys", type("System", (), {"stdin": Terminal(), "stdout": Terminal()}))

    async def beside_the_prompt():
        with pytest.raises(NotReady, match="the prompt is in use"):
            AskingCommands(Console(file=output)).getval("exposure")

    asyncio.run(beside_the_prompt())
