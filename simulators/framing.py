"""How the bytes that an instrument receives become lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Framing:
    """What separates lines, and what needs no line.

    Attributes:
        ends: each of these bytes ends a line.
        alone: each of these bytes is a request of its own, wherever it comes; it leaves the line around it as it is.
        encoding: of the lines.
        longest: in bytes; a longer line is forgotten and answered like an empty one.
    """

    ends: bytes = b"\n"
    alone: bytes = b""
    encoding: str = "ascii"
    longest: int = 65536
    _marks: re.Pattern[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_marks", re.compile(b"([" + re.escape(self.ends + self.alone) + b"])"))

    def split(self, received: bytes) -> tuple[list[bytes], bytes]:
        """The complete lines without their ends, and what is left of the last one."""
        if not self.alone and len(self.ends) == 1:
            *lines, rest = received.split(self.ends)
            return lines, rest
        lines, rest = [], b""
        pieces = self._marks.split(received)
        for text, mark in zip(pieces[::2], [*pieces[1::2], b""], strict=True):
            rest += text
            if mark and mark in self.alone:
                lines.append(mark)
            elif mark:
                lines.append(rest)
                rest = b""
        return lines, rest


LINES = Framing()
"""Lines that end with a line feed."""
