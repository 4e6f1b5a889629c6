"""Several programs in one session: one has control, the others look, whatever happens to one of them."""

import os
import signal
import subprocess
import sys

import pytest

from ronda.framework.errors import Busy, NotAllowed, NotFound
from ronda.framework.stream import Channel, Description, Device, keys
from ronda.framework.stream.control import IDLE

OTHER = """
import sys
from ronda.framework.errors import NotAllowed
from ronda.framework.stream import Stream

seat = Stream.connect(sys.argv[1]).seat("tomography", "bob")
seat.begin(take=True)
print(seat.mine, flush=True)
for _ in sys.stdin:
    try:
        seat.permit("samx")
        print("may", flush=True)
    except NotAllowed as error:
        print(error, flush=True)
"""


@pytest.fixture
def sit(connect, url):
    """`sit(user)` takes a place in a session, as a shell does."""
    seats = []

    def sit(user, *, take=True, session="tomography", at=url):
        seat = connect(at).seat(session, user)
        seat.begin(take=take)
        seats.append(seat)
        return seat

    yield sit
    for seat in seats:
        seat.end()


@pytest.fixture
def bob(url):
    """Another program, which has taken control."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.communicate()


def test_the_first_has_control_and_the_next_is_told_who_has_it(sit):
    alice, bob = sit("alice"), sit("bob")
    alice.permit("samx")
    told = (
        rf"samx: you look, {alice.me} has control of the session tomography since \d\d:\d\d; reading, plots and stop "
    )
    with pytest.raises(NotAllowed, match=told + r".*ask_control\(\).*take_control\(\).*10 minutes"):
        bob.permit("samx")


def test_sessions_are_apart(sit):
    sit("alice")
    sit("bob", session="alignment").permit("samx")


def test_who_leaves_gives_control_back_and_the_next_motion_takes_it(sit):
    alice, bob = sit("alice"), sit("bob")
    came = []
    bob.told = came.append
    alice.end()
    bob.permit("samx")
    assert bob.mine
    assert len(came) == 1
    assert came[0].former is None


def test_control_is_handed_to_who_asked(sit, wait_for):
    alice, bob, carol = sit("alice"), sit("bob"), sit("carol")
    bob.ask()
    wait_for(lambda: [one.user for one in alice.view.asking] == ["bob"], what="alice is told")
    assert alice.give().token == bob.me.token
    bob.permit("samx")
    assert bob.look().asking == []
    for other in (alice, carol):
        with pytest.raises(NotAllowed, match="bob"):
            other.permit("samx")


def test_control_is_given_by_name_to_those_who_are_there_only(sit):
    alice, bob, _ = sit("alice"), sit("bob"), sit("carol")
    with pytest.raises(NotFound, match="dave is not one of them"):
        alice.give("dave")
    with pytest.raises(NotFound, match="say to whom"):
        alice.give()
    with pytest.raises(NotAllowed, match="is not yours to give"):
        bob.give("carol")
    alice.give("carol")
    assert bob.look().holder.user == "carol"


def test_control_is_taken_after_ten_idle_minutes_and_not_before(sit, shared_redis):
    alice, bob = sit("alice"), sit("bob")
    with pytest.raises(
        Busy, match=r"alice@\S+, process \d+ has it since .* in 10 minutes at the earliest; ask_control"
    ):
        bob.take()
    with shared_redis.client() as client:
        client.hincrbyfloat(keys.control("tomography"), f"active {alice.me.token}", -IDLE)
    alice._safe -= IDLE  # so much later
    assert bob.take().holder.user == "alice"
    bob.permit("samx")
    with pytest.raises(NotAllowed, match="bob"):
        alice.permit("samx")


def test_who_is_at_work_is_not_idle(sit, shared_redis, wait_for):
    alice, bob = sit("alice"), sit("bob")
    alice.busy = lambda: True
    field = f"active {alice.me.token}"
    with shared_redis.client() as client:
        then = client.hincrbyfloat(keys.control("tomography"), field, -IDLE)
        wait_for(lambda: float(client.hget(keys.control("tomography"), field)) > then + IDLE / 2, what="it is reported")
    with pytest.raises(Busy):
        bob.take()


def is_allowed(seat):
    """Whether it may move something now."""
    try:
        seat.permit("samx")
    except NotAllowed:
        return False
    return True


def test_control_of_a_killed_program_is_free_soon(sit, bob, wait_for):
    alice = sit("alice")
    assert not alice.mine
    came = []
    alice.told = came.append
    bob.kill()
    wait_for(lambda: is_allowed(alice), what="it is known to be gone")
    assert came[0].former.process == bob.pid


def test_a_program_that_was_stopped_meanwhile_finds_out_before_it_moves_anything(sit, bob, wait_for):
    alice = sit("alice")
    os.kill(bob.pid, signal.SIGSTOP)
    wait_for(lambda: is_allowed(alice), what="it is taken for gone")
    os.kill(bob.pid, signal.SIGCONT)
    bob.stdin.write("may I?\n")
    bob.stdin.flush()
    assert bob.stdout.readline().startswith(f"samx: you look, {alice.me} has control")


def test_scans_of_those_who_look_are_refused_in_redis(sit, connect, url):
    alice, bob = sit("alice"), sit("bob")
    description = Description("ascan(samx)", [Device("dev", [Channel("x")])], session="tomography")
    stream = connect(url)
    for token in (bob.me.token, ""):
        with pytest.raises(NotAllowed, match=r"ascan\(samx\): cannot begin, somebody else has control of the session"):
            stream.open_scan(description, seat=token)
    assert stream.scans() == []
    assert stream.open_scan(description, seat=alice.me.token).number == 1
    alice.end()
    assert stream.open_scan(description).number == 2


def test_who_is_cut_off_moves_nothing_once_others_may_have_taken_control(own_redis, sit, wait_for):
    alice = sit("alice", at=own_redis.url)
    own_redis.kill()

    def is_refused_later():
        alice._until, alice._safe = 0.0, 0.0  # so much later
        return not is_allowed(alice)

    wait_for(is_refused_later, what="others may have it")
    own_redis.start()
    wait_for(lambda: is_allowed(alice), what="nobody took it")


def test_control_outlives_a_restart_of_redis(own_redis, sit, wait_for):
    alice = sit("alice", at=own_redis.url)
    bob = sit("bob", at=own_redis.url)
    own_redis.kill()
    alice.permit("samx")  # nobody could have taken it
    refused = []

    def bob_tries():
        try:
            bob.permit("samx")
        except NotAllowed as error:
            refused.append(str(error))

    bob_tries()
    own_redis.start()
    wait_for(lambda: alice.view.done and alice.mine, what="alice reports again")
    bob_tries()
    assert "Redis does not answer" in refused[0]
    assert f"{alice.me} has control" in refused[1]
