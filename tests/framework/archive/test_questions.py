import math
import random

import numpy as np
import pytest

from ronda.framework.archive.questions import Archive
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue, NotFound

NOW = 1_795_046_400.0
MX = "demo/motor/mx/position"


def reading(name, time, value, **others):
    return Event(name, time, time + 0.001, value, others.pop("type", "DevDouble"), **others)


def mark(name, time, kind, text=""):
    return Event(name, time, time, kind=kind, text=text)


def stored(folder, events):
    """An archive with events, half of them in files."""
    with Store(folder) as store:
        half = len(events) // 2
        store.append(events[:half])
        store.compact(now=NOW)
        store.append(events[half:])
    return Archive(folder)


def noisy(name, count, start=NOW, step=1.0):
    chance = random.Random(name)
    return [reading(name, start + n * step, chance.gauss(0, 1)) for n in range(count)]


def test_a_history_is_decimated_to_so_many_points_and_keeps_minima_and_maxima(tmp_path):
    events = noisy("a/b/c/x", 3000)
    events[1234] = reading("a/b/c/x", NOW + 1234, 100.0)
    events[2345] = reading("a/b/c/x", NOW + 2345, -100.0)
    with stored(tmp_path, events) as archive:
        found = archive.history("a/b/c/x", NOW, NOW + 3000, points=100)
    assert 50 <= len(found.time) <= 100
    assert found.decimated
    assert found.readings == 3000
    assert (np.diff(found.time) > 0).all()
    pairs = set(zip(found.time.tolist(), found.value.tolist(), strict=True))
    assert pairs <= {(event.time, event.value) for event in events}
    assert {(NOW + 1234, 100.0), (NOW + 2345, -100.0)} <= pairs


def test_a_history_of_words_is_thinned_to_its_changes(tmp_path):
    words = ["ON"] * 40 + ["MOVING"] * 10 + ["ON"] * 50
    with stored(
        tmp_path, [reading("a/b/c/state", NOW + n, word, type="DevState") for n, word in enumerate(words)]
    ) as archive:
        found = archive.history("state", NOW, NOW + 100, points=10)
        assert list(zip(found.time - NOW, found.value, strict=True)) == [(0, "ON"), (40, "MOVING"), (50, "ON")]
        assert found.readings == 100
        with pytest.raises(BadValue, match="can be drawn"):
            found.curve()
        with pytest.raises(BadValue, match="changed more than 2 times"):
            archive.history("state", NOW, NOW + 100, points=2)


def test_a_span_ends_at_the_end_that_is_given_and_a_number_is_a_time(tmp_path):
    with stored(tmp_path, noisy("a/b/c/x", 100)) as archive:
        assert archive.history("a/b/c/x", "10 s", NOW + 50).time.tolist() == [NOW + n for n in range(40, 51)]
        assert archive.history("a/b/c/x", str(NOW + 90), str(NOW + 95)).readings == 6


def test_a_curve_is_interrupted_where_the_device_was_away(tmp_path):
    events = [reading(MX, NOW, 1.0), mark("demo/motor/mx", NOW + 1, "vanish"), reading(MX, NOW + 2, 2.0)]
    with stored(tmp_path, events) as archive:
        found = archive.history(MX, NOW, NOW + 10)
    assert [event.kind for event in found.breaks] == ["vanish"]
    time, value = found.curve()
    assert (time - NOW).tolist() == [0, 1, 2]
    assert np.array_equal(value, [1.0, math.nan, 2.0], equal_nan=True)


def test_there_is_no_value_while_the_device_was_away_and_the_answer_says_so(tmp_path):
    events = [
        reading(MX, NOW, 1.0),
        reading("demo/motor/my/position", NOW, 5.0),
        mark("demo/motor/mx", NOW + 10, "vanish", "its server does not answer"),
        mark("demo/motor/mx", NOW + 20, "appear"),
        reading(MX, NOW + 21, 2.0),
        mark(MX, NOW + 30, "error", "the encoder is broken"),
        mark("*", NOW + 40, "gap"),
        Event(MX, NOW + 50, NOW + 50, None, "DevDouble", "INVALID"),
    ]
    expected = [
        (-1, None, "nothing was stored of it until then"),
        (5, 1.0, ""),
        (15, None, "its device was away: its server does not answer"),
        (20.5, None, "its device had just come"),
        (25, 2.0, ""),
        (35, None, "it could not be read: the encoder is broken"),
        (45, None, "the data logger was not listening"),
        (55, None, "its quality was INVALID"),
    ]
    with stored(tmp_path, events) as archive:
        for later, value, reason in expected:
            (found,) = archive.value_at(["mx/position"], NOW + later)
            assert found.attribute == MX
            assert found.value == value
            assert reason in found.reason
            assert found.known == (reason == "")
        (other,) = archive.value_at(["demo/motor/my/position"], NOW + 35)
        assert (other.value, other.age) == (5.0, 35.0)


def test_a_value_that_did_not_change_for_months_is_found(tmp_path):
    with stored(tmp_path, [reading("a/b/c/old", NOW - 200 * 86400, 3), *noisy("a/b/c/x", 10)]) as archive:
        old, x = archive.value_at(["a/b/c/old", "a/b/c/x"], NOW + 100)
    assert (old.value, old.age) == (3, 200 * 86400 + 100)
    assert x.known


def test_attributes_are_aligned_to_one_axis_of_time(tmp_path):
    events = [
        reading(MX, NOW - 100, 1.0),
        reading("a/b/c/state", NOW + 1.5, "ON"),
        reading(MX, NOW + 2, 2.0),
        mark("demo/motor/mx", NOW + 3.5, "vanish"),
        reading(MX, NOW + 5, 3.0),
    ]
    with stored(tmp_path, events) as archive:
        found = archive.aligned(["mx/position", "a/b/c/state"], NOW, NOW + 6, "1 s")
        with pytest.raises(BadValue, match="a longer step"):
            archive.aligned([MX], NOW, NOW + 86400, 0.001)
    assert (found.time - NOW).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert np.array_equal(found.values[MX], [1, 1, 2, 2, math.nan, 3, 3], equal_nan=True)
    assert found.values["a/b/c/state"].tolist() == [None, None, "ON", "ON", "ON", "ON", "ON"]


def test_the_configuration_of_a_device_at_a_time_is_told_with_its_attributes(tmp_path):
    events = [
        mark("demo/motor/mx", NOW, "configuration", '{"velocity": 1}'),
        reading(MX, NOW + 1, 1.0),
        mark("demo/motor/mx", NOW + 10, "configuration", '{"velocity": 2}'),
    ]
    with stored(tmp_path, events) as archive:
        before = archive.configuration_at("mx", NOW + 5)
        after = archive.configuration_at("demo/motor/MX", NOW + 15)
        never = archive.configuration_at("mx", NOW - 5)
        with pytest.raises(NotFound, match="of the device mz"):
            archive.configuration_at("mz", NOW)
    assert (before.configuration, before.since) == ({"velocity": 1}, NOW)
    assert [(one.attribute, one.value) for one in before.attributes] == [(MX, 1.0)]
    assert (after.configuration, after.since) == ({"velocity": 2}, NOW + 10)
    assert (never.configuration, never.since) == (None, None)


def test_names_are_searched_and_their_ends_are_enough_where_they_are_clear(tmp_path):
    with stored(tmp_path, [*noisy(MX, 2), *noisy("demo/motor/my/position", 2), *noisy("demo/oven/o/t", 2)]) as archive:
        assert archive.search("motor") == [MX, "demo/motor/my/position"]
        assert archive.search("*/T") == ["demo/oven/o/t"]
        assert archive.resolve("O/T") == "demo/oven/o/t"
        with pytest.raises(BadValue, match="position is not clear: demo/motor/mx/position, demo/motor/my/position"):
            archive.resolve("position")
        with pytest.raises(NotFound, match="names like it: demo/motor/mx/position"):
            archive.resolve("mz/position")


def test_several_stores_in_a_folder_answer_as_one(tmp_path):
    for number in range(2):
        with Store(tmp_path / f"logger{number}") as store:
            store.append([reading(f"a/b/c/x{number}", NOW, float(number))])
            store.compact(now=NOW)
    with Archive(tmp_path) as archive:
        assert archive.search() == ["a/b/c/x0", "a/b/c/x1"]
        assert [one.value for one in archive.value_at(["a/b/c/x0", "a/b/c/x1"], NOW)] == [0.0, 1.0]


def test_a_folder_without_a_store_is_no_archive(tmp_path):
    with pytest.raises(NotFound, match="there is no archive in"):
        Archive(tmp_path)


def test_names_in_questions_are_never_taken_for_sql(tmp_path):
    evil = "a/b/c/x'); drop view events; --"
    with stored(tmp_path, [reading(evil, NOW, 1.0), reading(evil, NOW + 1, 2.0)]) as archive:
        assert archive.history(evil, NOW, NOW + 1).value.tolist() == [1.0, 2.0]
        assert archive.value_at([evil], NOW + 9)[0].value == 2.0
        assert archive.aligned([evil], NOW, NOW + 1, 1.0).values[evil].tolist() == [1.0, 2.0]
        assert archive.export([evil], tmp_path / "it's.csv", NOW, NOW + 1) == 2


def test_a_question_starts_anew_when_its_files_are_merged_meanwhile(tmp_path, monkeypatch):
    from ronda.framework.archive import reading as looking

    with stored(tmp_path, noisy("a/b/c/x", 20)) as archive:
        view = looking._view

        def late(*args):
            monkeypatch.setattr(looking, "_view", view)
            with Store(tmp_path) as store:
                store.compact(now=NOW + 10 * 86400)
            return view(*args)

        monkeypatch.setattr(looking, "_view", late)
        assert archive.history("a/b/c/x", NOW, NOW + 100).readings == 20
