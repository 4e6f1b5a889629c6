"""The lines that our simulated instruments speak: `COMMAND words` → `OK fields` or `ERR code text`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ronda.devices.connection import LineConnection
from ronda.framework.errors import CommunicationFailed, HardwareFault

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class SimulatorLine:
    """A connection to one simulated instrument."""

    def __init__(self, instrument: str, address: str, timeout: float) -> None:
        """Nothing is opened yet; `timeout` is the longest wait for an answer, in s."""
        self.instrument = instrument
        self.address = address
        self.connection = LineConnection(instrument, address, timeout=timeout)

    def open(self, model: str) -> None:
        """Connect, and make sure that the right model answers, such as `RONDA-SIM-MC,1`.

        Raises:
            CommunicationFailed: nothing, or something else, answers there.
        """
        self.connection.open()
        answer = self.ask("IDN?")
        if not answer.startswith(f"{model},"):
            raise CommunicationFailed(f"{self.instrument}: at {self.address} answers {answer[:40]!r}, not a {model}")

    def close(self) -> None:
        """Let go."""
        self.connection.close()

    def ask(self, *words: object) -> str:
        """Send a command; returns the fields of the reply.

        Raises:
            HardwareFault: the instrument refuses.
            CommunicationFailed, TimedOut: no reply, or none that makes sense.
        """
        return self._fields(words[0], self.connection.query(" ".join(map(str, words))))

    def ask_all(self, *questions: str) -> list[str]:
        """Send commands without words in one go; returns the fields of each reply.

        Raises:
            as `ask`.
        """
        replies = self.connection.query_all(questions)
        return [self._fields(question, reply) for question, reply in zip(questions, replies, strict=True)]

    def fetch(self, question: str) -> tuple[str, bytearray]:
        """Send a command that is answered with data; returns the fields of the reply, and the data.

        Raises:
            as `ask`.
        """
        reply, data = self.connection.fetch(question, _length)
        return self._fields(question, reply).partition(",")[2], data

    def fetch_rows(self, question: str, width: int) -> tuple[str, npt.NDArray[np.float64]]:
        """Send a command that is answered with rows of float64; returns the fields of the reply, and the rows.

        Args:
            question: the command.
            width: numbers in a row.

        Raises:
            as `ask`.
        """
        import numpy as np

        fields, data = self.fetch(question)
        return fields, np.frombuffer(data, "<f8").reshape(-1, width)

    def _fields(self, question: object, reply: str) -> str:
        outcome, _, fields = reply.partition(" ")
        if outcome == "ERR":
            raise HardwareFault(f"{self.instrument} refuses {question}: {fields.partition(' ')[2]}")
        if outcome != "OK":
            raise CommunicationFailed(f"{self.instrument} answers {question} with {reply[:60]!r}")
        return fields


def _length(reply: str) -> int:
    """Bytes of data behind a reply: its first field, if it is one of data."""
    outcome, _, fields = reply.partition(" ")
    told = fields.partition(",")[0]
    return int(told) if outcome == "OK" and told.isdigit() else 0
