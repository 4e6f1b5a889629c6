"""What a simulated instrument is to the rest: a name, parameters, and an answer to each line that it receives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from ronda.simulators.framing import LINES, Framing
from ronda.simulators.parameters import InstrumentParameters
from ronda.simulators.physics.world import World


class Instrument(ABC):
    """One simulated instrument, shared by all its clients.

    A file of `instruments/` defines one class derived from this; the file's name is the instrument's type. It is made
    with its name, its parameters (an instance of `Parameters`) and the world that it lives in.
    """

    Parameters: ClassVar[type[InstrumentParameters]]
    framing: ClassVar[Framing] = LINES
    afterwards: Callable[[], None] | None = None
    """Called when answers are on their way and nobody asks: time for what the next question will need."""

    @abstractmethod
    def __init__(self, name: str, parameters: Any, world: World) -> None: ...

    def connect_outputs(self) -> None:  # noqa: B027 - most instruments have none
        """Drive the trigger and encoder lines that others listen to; called when all instruments are there."""

    def listen(self, address: str, port: int) -> int | None:  # noqa: ARG002 - most take lines
        """Listen by itself, in another way than for lines; returns the port, None if it takes lines.

        Raises:
            OSError: the port cannot be had.
        """
        return None

    @abstractmethod
    def answer(self, line: str) -> str | bytes | None:
        """The reply to one line, both without line end; bytes go out as they are; None if the protocol gives none."""

    @abstractmethod
    def truth(self, time: float) -> dict[str, Any]:
        """What is truly so at a simulated time (s), ready for JSON; for tests."""

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """The simulators end: let go of what is open beside the port."""

    def fail(self, axis: int, fault: str) -> None:  # noqa: ARG002
        """Let an axis have a fault: `following`, or another that this type of instrument knows.

        Raises:
            LookupError: the instrument has no such axis, or no such fault.
        """
        raise LookupError(f"this instrument has no axis {axis}")

    def slip(self, axis: int, part: float) -> None:  # noqa: ARG002 - most instruments have no axes
        """Let an axis lose a part (0 to 1) of its steps from its next motion on.

        Raises:
            LookupError: the instrument has no such axis.
        """
        raise LookupError(f"this instrument has no axis {axis}")

    def carry(self, axis: int, distance: float) -> None:  # noqa: ARG002 - as above
        """Let somebody move a stage by hand, by a distance in its unit; its controller does not notice.

        Raises:
            LookupError: the instrument has no such axis, or it is moving.
        """
        raise LookupError(f"this instrument has no axis {axis}")


class ProtocolError(Exception):
    """A line that an instrument answers with an error.

    Args:
        code: the error's number in the instrument's protocol.
        text: what is wrong.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
