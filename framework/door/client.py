"""Submitting commands to a running shell from another program or a notebook: plain sockets, no Tango, no gevent."""

from __future__ import annotations

import contextlib
import select
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ronda.framework.door import words
from ronda.framework.door.place import COMMANDS, connect, place
from ronda.framework.errors import CommunicationFailed, NotAllowed, RondaError, TimedOut
from ronda.framework.plain import plain

ANSWER_LIMIT = 30.0
"""Seconds in which a shell answers a request; commands may take longer, their end is an event."""

KEPT = 10_000
"""Events of one command that are kept until they are looked at; the oldest are forgotten."""


@dataclass(frozen=True)
class Name:
    """A device, axis or counter of the shell's session, as an argument: `Name("samx")`."""

    name: str


class CommandFailed(RondaError):
    """A command that was submitted has failed or was aborted, with the sentence that the shell told."""


class Job:
    """A command that a shell runs for us.

    Attributes:
        number: by which the shell knows it.
        command: its call, as the shell tells it.
        state: `waiting`, `running`, `done`, `failed` or `aborted`.
        value: what it returned, when it is done: numbers, texts and lists as they are; of a scan a dict with `number`,
            `identifier`, `state`, `file`; of all else its text.
        sentence: why it failed.
    """

    def __init__(self, door: Door, number: int, command: str) -> None:
        self.number = number
        self.command = command
        self.state = "waiting"
        self.value: Any = None
        self.sentence = ""
        self._door = door
        self._events: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def __repr__(self) -> str:
        return f"<job {self.number} {self.command} {self.state}>"

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in ("done", "failed", "aborted")

    def follow(self) -> Iterator[dict[str, Any]]:
        """What happens to it, until it has ended.

        Events are dicts with `event`: `begun`; `output` with `text`; `scan` with `number` and `title`; `point` with
        `index` and `values` by channel; `ended` with `state`, `value`, `sentence`; `left_out` with how many were not
        sent, because we read too slowly.

        Raises:
            CommunicationFailed: the shell has gone.
        """
        while True:
            while self._events:
                yield self._events.popleft()
            if self.over:
                return
            self._door.listen(1.0)

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for its end; returns its value.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            TimedOut: it has not ended; it goes on.
            CommandFailed: it failed, or was aborted.
            CommunicationFailed: the shell has gone.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.over:
            if deadline is not None and time.monotonic() >= deadline:
                raise TimedOut(f"{self.command}: has not ended within {timeout:g} s; it goes on")
            self._door.listen(0.1)
        if self.state != "done":
            raise CommandFailed(self.sentence or f"{self.command}: {self.state}")
        return self.value

    def pause(self) -> None:
        """Let its scan wait before the next point.

        Raises:
            RondaError: it runs no scan.
        """
        self._door.ask({"do": "pause", "job": self.number})

    def resume(self) -> None:
        """Let its scan go on.

        Raises:
            RondaError: it runs no scan.
        """
        self._door.ask({"do": "resume", "job": self.number})

    def abort(self) -> None:
        """Break it off, as Ctrl-C does at the prompt: what it began to move is stopped. Returns at once."""
        self._door.ask({"do": "abort", "job": self.number})

    def _take(self, event: dict[str, Any]) -> None:
        if event["event"] == "begun":
            self.state = "running"
        elif event["event"] == "ended":
            self.state, self.value, self.sentence = event["state"], event.get("value"), event.get("sentence", "")
        self._events.append(event)


class Door:
    """The command door of a running shell that was begun with `--door`.

    One thread at a time. Only programs of the same user on the same computer come in.
    """

    def __init__(self, path: Path) -> None:
        """Knock.

        Args:
            path: of the socket; `Door.open` finds it.

        Raises:
            NotFound: nobody is there.
            NotAllowed: it is somebody else's.
        """
        self._socket = connect(path)
        self._socket.settimeout(ANSWER_LIMIT)
        self._buffer = b""
        self._answers: deque[dict[str, Any]] = deque()
        self._jobs: dict[int, Job] = {}
        self._path = path

    @classmethod
    def open(cls, which: str = "") -> Door:
        """The door of one shell.

        Args:
            which: name of its beamline or session, or its process number; empty if there is only one.

        Raises:
            NotFound: there is no such shell, or more than one.
        """
        return cls(place(which).socket(COMMANDS))

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave; what was submitted goes on."""
        self._socket.close()

    def commands(self) -> dict[str, str]:
        """What may be submitted: signature and a line about it, by name."""
        return dict(self.ask({"do": "commands"})["commands"])

    def names(self) -> list[str]:
        """Devices, axes and counters that `Name` may name."""
        return list(self.ask({"do": "names"})["names"])

    def submit(self, command: str, *arguments: Any, **keywords: Any) -> Job:
        """Have a command run: `submit("ascan", Name("samx"), 0, 1, 10, 0.1, Name("diode"))`.

        Args:
            command: its name.
            arguments, keywords: numbers, texts, booleans, None, lists and dicts of such, and `Name`.

        Raises:
            RondaError: the shell knows no such command, or it takes other arguments, or too many wait.
        """
        told: dict[str, Any] = {"command": command, "arguments": [*map(_told, arguments)]}
        told["keywords"] = {name: _told(value) for name, value in keywords.items()}
        answer = self.ask({"do": "submit", **told})
        job = self._jobs[int(answer["job"])] = Job(self, int(answer["job"]), plain(str(answer["call"])))
        for event in answer.pop("early", []):
            job._take(event)  # noqa: SLF001 - the two are one thing
        return job

    def run(self, command: str, *arguments: Any, **keywords: Any) -> Any:
        """Submit a command and wait for its end; returns its value.

        Raises:
            CommandFailed: it failed.
            RondaError: as `submit`.
        """
        return self.submit(command, *arguments, **keywords).wait()

    def history(self) -> list[dict[str, Any]]:
        """What was submitted to this shell, the newest last: `time job who call state sentence`."""
        return list(self.ask({"do": "history"})["history"])

    # -- for jobs

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request; returns the answer.

        Raises:
            RondaError: it was refused.
            CommunicationFailed: the shell has gone.
        """
        try:
            with contextlib.suppress(ConnectionError):  # who shows us out has said why, which is read below
                self._socket.sendall(words.packed(request))
        except OSError as error:
            raise self._gone(error) from error
        deadline = time.monotonic() + ANSWER_LIMIT
        while not self._answers:
            if time.monotonic() > deadline:
                raise CommunicationFailed(f"the shell behind {self._path} does not answer within {ANSWER_LIMIT:g} s")
            self.listen(deadline - time.monotonic())
        answer = self._answers.popleft()
        if answer.get("refused"):
            raise NotAllowed(plain(str(answer["refused"])))
        return answer

    def listen(self, seconds: float) -> None:
        """Take what the shell says, and wait for it at most so long.

        Raises:
            CommunicationFailed: the shell has gone.
        """
        ready, _, _ = select.select([self._socket], [], [], max(seconds, 0))
        if not ready:
            return
        try:
            data = self._socket.recv(words.LONGEST)
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone(None)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > words.LONGEST:
            raise CommunicationFailed(f"the shell behind {self._path} says too much at once")
        for line in lines:
            self._take(words.unpacked(line))

    def _take(self, message: dict[str, Any]) -> None:
        if "event" not in message:
            self._answers.append(message)
            return
        if isinstance(message.get("text"), str):
            message["text"] = plain(message["text"])
        job = self._jobs.get(int(message.get("job", 0)))
        if job is not None:
            job._take(message)  # noqa: SLF001 - the two are one thing
        elif self._answers and "job" in self._answers[-1]:  # it began before `submit` could see its number
            self._answers[-1].setdefault("early", []).append(message)

    def _gone(self, error: OSError | None) -> CommunicationFailed:
        why = "" if error is None else f" ({error.strerror or error})"
        return CommunicationFailed(f"the shell behind {self._path} has gone, or closed this door{why}")


def _told(value: Any) -> Any:
    """An argument as it is sent."""
    if isinstance(value, Name):
        return {words.NAME: value.name}
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _told(one) for key, one in value.items()}
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
