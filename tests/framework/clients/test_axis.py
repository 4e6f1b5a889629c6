"""An axis as a Python object."""

import math
import os

import pytest

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import BadValue, Busy, NotAllowed, OutOfRange


@pytest.fixture
def axis(beamline) -> Axis:
    found = beamline["samz"]
    yield found
    found.stop()
    found.wait()


def test_it_tells_where_it_is_and_where_it_may_go(axis):
    assert axis.unit == "mm"
    assert axis.digits == 4
    assert axis.limits == (-10.0, 10.0)
    assert axis.velocity == 2.0
    assert axis.state == "ON"
    assert axis.position == pytest.approx(axis.dial + axis.offset)


def test_a_move_returns_at_once_and_wait_waits_for_its_end(axis):
    axis.move(0.0)
    axis.move(-4.0, wait=False)  # for so long that no pause hides it
    assert axis.is_moving()
    assert axis.wait(60.0)

    assert axis.position == pytest.approx(-4.0)
    assert axis.setpoint == -4.0


def test_wait_gives_up_after_its_time(axis):
    axis.move(5.0, wait=False)

    assert not axis.wait(0.05)
    axis.stop()
    assert axis.wait(60.0)
    assert axis.setpoint == axis.position  # it did not arrive, so the target means nothing


@pytest.mark.parametrize("target", [10.5, -11.0])
def test_a_target_outside_the_limits_is_refused_in_our_words(axis, target):
    with pytest.raises(OutOfRange, match=rf"samz: cannot move to {target} mm, outside limits \[-10\.0, 10\.0\] mm"):
        axis.move(target)


def test_a_target_that_is_no_number_is_refused(axis):
    with pytest.raises(BadValue, match="samz: cannot move to nan; a position is a finite number of mm"):
        axis.move(float("nan"))


def test_a_moving_axis_is_not_sent_elsewhere(axis):
    axis.move(axis.position + 5.0 if axis.position < 5 else 0.0, wait=False)
    with pytest.raises(
        Busy, match=rf"samz: cannot move to 0.0 mm: it is moving, asked for by \S+, process {os.getpid()};"
    ):
        axis.move(0.0)
    with pytest.raises(Busy, match="samz: cannot move, it is moving already: samz: moving to"):
        axis.check([0.0])


@pytest.fixture
def told(beamline) -> list[str]:
    sentences: list[str] = []
    beamline.tell, before = sentences.append, beamline.tell
    yield sentences
    beamline.tell = before


def test_a_position_that_is_set_redefines_it_and_says_both_offsets(axis, told):
    axis.move(0.5)
    axis.position = 3
    assert (axis.position, axis.dial, axis.offset) == pytest.approx((3.0, 0.5, 2.5))
    assert told == ["samz: position 0.5000 is now called 3.0000 mm; offset 0.0000 → 2.5000 mm"]
    assert axis.limits == (-7.5, 12.5), "they stay where they are on the dial"

    axis.offset = 0
    assert told[1:] == ["samz: offset 2.5000 → 0.0000 mm"]
    assert axis.position == pytest.approx(0.5)


def test_a_dial_position_that_is_set_keeps_the_user_position(axis, told):
    axis.move(0.5)
    axis.dial = 2
    assert (axis.position, axis.dial, axis.offset) == pytest.approx((0.5, 2.0, -1.5))
    assert told == ["samz: dial position 0.5000 is now called 2.0000 mm; offset 0.0000 → -1.5000 mm"]
    axis.dial = 0.5
    assert axis.offset == pytest.approx(0.0)


def test_a_change_of_sign_keeps_the_offset(axis, told):
    axis.move(0.5)
    axis.sign = -1
    assert (axis.sign, axis.offset, axis.position) == (-1, 0.0, pytest.approx(-0.5))
    axis.sign = 1
    assert told[0] == "samz: position 0.5000 is now called -0.5000 mm"


def test_limits_may_be_set_in_any_direction(axis):
    axis.limits = (20, 30)
    assert axis.limits == (20.0, 30.0)
    axis.limits = (None, -20)
    assert axis.limits == (-math.inf, -20.0)
    axis.limits = (-10, 10)
    assert axis.limits == (-10.0, 10.0)


def test_distances_add_up_from_the_position_asked_for(axis):
    axis.move(0.0)
    for _ in range(3):
        axis.rmove(0.1)
    assert axis.target == pytest.approx(0.3, abs=1e-12)


def test_acceleration_and_its_time_are_two_words_for_one_thing(axis):
    assert axis.acceleration == pytest.approx(20.0)
    axis.acceleration = 10.0
    assert axis.acceleration_time == pytest.approx(0.2)
    axis.acceleration_time = 0.1


def test_its_table_says_what_differs_from_the_file(axis):
    axis.velocity = 1.5
    table = axis.__info__()
    axis.velocity = 2.0

    assert table.startswith("samz  Sample holder, vertically\n  state      ON: stands\n  position   ")
    assert "limits     -10.0000 to 10.0000 mm\n" in table
    assert "velocity   1.5 mm/s, reached in 0.1 s (15 mm/s²)" in table
    assert "scale      offset 0.0000 mm, sign +1, 2000 steps/mm" in table
    assert "velocity 1.5, 2.0 in the file" in table
    assert "velocity" not in axis.diff()


def test_a_fixed_axis_refuses_with_reason_and_name(axis):
    axis.fix("glued to the cryostat")
    try:
        assert "glued to the cryostat" in axis.__info__()
        for refused in (lambda: axis.move(0.0), lambda: axis.check([0.0])):
            with pytest.raises(
                NotAllowed, match=rf"it is fixed: glued to the cryostat \(.*@.*, process {os.getpid()}, "
            ):
                refused()
    finally:
        axis.release()
    axis.move(axis.position)


def test_it_is_ours_while_we_hold_it(axis):
    with axis.hold("alignment"):
        assert axis.owner.endswith(f"process {os.getpid()}, alignment")
        axis.move(0.1)
    assert axis.owner == ""


def test_a_move_that_is_broken_off_stops_the_axis(axis, monkeypatch):
    def interrupt(limit):
        monkeypatch.undo()
        raise KeyboardInterrupt

    axis.move(0.0)
    monkeypatch.setattr(axis, "await_rest", interrupt)
    with pytest.raises(KeyboardInterrupt) as interrupted:
        axis.move(9.0)
    assert axis.state == "ON"
    assert interrupted.value.__notes__ == [f"samz stopped at {axis.position:.4f} mm"]
