"""`ronda shell`: a prompt on a running beamline, or code that is run there."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ronda.framework.host.control import Running

Code = Annotated[str | None, typer.Option("-c", metavar="CODE", help="Run this Python code instead of a prompt")]


def shell(
    context: typer.Context,
    which: Annotated[
        str | None,
        typer.Argument(metavar="[BEAMLINE|SESSION]", help="A beamline, by name or folder; or a session of it"),
    ] = None,
    session: Annotated[str, typer.Option("--session", "-s", metavar="NAME", help="A session of its YAML files")] = "",
    code: Code = None,
    file: Annotated[Path | None, typer.Option("--run", metavar="FILE", help="Run this script")] = None,
    door: Annotated[
        bool, typer.Option("--door", help="Let other programs of yours submit commands and look on")
    ] = False,
    look: Annotated[bool, typer.Option("--attach", help="Look on at a running shell that has doors")] = False,
    types: Annotated[bool, typer.Option("--control", help="With --attach: type there too")] = False,
) -> None:
    """Open a prompt on a running beamline, or run code there."""
    if look:
        require_terminal()
        raise typer.Exit(_attach(session or which or "", types=types))
    if types:
        raise typer.BadParameter("--control goes with --attach")
    if door and (code is not None or file is not None):
        raise typer.BadParameter("--door is for a prompt")
    hears = None
    if door:
        require_terminal()
        from ronda.shell.doors.screen import share_screen

        hears = share_screen()
    from ronda.framework.turns import take_short_turns
    from ronda.shell.prompt.cooperative import make_cooperative

    make_cooperative()
    take_short_turns()  # scans wait for this program at each point
    signal.signal(signal.SIGINT, _leave)

    if code is not None and file is not None:
        raise typer.BadParameter("give either -c CODE or --run FILE")
    if code is None and file is None:
        require_terminal()
    raise typer.Exit(work(*_chosen(which, session), code, file, traceback=wants_traceback(context), hears=hears))


def _page(running: Running) -> str:
    """The address of the live view; empty if there is none, or nobody may know it."""
    from ronda.framework.errors import RondaError
    from ronda.shell.view.addresses import addresses

    try:
        found = addresses(running.status, running.state)
    except RondaError:
        return ""
    return found.look if found is not None else ""


def _attach(which: str, *, types: bool) -> int:
    from ronda.framework.door.place import place
    from ronda.shell.doors.attaching import attach

    return attach(place(which), types=types)


def _chosen(which: str | None, session: str) -> tuple[Running, str]:
    """The beamline and the session that are meant; a word that names no running beamline is that of a session.

    Raises:
        NotFound: no beamline is meant, or more than one.
    """
    from ronda.framework.errors import NotFound
    from ronda.framework.host import control

    try:
        return control.select(which), session
    except NotFound as error:
        if which is None or session or "/" in which or not control.running():
            raise
        try:
            return control.select(None), which
        except NotFound:
            raise error from None


def work(
    running: Running,
    session: str,
    code: str | None,
    file: Path | None = None,
    *,
    traceback: bool = False,
    settle: float = 0.0,
    hears: int | None = None,
) -> int:
    """Let a person, or the code that was given, work on a running beamline.

    Args:
        running: the beamline.
        session: which session of its YAML files; empty for none.
        code, file: what to run; without both there is a prompt.
        traceback: whether errors are told with their whole story.
        settle: seconds to wait at most until every device has heard from its hardware.
        hears: with doors: a pipe of lines about who came and went; None without.

    Returns:
        the exit code.
    """
    from io import TextIOWrapper

    import tango.gevent

    from ronda.framework.clients.work_session import WorkSession, work_session
    from ronda.shell.commands.connecting import connect, wait_until_settled
    from ronda.shell.displays.console import WordConsole
    from ronda.shell.prompt.journal import Journal
    from ronda.shell.prompt.session import ShellSession
    from ronda.shell.prompt.user import user_name

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(
            line_buffering=True
        )  # in a pipe too, lines and errors come in the order in which they arose
    beamline = connect(running.status, tango.gevent.DeviceProxy)
    wait_until_settled(beamline, settle)
    console, errors = WordConsole(highlight=False), WordConsole(stderr=True, highlight=False)
    chosen = work_session(beamline, session) if session else WorkSession()
    folder = Path(running.status.config)
    journal = Journal(beamline, chosen.name, user_name(), lambda text: errors.print(text, style="red", markup=False))
    place = ShellSession(
        beamline,
        console,
        errors,
        traceback=traceback,
        folder=folder,
        work=chosen,
        journal=journal,
        page=_page(running),
    )
    try:
        if code is not None:
            return place.run(code)
        if file is not None:
            return place.run_file(file)
        from ronda.shell.prompt.reading import history_file

        place.prompt(history_file(beamline.name, os.environ), hears)
        return 0
    finally:
        journal.close()
        beamline.close()


def _leave(_: int, __: object) -> None:
    """Ctrl-C while the shell starts, before there is a command that it could end."""
    os._exit(130)  # an exception in the midst of an import would come out as something else; nothing has begun yet


def wants_traceback(context: typer.Context) -> bool:
    """Whether `ronda --traceback` or RONDA_TRACEBACK asks for the whole story of errors."""
    return bool(context.find_root().params.get("traceback"))


def require_terminal() -> None:
    """Refuse a prompt where nobody can type.

    Raises:
        NotReady: there is no terminal.
    """
    from ronda.framework.errors import NotReady

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise NotReady("there is no terminal to type in; give the code with -c CODE")
