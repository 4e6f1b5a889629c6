"""Index arithmetic: what h5py accepts gives the same here, what it refuses is refused."""

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.stream.answers import BadIndex, BadSelection
from ronda.framework.stream.selection import gather, select

REFUSALS = (IndexError, TypeError, ValueError, OSError)


def dataset(shape):
    file = h5py.File("selection.h5", "w", driver="core", backing_store=False)
    return file.create_dataset("d", data=np.arange(int(np.prod(shape))).reshape(shape))


def ours(values, key, near):
    selection = select(key, values.shape, "d")
    return selection.apply(gather(selection.rows, lambda a, b: values[a:b], near))


def one_axis(length):
    index = st.integers(-length - 1, length)
    bound = st.none() | st.integers(-length - 2, length + 2)
    return st.one_of(
        index,
        index.map(np.int32),
        st.builds(slice, bound, bound, st.none() | st.integers(-1, 4)),
        st.lists(index, max_size=5),
        st.sets(st.integers(0, max(length - 1, 0)), max_size=5).map(sorted),
        st.sets(st.integers(-length, max(length - 1, 0)), max_size=5).map(sorted).map(np.array),
        st.lists(st.booleans(), min_size=length, max_size=length).map(np.array),
        st.just(Ellipsis),
        st.none(),
        st.just(1.5),
        st.just("x"),
    )


@st.composite
def shape_and_key(draw):
    shape = tuple(draw(st.lists(st.integers(0, 6), min_size=1, max_size=3)))
    if draw(st.integers(0, 9)) == 0:
        return shape, np.array(
            draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))), bool
        ).reshape(shape)
    keys = [draw(one_axis(length)) for length in shape]
    keys = keys[: draw(st.integers(0, len(keys)))]
    if draw(st.booleans()):
        keys.insert(draw(st.integers(0, len(keys))), Ellipsis)
    if any(key is Ellipsis for key in keys):  # h5py stumbles over arrays beside it, not over lists
        keys = [key.tolist() if isinstance(key, np.ndarray) else key for key in keys]
    return shape, keys[0] if len(keys) == 1 and draw(st.booleans()) else tuple(keys)


@settings(max_examples=500, deadline=None)
@given(shape_and_key(), st.sampled_from([1, 2, 100]))
def test_selection_is_that_of_h5py(case, near):
    shape, key = case
    with dataset(shape).file as file:
        values = file["d"][...]
        try:
            expected = file["d"][key]
        except REFUSALS as error:
            # h5py stumbles over a list of bools for a dataset of one axis; numpy does not.
            expected = values[key] if "Use other code for boolean" in str(error) else None
    if expected is None:
        with pytest.raises(REFUSALS):
            ours(values, key, near)
    else:
        try:
            found = ours(values, key, near)
        except BadIndex:
            assert expected.size == 0  # h5py does not look at indices when there is nothing to read
            return
        assert found.shape == expected.shape
        assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        (10, BadIndex, "d: index 10 is outside the 10 points there are"),
        ([3, 12], BadIndex, "d: index 12 is outside the 10"),
        (slice(None, None, -1), BadSelection, "step of a slice must be 1 or more, not -1"),
        ([2, 1], BadSelection, "integers of a list that selects must rise"),
        (([1], [1]), BadSelection, "only one axis can be selected by a list, 2 are"),
        (None, BadSelection, "None selects nothing; use integers, slices, ..., or one list of integers"),
        ((0, 0, 0), BadSelection, "3 indices for 2 axes"),
        ((..., ...), BadSelection, "only one ellipsis"),
        (np.ones((2, 2), int), BadSelection, "must have one axis, this has 2"),
        (np.ones(3, bool), BadSelection, "a mask of 3 elements does not fit the 10 there are"),
        (np.ones((3, 3), bool), BadSelection, r"a mask of shape \(3, 3\) does not fit the shape \(10, 4\)"),
        ([0.5], BadSelection, "holds integers, not float64"),
        ([[1], [1, 2]], BadSelection, "must have one axis"),
        (slice(0.5, 2), BadSelection, "selects nothing"),
    ],
)
def test_refusal_says_what_is_wrong(key, error, message):
    with pytest.raises(error, match=message):
        ours(np.zeros((10, 4)), key, 100)


def test_rows_far_apart_are_read_apart():
    asked = []

    def read(start, stop):
        asked.append((start, stop))
        return np.arange(start, stop)

    assert gather(np.array([1, 3, 500, 501, 900]), read, 10).tolist() == [1, 3, 500, 501, 900]
    assert asked == [(1, 4), (500, 502), (900, 901)]
    asked.clear()
    assert gather(range(0, 1000, 400), read, 10).tolist() == [0, 400, 800]
    assert asked == [(0, 1), (400, 401), (800, 801)]
