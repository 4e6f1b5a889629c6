"""Running what people type, and telling what went wrong in one sentence."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
import traceback
from collections import deque
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import CodeType, TracebackType

import tango

from ronda.framework.errors import RondaError
from ronda.framework.tango.errors import from_dev_failed
from ronda.shell.prompt import interrupts as running
from ronda.shell.prompt.interrupts import Interrupts
from ronda.shell.prompt.namespace import Namespace
from ronda.shell.prompt.under_cursor import one_line, signature

NOT_THEIRS = (str(Path(__file__).parents[2]), sys.prefix, sys.base_prefix, "<frozen")
"""Where code is that users did not write: an error is shown at their line."""

REMEMBERED = 1000
"""Commands whose text is kept, so that an error in a function that was typed is shown at its line."""

ERROR, INTERRUPTED = 1, 130
"""Exit codes of a program that failed, and of one that Ctrl-C ended."""


class Interpreter:
    """Runs Python in a namespace.

    Args:
        namespace: the names that the code sees and makes.
        tell: takes a sentence about an error.
        traceback: whether errors are told with their whole story.
        interrupts: runs the code so that Ctrl-C ends it.
        show: prints the table of an object whose name was typed.
        elsewhere: says where a name is found that is not known here; empty if nowhere.

    Attributes:
        last_error: the latest error, None if there was none.
    """

    def __init__(
        self,
        namespace: Namespace,
        tell: Callable[[str], None],
        *,
        traceback: bool = False,
        interrupts: Interrupts | None = None,
        show: Callable[[str], None] = print,
        elsewhere: Callable[[str], str] = lambda _: "",
    ) -> None:
        self.namespace = namespace
        self.last_error: BaseException | None = None
        self._tell = tell
        self._traceback = traceback
        self._show = show
        self._elsewhere = elsewhere
        self.interrupts = Interrupts(tell) if interrupts is None else interrupts
        self._inputs = 0
        self._remembered: deque[str] = deque()

    def run(
        self,
        text: str,
        file: str | None = None,
        *,
        show_value: bool = False,
        after: Callable[[], bool] = lambda: True,
    ) -> int:
        """Run some code; what goes wrong is told.

        Args:
            text: the source.
            file: where it stands, for messages; None if it was typed.
            show_value: print the value of the last expression, as a prompt does.
            after: called when it has ended, however; Ctrl-C reaches it too. Returns whether all is well.

        Returns:
            the exit code: 0 if all went well, 130 after Ctrl-C, else 1.

        Raises:
            SystemExit: the code asks for the end.
        """
        if file is None:
            self._inputs += 1
            file = f"<input {self._inputs}>"
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
            self._remembered.append(file)
            if len(self._remembered) > REMEMBERED:
                linecache.cache.pop(self._remembered.popleft(), None)
        well: list[bool] = []
        try:
            code = self._guarded(lambda: self._run(text, file, show_value), file)
        except SystemExit:
            self._guarded(lambda: well.append(after()), file)
            raise
        return self._guarded(lambda: well.append(after()), file) or code or int(not all(well))

    def story(self, error: BaseException) -> str:
        """Where an error arose, with the errors that led to it."""
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename in (__file__, running.__file__):
            trace = trace.tb_next
        return "".join(traceback.format_exception(type(error), error, trace)).rstrip()

    def sentence(self, error: BaseException, file: str) -> str:
        """What went wrong, in one line."""
        if isinstance(error, SyntaxError):
            return _syntax(error)
        return f"{_place(error.__traceback__, file)}{self._cause(error)}{_notes(error)}"

    def _guarded(self, action: Callable[[], None], file: str) -> int:
        error = self.interrupts.run(action)
        if error is None:
            return 0
        if isinstance(error, SystemExit):
            raise error
        self.last_error = error
        if isinstance(error, KeyboardInterrupt):
            why = error.__cause__  # stopping may have failed
            self._tell(f"interrupted{_notes(error)}" + (f"; {self.sentence(why, file)}" if why is not None else ""))
            return INTERRUPTED
        self._tell(self.story(error) if self._traceback else self.sentence(error, file))
        return ERROR

    def _cause(self, error: BaseException) -> str:
        if isinstance(error, tango.DevFailed):
            error = from_dev_failed(error)
        if isinstance(error, RondaError):
            return " ".join(str(error).split())  # the Tango library tells in several lines that nobody answers
        if isinstance(error, NameError) and error.name is not None:
            near = self.namespace.nearest(error.name)
            hint = self._elsewhere(error.name) or (f"did you mean {near}?" if near else "")
            return f"{error.name} is not known" + (f"; {hint}" if hint else "")
        return f"{type(error).__name__}: {error}".rstrip(": ")

    def _run(self, text: str, file: str, show_value: bool) -> None:
        tree = ast.parse(text, file)
        last = tree.body[-1] if tree.body else None
        if show_value and isinstance(last, ast.Expr):
            tree.body.pop()
            self._execute(compile(tree, file, "exec"))
            value = eval(compile(ast.Expression(last.value), file, "eval"), self.namespace)  # noqa: S307 the user's own
            if value is not None:
                self.namespace["_"] = value
                table = told(value)
                if table:
                    self._show(table)
                elif not hasattr(type(value), "__info__"):  # else it has nothing to say
                    print(repr(value))
        else:
            self._execute(compile(tree, file, "exec"))
        sys.stdout.flush()

    def _execute(self, code: CodeType) -> None:
        exec(code, self.namespace)  # noqa: S102 this is what a shell is for


def told(value: object) -> str:
    """What a prompt tells of a value: its table if it has one, as an axis has; of a function how it is called.

    A function without its parentheses does nothing; it is mostly a slip. Of all else nothing is told but its `repr`.
    """
    table = getattr(type(value), "__info__", None)
    if table is not None:
        return str(table(value))
    if isinstance(value, type) and issubclass(value, Enum):
        return f"{', '.join(value.__members__)}\n  {one_line(value)}"
    if inspect.isroutine(value) or (isinstance(value, type) and value.__module__.startswith("ronda.")):
        return f"{signature(value.__name__, value)}\n  {one_line(value) or 'nothing is said about it'}"
    return ""


def _notes(error: BaseException) -> str:
    """What was added to an error on its way up: what was stopped because of it."""
    notes = getattr(error, "__notes__", [])
    return f"; {'; '.join(notes)}" if notes else ""


def _syntax(error: SyntaxError) -> str:
    lines = [f"{error.msg}, line {error.lineno}" if error.lineno else str(error.msg)]
    if error.filename and error.lineno and not error.filename.startswith("<"):
        lines = [f"{error.filename}:{error.lineno}: {error.msg}"]
    if error.text and error.offset:
        text = error.text.rstrip("\n")
        lines += [f"    {text}", "    " + " " * (error.offset - 1) + "^"]
    return "\n".join(lines)


def _place(trace: TracebackType | None, file: str) -> str:
    """The user's line at which it happened: file and line of a script, the line if several were typed."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]
    typed = [(name, line) for name, line in frames if name == file or not name.startswith(NOT_THEIRS)]
    if not typed:
        return ""
    name, line = typed[-1]
    if not name.startswith("<"):
        return f"{name}:{line}: "
    return f"line {line}: " if len(linecache.getlines(name)) > 1 else ""
