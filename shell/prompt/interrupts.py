"""Ctrl-C: each command runs in a greenlet of its own; that of the prompt waits for it and counts what is pressed."""

from __future__ import annotations

import signal
import termios
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import gevent
from gevent.event import Event

from ronda.shell.prompt.begun import Begun, belong_to, told_left
from ronda.shell.prompt.terminal import without

FIRST, SECOND, THIRD = 1, 2, 3
"""Presses: end in order; do not go back either; come back at once, whatever goes on."""

STOPPING = "stopping; a third Ctrl-C returns at once and leaves the rest as it is"

SOON, MOST = 0.01, 100
"""Seconds after which a press is looked at again that came while an object was being deleted, and how often at most."""

CALLBACKS = {one.__init__.__code__.co_filename for one in (weakref.WeakSet, weakref.WeakValueDictionary)}
"""Where Python calls what is told that an object has gone."""

BEAT = 1.0
"""Seconds between two events of the loop, for it ends when nothing can happen any more."""


class Interrupts:
    """Runs commands so that Ctrl-C reaches them wherever they are, and never kills anything else.

    Python calls a signal's handler in whatever greenlet is running: in the command itself, a display, the event loop.

    Args:
        tell: takes a sentence for the user.
        again: told of a second press while scans come to rest: they shall not go back. Returns a sentence, empty if
            there is none; then the press interrupts the command once more.
        leave: told that nobody waits any more; returns a clause for each scan that is still coming to rest.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        again: Callable[[], str] = str,
        leave: Callable[[], list[str]] = list,
    ) -> None:
        self._tell = tell
        self._again = again
        self._leave = leave
        self._command: Command | None = None
        self._main = gevent.getcurrent()
        self._abandoned: list[Command] = []
        self._postponed = 0

    def run(self, action: Callable[[], object]) -> BaseException | None:
        """Run a command; returns what ended it, None if it came to its end.

        After Ctrl-C the axes that it began to move are stopped, and notes of a KeyboardInterrupt tell where.
        """
        self._main = gevent.getcurrent()
        self._command = command = Command(action, self._tell)
        before = signal.signal(signal.SIGINT, self._pressed)
        try:
            with without(termios.ECHOCTL):  # no `^C` in a display that is being redrawn
                command.greenlet.start()
                try:
                    while not command.back.wait(BEAT):
                        pass
                except _Left:  # by a command that never lets go
                    # without a reference it would be told to end, and not let happen
                    self._abandoned = [one for one in self._abandoned if not one.over] + [command]
            return self._what_is_left(command) if command.begun.left else command.ended_by()
        finally:
            self._command = None
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def between(self) -> Iterator[None]:
        """While this lasts a SIGINT that comes between two commands does nothing."""
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _pressed(self, _: int, frame: FrameType | None) -> None:
        command = self._command
        if command is None or command.over:
            return
        if self._postponed < MOST and _deletes(frame):
            self._postponed += 1
            again = threading.Timer(SOON, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT])
            again.daemon = True
            again.start()
            return
        self._postponed = 0
        command.presses += 1
        here = gevent.getcurrent() is command.greenlet
        later = gevent.get_hub().loop.run_callback
        if command.presses >= THIRD:
            command.begun.left = True
            command.back.set()
            if here and command.presses > THIRD:
                self._main.throw(_Left)
        sentence = "" if command.presses < SECOND else STOPPING if command.stopping else self._again()
        if sentence:  # it comes to rest, which is not disturbed
            if command.presses == SECOND:
                later(self._tell, sentence)
        elif not here:
            later(command.interrupt)
        elif command.running:
            raise KeyboardInterrupt

    def _what_is_left(self, command: Command) -> BaseException:
        left = KeyboardInterrupt()
        left.add_note(told_left([*command.begun.moving(), *self._leave()]))
        return left


def _deletes(frame: FrameType | None) -> bool:
    """Whether Python is deleting an object, where it ignores whatever is raised; it may do so at any moment."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code.co_filename in CALLBACKS:
            return True
        frame = frame.f_back
    return False


class _Left(BaseException):
    """Takes the prompt's greenlet away from a command that computes and lets no interruption end it."""


class Command:
    """One command while it runs.

    Attributes:
        begun: what it has begun.
        presses: of Ctrl-C.
        back: set when nobody has to wait any more.
        running: whether its own code runs, which may be interrupted.
        stopping: whether what it began is being stopped.
        over: whether all that is done.
    """

    def __init__(self, action: Callable[[], object], tell: Callable[[str], None]) -> None:
        self.begun = Begun()
        self.presses = 0
        self.back = Event()
        self.running = self.stopping = self.over = False
        self.greenlet = gevent.Greenlet(self._run)
        belong_to(self.greenlet, self.begun)
        self._begun_to_run = False
        self._action = action
        self._tell = tell
        self._error: BaseException | None = None
        self._stopped: list[str] = []

    def interrupt(self) -> None:
        """In the event loop: raise KeyboardInterrupt where the command waits."""
        if not self._begun_to_run:
            gevent.get_hub().loop.run_callback(self.interrupt)
        elif self.running:
            self.greenlet.throw(KeyboardInterrupt)

    def ended_by(self) -> BaseException | None:
        """What ended it."""
        error = self._error
        if self.presses and not isinstance(error, KeyboardInterrupt | SystemExit) and (error or self._stopped):
            error = KeyboardInterrupt()
            error.__cause__ = self._error
        if error is not None:
            for clause in self._stopped:
                error.add_note(clause)
        return error

    def _run(self) -> None:
        self._begun_to_run = True
        try:
            self.running = True
            try:
                self._action()
            finally:
                self.running = False
        except BaseException as error:  # noqa: BLE001 - the event loop must not get it
            self._error = error
        self.stopping = True
        if self.presses:
            self._stopped = self.begun.stop()
        self.begun.end()
        if self.begun.left and self._stopped:
            self._tell("; ".join(self._stopped))
        self.over = True
        self.back.set()
