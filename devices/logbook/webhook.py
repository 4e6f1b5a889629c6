"""Passing entries of the logbook on to another one, by HTTP, as long as that takes."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ronda.devices.logbook.parameters import WebhookParameters
from ronda.framework.config.parameters import reveal
from ronda.framework.stream.logbook import BEGINNING, Logbook, LogEntry, order_of

READER = "webhook"
"""Under this name Redis keeps how far it has come."""

LOOK_PERIOD = 0.5
"""Seconds between two looks for new entries."""

FIRST_RETRY, LAST_RETRY = 1.0, 60.0
"""Seconds between attempts: doubled from the first to the last."""


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Who answers for the address that stands in YAML must be that address."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Go nowhere else: the answer is an error."""


class Webhook:
    """Sends each entry once it was added, in order, in a thread of its own; nobody waits for it.

    Attributes:
        posted: how many were sent since it began.
        dropped: how many were left out because too many waited.
        problem: why the last one was not taken; empty if it was.
    """

    def __init__(self, beamline: str, parameters: WebhookParameters, environment: Mapping[str, str]) -> None:
        self.posted = 0
        self.dropped = 0
        self.problem = ""
        self._beamline = beamline
        self._parameters = parameters
        self._environment = environment
        self._opener = urllib.request.build_opener(_NoRedirection, urllib.request.ProxyHandler({}))
        self._stop = threading.Event()

    def start(self, logbook: Logbook) -> None:
        """Begin."""
        self.close()
        self._stop = stop = threading.Event()  # one for each thread: the one before may still be sending
        threading.Thread(target=self._run, args=(logbook, stop), name="logbook webhook", daemon=True).start()

    def close(self) -> None:
        """End; what waits is sent when it begins again."""
        self._stop.set()

    def _run(self, logbook: Logbook, stop: threading.Event) -> None:
        retry = FIRST_RETRY
        while not stop.is_set():
            try:
                if self._send_next(logbook, stop):
                    retry = FIRST_RETRY
                    continue
                stop.wait(LOOK_PERIOD)
            except Exception as error:  # noqa: BLE001 - whatever somebody answers, the thread must live
                if not stop.is_set():
                    self.problem = _words(error)
                stop.wait(retry)
                retry = min(2 * retry, LAST_RETRY)

    def _send_next(self, logbook: Logbook, stop: threading.Event) -> bool:
        """Send what waits; whether anything did."""
        most = self._parameters.most
        reached = logbook.reached(READER)
        if not reached:  # what was said before there was a webhook is not for it
            last = logbook.last(1)
            logbook.reach(READER, last[0].identifier if last else BEGINNING)
            return True
        waiting = logbook.after(reached, most=most + 1)
        if len(waiting) > most:
            first = logbook.last(most)[0].identifier
            left_out = [one.identifier for one in waiting if order_of(one.identifier) < order_of(first)]
            if left_out:  # of very many a part; the next look finds the others
                logbook.reach(READER, left_out[-1])
                self.dropped += len(left_out)
                return True
        for entry in waiting:
            if stop.is_set():
                break
            self._post(entry)
            logbook.reach(READER, entry.identifier)
            self.problem = ""
            self.posted += 1
        return bool(waiting)

    def _post(self, entry: LogEntry) -> None:
        headers = {"Content-Type": "application/json", "User-Agent": "ronda"}
        if self._parameters.token is not None:
            headers["Authorization"] = f"Bearer {reveal(self._parameters.token, self._environment)}"
        when = datetime.fromtimestamp(entry.time).astimezone().isoformat(timespec="milliseconds")
        body = {
            "id": entry.identifier,
            "beamline": self._beamline,
            "time": when,
            "kind": entry.kind,
            "user": entry.user,
            "session": entry.session,
            "text": entry.text,
            **{name: value for name, value in entry.place.items() if name in ("proposal", "sample", "dataset")},
        }
        request = urllib.request.Request(  # noqa: S310 - http or https, as the parameters have checked
            self._parameters.url, json.dumps(body, ensure_ascii=False).encode(), headers, method="POST"
        )
        with self._opener.open(request, timeout=self._parameters.timeout) as answer:
            answer.read(1000)


def _words(error: BaseException) -> str:
    if isinstance(error, urllib.error.HTTPError):
        where = " (a redirection, which is not followed)" if 300 <= error.code < 400 else ""
        return f"answers {error.code} {error.reason}{where}"
    if isinstance(error, urllib.error.URLError):
        return f"does not answer: {error.reason}"
    return str(error) or type(error).__name__
