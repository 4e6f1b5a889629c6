"""The frame server: readers elsewhere get what readers here get, and nobody gets anything else."""

import json
import socket
import time
from contextlib import suppress

import numpy as np
import pytest

from ronda.framework.errors import CommunicationFailed, ServiceFailed
from ronda.framework.stream import FrameLost, FrameReference
from ronda.framework.stream.frames import client, reader, server
from ronda.framework.stream.frames.reader import FrameReader
from ronda.framework.stream.frames.server import FrameServer

LENGTH = 2 * 16 * 24
SLOT = 4096


@pytest.fixture
def elsewhere(monkeypatch):
    """A reader that finds no ring on its host."""
    monkeypatch.setattr(reader, "find_ring", lambda name: None)
    made = FrameReader()
    yield made
    made.close()


@pytest.fixture
def published(stream, store, camera, publish):
    """A scan with 10 frames in a ring that holds 6."""
    scan = stream.open_scan(camera())
    publish(scan.publisher("cam", ring=store.ring("cam", LENGTH, 6 * SLOT)), 0, 10)
    return scan


def ask(connection: socket.socket, request: bytes) -> dict:
    connection.sendall(request)
    lines = connection.makefile("rb")
    return json.loads(lines.readline())


def dial(host: str) -> socket.socket:
    address, port = host.split(":")
    return socket.create_connection((address, int(port)), 5)


def test_a_reader_elsewhere_gets_the_same_frames(published, elsewhere, frames):
    image = published.tree(frames=elsewhere)["measurement/image"]
    assert np.array_equal(image[4:], frames(4, 10))
    assert np.array_equal(image[9, 3], frames(9, 10)[0, 3])


def test_a_reader_elsewhere_hears_which_frames_are_lost(published, elsewhere, frames):
    channel = published.description.channel("image")[1]
    found, lost = elsewhere.read_some(published.read("image", 0, 10), channel)
    assert [(one.start, one.stop) for one in lost] == [(0, 4)]
    assert np.array_equal(found[4:], frames(4, 10))
    with pytest.raises(FrameLost, match=r"frame 0 of ring .* was overwritten"):
        elsewhere.read(published.read("image", 0, 10), channel)


def test_frames_come_in_answers_of_bounded_size(published, elsewhere, frames, monkeypatch):
    monkeypatch.setattr(server, "MOST_BYTES", 2 * LENGTH)
    assert np.array_equal(published.tree(frames=elsewhere)["measurement/image"][4:], frames(4, 10))


def test_a_connection_that_was_cut_is_made_anew(published, store, elsewhere, frames):
    image = published.tree(frames=elsewhere)["measurement/image"]
    assert np.array_equal(image[5], frames(5, 6)[0])
    for connection in list(store._frame_server._connections):
        connection.shutdown(socket.SHUT_RDWR)
    assert np.array_equal(image[6], frames(6, 7)[0])


def test_a_server_that_is_gone_or_hangs_is_told_apart_from_a_lost_frame(published, store, elsewhere, monkeypatch):
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)
    channel = published.description.channel("image")[1]
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        silent = FrameReference("ring", "x", 0, 1, host=f"127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(CommunicationFailed, match=r"frame server at 127.0.0.1:\d+: gives no .*no answer in time"):
            elsewhere.read([silent], channel)
    references = published.read("image", 5, 6)
    store._frame_server.close()
    with pytest.raises(CommunicationFailed, match=r"connection refused.*look whether the device's server runs"):
        elsewhere.read(references, channel)
    with pytest.raises(CommunicationFailed, match="is no address"):
        elsewhere.read([FrameReference("ring", "x", 0, 1, host="nonsense")], channel)


def test_a_server_that_does_not_know_the_ring_says_so(store, camera, elsewhere):
    store.ring("cam", LENGTH)
    channel = camera().channel("image")[1]
    with pytest.raises(FrameLost, match="no ring abc is in this process"):
        elsewhere.read([FrameReference("ring", "abc", 0, 1, host=store.host)], channel)


def test_a_store_that_nobody_knows_is_refused(camera):
    with pytest.raises(FrameLost, match="channel image: no frames are read from a store 'tape'"):
        FrameReader([]).read([FrameReference("tape", "abc", 0)], camera().channel("image")[1])


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n",
        b"[]\n",
        b'{"ring": "x"}\n',
        b'{"ring": "x", "first": -1, "count": 1, "bytes": 1}\n',
        b'{"ring": "x", "first": 0, "count": 1e9, "bytes": 1}\n',
        b'{"ring": "x", "first": 0, "count": 1, "bytes": true}\n',
        b"[" * 1020 + b"\n",
        b"x" * 5000,
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(store, request_):
    store.ring("cam", LENGTH)
    with dial(store.host) as connection:
        answer = ask(connection, request_)
        assert (answer["status"], answer["sentence"][:13]) == ("refused", "not a request")
        with suppress(ConnectionResetError):  # it did not read all of it
            assert connection.recv(1) == b""


def test_a_length_that_no_frame_has_takes_no_memory(published, store):
    name = published.read("image", 9, 10)[0].address
    with dial(store.host) as connection:
        request = {"ring": name, "first": 9, "count": 1, "bytes": 1 << 39}
        answer = ask(connection, json.dumps(request).encode() + b"\n")
    assert answer["status"] == "lost"


def test_no_more_readers_than_it_can_serve(store, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    store.ring("cam", LENGTH)
    with dial(store.host) as one, dial(store.host) as two:
        for connection in (one, two):
            assert ask(connection, b'{"ring": "x", "first": 0, "count": 1, "bytes": 1}\n')["status"] == "lost"
        with dial(store.host) as three:
            assert json.loads(three.makefile("rb").readline())["sentence"] == "serves 2 readers already"
    deadline = time.monotonic() + 60
    while True:  # the places are free again
        with dial(store.host) as four:
            if ask(four, b'{"ring": "x", "first": 0, "count": 1, "bytes": 1}\n')["status"] == "lost":
                break
        assert time.monotonic() < deadline


def test_an_interface_that_is_not_here_is_said(stream):
    with pytest.raises(ServiceFailed, match=r"frame server: cannot listen on 192.0.2.1:0 .*give the address"):
        FrameServer("192.0.2.1")
