"""How received bytes become lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ronda.simulators.framing import LINES, Framing

EITHER = Framing(ends=b"\r\n")
GCS = Framing(alone=b"\x05\x18")


def test_lines_end_with_a_line_feed_unless_said_otherwise() -> None:
    assert LINES.split(b"one\r\ntwo\nthr") == ([b"one\r", b"two"], b"thr")


def test_a_line_may_end_with_either_of_two_bytes() -> None:
    assert EITHER.split(b"one\rtwo\nthr") == ([b"one", b"two"], b"thr")
    assert EITHER.split(b"one\r\n") == ([b"one", b""], b"")


def test_a_byte_that_stands_alone_needs_no_line_end_and_leaves_the_line_around_it() -> None:
    assert GCS.split(b"MOV 1\x05 3\n\x18PO") == ([b"\x05", b"MOV 1 3", b"\x18"], b"PO")


@given(st.lists(st.binary(max_size=8)), st.sampled_from([LINES, EITHER, GCS]))
def test_it_does_not_matter_in_which_pieces_the_bytes_come(pieces: list[bytes], framing: Framing) -> None:
    whole, whole_rest = framing.split(b"".join(pieces))
    lines: list[bytes] = []
    rest = b""
    for piece in pieces:
        more, rest = framing.split(rest + piece)
        lines += more
    assert (lines, rest) == (whole, whole_rest)
