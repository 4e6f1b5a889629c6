"""The command door: other programs of the same user have named commands of the session run, and follow them."""

from __future__ import annotations

import contextlib
import inspect
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
import numpy as np
from gevent.queue import Full, Queue

from ronda.framework.door import words
from ronda.framework.door.place import Caller, listen, require_same_user
from ronda.framework.errors import BadValue, NotFound, NotReady, RondaError
from ronda.framework.plain import plain
from ronda.framework.scan.observer import Observer
from ronda.framework.scan.own import OwnScan
from ronda.framework.scan.scan import Scan
from ronda.shell.doors.client import Client
from ronda.shell.prompt.begun import Begun, begun_here, told_left
from ronda.shell.prompt.interrupts import THIRD, Command
from ronda.shell.prompt.namespace import Namespace
from ronda.shell.prompt.under_cursor import one_line, signature

MOST_CLIENTS, MOST_WAITING, MOST_KEPT = 8, 16, 200
"""Programs at the door, commands that wait, commands that are remembered."""

END_LIMIT = 10.0
"""Seconds that a command has to stop what it moves when the shell ends."""

LONGEST_VALUE = 4000
"""Numbers of an array, or characters of a text, that are told as a value."""

NOT_HERE = frozenset(
    {
        "yesno",
        "getval",
        "tweak",
        "typing_helper",
        "edit_keys",
        "theme",
        "log_stdout",
        "cleanup",
        "error_cleanup",
        "goto_click",
    }
)
"""Commands that need the person at the prompt."""


class DoorJob:
    """A command that came through the door.

    Attributes:
        number, call, caller, began: which, as it would be typed, whose, when (seconds since 1970).
        state, sentence: how it is: `waiting`, `running`, `done`, `failed`, `aborted`; and why.
        scan: the scan that it runs.
    """

    def __init__(self, number: int, call: str, caller: Caller, action: Callable[[], Any]) -> None:
        self.number = number
        self.call = call
        self.caller = caller
        self.began = time.time()
        self.state = "waiting"
        self.sentence = ""
        self.scan: OwnScan | None = None
        self.action = action
        self.running: Command | None = None
        self.follower: Client | None = None

    def tell(self, event: str, **details: Any) -> None:
        """Tell whoever follows it."""
        if self.follower is not None:
            self.follower.say({"event": event, "job": self.number, **details})


class CommandDoor(Observer):
    """The door of one shell.

    Args:
        names: of the prompt.
        devices: what arguments may name, as it is now.
        sentence: tells an error in one line.
        say: writes into the logbook.
        tell: tells the person at the prompt.
        at_work: a `with` block in which a command runs.
        after: waits until the files of its scans are closed, and names them.
    """

    def __init__(
        self,
        names: Namespace,
        devices: Callable[[], Mapping[str, Any]],
        sentence: Callable[[BaseException], str],
        say: Callable[[str, str], None],
        tell: Callable[[str], None],
        at_work: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._after = after
        self._names = names
        self._devices = devices
        self._sentence = sentence
        self._say = say
        self._tell = tell
        self._at_work = at_work
        self._waiting: Queue = Queue(MOST_WAITING)
        self._jobs: deque[DoorJob] = deque(maxlen=MOST_KEPT)
        self._count = 0
        self._job: DoorJob | None = None
        self._abandoned: list[Command] = []
        self._closing = False
        self._clients: set[Client] = set()
        self._listener: socket.socket | None = None
        self._greenlets: list[gevent.Greenlet] = []

    def open(self, path: Path) -> None:
        """Let programs in from now on.

        Raises:
            ServiceFailed: the socket cannot be made.
        """
        self._listener = listen(path)
        self._greenlets = [gevent.spawn(self._accept, self._listener), gevent.spawn(self._work)]

    def close(self) -> None:
        """Let nobody in any more; what runs is broken off, what waits does not begin."""
        self._closing = True
        for job in self._jobs:
            if job.state == "waiting":
                self._abort(job)
        if self._job is not None:
            self._abort(self._job)
            if self._job.running is not None and not self._job.running.back.wait(END_LIMIT):
                self._job.running.begun.left = True  # it shall begin nothing more
        gevent.killall(self._greenlets)
        for client in list(self._clients):
            client.close()
        if self._listener is not None:
            self._listener.close()

    # -- who comes in

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError as error:  # too many open files: the next one may have more luck
                self._tell(f"door: nobody can come in for a moment ({error.strerror or error})")
                gevent.sleep(1.0)
                continue
            try:
                caller = require_same_user(connected, "this door")
                if len(self._clients) >= MOST_CLIENTS:
                    raise NotReady(f"this door has {MOST_CLIENTS} programs already")
            except (RondaError, OSError) as error:
                with contextlib.suppress(OSError, RondaError):
                    connected.setblocking(False)
                    connected.send(words.packed({"refused": str(error)}))
                connected.close()
                continue
            client = Client(connected, caller, self._asked, self._clients.discard)
            self._clients.add(client)
            client.start()

    def _asked(self, client: Client, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request."""
        what = request.get("do")
        if what == "commands":
            told = {name: f"{signature(name, self._names[name])}  {one_line(self._names[name])}" for name in self.may()}
            return {"commands": told}
        if what == "names":
            return {"names": sorted(self._devices())}
        if what == "history":
            return {"history": [_remembered(job) for job in list(self._jobs)[-50:]]}
        if what == "submit":
            return self._submit(client, request)
        if what in ("pause", "resume", "abort"):
            return self._steer(str(what), request.get("job"), client.caller)
        raise BadValue(
            f"door: {plain(str(what))[:40]!r} cannot be done; there are commands, names, submit, pause, "
            "resume, abort, history"
        )

    def may(self) -> list[str]:
        """The commands that may be submitted."""
        names = self._names
        return sorted(
            name
            for name in names
            if names.kind(name) not in ("", "device") and inspect.isroutine(names[name]) and name not in NOT_HERE
        )

    def _submit(self, client: Client, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._closing:
            raise NotReady("door: this shell is ending; it takes no more commands")
        name, arguments, keywords = request.get("command"), request.get("arguments", []), request.get("keywords", {})
        if not isinstance(name, str) or not isinstance(arguments, list) or not isinstance(keywords, dict):
            raise BadValue("door: submit takes a command's name, a list of arguments and a dict of keywords")
        if name not in self.may():
            raise NotFound(f"door: {plain(name)[:40]} is no command that may be submitted; `commands()` lists them")
        positional = [self._argument(one) for one in arguments]
        named = {key: self._argument(one) for key, one in keywords.items()}
        command = self._names[name]
        try:
            inspect.signature(command).bind(*positional, **named)
        except TypeError as error:
            raise BadValue(f"door: {signature(name, command)}: {error}") from error
        told = [*map(_shown, arguments), *(f"{key}={_shown(one)}" for key, one in keywords.items())]
        job = DoorJob(
            self._count + 1, plain(f"{name}({', '.join(told)})"), client.caller, lambda: command(*positional, **named)
        )
        job.follower = client
        try:
            self._waiting.put_nowait(job)
        except Full:
            raise NotReady(f"door: {MOST_WAITING} commands wait already") from None
        self._count += 1
        self._jobs.append(job)
        return {"job": job.number, "call": job.call}

    def _argument(self, told: Any) -> Any:
        """An argument: plain values, and devices by name. Text stays text; nothing is evaluated."""
        if isinstance(told, dict):
            if words.NAME not in told:
                return {str(key): self._argument(one) for key, one in told.items()}
            name, devices = told[words.NAME], self._devices()
            if len(told) != 1 or not isinstance(name, str) or name not in devices:
                raise NotFound(f"door: the session has no device, axis or counter {plain(str(name))[:40]}")
            return devices[name]
        return [self._argument(one) for one in told] if isinstance(told, list) else told

    def _steer(self, what: str, number: Any, caller: Caller) -> dict[str, Any]:
        job = next((one for one in self._jobs if one.number == number), None)
        if job is None or job.state not in ("waiting", "running"):
            raise NotFound(f"door: there is no command {plain(str(number))[:20]} that waits or runs")
        self._say("note", f"door: {what} of {job.call} by {caller}")
        if what == "abort":
            self._abort(job)
        elif job.scan is None:
            raise NotReady(f"door: {job.call} runs no scan that could {what}")
        elif what == "pause":
            job.scan.pause(f"the door, {caller}")
        else:
            job.scan.resume(f"the door, {caller}")
        return {"done": what}

    def _abort(self, job: DoorJob) -> None:
        """As Ctrl-C at the prompt: the first time it ends in order, the third time nobody waits for it any more."""
        command = job.running
        if command is None:
            self._end(job, "aborted", "aborted before it began")
            return
        command.presses += 1
        if command.presses == 1:
            gevent.get_hub().loop.run_callback(command.interrupt)
        elif command.presses >= THIRD and not command.over:
            command.begun.left = True
            command.back.set()

    # -- what is done

    def _work(self) -> None:
        while True:
            job: DoorJob = self._waiting.get()
            if job.state != "waiting" or self._closing:
                continue
            try:
                self._run(job)
            except Exception as error:  # noqa: BLE001 - whatever one command does, the next ones run
                if job.state == "running":
                    self._end(job, "failed", self._told(error))

    def _run(self, job: DoorJob) -> None:
        found: list[Any] = []
        job.running = command = Command(lambda: found.append(job.action()), self._tell)
        job.state, self._job = "running", job
        self._say("command", f"{job.call} [door: {job.caller}]")
        self._tell(f"door: {job.caller} runs {job.call}")
        job.tell("begun")
        with self._at_work():
            command.greenlet.start()
            command.back.wait()
            left = command.begun.left
            if not left:
                self._after()
        if left:  # without a reference it would be told to end, and not let happen
            self._abandoned = [one for one in self._abandoned if not one.over] + [command]
            self._end(job, "aborted", told_left([*command.begun.moving(), *_at_rest_soon(job)]))
            return
        error = command.ended_by()
        if error is None:
            self._end(job, "done", value=_value(found[0]))
        else:
            self._end(job, "aborted" if isinstance(error, KeyboardInterrupt) else "failed", self._told(error))

    def _end(self, job: DoorJob, state: str, sentence: str = "", **told: Any) -> None:
        """It is over: let go of all that it holds, and tell everybody."""
        begun = job.running is not None
        if self._job is job:
            self._job = None
        job.state, job.sentence = state, plain(sentence)
        job.action, job.running, job.scan = _nothing, None, None
        job.tell("ended", state=state, **({"sentence": job.sentence} if job.sentence else {}), **told)
        job.follower = None
        if begun:
            how = job.sentence if state == "aborted" else ": ".join(filter(None, [state, job.sentence]))
            ended = f"door: {job.call} of {job.caller}: {how}"
            self._say("error" if state == "failed" else "note", ended)
            self._tell(ended)

    def _told(self, error: BaseException) -> str:
        if isinstance(error, KeyboardInterrupt):
            return "; ".join(["aborted", *getattr(error, "__notes__", [])])
        if isinstance(error, SystemExit):
            return "it asks for the end of the shell, which a door does not do"
        try:
            return self._sentence(error)
        except Exception:  # noqa: BLE001 - an error of the command's own may be unable to say what it is
            return type(error).__name__

    def job_here(self) -> DoorJob | None:
        """The command of the door to which the present greenlet belongs."""
        job = self._job
        here: Begun | None = begun_here() if job is not None else None
        return job if job is not None and job.running is not None and here is job.running.begun else None

    def printed(self, text: str) -> None:
        """Tell the program whose command prints this."""
        job = self.job_here()
        if job is not None and (said := plain(text)):
            for at in range(0, len(said), LONGEST_VALUE):
                job.tell("output", text=said[at : at + LONGEST_VALUE])

    # -- what its scans do

    def on_prepared(self, scan: Scan) -> None:
        """A scan of the door runs beside what the person at the prompt does."""
        job = self.job_here()
        if job is not None and isinstance(scan, OwnScan):
            scan.beside, job.scan = True, scan
            job.tell("scan", number=scan.number, title=scan.title, points=scan.plan.points)

    def on_point(self, scan: Scan, index: int, values: Mapping[str, Any]) -> None:  # noqa: ARG002 - an observer's
        """Tell of a point."""
        job = self.job_here()
        if job is not None:
            told = {name: float(one) for name, one in values.items() if isinstance(one, int | float | np.number)}
            job.tell("point", index=index, values={name: one for name, one in told.items() if np.isfinite(one)})

    def on_end(self, scan: Scan) -> None:  # noqa: ARG002 - an observer's
        """It can be paused no longer."""
        job = self.job_here()
        if job is not None:
            job.scan = None


def _nothing() -> None:
    """Instead of what a command holds that is over."""


def _at_rest_soon(job: DoorJob) -> list[str]:
    return [] if job.scan is None else [f"{job.scan.label} still comes to rest"]


def _remembered(job: DoorJob) -> dict[str, Any]:
    told = {"time": job.began, "job": job.number, "who": str(job.caller), "call": job.call[:200]}
    return {**told, "state": job.state, "sentence": job.sentence[:500]}


def _shown(told: Any) -> str:
    """An argument as it would be typed."""
    return str(told[words.NAME]) if isinstance(told, dict) and words.NAME in told else repr(told)[:200]


def _value(value: Any) -> Any:
    """What a command returned, as it is told."""
    try:
        return _plain_value(value)
    except Exception:  # noqa: BLE001 - an object of the user's own may be unable to say what it is
        return f"<{type(value).__name__}>"


def _plain_value(value: Any) -> Any:
    if isinstance(value, OwnScan):
        told = {"number": value.number, "identifier": value.identifier, "state": str(value.state)}
        return {**told, "file": value.file}
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist() if value.size <= LONGEST_VALUE else repr(value)
    try:
        if len(words.packed({"value": value})) <= words.LONGEST // 2:
            return value
    except BadValue:
        pass
    return plain(repr(value))[:LONGEST_VALUE]
