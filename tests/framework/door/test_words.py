"""What is said at a door: bounded lines of JSON."""

import math

import pytest

from ronda.framework.door import words
from ronda.framework.errors import BadValue


def test_what_is_sent_comes_out_again():
    message = {"do": "submit", "arguments": [1, 0.5, "µm\n", None, True, {words.NAME: "samx"}]}
    line = words.packed(message)
    assert line.count(b"\n") == 1
    assert words.unpacked(line) == message


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"\x80\n", "no JSON"),
        (b"[1]\n", "a JSON object"),
        (b'{"a": NaN}\n', "NaN is no number"),
        (b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}\n", "at most 8 levels"),
        (b'{"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}\n", "door"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(line, told):
    with pytest.raises(BadValue, match=told):
        words.unpacked(line)


@pytest.mark.parametrize("value", [math.nan, object(), "x" * words.LONGEST])
def test_what_cannot_be_sent_is_refused(value):
    with pytest.raises(BadValue, match="door"):
        words.packed({"value": value})
