"""The control interface of Dectris detectors: SIMPLON 1.8, JSON over HTTP."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

from ronda.framework.errors import CommunicationFailed, HardwareFault, RondaError, TimedOut

VERSION = "1.8.0"


class SimplonRest:
    """One control unit, asked by one thread.

    Args:
        name: of the device, for messages.
        address: HOST:PORT.
        timeout: longest wait for an answer, in s.
    """

    def __init__(self, name: str, address: str, timeout: float) -> None:
        self._name = name
        self._address = address
        self._timeout = timeout
        self._connection = HTTPConnection(address, timeout=timeout)

    def get(self, path: str) -> dict[str, Any]:
        """What it says of a parameter, such as `detector config count_time`: value, min, max, unit.

        Raises:
            HardwareFault: it has no such parameter.
            CommunicationFailed, TimedOut: it does not answer.
        """
        found = self._ask("GET", path)
        if not isinstance(found, dict) or "value" not in found:
            raise CommunicationFailed(f"{self._name}: {self._address} does not speak SIMPLON: {str(found)[:100]}")
        return found

    def put(self, path: str, value: Any = None) -> Any:
        """Set a parameter, or give a command, such as `detector command arm`; returns the answer.

        Raises:
            HardwareFault: it refuses.
            CommunicationFailed, TimedOut: it does not answer.
        """
        return self._ask("PUT", path, None if value is None else json.dumps({"value": value}))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        module, *rest = path.split()
        url = f"/{module}/api/{VERSION}/{'/'.join(rest)}"
        try:
            self._connection.request(method, url, body, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            text = answer.read()
        except TimeoutError as error:
            self.close()
            raise TimedOut(
                f"{self._name}: {self._address} gives no answer to {path} within {self._timeout:g} s; "
                "is the detector's control unit on?"
            ) from error
        except (OSError, HTTPException) as error:
            self.close()
            raise CommunicationFailed(f"{self._name}: {self._address} does not answer: {error}") from error
        if answer.status >= 400:
            said = text[:200].decode(errors="replace")
            raise HardwareFault(f"{self._name}: the detector refuses {path} {body or ''}: {said} ({answer.status})")
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise CommunicationFailed(f"{self._name}: {self._address} answers {text[:60]!r}, not JSON") from error


class Arming:
    """The command `arm`, which takes seconds: in a thread of its own, so that others reach the detector meanwhile.

    Args:
        name: of the device, for messages.
        address: HOST:PORT.
        limit: longest time that arming takes, in s.
    """

    def __init__(self, name: str, address: str, limit: float) -> None:
        self._rest = SimplonRest(name, address, limit)
        self._answer: Future[int] = Future()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._wanted = True
        threading.Thread(target=self._run, name=f"arming of {name}", daemon=True).start()

    def ended(self, limit: float = 0.0) -> bool:
        """Whether the detector has answered, or will not, within `limit` (s)."""
        return self._ended.wait(limit)

    def series(self) -> int:
        """The number of the series that it is armed for; waits for the answer.

        Raises:
            HardwareFault: it refuses.
            CommunicationFailed, TimedOut: it does not answer.
        """
        return self._answer.result()

    def give_up(self) -> None:
        """Nobody wants it any more: if the detector arms later, it is disarmed then."""
        with self._lock:
            self._wanted = False

    def _run(self) -> None:
        try:
            number = int(self._rest.put("detector command arm")["sequence id"])
            with self._lock:
                wanted = self._wanted
                self._answer.set_result(number)
            if not wanted:
                with suppress(RondaError):
                    self._rest.put("detector command disarm")
        except Exception as error:  # noqa: BLE001 - it belongs to the one who asks
            self._answer.set_exception(error)
        finally:
            self._rest.close()
            self._ended.set()
