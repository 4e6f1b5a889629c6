"""`ronda demo`: the demo beamline brought up, worked on, and taken down."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import typer

from ronda.shell.commands.shell import Code, require_terminal, wants_traceback, work

PACKAGED = Path(__file__).parents[2] / "config" / "demo"
"""The demo's YAML files, in the clone and in the installed package alike."""

SETTLE_TIME = 30.0
"""Seconds that devices which were just started have to hear from their hardware. After an installation the camera
first compiles what it computes with."""

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""


def demo(context: typer.Context, code: Code = None) -> None:
    """Bring up the demo beamline, open a prompt or run code there, and take it down at the end."""
    from ronda.shell.prompt.cooperative import make_cooperative

    make_cooperative()

    import signal
    from types import FrameType

    from rich.console import Console

    from ronda.framework.config.load import load_beamline
    from ronda.framework.errors import RondaError
    from ronda.framework.host import control
    from ronda.framework.host.layout import choose_host, make_layout

    interrupted = False

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    if code is None:
        require_terminal()
    remarks = Console(stderr=True, highlight=False, soft_wrap=True)
    folder = demo_folder(PACKAGED, os.environ)
    traceback = wants_traceback(context)
    if any(one.status.config == str(folder) for one in control.running()):
        remarks.print("the demo beamline is running already; it stays up at the end")
        raise typer.Exit(work(control.select(str(folder)), "", code, traceback=traceback))
    beamline = load_beamline(folder, os.environ)
    layout = make_layout(beamline, choose_host(beamline, None, []))
    ours = True
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGINT, interrupt)
    try:
        try:
            with remarks.status("bringing up the demo beamline …"):
                control.bring_up(layout, lambda _: _prepare())
        except RondaError:
            ours = False  # it has cleaned up, or somebody else was faster
            raise
        if interrupted:
            raise KeyboardInterrupt  # noqa: TRY301 - a library that was being imported has swallowed the first one
        signal.signal(signal.SIGINT, signal.default_int_handler)
        result = work(control.select(str(folder)), "", code, traceback=traceback, settle=SETTLE_TIME)
    except KeyboardInterrupt:
        result = INTERRUPTED
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if ours:
            control.take_down(layout.folders.state, lambda _: None)
    raise typer.Exit(result)


def _prepare() -> None:
    """Load what the shell needs while the servers come up, which takes longer."""
    importlib.import_module("ronda.shell.prompt.session")


def demo_folder(packaged: Path, environment: Mapping[str, str]) -> Path:
    """The demo's folder: that of a clone, or a copy in the user's state folder if the package is installed elsewhere.

    Args:
        packaged: where the package has it.
        environment: may name the state folder.
    """
    packaged = packaged.resolve()
    if (packaged.parents[1] / "pyproject.toml").exists() and os.access(packaged, os.W_OK):
        return packaged
    state = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 no error without home
    folder = Path(state).resolve() / "ronda" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    for file in packaged.glob("*.yml"):
        shutil.copyfile(file, folder / file.name)
    return folder
