"""The logbook as a file: each entry once, whatever stands in it, and whenever the server died."""

import re

import pytest

from ronda.devices.logbook.markdown import NAME, append, markdown
from ronda.framework.stream.logbook import LogEntry

ENTRIES = [
    LogEntry("5-0", 1e9, "command", "mv(samx, 1)", "ada", ""),
    LogEntry("5-1", 1e9, "note", "a crack\nat the edge", "bob", "night"),
    LogEntry("16-0", 1e9, "error", "samx: `no`", "ada", ""),
    LogEntry("100-0", 1e9, "scan", "scan 1 COMPLETED", "ada", ""),
]


def identifiers(folder):
    return re.findall(r"<!-- (\S+) -->$", (folder / NAME).read_text(), re.MULTILINE)


def test_what_is_written_again_after_a_death_stands_there_once(tmp_path):
    folder = tmp_path / "collection"
    assert append(folder, ENTRIES[:3]) == 3
    assert append(folder, ENTRIES[1:]) == 1
    assert append(folder, ENTRIES) == 0
    assert identifiers(folder) == ["5-0", "5-1", "16-0", "100-0"]


def test_an_entry_of_which_a_part_was_written_is_written_again_on_a_new_line(tmp_path):
    append(tmp_path, ENTRIES[:1])
    with (tmp_path / NAME).open("a") as file:
        file.write(markdown(ENTRIES[1])[:20])
    append(tmp_path, ENTRIES[1:])
    assert identifiers(tmp_path) == ["5-0", "5-1", "16-0", "100-0"]


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("command", "mv(samx, 1)", "`mv(samx, 1)`"),
        ("command", "print(`x`)", "`` print(`x`) ``"),
        ("command", "for x in y:\n    z", "\n\n  ```python\n  for x in y:\n      z\n  ```\n "),
        ("error", "samx: no", "**error** `samx: no`"),
        ("note", "one\ntwo", "**note** one  \n  two"),
        ("note", "\x1b[31mred\x1b[0m\x07 <!-- 7-0 -->", "**note** red <! -- 7-0 -->"),
        ("scan", "scan 1 begins", "scan 1 begins"),
    ],
)
def test_whatever_stands_in_an_entry_stays_in_it(kind, text, told):
    line = markdown(LogEntry("5-0", 1e9, kind, text, "ada", "night"))
    assert line[2:].partition(" ada, night: ")[2] == f"{told} <!-- 5-0 -->\n"
