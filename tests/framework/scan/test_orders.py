"""What a scan and its devices tell each other: exposure times that change from point to point."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.errors import BadValue
from ronda.framework.scan.orders import Order
from ronda.framework.scan.plan import Plan


def plan(exposures):
    return Plan("a", "", max(exposures), (), len(exposures), exposures=tuple(exposures))


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5]), min_size=1, max_size=50))
def test_each_point_has_its_exposure_time_after_the_way_over_tango(exposures):
    told = Order("id", max(exposures), len(exposures), exposures=plan(exposures).exposure_runs())
    heard = Order.from_json(told.to_json())

    assert heard == told
    assert [heard.at(index).exposure for index in range(len(exposures))] == exposures


def test_points_of_one_exposure_time_need_no_list():
    assert plan([0.1, 0.1, 0.1]).exposure_runs() == ()
    assert plan([0.1, 0.1, 0.1]).known() == {}
    assert plan([0.1, 0.2]).known() == {"exposure_time": ("s", (0.1, 0.2))}


@pytest.mark.parametrize(
    "text", ['{"scan": "x", "exposure": 1, "exposures": [[0, 0]]}', '{"scan": "x", "exposure": 0}']
)
def test_an_exposure_time_of_nothing_is_refused(text):
    with pytest.raises(BadValue, match="exposure must be above 0 s"):
        Order.from_json(text)


def test_exposures_that_are_no_pairs_are_refused():
    with pytest.raises(BadValue, match="ArmScan takes JSON such as"):
        Order.from_json('{"scan": "x", "exposure": 1, "exposures": [1, 2]}')
