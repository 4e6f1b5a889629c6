"""The commands that ask data loggers of the past."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from ronda.framework.clients.data_logger import DataLogger
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import BadValue, CommunicationFailed, NotFound
from ronda.framework.tango.names import LoggerCommand
from ronda.shell.verbs.archive import ArchiveCommands

NOW = 1_800_000_000.0


class Answering(Remote):
    """Stands for the Tango device of a logger."""

    def __init__(self, answers):
        super().__init__("logger", "demo/data_logger/logger", lambda _: SimpleNamespace(**PROXY))
        self.answers = answers
        self.asked = []

    def command(self, name, argument=None):
        self.asked.append((name, json.loads(argument)))
        answer = self.answers.get(name)
        if answer is None:
            raise NotFound("nothing was ever stored of that")
        return json.dumps(answer)


PROXY = {"set_timeout_millis": lambda _: None, "get_timeout_millis": lambda: 3000, "get_green_mode": lambda: None}


def history(values, breaks=()):
    times = [NOW - 3600 + 600 * number for number in range(len(values))]
    marks = [{"attribute": "a/b/c/d", "time": NOW - 60, "kind": kind, "text": text} for kind, text in breaks]
    return {
        "attribute": "demo/axis/samx/position",
        "since": NOW - 7200,
        "until": NOW,
        "time": times,
        "value": values,
        "readings": len(values),
        "decimated": False,
        "rolled": 0,
        "breaks": marks,
    }


@pytest.fixture
def asking(output):
    """`asking({"History": …}, …)` makes the commands with a logger for each set of answers."""

    def make(*answers):
        loggers = [DataLogger(Answering(one), "DataLogger") for one in answers]
        beamline = SimpleNamespace(name="demo", objects={f"logger{number}": one for number, one in enumerate(loggers)})
        typed = []
        console = Console(file=output, width=100)
        commands = ArchiveCommands(beamline, console, lambda pattern, last: typed.append((pattern, last)))
        return commands, [one.remote for one in loggers], typed

    return make


def test_numbers_are_plotted_with_what_they_reached(asking, output):
    commands, (logger,), _ = asking({LoggerCommand.HISTORY: history([1.0, 5.0, 2.0], [("gap", "its server died")])})
    commands.history("samx/position", "2 h")
    assert logger.asked == [("History", {"attribute": "samx/position", "since": "2 h", "until": None, "points": 1000})]
    said = output.getvalue()
    assert "samx/position" in said
    assert "3 readings, lowest 1, highest 5, last 2" in said
    assert said.splitlines()[-1].endswith("gap: its server died")


def test_words_are_listed_with_their_times(asking, output):
    commands, _, _ = asking({LoggerCommand.HISTORY: history(["ON", "MOVING", None])})
    commands.history("samx/State", "yesterday 18:00", "now")
    lines = output.getvalue().splitlines()
    assert [line.split()[-1] for line in lines] == ["value", "ON", "MOVING", "–"]


def test_numbers_are_listed_too_when_that_is_wanted(asking, output):
    commands, _, _ = asking({LoggerCommand.HISTORY: history([1.25])})
    commands.history("samx/position", "2 h", table=True)
    assert output.getvalue().splitlines()[-1].split()[-1] == "1.25"


def test_nothing_stored_in_that_time_is_said(asking, output):
    commands, _, _ = asking({LoggerCommand.HISTORY: history([])})
    commands.history("samx/position", "2 h")
    assert output.getvalue() == "nothing was stored of demo/axis/samx/position in that time\n"


def test_the_logger_that_knows_an_attribute_answers(asking, output):
    commands, (first, second), _ = asking({}, {LoggerCommand.HISTORY: history([1.0, 2.0])})
    commands.history("samx/position", "2 h")
    assert (len(first.asked), len(second.asked)) == (1, 1)
    assert "2 readings" in output.getvalue()


def test_without_a_time_the_commands_typed_before_are_shown(asking):
    commands, _, typed = asking({})
    commands.history()
    commands.history("ascan")
    commands.history(last=100)
    assert typed == [("", 30), ("ascan", 30), ("", 100)]


def test_what_is_no_attribute_is_refused(asking):
    commands, _, _ = asking({})
    with pytest.raises(BadValue, match='takes an attribute such as "samx/Position"'):
        commands.history("samx", "2 h")
    with pytest.raises(NotFound, match="nothing was ever stored"):
        commands.history("samx/position", "2 h")


def test_a_beamline_without_a_logger_says_so(asking):
    commands, _, _ = asking()
    with pytest.raises(NotFound, match="the beamline demo has no data logger"):
        commands.whatchanged("1 h")


def change(attribute, old, new, command=""):
    keys = {"what": "setting", "who": "jane@id01, process 42", "times": 1, "reason": ""}
    return {"attribute": attribute, "old": old, "new": new, "time": NOW, "command": command, **keys}


def test_what_changed_is_listed_with_the_way_back(asking, output):
    back = "tango.DeviceProxy('demo/axis/samx').write_attribute('position', 0.0)"
    answer = {"changes": [change("demo/axis/samx/position", 0.0, 5.5, back)], "more": 3}
    commands, (logger,), _ = asking({LoggerCommand.WHAT_CHANGED: answer})
    commands.whatchanged("yesterday 18:00", "now")
    assert logger.asked == [("WhatChanged", {"since": "yesterday 18:00", "until": "now", "pattern": "*"})]
    first, moved, who, way, more = output.getvalue().splitlines()
    assert first == "settings"
    assert moved.endswith("  demo/axis/samx/position  0 → 5.5")
    assert who == "    by jane@id01, process 42"
    assert way == f"    back: import tango; {back}"
    assert more.startswith("and 3 more")


def test_nothing_changed_is_said(asking, output):
    commands, _, _ = asking({LoggerCommand.WHAT_CHANGED: {"changes": [], "more": 0}})
    commands.whatchanged("1 h")
    assert output.getvalue() == "nothing differs but readings that jitter\n"


def test_a_long_name_is_not_cut(asking, output):
    name = f"demo/axis/{'a' * 120}/position"
    commands, _, _ = asking({LoggerCommand.WHAT_CHANGED: {"changes": [change(name, 0.0, 5.5)], "more": 0}})
    commands.whatchanged("1 h")
    assert name in output.getvalue()


def test_what_the_archive_began_with_is_told(asking, output):
    answer = {"changes": [], "more": 0, "since": NOW - 3600, "begins": NOW - 60}
    commands, _, _ = asking({LoggerCommand.WHAT_CHANGED: answer})
    commands.whatchanged("1 h")
    assert output.getvalue().startswith("the archive begins at ")


def test_a_logger_that_does_not_answer_hides_no_other(asking, output, monkeypatch):
    commands, (first, _), _ = asking({}, {LoggerCommand.HISTORY: history([1.0, 2.0])})

    def away(*_):
        raise CommunicationFailed("logger: its server does not answer")

    monkeypatch.setattr(first, "command", away)
    commands.history("samx/position", "2 h")
    assert "2 readings" in output.getvalue()


def test_what_only_a_logger_that_is_away_may_know_is_told_as_its_fault(asking, monkeypatch):
    commands, (first, _), _ = asking({}, {})

    def away(*_):
        raise CommunicationFailed("logger: its server does not answer")

    monkeypatch.setattr(first, "command", away)
    with pytest.raises(CommunicationFailed, match="does not answer"):
        commands.history("samx/position", "2 h")


def test_a_question_leaves_the_time_limit_of_the_client_as_it_was(asking, monkeypatch):
    limits = []
    monkeypatch.setitem(PROXY, "set_timeout_millis", limits.append)
    commands, _, _ = asking({LoggerCommand.HISTORY: history([1.0, 2.0])})
    commands.history("samx/position", "2 h")
    assert limits == [30_000, 3000]
