"""What people point at: clicks and marks are found by those whom they concern, each once."""

import pytest

from ronda.framework.errors import BadValue
from ronda.framework.stream.pointed import CLICK, LONGEST, LONGEST_NOTE, MARK, MOST, MOST_MARKS, to_text


@pytest.fixture
def pointer(stream):
    return stream.pointer()


def test_who_waits_for_a_click_sees_only_what_comes_after(pointer):
    pointer.add(CLICK, "a", 1, "live view", positions={"samx": 1.0})
    place = pointer.place(CLICK)
    assert pointer.after(place, CLICK) == []
    made = pointer.add(CLICK, "b", 2, "live view", positions={"samx": 2.5}, values={"diode": 3.0}, index=4)
    pointer.add(MARK, "b", 2, "live view", note="no click")
    assert pointer.after(place, CLICK) == [made]
    assert str(made) == "samx 2.5, point 4: diode 3"


def test_a_scan_has_its_own_marks_the_latest_ones_if_there_are_very_many(pointer):
    for number in range(MOST_MARKS + 2):
        pointer.add(MARK, "a", 1, "live view", note=f"note {number}", pixel=[3, number])
    pointer.add(MARK, "b", 2, "live view", note="another scan")
    marks = pointer.marks("a")
    assert [one.note for one in marks] == [f"note {number}" for number in range(2, MOST_MARKS + 2)]
    assert str(marks[0]) == "row 3 column 2"
    assert pointer.marks("c") == []


def test_clicks_push_no_mark_out(pointer):
    pointer.add(MARK, "a", 1, "live view", note="keep me")
    for number in range(2 * MOST):
        pointer.add(CLICK, "a", 1, "live view", positions={"samx": number})
    assert [one.note for one in pointer.marks("a")] == ["keep me"]


def test_what_was_sent_again_is_told_once(pointer):
    token = pointer.add(MARK, "a", 1, "live view", note="one").token
    pointer.add(MARK, "a", 1, "live view", note="one", token=token)
    assert len(pointer.marks("a")) == 1


def test_what_is_too_long_is_refused(pointer):
    with pytest.raises(BadValue, match=f"{LONGEST_NOTE} are allowed"):
        pointer.add(MARK, "a", 1, "live view", note="x" * (LONGEST_NOTE + 1))
    with pytest.raises(BadValue, match=f"{LONGEST} are allowed"):
        pointer.add(MARK, "a", 1, "live view", channel="x" * LONGEST)
    assert pointer.place(CLICK) == pointer.place(MARK) == "0-0"


def test_no_marks_are_no_text():
    assert to_text([]) == ""
