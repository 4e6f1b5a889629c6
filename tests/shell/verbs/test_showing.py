"""What the prompt has shown on the page: what is said of it, and what is no plot."""

import numpy as np
import pytest

from ronda.framework.errors import BadValue, CommunicationFailed
from ronda.shell.verbs.showing import OnPage, numbers
from ronda.shell.view.messages import decode


class Board:
    """Keeps what was put there."""

    def __init__(self, failure=None):
        self.kept = {}
        self.failure = failure

    def put(self, kind, message):
        if self.failure:
            raise self.failure
        self.kept[kind] = decode(message)


@pytest.fixture
def board():
    return Board()


def test_a_scan_and_a_selection_are_put_there_and_the_address_is_told(board):
    page = OnPage(lambda: board, "http://127.0.0.1:20001/")
    assert page.scan("abc", ["diode"], "samx") == "on the page http://127.0.0.1:20001/"
    assert page.selection([]) == "on the page http://127.0.0.1:20001/"
    told = {"type": "plot", "scan": "abc", "counters": ["diode"], "axis": "samx", "arrays": []}
    assert board.kept["plot"] == (told, {})
    assert board.kept["selection"][0]["counters"] == []


def test_without_a_page_nothing_is_told(board):
    assert OnPage(lambda: board).scan("abc", [], "") == ""
    lost = CommunicationFailed("Redis at x: does not answer")
    assert OnPage(lambda: Board(lost)).selection(["i0"]) == ""
    assert OnPage(lambda: Board(lost), "http://x/").selection([]) == "not on the page: Redis at x: does not answer"


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i8", "<u2", "?", "<f2"])
def test_arrays_arrive_as_they_are(board, dtype):
    image = (np.arange(6).reshape(2, 3) % 2).astype(dtype)
    OnPage(lambda: board).drawing(numbers([image]))
    header, arrays = board.kept["drawing"]
    assert header["time"] > 0
    np.testing.assert_array_equal(arrays["image"], image.astype(float))


def test_curves_have_positions():
    assert [(name, list(values)) for name, values in numbers([[5, 7]])] == [("index", [0, 1]), ("values", [5, 7])]
    assert [name for name, _ in numbers([[1, 2], (3, 4)])] == ["positions", "values"]
    assert [name for name, _ in numbers([[1, 2], [3, 4], [5, 6]])] == ["positions", "values 1", "values 2"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([[]], r"not float64 of shape \(0,\)"),
        ([["a", "b"]], r"takes numbers of shape \(n,\) or \(rows, columns\), not str\d+ of shape \(2,\)"),
        ([np.zeros((2, 2, 2))], r"not float64 of shape \(2, 2, 2\)"),
        ([np.zeros(3), 5], r"not int64 of shape \(\)"),
        ([[1, 2], [1, 2, 3]], r"must be of one length, not \(2,\), \(3,\)"),
        ([np.zeros((2, 2)), [1, 2]], r"takes one image, not one and 1 arrays more"),
        ([[[1], [1, 2]]], r"takes arrays of numbers, not "),
        ([np.array([1j])], r"not complex128"),
    ],
)
def test_what_is_no_plot_is_told(given, sentence):
    with pytest.raises(BadValue, match=sentence):
        numbers(given)
