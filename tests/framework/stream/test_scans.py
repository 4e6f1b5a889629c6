"""Scans: numbers, states, the catalogue and its news."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from ronda.framework.errors import NotAllowed, NotFound
from ronda.framework.stream import State

NOON = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)


def test_numbers_count_within_the_session_without_a_dataset(stream, one_channel):
    assert [stream.open_scan(one_channel(session="a")).number for _ in range(3)] == [1, 2, 3]
    assert stream.open_scan(one_channel(session="b")).number == 1


def test_numbers_count_within_session_sample_and_dataset(stream, one_channel):
    of = {"session": "a", "sample": "Cu"}
    assert [stream.open_scan(one_channel(**of, dataset=d)).number for d in ("x", "x", "y")] == [1, 2, 1]
    assert stream.open_scan(one_channel(session="a", sample="Fe", dataset="x")).number == 1
    assert stream.open_scan(one_channel(session="a")).number == 1


def test_number_is_above_what_is_on_disk(stream, one_channel):
    assert stream.open_scan(one_channel(), number_above=41).number == 42
    assert stream.open_scan(one_channel(), number_above=7).number == 43


def test_many_clients_never_get_the_same_number(stream, one_channel):
    numbers = []

    def open_some() -> None:
        numbers.extend(stream.open_scan(one_channel()).number for _ in range(10))

    threads = [threading.Thread(target=open_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 41))


@pytest.mark.parametrize(
    "way",
    [
        ["RUNNING", "COMPLETED"],
        ["RUNNING", "PAUSED", "RUNNING", "PAUSED", "ABORTED"],
        ["ABORTED"],
        ["FAILED"],
        ["RUNNING", "RUNNING", "FAILED", "FAILED"],
    ],
)
def test_state_goes_forward(stream, one_channel, way):
    scan = stream.open_scan(one_channel())
    assert scan.state == State.PREPARING
    for state in way:
        scan.set_state(state, "because")
        assert scan.state == state
    record = scan.record()
    assert record.sentence == "because"
    assert record.ended is not None


@pytest.mark.parametrize(
    ("way", "wrong"),
    [
        ([], "COMPLETED"),
        ([], "PAUSED"),
        ([], "STARTED"),
        (["RUNNING"], "PREPARING"),
        (["RUNNING", "COMPLETED"], "RUNNING"),
        (["RUNNING", "COMPLETED"], "FAILED"),
        (["RUNNING", "FAILED"], "COMPLETED"),
        (["RUNNING", "PAUSED"], "COMPLETED"),
    ],
)
def test_state_never_goes_back(stream, one_channel, way, wrong):
    scan = stream.open_scan(one_channel())
    for state in way:
        scan.set_state(state)
    with pytest.raises(NotAllowed, match=f"scan 1: is {scan.state} and cannot become {wrong}"):
        scan.set_state(wrong)


def test_description_is_read_by_others(connect, url, describe):
    description = describe("writer", user="ada", sample="Cu")
    scan = connect(url).open_scan(description)
    assert connect(url).scan(scan.identifier).description == description


@pytest.fixture
def three(stream, one_channel):
    """Three scans, a day apart, the second completed."""
    scans = [
        stream.open_scan(one_channel(session=session, sample=sample, start=NOON + timedelta(days=day)))
        for day, (session, sample) in enumerate([("a", "Cu"), ("a", "Fe"), ("b", "Fe")])
    ]
    scans[1].set_state(State.RUNNING)
    scans[1].set_state(State.COMPLETED)
    return scans


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [0, 1, 2]),
        ({"number": 1}, [0, 2]),
        ({"state": State.COMPLETED}, [1]),
        ({"state": State.LIVE}, [0, 2]),
        ({"session": "a"}, [0, 1]),
        ({"sample": "Fe"}, [1, 2]),
        ({"session": "b", "sample": "Fe", "number": 1}, [2]),
        ({"since": NOON + timedelta(hours=1)}, [1, 2]),
        ({"until": NOON}, [0]),
        ({"since": NOON + timedelta(days=1), "until": NOON + timedelta(days=1)}, [1]),
        ({"session": "c"}, []),
    ],
)
def test_catalogue_finds_scans(stream, three, wanted, found):
    assert [record.identifier for record in stream.scans(**wanted)] == [three[i].identifier for i in found]


def test_record_tells_who_what_and_when(stream, three):
    record = stream.scans()[0]
    assert (record.command, record.title, record.session, record.sample) == ("test()", "test()", "a", "Cu")
    assert (record.started, record.ended, record.number, record.state) == (NOON, None, 1, "PREPARING")
    assert stream.scans(state=State.COMPLETED)[0].ended > NOON


def test_scan_is_found_by_id_by_number_and_as_the_last(stream, three):
    assert stream.scan(three[0].identifier).identifier == three[0].identifier
    assert stream.scan(2).identifier == three[1].identifier
    assert stream.scan("2").identifier == three[1].identifier
    assert stream.scan(1).identifier == three[2].identifier
    assert stream.scan(1, session="a").identifier == three[0].identifier
    assert stream.scan("last").identifier == three[2].identifier
    assert stream.scan("last", session="a").identifier == three[1].identifier


@pytest.mark.parametrize("which", [7, "7", "nonsense"])
def test_scan_that_is_not_in_memory_is_not_found(stream, three, which):
    with pytest.raises(NotFound, match=f"scan {which}: is not in memory; list the scans that are, or open its file"):
        stream.scan(which)


def test_there_is_no_last_scan_in_an_empty_stream(stream):
    with pytest.raises(NotFound, match="there is no scan in memory"):
        stream.scan("last")


def test_news_tell_of_new_scans_and_states(stream, connect, url, one_channel):
    place = stream.place()
    scan = connect(url).open_scan(one_channel())
    scan.set_state(State.RUNNING)
    scan.set_state(State.FAILED, "beam lost")
    found = list(stream.news(after=place, timeout=0.1))
    assert [(news.identifier, news.number, news.state, news.sentence) for news in found] == [
        (scan.identifier, 1, "PREPARING", ""),
        (scan.identifier, 1, "RUNNING", ""),
        (scan.identifier, 1, "FAILED", "beam lost"),
    ]
    assert [news.state for news in stream.news(after=found[1].place, timeout=0.1)] == ["FAILED"]


def test_news_are_waited_for(stream, one_channel):
    news = stream.news(timeout=150)
    timer = threading.Timer(0.1, stream.open_scan, (one_channel(),))
    timer.start()
    assert next(news).state == "PREPARING"
    timer.join()
