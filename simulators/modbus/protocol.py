"""The frames of Modbus TCP, after the Modbus Messaging on TCP/IP Implementation Guide V1.0b."""

from __future__ import annotations

import struct
from collections.abc import Callable

from ronda.simulators.framing import Framing

READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 3, 4, 6, 16
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
MOST_READ, MOST_WRITTEN = 125, 123
HEADER = struct.Struct(">HHHB")
"""Transaction, protocol (0), number of bytes that follow, unit."""


class ModbusFraming(Framing):
    """A frame is its header of 7 bytes and what that says; the first six are kept with it."""

    def split(self, received: bytes) -> tuple[list[bytes], bytes]:
        """The complete frames, and what is left."""
        frames = []
        while len(received) >= HEADER.size:
            end = 6 + int.from_bytes(received[4:6], "big")
            if len(received) < end:
                break
            frames.append(received[:end])
            received = received[end:]
        return frames, received


FRAMES = ModbusFraming(encoding="latin-1")


class ModbusError(Exception):
    """What a request is answered with instead of data: an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


def answer(
    line: str, unit: int, read: Callable[[int, int], list[int]], write: Callable[[int, list[int]], None]
) -> bytes | None:
    """The frame that answers one, as it came through `FRAMES`; None for another unit or what is no request.

    Args:
        line: the frame, in latin-1.
        unit: the instrument's own; 0 and 255 mean whoever is there.
        read: gives registers from an address on.
        write: takes registers from an address on. Both raise ModbusError.
    """
    frame = line.encode("latin-1")
    if len(frame) < HEADER.size + 1:
        return None
    transaction, protocol, _, asked = HEADER.unpack_from(frame)
    if protocol != 0 or asked not in (unit, 0, 255):
        return None
    function, body = frame[HEADER.size], frame[HEADER.size + 1 :]
    try:
        reply = bytes([function]) + _carried_out(function, body, read, write)
    except ModbusError as error:
        reply = bytes([function | 0x80, error.code])
    return HEADER.pack(transaction, 0, len(reply) + 1, asked) + reply


def _carried_out(
    function: int, body: bytes, read: Callable[[int, int], list[int]], write: Callable[[int, list[int]], None]
) -> bytes:
    if function not in (READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY):
        raise ModbusError(ILLEGAL_FUNCTION)
    if len(body) < 4:
        raise ModbusError(ILLEGAL_VALUE)
    address, number = struct.unpack_from(">HH", body)
    if function in (READ_HOLDING, READ_INPUT):
        if not 1 <= number <= MOST_READ:
            raise ModbusError(ILLEGAL_VALUE)
        values = read(address, number)
        return bytes([2 * len(values)]) + struct.pack(f">{len(values)}H", *values)
    if function == WRITE_ONE:
        write(address, [number])
    else:
        if not 1 <= number <= MOST_WRITTEN or len(body) != 5 + 2 * number or body[4] != 2 * number:
            raise ModbusError(ILLEGAL_VALUE)
        write(address, list(struct.unpack_from(f">{number}H", body, 5)))
    return body[:4]
