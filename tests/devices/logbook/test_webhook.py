"""Entries passed on to another logbook: in order, each once, only to the address of YAML, without an endless queue."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ronda.devices.logbook import webhook as module
from ronda.devices.logbook.parameters import WebhookParameters
from ronda.devices.logbook.webhook import READER, Webhook
from ronda.framework.stream.logbook import LogEntry
from tests.devices.conftest import wait_until


class Memory:
    """A logbook without Redis."""

    def __init__(self, number):
        self.entries = [LogEntry(f"{n:04d}-0", 1e9 + n, "note", f"text {n}", "ada", "") for n in range(1, number + 1)]
        self.places = {READER: "0000-0"}

    def after(self, place, *, most=200):
        return [one for one in self.entries if one.identifier > place][:most]

    def last(self, number):
        return self.entries[-number:]

    def reached(self, reader):
        return self.places.get(reader, "")

    def reach(self, reader, place):
        self.places[reader] = place


@pytest.fixture
def facility(monkeypatch):
    """Somebody's logbook: `facility.codes` are its next answers, `facility.got` what it was sent."""
    monkeypatch.setattr(module, "FIRST_RETRY", 0.02)
    monkeypatch.setattr(module, "LAST_RETRY", 0.1)
    monkeypatch.setattr(module, "LOOK_PERIOD", 0.02)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            code = server.codes.pop(0) if server.codes else 200
            if code == 200:
                server.got.append((self.path, self.headers.get("Authorization"), body))
            self.send_response(code)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            server.got.append((self.path, None, {}))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.codes, server.got = [], []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@contextmanager
def sending(facility, logbook, **keys):
    parameters = WebhookParameters(url=f"http://127.0.0.1:{facility.server_port}/log", **keys)
    hook = Webhook("demo", parameters, {"TOKEN": "secret"})
    hook.start(logbook)
    try:
        yield hook
    finally:
        hook.close()


def texts(facility):
    return [body.get("text") for _, _, body in facility.got]


def test_each_entry_is_sent_once_in_order_with_the_token(facility):
    logbook = Memory(3)
    with sending(facility, logbook, token="${TOKEN}") as hook:
        wait_until(lambda: hook.posted == 3, "all are sent")
        logbook.entries.append(LogEntry("0009-0", 1e9, "error", "samx: no", "bob", "night", {"proposal": "hg1"}))
        wait_until(lambda: hook.posted == 4, "the next one is sent")
        wait_until(lambda: logbook.places[READER] == "0009-0", "its place is kept")
    path, token, body = facility.got[-1]
    assert texts(facility) == ["text 1", "text 2", "text 3", "samx: no"]
    assert (path, token) == ("/log", "Bearer secret")
    assert {name: body[name] for name in ("id", "beamline", "kind", "user", "session", "proposal")} == {
        "id": "0009-0",
        "beamline": "demo",
        "kind": "error",
        "user": "bob",
        "session": "night",
        "proposal": "hg1",
    }
    assert logbook.places[READER] == "0009-0"


def test_what_is_not_taken_is_sent_again_and_redirections_are_not_followed(facility):
    facility.codes[:] = [503] * 100_000
    with sending(facility, Memory(2)) as hook:
        wait_until(lambda: hook.problem == "answers 503 Service Unavailable", "it is told")
        facility.codes[:] = [302] * 100_000
        wait_until(lambda: hook.problem == "answers 302 Found (a redirection, which is not followed)", "it is told")
        facility.codes.clear()
        wait_until(lambda: hook.posted == 2, "both are sent")
    assert texts(facility) == ["text 1", "text 2"]
    assert hook.problem == ""


def test_of_too_many_the_oldest_are_left_out_and_counted(facility):
    with sending(facility, Memory(25), most=10) as hook:
        wait_until(lambda: hook.posted == 10, "those that may wait are sent")
    assert hook.dropped == 15
    assert texts(facility) == [f"text {n}" for n in range(16, 26)]


def test_what_was_said_before_there_was_a_webhook_is_not_sent(facility):
    logbook = Memory(3)
    logbook.places.clear()
    with sending(facility, logbook) as hook:
        wait_until(lambda: logbook.reached(READER) == "0003-0", "it begins")
        logbook.entries.append(LogEntry("0004-0", 1e9, "note", "new", "ada", ""))
        wait_until(lambda: hook.posted == 1, "the new one is sent")
    assert texts(facility) == ["new"]


@pytest.mark.parametrize("url", ["ftp://host/x", "http://user:word@host/", "http:///x", "host"])
def test_other_addresses_are_refused(url):
    with pytest.raises(ValueError, match="must be http://HOST/"):
        WebhookParameters(url=url)
