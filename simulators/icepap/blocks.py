"""Binary blocks of an IcePAP: how they follow a command such as `*ECAMDAT`, and the data vectors in them.

Sources: the community's client `icepap` (communication.py, vdatalib.py) and ESRF's BLISS, which send them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ronda.simulators.framing import Framing
from ronda.simulators.icepap.protocol import ErrorText, IcepapError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

START = struct.pack("<I", 0xA5AA555A)
"""What a block begins with; its number of 16 bit words and their sum follow, 32 bits each."""

HEADER = 12

_ANNOUNCES = re.compile(rb"\s*#?\s*(\d+:)?\s*\*(ECAMDAT|PARDAT)\b", re.IGNORECASE)
"""A command that a block follows."""

_VECTOR = struct.Struct("<HBBLLBBHd")
"""Header of a data vector: signature, version, offset and size in 32 bit words, values, type, compression, flags and
address, first value of an incremental one."""

SIGNATURE = 0xCAFE
INCREMENTAL = 0x8000
COLUMNS = {0x1000: "PARAMETER", 0x2000: "POSITION", 0x4000: "SLOPE"}
TYPES = {
    0x00: "<i1",
    0x01: "<i2",
    0x02: "<i4",
    0x03: "<i8",
    0x04: "<f4",
    0x05: "<f8",
    0x10: "<u1",
    0x11: "<u2",
    0x12: "<u4",
    0x13: "<u8",
}
NO_ADDRESS = 0xFF

Floats: TypeAlias = "npt.NDArray[np.float64]"


@dataclass(frozen=True)
class BlockFraming(Framing):
    """Lines; a command that announces a block comes together with it, as one line `command LF words of the block`."""

    ends: bytes = b"\r\n"
    encoding: str = "latin-1"
    longest: int = 1 << 20

    def split(self, received: bytes) -> tuple[list[bytes], bytes]:
        """The complete lines with their blocks, and what is left of the last one."""
        lines: list[bytes] = []
        rest = received
        while True:
            found = re.search(rb"[\r\n]", rest)
            if found is None:
                return lines, rest
            line, behind = rest[: found.start()], rest[found.end() :]
            if not _ANNOUNCES.match(line):
                lines.append(line)
                rest = behind
                continue
            block = behind.lstrip(b"\r\n")
            if not block.startswith(START[: len(block)]):
                lines.append(line)  # something else follows: it is answered as a command without its block
                rest = behind
                continue
            size = HEADER + 2 * int.from_bytes(block[4:8], "little")
            if len(block) < HEADER or len(block) < size:
                return lines, rest
            lines.append(line + b"\n" + block[:size])
            rest = block[size:]


def words_of(block: str) -> bytes:
    """The data of a block.

    Raises:
        IcepapError: its sum is wrong.
    """
    import numpy as np

    data = block.encode("latin-1")
    total = int.from_bytes(data[8:12], "little")
    words = data[HEADER:]
    if int(np.frombuffer(words, "<u2").sum(dtype=np.uint64)) & 0xFFFFFFFF != total:
        raise IcepapError(ErrorText.WRONG_PARAMETER)
    return words


def vectors(data: bytes) -> list[tuple[str, int, Floats]]:
    """The data vectors: which column each is, of which board (NO_ADDRESS for all of them), and its values (n,).

    Raises:
        IcepapError: this is none.
    """
    import numpy as np

    found = []
    while len(data) >= _VECTOR.size:
        signature, version, offset, size, count, dtype, packed, flags, first = _VECTOR.unpack_from(data)
        column = COLUMNS.get(flags & 0x7000)
        if signature != SIGNATURE or version or packed or column is None or dtype not in TYPES or 4 * size > len(data):
            raise IcepapError(ErrorText.WRONG_PARAMETER)
        values = np.frombuffer(data, TYPES[dtype], count, 4 * offset).astype(np.float64)
        if flags & INCREMENTAL:
            values = first + np.cumsum(values)
        found.append((column, flags & 0xFF, values))
        data = data[4 * size :]
    return found
