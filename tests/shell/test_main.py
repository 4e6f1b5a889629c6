"""The program `ronda`: its table of subcommands, and how it tells errors."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from typer.testing import CliRunner

from ronda.framework.errors import NotFound
from ronda.shell import main
from ronda.shell.commands import config


def entries(
    table: Mapping[str, main.Command | main.Group] = main.COMMANDS, before: str = ""
) -> Iterator[tuple[str, main.Command]]:
    for name, entry in table.items():
        if isinstance(entry, main.Command):
            yield f"{before}{name}", entry
        else:
            yield from entries(entry.commands, f"{before}{name} ")


def run(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(main.program(), list(arguments), env=environment)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(("name", "entry"), list(entries()), ids=lambda each: each if isinstance(each, str) else "")
def test_the_table_repeats_the_first_line_of_each_docstring(name: str, entry: main.Command) -> None:
    module, _, function = entry.path.partition(":")
    found = getattr(__import__(f"ronda.shell.commands.{module}", fromlist=[function]), function)

    assert (inspect.getdoc(found) or "").splitlines()[0] == entry.summary


@pytest.mark.parametrize(("name", "entry"), list(entries()), ids=lambda each: each if isinstance(each, str) else "")
def test_each_subcommand_explains_itself(name: str, entry: main.Command) -> None:
    code, output, _ = run(*name.split(), "--help")

    assert code == 0
    assert entry.summary[:30] in " ".join(output.split())


def test_help_imports_neither_tango_nor_pydantic_nor_any_subcommand() -> None:
    program = (
        "import sys\n"
        "from ronda.shell.main import main\n"
        "sys.argv = ['ronda', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "found = [name for name in sys.modules if name.startswith(('tango', 'pydantic', 'ronda.shell.commands'))]\n"
        "assert not found, found\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert result.stderr == ""
    assert "doctor" in result.stdout


def test_an_error_is_one_sentence_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NotFound("there is no such thing")

    monkeypatch.setattr(config, "schema_text", fail)

    assert run("config", "schema") == (1, "", "ronda: there is no such thing\n")


@pytest.mark.parametrize(
    ("option", "environment"), [(["--traceback"], {}), ([], {"RONDA_TRACEBACK": "1"})], ids=["option", "environment"]
)
def test_on_demand_an_error_shows_where_it_arose(
    option: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NotFound("there is no such thing")

    monkeypatch.setattr(config, "schema_text", fail)
    program = main.program()

    result = CliRunner().invoke(program, [*option, "config", "schema"], env=environment)

    assert isinstance(result.exception, NotFound)


def test_a_subcommand_that_does_not_exist_is_refused_with_the_nearest() -> None:
    code, _, errors = run("statsu")

    assert code == 2
    assert "status" in errors


def test_the_version_is_shown() -> None:
    code, output, _ = run("--version")

    assert code == 0
    assert output[0].isdigit()
