"""User position, dial and steps belong together whatever the numbers are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.devices.motor.parameters import AxisParameters
from ronda.devices.motor.scale import Scale, move_time
from ronda.framework.errors import BadValue, OutOfRange

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@st.composite
def scales(draw) -> Scale:
    low = draw(numbers)
    return Scale(
        sign=draw(st.sampled_from([1, -1])),
        offset=draw(numbers),
        steps_per_unit=draw(st.floats(1e-3, 1e7)),
        low=low,
        high=low + draw(st.floats(1e-3, 1e6)),
        unit="mm",
    )


def close(first: float, second: float, size: float = 1e6) -> bool:
    return math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12 * size)


@given(scales(), numbers)
def test_dial_is_user_minus_offset_times_sign(scale, user):
    assert close(scale.dial(user), (user - scale.offset) / scale.sign)
    assert close(scale.user(scale.dial(user)), user)


@given(scales(), numbers)
def test_steps_and_dial_are_each_others_inverse(scale, dial):
    assert close(scale.from_steps(scale.steps(dial)), dial)


@given(scales(), st.floats(0, 1))
def test_what_is_inside_the_dial_limits_is_inside_the_user_limits(scale, part):
    inside = scale.low + part * (scale.high - scale.low)
    scale.check("samx", scale.user(inside))


@given(scales(), st.floats(1.0, 1e6))
def test_what_is_outside_is_refused_on_both_sides(scale, beyond):
    for dial in (scale.low - beyond, scale.high + beyond):
        with pytest.raises(OutOfRange, match=r"samx: cannot move to \S+ mm, outside limits \["):
            scale.check("samx", scale.user(dial))


@given(scales(), numbers, st.sampled_from([1, -1]))
def test_limits_stay_on_the_dial_when_offset_and_sign_change(scale, offset, sign):
    changed = Scale(sign, offset, scale.steps_per_unit, scale.low, scale.high, "mm")
    low, high = changed.limits()
    bounds = sorted((changed.dial(low), changed.dial(high)))
    assert close(bounds[0], scale.low, 1e7)
    assert close(bounds[1], scale.high, 1e7)


@given(scales(), numbers, st.floats(1e-3, 1e6))
def test_limits_given_in_user_units_come_back_as_given(scale, low, width):
    stored = scale.dial_limits("samx", low, low + width)
    assert None not in stored
    again = Scale(scale.sign, scale.offset, 1.0, *stored, "mm")  # type: ignore[arg-type]
    assert close(again.limits()[0], low, 1e7)
    assert close(again.limits()[1], low + width, 1e7)


@given(scales())
def test_the_limits_themselves_can_be_reached(scale):
    for bound in scale.limits():
        scale.check("samx", bound)


def axis(**keys) -> AxisParameters:
    return AxisParameters.model_validate(
        {"channel": 1, "steps_per_unit": 2000, "velocity": 2, "acceleration_time": 0.1, **keys}
    )


def test_an_axis_without_limits_may_go_anywhere():
    scale = Scale.of(axis())
    assert scale.limits() == (-math.inf, math.inf)
    scale.check("samx", 1e9)


def test_one_limit_may_be_absent():
    scale = Scale.of(axis(limits=[None, 5], sign=-1))
    assert scale.limits() == (-5.0, math.inf)
    with pytest.raises(OutOfRange, match=r"cannot move to -6\.0 mm, outside limits \[-5\.0, inf\] mm"):
        scale.check("samx", -6.0)


def test_the_sentence_says_who_where_and_what_is_allowed():
    with pytest.raises(OutOfRange, match=r"^samx: cannot move to 9\.0 mm, outside limits \[-5\.0, 5\.0\] mm$"):
        Scale.of(axis(limits=[-5, 5])).check("samx", 9.0)


@pytest.mark.parametrize("target", [math.nan, math.inf, -math.inf])
def test_a_target_that_is_no_number_is_refused(target):
    with pytest.raises(BadValue, match="a position is a finite number of mm"):
        Scale.of(axis()).check("samx", target)


def test_a_limit_typed_by_a_person_is_reached_in_spite_of_rounding():
    scale = Scale.of(axis(limits=[-10, 10], offset=0.1))
    assert scale.limits() == (-9.9, 10.1)
    scale.check("samx", 10.1)


def test_limits_the_wrong_way_round_are_refused():
    with pytest.raises(BadValue, match=r"samx: the low limit 5\.0 mm must be below the high limit -5\.0 mm"):
        Scale.of(axis()).dial_limits("samx", 5.0, -5.0)


@pytest.mark.parametrize(
    ("distance", "velocity", "acceleration_time", "expected"),
    [(4.0, 2.0, 0.1, 2.1), (-4.0, 2.0, 0.1, 2.1), (0.2, 2.0, 0.1, 0.2), (0.05, 2.0, 0.1, 0.1), (0.0, 2.0, 0.1, 0.0)],
)
def test_a_move_takes_the_time_of_its_trapezoid(distance, velocity, acceleration_time, expected):
    assert move_time(distance, velocity, acceleration_time) == pytest.approx(expected)


def test_a_move_without_acceleration_takes_way_over_velocity():
    assert move_time(3.0, 2.0, 0.0) == 1.5


turning = st.builds(
    lambda sign, offset, low, span, modulo: Scale(sign, offset, 1000.0, low, low + span, "deg", modulo),
    st.sampled_from([1, -1]),
    st.floats(-720, 720),
    st.floats(-1000, 0),
    st.floats(0, 2000),
    st.sampled_from([360.0, 180.0, 24.0]),
)


@given(scale=turning, target=st.floats(-1000, 1000), part=st.floats(0, 1))
def test_a_rotation_turns_the_shortest_way_that_its_limits_allow(scale: Scale, target: float, part: float) -> None:
    here = scale.low + part * (scale.high - scale.low)
    try:
        aimed = scale.aim("rot", target, here)
    except OutOfRange:
        assert scale.high - scale.low < scale.modulo
        return
    slack = 1e-6
    assert scale.low - slack <= aimed <= scale.high + slack
    apart = (scale.user(aimed) - target) % scale.modulo
    assert min(apart, scale.modulo - apart) < 0.001
    for other in (aimed - scale.modulo, aimed + scale.modulo):
        if scale.low <= other <= scale.high:
            assert abs(aimed - here) <= abs(other - here) + slack


@given(scale=turning, dial=st.floats(-2000, 2000))
def test_a_rotation_shows_one_turn(scale: Scale, dial: float) -> None:
    assert -0.0006 <= scale.user(dial) < scale.modulo
