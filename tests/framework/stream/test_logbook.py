"""The logbook: entries are added once, in order, with the place where data belonged, and are found again."""

import pytest

from ronda.framework.stream.logbook import LONGEST


@pytest.fixture
def logbook(stream):
    return stream.logbook()


def test_entries_are_found_in_the_order_in_which_they_came(logbook):
    first = logbook.add("command", "mv(samx, 1)", user="ada", when=12.5)
    logbook.add("error", "samx: no", user="ada")
    logbook.add("note", "a crack", user="bob", session="night")

    entries = logbook.last(10)
    assert [(one.kind, one.text, one.user, one.session) for one in entries] == [
        ("command", "mv(samx, 1)", "ada", ""),
        ("error", "samx: no", "ada", ""),
        ("note", "a crack", "bob", "night"),
    ]
    assert entries[0].time == 12.5
    assert logbook.after(first) == entries[1:]
    assert logbook.after("0-0", most=2) == entries[:2]
    assert logbook.last(1) == entries[2:]


def test_an_entry_knows_where_data_belonged_when_it_was_added(logbook, stream):
    stream.session("night").set_place({"proposal": "hg1"})
    logbook.add("note", "one", user="ada", session="night")
    stream.session("night").set_place({"proposal": "hg2"})
    logbook.add("note", "two", user="ada", session="night")
    logbook.add("note", "three", user="ada")
    logbook.add("scan", "four", user="ada", place={"proposal": "hg3"})

    proposals = [one.place.get("proposal", "") for one in logbook.last(4)]
    assert proposals == ["hg1", "hg2", "", "hg3"]


def test_what_is_sent_again_because_no_answer_came_is_there_once(logbook):
    assert logbook.add("note", "one", user="ada", token="a") != ""
    assert logbook.add("note", "one", user="ada", token="a") == ""
    logbook.add("note", "one", user="ada", token="b")
    assert len(logbook.last(10)) == 2


def test_very_long_texts_are_cut_and_say_so(logbook):
    logbook.add("command", "x" * (LONGEST + 7), user="ada")
    assert logbook.last(1)[0].text == "x" * LONGEST + " … (7 characters left out)"


def test_each_reader_has_a_place_of_its_own(logbook):
    logbook.reach("markdown", "5-0")
    logbook.reach("webhook", "3-0")
    assert (logbook.reached("markdown"), logbook.reached("webhook"), logbook.reached("nobody")) == ("5-0", "3-0", "")
