"""Just enough of HTTP/1.1 for a control server: requests with a length come in, JSON goes out, connections stay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ronda.simulators.framing import Framing

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


@dataclass(frozen=True)
class HttpFraming(Framing):
    """Cuts what comes into requests, each with its body."""

    def split(self, received: bytes) -> tuple[list[bytes], bytes]:
        """The complete requests, and what is left of the last one."""
        requests = []
        while b"\r\n\r\n" in received:
            heading, _, rest = received.partition(b"\r\n\r\n")
            length = content_length(heading)
            if len(rest) < length:
                break
            requests.append(heading + b"\r\n\r\n" + rest[:length])
            received = rest[length:]
        return requests, received


def content_length(heading: bytes) -> int:
    """Bytes of the body that follows a heading."""
    for line in heading.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0


def parse(request: str) -> tuple[str, str, str]:
    """Method, path and body of a request."""
    heading, _, body = request.partition("\r\n\r\n")
    method, path, *_ = [*heading.split("\r\n")[0].split(" "), "", ""]
    return method, path, body


def respond(status: int, body: Any = None) -> bytes:
    """An answer; a body that is text goes as it is, anything else as JSON."""
    text = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/plain" if isinstance(body, str) else "application/json"
    heading = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n"
    return heading.encode() + text
