"""Lines over real TCP connections: several clients, pieces of lines, garbage."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def motion(running: Any) -> Any:
    return running.client("motion")


def test_several_clients_see_the_same_instrument(running: Any) -> None:
    clients = [running.client("motion") for _ in range(10)]
    assert clients[0].ask("SETPOS 4 77") == "OK"
    assert {client.ask("STATUS? 4") for client in clients} == {"OK 4,IDLE,77,0"}
    clients[0].ask("SETPOS 4 0")


def test_a_line_may_come_in_pieces_and_many_lines_in_one(motion: Any) -> None:
    for piece in (b"STA", b"TUS?", b" 5", b"\nID", b"N?\n"):
        motion.send(piece)
    assert motion.receive() == b"OK 5,IDLE,0,0\n"
    assert motion.receive() == b"OK RONDA-SIM-MC,1,6\n"
    motion.send(b"IDN?\n" * 1000)
    assert {motion.receive() for _ in range(1000)} == {b"OK RONDA-SIM-MC,1,6\n"}


def test_a_line_may_end_with_a_carriage_return_too(motion: Any) -> None:
    motion.send(b"IDN?\r\n")
    assert motion.receive() == b"OK RONDA-SIM-MC,1,6\n"


@pytest.mark.parametrize("length", [60_000, 70_000, 1_000_000])
def test_a_line_of_any_length_is_answered_once_and_forgotten(motion: Any, length: int) -> None:
    motion.send(b"MOVE 5 1" + b" " * length + b"\nIDN?\n")
    assert motion.receive() == (b"OK\n" if length < 65536 else b"ERR 1 unknown command\n")
    assert motion.receive() == b"OK RONDA-SIM-MC,1,6\n"
    motion.ask("ABORT 5")
    motion.ask("SETPOS 5 0")


@settings(max_examples=100, deadline=None)
@given(garbage=st.binary(max_size=300))
def test_garbage_is_answered_line_by_line_and_does_no_harm(running: Any, garbage: bytes) -> None:
    client = running.client("motion")
    client.send(garbage + b"\nIDN?\n")
    for _ in range(garbage.count(b"\n") + 1):
        assert client.receive().startswith((b"ERR 1 ", b"ERR 2 ", b"OK"))
    assert client.receive() == b"OK RONDA-SIM-MC,1,6\n"
    client.close()


@settings(max_examples=100, deadline=None)
@given(garbage=st.binary(max_size=300))
@pytest.mark.parametrize(
    ("instrument", "question", "answer"), [("ice", b"?VER", b"?VER 3.17\n"), ("pi", b"SSN?", b"118012345\n")]
)
def test_garbage_does_no_harm_to_an_instrument_that_does_not_answer_each_line(
    running: Any, instrument: str, question: bytes, answer: bytes, garbage: bytes
) -> None:
    client = running.client(instrument)
    client.send(garbage + b"\n" + question + b"\n")
    while (line := client.receive()) != answer:
        assert line.endswith(b"\n"), line
    client.close()


def test_letters_of_other_alphabets_in_an_argument_are_answered(motion: Any) -> None:
    motion.send("STATUS? µ\n".encode())
    assert motion.receive().startswith(b"ERR 2 the axis should be a whole number, not ")


def test_clients_that_ask_at_the_same_time_get_their_own_answers(running: Any) -> None:
    wrong = []

    def ask(axis: int) -> None:
        client = running.client("motion")
        for _ in range(200):
            reply = client.ask(f"STATUS? {axis}")
            if not reply.startswith(f"OK {axis},"):
                wrong.append(reply)

    threads = [threading.Thread(target=ask, args=(1 + number % 6,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_client_that_never_reads_does_not_disturb_the_others(running: Any, motion: Any) -> None:
    flood = running.client("motion")
    flood.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):  # the server stops reading from who does not read
        flood.send(b"STATUS?\n" * 5_000_000)
    assert motion.ask("IDN?") == "OK RONDA-SIM-MC,1,6"


def test_a_client_that_goes_in_the_middle_of_a_line_is_forgotten(running: Any, motion: Any) -> None:
    gone = running.client("motion")
    gone.send(b"MOVE 5 100")
    gone.close()
    assert motion.ask("STATUS? 5") == "OK 5,IDLE,0,0"


def test_simulated_time_runs_at_the_speed_of_the_file(running: Any) -> None:
    counters, control = running.client("counters"), running.control()
    before = control.do(do="truth")
    counters.ask("START 2")
    while counters.ask("STATUS?").startswith("OK COUNTING"):
        pass
    after = control.do(do="truth")
    assert after["speed"] == 20.0
    assert after["time"] - before["time"] >= 2.0
    assert after["time"] - before["time"] == pytest.approx(20 * (after["monotonic"] - before["monotonic"]))
