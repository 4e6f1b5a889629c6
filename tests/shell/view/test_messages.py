"""What is packed into a message comes out of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.shell.view.messages import ALIGNMENT, decode, encode

TYPES = ["<f8", ">f8", "<f4", "<u2", ">u2", "|u1", "<i4"]


@given(
    st.lists(st.tuples(st.sampled_from(TYPES), st.lists(st.integers(0, 5), min_size=1, max_size=3)), max_size=4),
    st.text(max_size=20),
)
def test_arrays_come_back_as_they_were(arrays: list[tuple[str, list[int]]], text: str) -> None:
    given_ = [
        (f"a{n}", np.arange(np.prod(shape)).reshape(shape).astype(dtype)) for n, (dtype, shape) in enumerate(arrays)
    ]
    header, found = decode(encode({"type": "test", "text": text}, given_))
    assert (header["type"], header["text"]) == ("test", text)
    assert list(found) == [name for name, _ in given_]
    for name, values in given_:
        assert found[name].dtype == values.dtype.newbyteorder("<")
        np.testing.assert_array_equal(found[name], values)


@given(st.text(max_size=50), st.integers(0, 9))
def test_each_array_begins_where_a_browser_can_take_it(text: str, count: int) -> None:
    message = encode({"type": text}, [("odd", np.zeros(count, np.uint8)), ("f8", np.full(1, 7.0))])
    assert len(message) % ALIGNMENT == 0
    assert np.frombuffer(message, "<f8", 1, len(message) - 8)[0] == 7.0


def test_what_is_no_json_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode({"type": "test", "value": float("nan")})
