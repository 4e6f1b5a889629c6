"""The program `ronda`: which subcommands there are, and how errors are told."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ronda.framework.errors import RondaError


@dataclass(frozen=True)
class Command:
    """A subcommand: a function `module:function` of `shell/commands/`, imported only when it is called.

    Attributes:
        path: where its function is.
        summary: the first line of its docstring, repeated here so that `--help` needs no import.
    """

    path: str
    summary: str


@dataclass(frozen=True)
class Group:
    """A subcommand that has subcommands.

    Attributes:
        summary: what they are about.
        commands: by name.
        default: the one that runs when none is named; empty shows the help.
    """

    summary: str
    commands: Mapping[str, Command | Group]
    default: str = ""


COMMANDS: dict[str, Command | Group] = {
    "up": Command("lifecycle:up", "Bring up a beamline: its services, simulators and device servers on this host."),
    "down": Command(
        "lifecycle:down", "Stop every process of a beamline on this host: servers first, the Tango database last."
    ),
    "status": Command(
        "status:status",
        "Show the processes of a beamline: state, process number, since when, restarts, processor and memory.",
    ),
    "start": Command("lifecycle:start", "Start one server that was stopped."),
    "stop": Command("lifecycle:stop", "Stop one server; it stays stopped until `ronda start`."),
    "restart": Command("lifecycle:restart", "Restart one server."),
    "logs": Command("logs:logs", "Show the last lines that a server wrote."),
    "shell": Command("shell:shell", "Open a prompt on a running beamline, or run code there."),
    "demo": Command(
        "demo:demo", "Bring up the demo beamline, open a prompt or run code there, and take it down at the end."
    ),
    "view": Command(
        "view:view",
        "Show where the live view of a running beamline is; serve it until Ctrl-C if the beamline does not.",
    ),
    "scans": Group(
        "List the scans in memory, show one of them, follow what happens.",
        {
            "list": Command("scans:list_", "List the scans in memory: number, title, state, points, file."),
            "show": Command("scans:show", "Show all that is known of a scan."),
            "follow": Command("scans:follow", "Follow the scans: a line for each that begins or ends."),
        },
        default="list",
    ),
    "write": Command("files:write", "Make the file of a scan again from memory."),
    "check": Command(
        "files:check", "Compare the file of a scan with the stream, point by point, and with its checksum."
    ),
    "analyse": Command(
        "analyse:analyse",
        "Compute the results of a pipeline again from the files of scans, into files beside them.",
    ),
    "archive": Group(
        "Ask the archive of the data loggers: how it went, what it was, what changed.",
        {
            "history": Command("archive:history", "Show how attributes went, as a table or as a plot of characters."),
            "at": Command("archive:at", "Show the values that attributes had at a time, or why they had none."),
            "changed": Command("archive:changed", "Show what differs between two times: settings first, with who."),
            "search": Command("archive:search", "List the attributes that are archived, with their last values."),
            "export": Command("archive:export", "Write what is archived into a CSV, Parquet or NeXus file."),
            "check": Command("archive:check", "Check the archive's files, and put right what can be."),
            "snapshot": Group(
                "Keep what devices are set to under names; compare it, and go back to it.",
                {
                    "save": Command("snapshots:save", "Keep what devices are set to now under a name."),
                    "list": Command("snapshots:list_", "List the snapshots that are kept."),
                    "show": Command("snapshots:show", "Show what a snapshot says, or what was archived of a time."),
                    "diff": Command("snapshots:diff", "Show what two snapshots have otherwise, or one and now."),
                    "restore": Command(
                        "snapshots:restore", "Show what going back to a snapshot would do; with --apply, do it."
                    ),
                },
                default="list",
            ),
            "compact": Command(
                "archive:compact", "Bring the buffer of an idle archive into Parquet files, or into its database."
            ),
        },
    ),
    "env": Command("environment:env", 'Print the exports for other clients: `eval "$(ronda env)"`.'),
    "doctor": Command("doctor:doctor", "Say what is wrong with this machine and this beamline, and what to do."),
    "config": Group(
        "Check and describe the YAML files, and bring them and the running system together.",
        {
            "check": Command("config:check", "Check the YAML files and print every problem at once."),
            "plan": Command(
                "changes:plan",
                "Show what would change in the running system, and which run-time values win over the files.",
            ),
            "apply": Command(
                "changes:apply",
                "Set live properties at once, start and stop servers as configured, and restart those that must, if you"
                " agree.",
            ),
            "save": Command(
                "changes:save", "Write what was set at run time on a device into its YAML file, comments kept."
            ),
            "revert": Command(
                "changes:revert", "Forget what was set at run time on a device; it goes by its YAML file again."
            ),
            "schema": Command("config:schema", "Write the JSON schema by which editors complete and check the files."),
            "reference": Command("config:reference", "Write the reference of all keys of the files, as Markdown."),
        },
    ),
}


def main() -> None:
    """Run the command line."""
    try:
        typer.main.get_command(program())()
    except SystemExit as exit_:
        if "tango" in sys.modules:
            from ronda.shell.leaving import leave

            leave(exit_.code)
        raise


def program() -> typer.Typer:
    """The whole command line, with nothing imported yet."""
    app = _group(COMMANDS, _Program, "A control system for experiments, made of Tango device servers.")
    app.callback()(_options)
    return app


def load(name: str, entry: Command | Group) -> Any:
    """The click command behind an entry of the table."""
    if isinstance(entry, Group):
        return typer.main.get_command(_group(dict(entry.commands), _Lazy, entry.summary, entry.default))
    module, _, function = entry.path.partition(":")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(getattr(importlib.import_module(f"ronda.shell.commands.{module}"), function))
    return typer.main.get_command(app)


class _Lazy(TyperGroup):
    """A group that shows its table, and imports a subcommand only to run it."""

    table: dict[str, Command | Group]
    default: str

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in self.table.items():
            self.commands[name] = TyperCommand(name, help=entry.summary)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if self.default and (not args or args[0] not in ("--help", *self.table)):
            args = [self.default, *args]
        return list(super().parse_args(ctx, args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name), self.table[str(name)]) if name in self.table else None, rest


class _Program(_Lazy):
    """The outermost group, which turns our errors into one sentence on stderr and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except RondaError as error:
            if ctx.params.get("traceback"):
                raise
            text = str(error)
            print(text if "\n" in text else f"ronda: {text}", file=sys.stderr)
            raise typer.Exit(1) from error


def _group(table: dict[str, Command | Group], base: type[_Lazy], summary: str, default: str = "") -> typer.Typer:
    cls = type(base.__name__, (base,), {"table": table, "default": default})
    app = typer.Typer(
        cls=cls, help=summary, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=base is _Program
    )
    if base is not _Program:
        app.callback()(lambda: None)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        print(importlib.metadata.version("ronda"))
        raise typer.Exit


def _options(
    traceback: Annotated[
        bool, typer.Option("--traceback", envvar="RONDA_TRACEBACK", help="Show where in the program an error arose.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """A control system for experiments, made of Tango device servers."""
