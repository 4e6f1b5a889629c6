"""The control interface of Dectris detectors: SIMPLON 1.8, JSON over HTTP."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

from ronda.framework.errors import CommunicationFailed, HardwareFault, TimedOut

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
