"""The board: of each kind the latest stands there, and who waits is told at once."""

import threading

import pytest

from ronda.framework.errors import BadValue
from ronda.framework.stream.board import LARGEST


def test_the_latest_of_each_kind_stands_there(stream):
    board = stream.board()
    assert board.after({}, 0.0) == []
    board.put("plot", b"one")
    board.put("plot", b"two")
    board.put("selection", b"three")

    found = {one.kind: one for one in board.after({}, 0.0)}
    assert {kind: one.message for kind, one in found.items()} == {"plot": b"two", "selection": b"three"}
    places = {kind: one.place for kind, one in found.items()}
    assert board.after(places, 0.0) == []
    board.put("plot", b"two")
    [again] = board.after(places, 0.0)
    assert (again.kind, again.message) == ("plot", b"two")


def test_who_waits_is_told(stream):
    board = stream.board()
    teller = threading.Timer(0.2, board.put, ("drawing", b"numbers"))
    teller.start()
    assert [one.message for one in board.after({}, 60)] == [b"numbers"]
    teller.join()


def test_what_is_too_large_is_refused(stream):
    with pytest.raises(BadValue, match=r"drawing: takes 16\.0 MB, displays take 16 MB at most; show a part"):
        stream.board().put("drawing", bytes(LARGEST + 1))
    assert stream.board().after({}, 0.0) == []
