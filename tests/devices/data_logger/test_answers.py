"""What a data logger answers about the past."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest

from ronda.devices.data_logger import asked
from ronda.devices.data_logger.answers import Answers
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.framework.errors import BadValue, NotFound

BEGIN = time.time() - 1000
SAMX = "demo/axis/samx/position"
STATE = "demo/axis/samx/state"


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """`ask.history(attribute=…)` asks about an axis that was sent from 0 to 5 and died."""
    folder = tmp_path_factory.mktemp("archive")
    with Store(folder) as store:
        store.append(
            [
                Event(SAMX, BEGIN, BEGIN, 0.0, "DevDouble", write_value=0.0),
                Event(STATE, BEGIN, BEGIN, "ON", "DevState"),
                Event("demo/axis/samx", BEGIN, BEGIN, kind="configuration", text='{"velocity": 2.0}'),
                Event(SAMX, BEGIN + 100, BEGIN + 100, 5.0, "DevDouble", write_value=5.0),
                Event(SAMX, BEGIN + 101, BEGIN + 101, math.nan, "DevDouble", write_value=5.0),
                Event("demo/mca/mca/spectrum", BEGIN, BEGIN, np.arange(3.0), "DevDouble"),
                Event(SAMX, BEGIN + 200, BEGIN + 200, kind="gap", text="its server died"),
                Event(SAMX, BEGIN + 201, BEGIN + 201, kind="vanish", text="its server died"),
            ]
        )

    def full_name(device: str) -> str:
        return {"samx": "demo/axis/samx"}.get(device, device)

    asked = Answers("logger", folder, full_name)

    class Ask:
        def __getattr__(self, command):
            return lambda **question: json.loads(getattr(asked, command)(json.dumps(question)))

    return Ask()


def test_a_history_has_times_values_and_what_broke_it(ask):
    found = ask.history(attribute="samx/position", since=BEGIN - 1, until=BEGIN + 500)
    assert found["attribute"] == SAMX
    assert found["value"] == [0.0, 5.0, None]
    assert found["time"] == pytest.approx([BEGIN, BEGIN + 100, BEGIN + 101], abs=1e-5)
    assert {(one["kind"], one["text"]) for one in found["breaks"]} == {
        ("gap", "its server died"),
        ("vanish", "its server died"),
    }
    assert (found["readings"], found["decimated"]) == (3, False)


def test_a_value_at_a_time_is_the_last_one_before_or_the_reason_why_there_is_none(ask):
    (known,) = ask.value_at(attributes=["samx/Position"], time=BEGIN + 50)
    assert (known["known"], known["value"], known["write_value"], known["quality"]) == (True, 0.0, 0.0, "VALID")
    (gone,) = ask.value_at(attributes=[SAMX], time=BEGIN + 300)
    assert (gone["known"], gone["value"]) == (False, None)
    assert "its server died" in gone["reason"]


def test_spectra_and_words_are_told_as_they_are(ask):
    found = ask.value_at(attributes=["mca/spectrum", STATE], time=BEGIN + 1)
    assert [one["value"] for one in found] == [[0.0, 1.0, 2.0], "ON"]


def test_several_attributes_stand_on_one_axis_of_time(ask):
    found = ask.aligned(attributes=["samx/position", STATE], since=BEGIN + 50, until=BEGIN + 150, step=50)
    assert found["time"] == pytest.approx([BEGIN + 50, BEGIN + 100, BEGIN + 150], abs=1e-5)
    assert found["values"][SAMX][0] == 0.0
    assert found["values"][STATE][0] == "ON"


def test_a_configuration_comes_with_what_was_known_of_the_attributes(ask):
    found = ask.configuration(device="samx", time=BEGIN + 10)
    assert found["configuration"] == {"velocity": 2.0}
    assert {one["attribute"]: one["value"] for one in found["attributes"]} == {SAMX: 0.0, STATE: "ON"}


def test_what_somebody_moved_is_found_with_the_way_back(ask):
    found = ask.whatchanged(since=BEGIN + 50, until=BEGIN + 150)
    moved = next(one for one in found["changes"] if one["attribute"] == SAMX)
    assert (moved["what"], moved["old"], moved["new"]) == ("setting", 0.0, 5.0)
    assert "demo/axis/samx" in moved["command"]
    assert found["more"] == 0


def test_names_are_found_by_a_part_and_by_a_pattern(ask):
    assert ask.search(pattern="samx")["attributes"] == [SAMX, STATE]
    assert ask.search(pattern="*/mca/*")["attributes"] == ["demo/mca/mca/spectrum"]


@pytest.mark.parametrize(
    ("command", "question", "words"),
    [
        ("history", {}, "logger: History: attribute"),
        ("history", {"attribute": SAMX, "points": 1_000_000}, "10000"),
        ("history", {"attribute": SAMX, "path": "/etc"}, "path"),
        ("history", {"attribute": SAMX, "since": "soon"}, "soon"),
        ("value_at", {"attributes": [], "time": 0}, "attributes"),
        ("value_at", {"attributes": [SAMX] * 1001, "time": 0}, "1000"),
        ("aligned", {"attributes": [SAMX], "since": BEGIN, "step": 0.001}, "more values than an answer may have"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(ask, command, question, words):
    with pytest.raises(BadValue, match=words):
        getattr(ask, command)(**question)


@pytest.mark.parametrize("question", ["no json", "[1]", "{"])
def test_what_is_no_json_object_is_refused(tmp_path, question):
    with pytest.raises(BadValue, match="logger: Search takes"):
        Answers("logger", tmp_path, str).search(question)


def test_an_attribute_that_was_never_stored_is_not_found(ask):
    with pytest.raises(NotFound, match="samz"):
        ask.history(attribute="demo/axis/samz/position")


def test_an_answer_that_is_too_long_is_refused(ask, monkeypatch):
    monkeypatch.setattr(asked, "LONGEST", 100)
    with pytest.raises(BadValue, match="more than 100; ask for less time"):
        ask.history(attribute=SAMX, since=BEGIN - 1)
