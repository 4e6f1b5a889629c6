"""One supervised process: its states and the passages between them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ronda.framework.config.beamline import RestartParameters
from ronda.framework.errors import ServiceFailed
from ronda.framework.host.health import Ask, Pulse
from ronda.framework.host.logs import last_lines
from ronda.framework.host.process import Identity, Launch, start
from ronda.framework.host.status import ProcessStatus, State

HALTED_LIMIT = 4.0
"""Seconds that a process may stand halted (SIGSTOP) before it is taken for hung."""

SILENT_LIMIT = 6.0
"""Seconds a question may stay without an answer before a process is taken for hung: it is found within 10 s."""

LONGEST_WORD = 65536
"""Bytes that a process may write to its ready pipe."""


@dataclass
class ProcessPlan:
    """What is to be supervised, and how.

    Attributes:
        launch: what to start.
        kind: `service`, `simulators` or `server`.
        needs: names of the processes that must be RUNNING before its start.
        restart: what to do when it fails.
        start_timeout: seconds until it must be ready.
        stop_timeout: seconds from SIGTERM to SIGKILL.
        ask: makes the question by which it shows life; None when only its existence is watched.
        before: called before each start; raises ServiceFailed with a sentence when it cannot succeed.
    """

    launch: Launch
    kind: str
    needs: list[str]
    restart: RestartParameters
    start_timeout: float = 20.0
    stop_timeout: float = 5.0
    ask: Callable[[], Ask] | None = None
    before: Callable[[], None] | None = None

    @property
    def name(self) -> str:
        """The process's name."""
        return self.launch.name


class Managed:
    """A supervised process. All methods are called from the supervisor's thread and return at once."""

    def __init__(
        self,
        plan: ProcessPlan,
        status: ProcessStatus,
        state_folder: Path,
        logs: Path,
        may_ask: Callable[[], bool] = lambda: True,
    ) -> None:
        """Nothing is started yet.

        Args:
            plan: what is to be supervised.
            status: told to others; may carry the story of an earlier time.
            state_folder: whose process it is.
            logs: where it writes.
            may_ask: whether it may be asked for signs of life now.
        """
        self._may_ask = may_ask
        self.plan = plan
        self.status = status
        self.wanted = False
        self.held = False
        """Whether the start must wait for something that the supervisor does not know (its registration)."""
        self.identity: Identity | None = None
        self.ready_pipe: int | None = None
        self.log = logs / f"{plan.name}.log"
        self._state_folder = state_folder
        self._pulse: Pulse | None = None
        self._deadline = 0.0
        self._next_start = 0.0
        self._failures = 0
        self._halted_since = 0.0
        self._log_offset = 0
        self._received = b""
        self._failure = ""
        """Why we killed it; empty while it is not our doing."""
        self._why = ""
        """Why it must start again, for the story."""
        self.failure = ""
        """The last failure, a sentence; empty when there was none."""

    # -- what others ask for

    def want(self, wanted: bool) -> None:
        """Say whether it should run; what must happen for this happens in `step`."""
        self.wanted = wanted
        if wanted:
            self._next_start = 0.0
            if self.status.state in (State.STOPPED, State.FAILED):
                self.status.state = State.WAITING
        elif self.status.state in (State.WAITING, State.FAILED):
            self.status.state = State.STOPPED

    def restart(self, why: str) -> None:
        """Stop it in order and start it again."""
        self._why = why
        self._failures = 0
        self.want(True)
        self._terminate()

    def fail(self, why: str) -> None:
        """Somebody found out that it does not do its work: end it, and start it again."""
        self._kill(why)

    def adopt(self, identity: Identity) -> None:
        """Take over a process that an earlier agent started."""
        self.identity = identity
        self.wanted = True
        known = (self.status.pid, self.status.started) == (identity.pid, identity.started)
        since = self.status.since if known else 0.0
        self._note_process()
        self._become_ready(already=True)
        self.status.since = since or self.status.since
        if not known:
            self.status.tell(f"process {identity.pid} found running")

    def missing(self, counted: bool) -> None:
        """An earlier agent started it, and it is gone: that is a failure like one that we had seen.

        Args:
            counted: whether it counts as a restart; after a power cut all processes are gone, and all is new.
        """
        self._why = f"process {self.status.pid} was gone when the agent came back"
        self.status.tell(self._why)
        self.status.restarts = self.status.restarts + 1 if counted else 0
        self.status.pid = self.status.started = 0

    # -- the passages

    def step(self, now: float, others: dict[str, Managed]) -> bool:
        """Do what is due; return whether the status changed."""
        before = (self.status.state, self.status.pid, self.status.note)
        if self.identity is not None and not self.identity.alive():
            self._ended()
        elif self.status.state == State.WAITING:
            if now >= self._next_start and not self.held and self._needs_met(others):
                self._start(now)
        elif self.status.state in (State.STARTING, State.RUNNING) and not self.wanted:
            self._terminate()
        elif self.status.state == State.STARTING:
            self._check_start(now)
        elif self.status.state == State.RUNNING:
            self._check_life(now)
        elif self.status.state == State.STOPPING and now >= self._deadline and self.identity is not None:
            self.status.tell(f"did not end within {self.plan.stop_timeout:g} s of SIGTERM, killed")
            self.identity.signal(signal.SIGKILL)
            self._deadline = now + 5.0
        return before != (self.status.state, self.status.pid, self.status.note)

    def next_step(self, now: float) -> float:
        """Seconds after which `step` has something to do, events apart."""
        if self.status.state in (State.STARTING, State.RUNNING) and not self.wanted:
            return 0.0
        if self.status.state == State.STARTING:
            return 0.05
        if self.status.state == State.STOPPING:
            return 0.1
        if self.status.state == State.WAITING:
            return max(0.02, min(1.0, self._next_start - now))
        return 1.0

    def _needs_met(self, others: dict[str, Managed]) -> bool:
        return all(others[name].status.state == State.RUNNING for name in self.plan.needs if name in others)

    def _start(self, now: float) -> None:
        self.status.pid = self.status.started = 0
        try:
            if self.plan.before is not None:
                self.plan.before()
            started = start(self.plan.launch, self._state_folder, self.log)
        except ServiceFailed as error:
            self._failed(str(error))
            return
        except OSError as error:  # a full disk, say
            self._failed(f"it cannot be started ({error})")
            return
        self.identity = started.identity
        self.ready_pipe = started.ready_pipe
        self._log_offset = started.log_offset
        self._received = b""
        self._deadline = now + self.plan.start_timeout
        self._note_process()
        self.status.state = State.STARTING

    def _note_process(self) -> None:
        if self.identity is not None:
            self.status.pid, self.status.started = self.identity.pid, self.identity.started

    def _check_start(self, now: float) -> None:
        launch = self.plan.launch
        if self.ready_pipe is not None:
            self._read_pipe()
        elif launch.ready_line is not None and launch.ready_line in self._own_output():
            self._become_ready()
        if self.status.state == State.STARTING and now >= self._deadline:
            self._kill(f"not ready within {self.plan.start_timeout:g} s; its last words: {self._last_words()}")

    def _read_pipe(self) -> None:
        if self.ready_pipe is None:
            return
        with contextlib.suppress(BlockingIOError):
            os.set_blocking(self.ready_pipe, False)
            chunk = os.read(self.ready_pipe, 65536)
            self._received += chunk
            if not chunk:
                os.close(self.ready_pipe)
                self.ready_pipe = None
                return  # it ended without a word: its end tells the rest
        line, newline, _ = self._received.partition(b"\n")
        if not newline and len(self._received) < LONGEST_WORD:
            return
        word = _understand(line)
        if word.get("ready") is True:
            self._become_ready()
        else:
            self._kill(str(word.get("error", f"it said {line[:80]!r} instead of being ready")))

    def _become_ready(self, already: bool = False) -> None:
        self._close_pipe()
        self.status.state = State.RUNNING
        self.status.since = time.time()
        if not already:
            self.status.tell(f"started again after: {self._why}" if self._why else "started")
        self._why = ""

    def _check_life(self, now: float) -> None:
        if self.identity is None:
            return
        if self._failures and time.time() - self.status.since > self.plan.restart.stable:
            self._failures = 0
        if self.identity.stopped():
            self._halted_since = self._halted_since or now
            if now - self._halted_since > HALTED_LIMIT:
                self._kill(f"process {self.identity.pid} was halted (SIGSTOP) for {now - self._halted_since:.0f} s")
            return
        self._halted_since = 0.0
        if self._pulse is None and self.plan.ask is not None and self._may_ask():
            self._pulse = Pulse(self.plan.name, self.plan.ask())
        if self._pulse is not None and self._pulse.silent_for > SILENT_LIMIT:
            self._kill(
                f"process {self.identity.pid} did not answer for {self._pulse.silent_for:.0f} s ({self._pulse.problem})"
            )

    def _terminate(self) -> None:
        """Ask it to end in order."""
        if self.status.state == State.STOPPING or self.identity is None:
            return
        self._stop_asking()
        self.status.state = State.STOPPING
        self._deadline = time.monotonic() + self.plan.stop_timeout
        self.identity.signal(signal.SIGTERM)
        self.identity.signal(signal.SIGCONT)

    def _kill(self, why: str) -> None:
        """End a process that fails to start or hangs; a new one starts only when this one is gone."""
        self._stop_asking()
        self._failure = why
        self.status.tell(why)
        self.status.state = State.STOPPING
        self._deadline = time.monotonic() + 5.0
        if self.identity is not None:
            self.identity.signal(signal.SIGKILL)

    def _ended(self) -> None:
        if self.status.state == State.STARTING:
            self._read_pipe()  # it may have said why
        killed, how = self._how_it_ended()
        in_order = self.status.state == State.STOPPING and not self._failure
        failure = self._failure or (how if killed else f"{how}; its last words: {self._last_words()}")
        self._let_go()
        self._failure = ""
        self.status.pid = self.status.started = 0
        self.status.since = 0.0
        if not self.wanted:
            self.status.state = State.STOPPED
            self.status.tell("stopped")
        elif in_order:
            self.status.state = State.WAITING
        else:
            self._failed(failure)

    def _failed(self, why: str) -> None:
        self._why = self.failure = why
        self.status.tell(why)
        self.status.state = State.FAILED
        policy = self.plan.restart
        if policy.policy == "always" and self.wanted:
            doublings = min(self._failures, 20) - 1
            wait = 0.0 if self._failures == 0 else min(policy.backoff_limit, policy.backoff * 2.0**doublings)
            self._failures += 1
            self.status.restarts += 1
            self._next_start = time.monotonic() + wait
            self.status.state = State.WAITING

    def _how_it_ended(self) -> tuple[bool, str]:
        """Whether a signal ended it, and a clause."""
        if self.identity is None:
            return False, "it ended"
        pid = self.identity.pid
        self.identity.end_helpers()  # before anybody else can be given its number
        try:
            waited, code = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return False, f"process {pid} ended"  # an adopted one: its status went to another parent
        if waited and os.WIFSIGNALED(code):
            return True, f"process {pid} was killed by {_signal_name(os.WTERMSIG(code))}"
        if waited:
            return False, f"process {pid} ended with status {os.WEXITSTATUS(code)}"
        return False, f"process {pid} ended"

    def _let_go(self) -> None:
        self._stop_asking()
        self._close_pipe()
        self.identity = None
        self._halted_since = 0.0

    def _stop_asking(self) -> None:
        if self._pulse is not None:
            self._pulse.stop()
            self._pulse = None

    def _close_pipe(self) -> None:
        if self.ready_pipe is not None:
            os.close(self.ready_pipe)
            self.ready_pipe = None

    # -- its log

    def _own_output(self) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_offset)
                return log.read().decode(errors="replace")
        except OSError:
            return ""  # somebody removed the log

    def _last_words(self) -> str:
        """The last line that it wrote to its log, for a sentence about its end."""
        try:
            lines = last_lines(self.log, 1) if self.log.stat().st_size != self._log_offset else []
        except OSError:
            lines = []
        return lines[0] if lines else "none"


def _understand(line: bytes) -> dict[str, Any]:
    """What a process said on its ready pipe; empty when it makes no sense."""
    try:
        word = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return word if isinstance(word, dict) else {}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # of the real-time ones only two have names
