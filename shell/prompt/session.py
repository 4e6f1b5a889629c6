"""A shell on a running beamline: its objects and commands by name, a prompt or code that was given."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.counter import calculated, sampling
from ronda.framework.clients.part import part
from ronda.framework.clients.work_session import SessionObjects, WorkSession
from ronda.framework.errors import BadValue, RondaError
from ronda.framework.nexus.definitions.registry import all_definitions
from ronda.framework.plain import plain
from ronda.framework.policy.policy import DataPolicy
from ronda.framework.scan.presets import DevicePreset, PointPreset, ScanPreset
from ronda.framework.scan.shutter_preset import ShutterPreset
from ronda.shell.displays.banner import tell_first
from ronda.shell.displays.colours import coloured
from ronda.shell.displays.columns import folded
from ronda.shell.prompt.beamline_state import BeamlineState
from ronda.shell.prompt.begun import watch
from ronda.shell.prompt.execution import ERROR, Interpreter
from ronda.shell.prompt.explaining import special
from ronda.shell.prompt.interrupts import Interrupts
from ronda.shell.prompt.journal import Journal
from ronda.shell.prompt.namespace import Namespace
from ronda.shell.prompt.own_scans import FOLDER, OwnScans
from ronda.shell.verbs.archive import ArchiveCommands
from ronda.shell.verbs.asking import AskingCommands
from ronda.shell.verbs.cleanup import CleanupCommands, Restore
from ronda.shell.verbs.control import ControlCommands
from ronda.shell.verbs.debugging import DebuggingCommands
from ronda.shell.verbs.everything import Everything
from ronda.shell.verbs.listing import ListingCommands
from ronda.shell.verbs.logbook import LogbookCommands
from ronda.shell.verbs.measuring import ActiveMeasurementGroup
from ronda.shell.verbs.motion import MotionCommands
from ronda.shell.verbs.pointing import PointingCommands
from ronda.shell.verbs.policy import PolicyCommands, ScanSaving
from ronda.shell.verbs.positions import PositionCommands
from ronda.shell.verbs.scanning import ScanCommands
from ronda.shell.verbs.scripts import ScriptCommands
from ronda.shell.verbs.shutters import ShutterCommands
from ronda.shell.verbs.snapshots import Snapshots
from ronda.shell.verbs.states import StateCommands
from ronda.shell.verbs.steering import SteeringCommands
from ronda.shell.verbs.tweaking import TweakCommands
from ronda.shell.verbs.typing import TypingCommands

if TYPE_CHECKING:
    from ronda.shell.prompt.reading import Reader


EVERYTHING = WorkSession()
"""Where no session was chosen."""

SPECIAL = "__special__"
"""Hidden name of what runs `?name` and `!command`."""


class ShellSession:
    """What one person works with.

    Args:
        beamline: connected.
        console: where everything is printed but errors.
        errors: where errors are told.
        traceback: whether errors are told with their whole story.
        folder: of the beamline's YAML files, where its own scans and the scripts of sessions are; None for none.
        work: which of the beamline's objects are there, and what runs first.
        journal: is told what is typed, and what went wrong.
        page: address of the live view; empty for none.
    """

    def __init__(
        self,
        beamline: Beamline,
        console: Console,
        errors: Console,
        *,
        traceback: bool = False,
        folder: Path | None = None,
        work: WorkSession = EVERYTHING,
        journal: Journal | None = None,
        page: str = "",
    ) -> None:
        self.beamline = beamline
        self._console = console
        self._errors = errors
        self._shown = shown = SessionObjects(beamline, work)
        self._folder = folder
        self._page = page
        self._scans = ScanCommands(beamline, console, work.name, page)
        self._steering = SteeringCommands(self._scans.scans, console)
        self._motion = MotionCommands(console, lambda: self._scans.scans.dry)
        self._positions = PositionCommands(shown, console)
        self._journal = journal
        self._say = journal.add if journal is not None else _unheard
        self._control = ControlCommands(beamline, work.name, self._say, console, self._scans.beside)
        self._listing = ListingCommands(shown, console)
        self._states = StateCommands(shown, console)
        self._debugging = DebuggingCommands(beamline, console, os.environ)
        self._asking = AskingCommands(console, lent=self._waiting_for_keys)
        self._shutters = ShutterCommands(beamline, console)
        self._typing = TypingCommands(console, os.environ)
        self._scripts = ScriptCommands(
            lambda: self._interpreter.namespace, self._typing.preferences, self._typing.keep, console
        )
        self._archive = ArchiveCommands(beamline, console, self._typing.typed)
        self._data = policy = DataPolicy(beamline, work.name)
        self._policy = PolicyCommands(policy, console)
        self._interpreter = Interpreter(
            Namespace(shown.objects, self._commands(), {**self._others(), "SCAN_SAVING": ScanSaving(policy)}),
            self._tell_error,
            traceback=traceback,
            show=self._show,
            interrupts=Interrupts(self._tell_above, self._scans.stay, self._scans.leave),
            elsewhere=self._elsewhere,
        )
        watch(beamline)
        names = self._interpreter.namespace
        beamline.changed = lambda: names.renew(shown.objects)
        names[SPECIAL] = self._do_special
        more = {"scans": self._scans.scans}
        self._own = OwnScans(None if folder is None else folder / FOLDER, names, more, self.tell)
        self._do_first(self._own.load, "not all scans of the beamline are loaded; load_scans() loads them")

    def load_scans(self) -> None:
        """Read the beamline's own scans again, from the folder `scans` beside its YAML files."""
        names = self._own.load()
        self._console.print(", ".join(names) or "there are none", markup=False, highlight=False, soft_wrap=True)

    def tell(self, text: str) -> None:
        """Tell what went wrong."""
        self._errors.print(text, style="red", markup=False, highlight=False, soft_wrap=True)

    def _tell_error(self, text: str) -> None:
        self._say("error", text)
        self.tell(text)

    def _tell_above(self, text: str) -> None:
        """Tell something while a command shows what it does, above what is redrawn."""
        if self._console.is_terminal:
            self._console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        else:
            self.tell(text)

    def run(self, code: str) -> int:
        """Run code that was given; returns the exit code."""
        self._say("command", code)
        self._join()
        with self._control.at_work():
            return self._set_up() or self._interpreter.run(code, after=self._scans.finish)

    def run_file(self, file: Path) -> int:
        """Run a script; returns the exit code.

        Raises:
            BadValue: it cannot be read.
        """
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadValue(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
        self._interpreter.namespace["__file__"] = str(file)
        self._say("command", f"run {file}")
        self._join()
        with self._control.at_work():
            return self._set_up() or self._interpreter.run(text, str(file), after=self._scans.finish)

    def _join(self, *, take: bool = False) -> str:
        """Take a place among those of the session; returns why that failed, empty if it did not."""
        try:
            self._control.join(take=take)
        except RondaError as error:
            return str(error)
        return ""

    def prompt(self, history: Path | None, hears: int | None = None) -> None:
        """Read commands and run them until the end.

        Args:
            history: of what was typed; None for none.
            hears: with doors: a pipe of lines about who looks on, and who types here too; None without.

        Raises:
            ServiceFailed: the doors cannot be opened.
        """
        from ronda.shell.prompt.above import printing_above
        from ronda.shell.prompt.reading import Reader

        state = BeamlineState(self.beamline, lambda: reader.redraw(), self._control.fragments)
        names = self._interpreter.namespace
        session = self._shown.session.name
        name = f"{self.beamline.name}/{session}" if session else self.beamline.name
        reader = Reader(name, history, names, self._typing.preferences, state.line)
        self._typing.earlier = reader.earlier
        self._scans.take_keys(reader.keep)
        self._do_first(lambda: tell_first(self._shown, self._data, self._console, self._whose(), self._page))
        reader.typed = self._control.touch
        with self._control.at_work():
            self._set_up()
        self._control.watch(reader.redraw)
        state.start()
        try:
            with self._interpreter.interrupts.between(), printing_above(), self._doors(hears):
                self._read_all(reader)
        finally:
            state.stop()
            self._control.stop()
            self._scans.stop_beside()

    def _whose(self) -> str:
        """Who has control of the session, for the first screen."""
        why = self._join(take=True)
        return f"!ERR who has control is not known: {why}" if why else self._control.line()

    @contextmanager
    def _doors(self, hears: int | None) -> Iterator[None]:
        """While this lasts other programs of this user submit commands; what they began is broken off at the end.

        The session has been joined and set up before, so that they are refused what only who has control may do.
        """
        if hears is None:
            yield
            return
        from ronda.shell.doors.open import Doors

        doors = Doors(self._interpreter, self._shown, self._say, self._note, self._control.at_work, self._scans)
        with doors.telling():
            try:
                doors.open(hears)
                yield
            finally:
                doors.close()

    @contextmanager
    def _waiting_for_keys(self) -> Iterator[None]:
        """A `with` block in which a command waits for the person, and nobody else reads what is typed."""
        with self._control.at_rest(), self._scans.lent_keys():
            yield

    def _note(self, text: str) -> None:
        self._console.print(plain(text), style="dim", markup=False, highlight=False, soft_wrap=True)

    def _set_up(self) -> int:
        """Run the scripts of the session, until one fails; returns the exit code."""
        for setup in self._shown.session.setups:
            file = (self._folder or Path()) / setup
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or error
                self.tell(f"session {self._shown.session.name}: its script {file} cannot be read: {why}")
                return ERROR
            try:
                code = self._interpreter.run(text, str(file))
            except SystemExit:
                self.tell(
                    f"session {self._shown.session.name}: its script {setup} asks for the end of the shell, which a "
                    "script that runs first does not do; use return in a function, or raise an error"
                )
                return ERROR
            if code:
                self.tell(f"session {self._shown.session.name}: its script {setup} did not run to its end")
                return code
        return 0

    def _do_first(self, action: Callable[[], object], otherwise: str = "") -> None:
        """Do something at the start that Ctrl-C may end; the prompt comes up all the same."""
        error = self._interpreter.interrupts.run(action)
        if isinstance(error, KeyboardInterrupt):
            self.tell("; ".join(filter(None, ["interrupted", otherwise])))
        elif error is not None:
            raise error

    def _read_all(self, reader: Reader) -> None:
        while True:
            try:
                text = reader.read()
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            sys.stdout.flush()  # what was printed while this was typed, and has no end yet
            for sentence in self._scripts.edited():
                self.tell(sentence)
            if special(text, self._interpreter.namespace, self._show) is not None:
                if text.lstrip().startswith("!"):
                    self._say("command", text)
                text = f"{SPECIAL}({text!r})"
            elif text.strip():
                self._say("command", text)
            try:
                with self._control.at_work():
                    self._interpreter.run(text, show_value=True, after=self._scans.name_files)
            except SystemExit:
                return

    def last_error(self) -> None:
        """Show the whole story of the latest error."""
        error = self._interpreter.last_error
        text = "there was no error yet" if error is None else self._interpreter.story(error)
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _others(self) -> dict[str, Any]:
        """Names that are not commands."""
        return {
            "np": np,
            "SCANS": self._scans.history,
            "ACTIVE_MG": ActiveMeasurementGroup(self.beamline),
            "axis": Restore,
            "config": Everything(self.beamline),
            "snapshot": Snapshots(self.beamline, self._console, self._motion.mv),
        }

    def _commands(self) -> Mapping[str, Any]:
        motion, positions, scans, steering = self._motion, self._positions, self._scans, self._steering
        data = self._policy
        bound: list[Any] = [
            *(positions.wa, positions.wu, positions.wm),
            *self._listing.commands(),
            *self._states.commands(),
            *self._logbook().commands(),
            *self._debugging.commands(),
            *self._control.commands(),
            *(motion.mv, motion.mvr, motion.mvd, motion.umv, motion.umvr, motion.move),
            *(motion.jog, motion.home, motion.sync, motion.stop, motion.fix, motion.release),
            *CleanupCommands(motion).commands(),
            *self._asking.commands(),
            *PointingCommands(
                self.beamline, self._console, self._asking.yesno, lambda: bool(self.beamline.dry)
            ).commands(),
            *TweakCommands(self._console, self._waiting_for_keys, self._control.touch).commands(),
            *(self._shutters.shopen, self._shutters.shclose),
            *scans.commands(),
            *self._typing.commands(),
            *self._archive.commands(),
            *self._scripts.commands(),
            *(steering.dryrun, steering.suspenders, steering.add_suspender, steering.add_preset),
            *(ScanPreset, DevicePreset, PointPreset, ShutterPreset),
            *(data.newproposal, data.newsample, data.newcollection, data.newdataset),
            *(data.enddataset, data.endproposal, data.add_metadata, data.remove_metadata),
            *(one.declare for one in all_definitions()),
            *(sampling, calculated, part, self.beamline.foreign_axis, self.last_error, self.load_scans),
        ]
        return {command.__name__: command for command in bound}

    def _elsewhere(self, name: str) -> str:
        """What to do about a name that is not known here; empty if nothing helps."""
        if name not in self.beamline.objects:
            return ""
        return f'the session {self._shown.session.name} leaves it out; {name} = config.get("{name}") takes it'

    def _logbook(self) -> LogbookCommands:
        flush = (lambda _: None) if self._journal is None else self._journal.flush
        return LogbookCommands(self.beamline, self._say, self._console, flush)

    def _do_special(self, text: str) -> None:
        action = special(text, self._interpreter.namespace, self._show)
        if action is not None:
            action()

    def _show(self, text: str) -> None:
        self._console.print(coloured(folded(text, self._console.width)))


def _unheard(kind: str, text: str) -> None:
    """Where there is no logbook."""
