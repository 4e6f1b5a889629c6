"""A line connection never mistakes one reply for another, and says what went wrong in a sentence."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest

from ronda.devices.connection import LineConnection
from ronda.framework.errors import CommunicationFailed, ConfigurationError, TimedOut


@pytest.fixture
def open_to():
    """Opens connections to scripted instruments; all are closed at the end."""
    made = []

    def connect(source, timeout=60.0) -> LineConnection:
        made.append(LineConnection("mc1", source.address, timeout=timeout))
        made[-1].open()
        return made[-1]

    yield connect
    for connection in made:
        connection.close()


def test_a_query_returns_the_reply_without_its_ending(instrument, open_to):
    connection = open_to(instrument(lambda line: f"you said {line}"))
    assert connection.query("hello") == "you said hello"
    assert connection.query("again") == "you said again"


def test_several_questions_in_one_go_have_their_answers_in_order(instrument, open_to):
    connection = open_to(instrument(lambda line: f"you said {line}"))
    assert connection.query_all(["a", "b", "c"]) == ["you said a", "you said b", "you said c"]
    assert connection.query("d") == "you said d"


def test_a_missing_answer_to_one_of_several_questions_times_out(instrument, open_to):
    connection = open_to(instrument(lambda line: None if line == "b" else "OK"), timeout=0.3)
    with pytest.raises(TimedOut, match=r"did not (end its )?answer( to)? 'a; b' within 0\.3 s"):
        connection.query_all(["a", "b"])


def test_more_answers_than_questions_are_a_failure(instrument, open_to):
    connection = open_to(instrument(lambda line: b"OK\nOK twice\n" if line == "b" else "OK"))
    with pytest.raises(CommunicationFailed, match="more than a line: b'OK twice"):
        connection.query_all(["a", "b"])


def test_an_address_without_a_port_is_refused():
    with pytest.raises(ConfigurationError, match=r"mc1: the address should be HOST:PORT, not 'somewhere'"):
        LineConnection("mc1", "somewhere")


def test_nobody_listening_is_said_with_instrument_and_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(
            CommunicationFailed, match=rf"cannot connect to mc1 at {address}: Connection refused; is it"
        ):
            LineConnection("mc1", address).open()


def test_a_silent_instrument_times_out_with_limit_and_question(instrument, open_to):
    connection = open_to(instrument(lambda _: None), timeout=0.3)
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"mc1 at 127\.0\.0\.1:\d+ did not answer 'STATUS\? 1' within 0\.3 s"):
        connection.query("STATUS? 1")
    assert 0.25 < time.monotonic() - begun < 150


def test_half_a_line_times_out_and_shows_what_came(instrument, open_to):
    connection = open_to(instrument(lambda _: b"OK 1,ID"), timeout=0.3)
    with pytest.raises(TimedOut, match=r"did not (end its )?answer( to)? 'STATUS\?' within 0\.3 s"):
        connection.query("STATUS?")


def test_bytes_that_dribble_do_not_extend_the_limit(instrument, open_to):
    source = instrument(lambda _: None)
    connection = open_to(source, timeout=0.4)

    def dribble(_: str) -> None:
        for _ in range(10_000):
            try:
                source._open[0].sendall(b"x")
            except OSError:
                return
            time.sleep(0.05)

    source.answer = dribble
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"within 0\.4 s"):
        connection.query("STATUS?")
    assert time.monotonic() - begun < 150


def test_a_closed_connection_is_said(instrument, open_to):
    source = instrument(lambda _: None)
    source.answer = lambda _: source.CLOSE
    with pytest.raises(CommunicationFailed, match="closed the connection instead of answering 'IDN\\?'"):
        open_to(source).query("IDN?")


def test_garbage_is_said_and_ends_the_connection(instrument, open_to):
    connection = open_to(instrument(lambda _: b"\x00\xff?garbage\x80\n"))
    with pytest.raises(CommunicationFailed, match=r"answers 'IDN\?' with b'.*garbage"):
        connection.query("IDN?")
    with pytest.raises(CommunicationFailed, match="was asked 'IDN\\?' while not connected"):
        connection.query("IDN?")


def test_a_late_reply_is_never_taken_for_the_next_answer(instrument, open_to):
    source = instrument(lambda _: None)
    asked_again = threading.Event()

    def late(line: str) -> str:
        if line == "slow":
            asked_again.wait(60)
        return f"answer to {line}"

    source.answer = late
    connection = open_to(source, timeout=1.0)
    with pytest.raises(TimedOut):
        connection.query("slow")
    connection.open()
    assert connection.query("next") == "answer to next"
    asked_again.set()
    time.sleep(0.1)  # the late reply comes, or not: it must not matter
    assert connection.query("after") == "answer to after"


def test_a_second_line_that_nobody_asked_for_is_a_failure(instrument, open_to):
    connection = open_to(instrument(lambda _: b"OK\nOK twice\n"))
    with pytest.raises(CommunicationFailed, match="more than a line: b'OK twice"):
        connection.query("MOVE 1 2")


def test_bytes_before_the_question_are_a_failure(instrument, open_to):
    source = instrument(lambda _: "OK")
    connection = open_to(source)
    connection.query("IDN?")
    source._open[0].sendall(b"surprise\n")
    assert select.select([connection._socket], [], [], 60)[0], "the surprise has come"
    with pytest.raises(CommunicationFailed, match=r"sent b'surprise\\n' before it was asked 'STATUS\?'"):
        connection.query("STATUS?")


def test_a_reply_without_end_is_given_up(instrument, open_to):
    connection = open_to(instrument(lambda _: b"x" * (1 << 21)), timeout=60.0)
    with pytest.raises(CommunicationFailed, match="without an end"):
        connection.query("STATUS?")


def test_a_reply_as_long_as_hundreds_of_axes_need_arrives(instrument, open_to):
    text = ";".join(f"{n},IDLE,{n * 1000},0" for n in range(1000))
    assert open_to(instrument(lambda _: text)).query("STATUS?") == text


def length_of(reply: str) -> int:
    return int(reply.partition(" ")[0])


def test_bytes_behind_an_answer_come_whole_and_lines_go_on_after_them(instrument):
    data = bytes(range(256)) * 4000 + b"\n"
    answers = {"read": f"{len(data)} bytes\n".encode() + data, "how": "well"}
    connection = LineConnection("cam", instrument(answers.get).address)
    connection.open()
    for _ in range(3):
        assert connection.fetch("read", length_of) == (f"{len(data)} bytes", data)
        assert connection.query("how") == "well"
    connection.close()


def test_bytes_that_end_too_early_are_a_failure_and_the_connection_is_closed(instrument):
    def answer(line: str) -> bytes:
        return b"100 bytes\nonly these"

    connection = LineConnection("cam", instrument(answer).address, timeout=0.2)
    connection.open()
    with pytest.raises(TimedOut, match=r"did not answer 'read' within 0\.2 s"):
        connection.fetch("read", length_of)
    with pytest.raises(CommunicationFailed, match="while not connected"):
        connection.query("how")


def test_more_bytes_than_were_announced_are_a_failure(instrument):
    connection = LineConnection("cam", instrument(lambda _: b"2 bytes\nmore than these").address)
    connection.open()
    with pytest.raises(CommunicationFailed, match="answers 'read' with more than it said"):
        connection.fetch("read", length_of)
