import datetime as dt

import pytest

from ronda.framework.archive.times import between, moment, span, text
from ronda.framework.errors import BadValue

NOW = dt.datetime(2026, 11, 26, 18, 30).timestamp()


@pytest.mark.parametrize(
    ("words", "local"),
    [
        ("now", "2026-11-26 18:30:00"),
        ("2 h", "2026-11-26 16:30:00"),
        ("90 min ago", "2026-11-26 17:00:00"),
        ("1 h 30 min", "2026-11-26 17:00:00"),
        ("2 days ago", "2026-11-24 18:30:00"),
        ("today", "2026-11-26 00:00:00"),
        ("Yesterday 18:00", "2026-11-25 18:00:00"),
        ("18:00", "2026-11-26 18:00:00"),
        ("9:15", "2026-11-26 09:15:00"),
        ("19:00", "2026-11-25 19:00:00"),
        ("2026-11-20", "2026-11-20 00:00:00"),
        ("2026-11-20 08:30", "2026-11-20 08:30:00"),
        ("2026-11-20T08:30:05", "2026-11-20 08:30:05"),
    ],
)
def test_times_are_understood_as_people_type_them(words, local):
    assert text(moment(words, NOW)) == local


def test_times_with_a_zone_numbers_and_dates_are_understood():
    assert moment("2026-11-26T12:00:00Z", NOW) == dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC).timestamp()
    assert moment("1795000000.5", NOW) == moment(1795000000.5, NOW) == 1795000000.5
    assert moment(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), NOW) == 1767225600


@pytest.mark.parametrize("words", ["", "soon", "25:00", "2 parsec", "yesterday noon", "5 m", "-3 h", "nan", "90"])
def test_what_is_no_time_is_refused_with_what_is_allowed(words):
    with pytest.raises(BadValue, match="is no time; say `2 h`"):
        moment(words, NOW)


def test_spans_are_understood_and_others_refused():
    assert [span(one) for one in ("2 h", "500ms", "1 h 30 min", "3", 2.5, "1 week")] == [
        7200,
        0.5,
        5400,
        3,
        2.5,
        604800,
    ]
    for bad in ("0 s", "h", "now", -1.0):
        with pytest.raises(BadValue, match="is no length of time"):
            span(bad)


def test_an_interval_ends_after_its_beginning():
    assert between("2 h", None, NOW) == (NOW - 7200, NOW)
    with pytest.raises(BadValue, match="its end must be after its beginning"):
        between("now", "2 h", NOW)
