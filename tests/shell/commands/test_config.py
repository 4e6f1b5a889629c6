"""`ronda config check | schema | reference`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ronda.shell.main import program

ROOT = Path(__file__).parents[3]
WRONG = ROOT / "tests" / "framework" / "config" / "invalid" / "beamline_keys"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(program(), ["config", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_a_right_folder_is_told_in_one_line() -> None:
    code, output, errors = run("check", ROOT / "config" / "demo")
    assert (code, errors) == (0, "")
    assert re.fullmatch(r"demo: \d+ devices in \d+ servers, all right\n", output)


def test_all_problems_are_printed_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(WRONG)
    expected = (WRONG / "expected.txt").read_text(encoding="utf-8")

    assert run("check", ".") == (1, f"{expected}{len(expected.splitlines())} problems\n", "")


def test_problems_show_the_file_as_seen_from_the_current_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "tests")
    _, output, _ = run("check", WRONG)

    assert output.startswith("framework/config/invalid/beamline_keys/a.yml:2:1: beamline: ")


def test_problems_elsewhere_show_the_whole_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert run("check", WRONG)[1].startswith(f"{WRONG.resolve()}/a.yml:2:1: beamline: ")


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    missing = tmp_path / "nothing"

    code, output, _ = run("check", missing)

    assert code == 1
    assert output == f"{missing}: folder: cannot be read: no such file or directory\n1 problem\n"


def test_a_file_in_the_place_of_the_folder_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("")

    code, output, _ = run("check", file)

    assert code == 1
    assert output == f"{file}: folder: cannot be read: not a directory\n1 problem\n"


def test_check_needs_a_folder() -> None:
    code, _, errors = run("check")

    assert code == 2
    assert "DIR" in errors


def test_the_schema_goes_to_standard_output() -> None:
    code, output, _ = run("schema")

    assert code == 0
    assert json.loads(output)["$schema"].startswith("http://json-schema.org/draft-07")


@pytest.mark.parametrize("command", ["schema", "reference"])
def test_output_can_go_to_a_file(command: str, tmp_path: Path) -> None:
    file = tmp_path / "out put"

    assert run(command, "-o", file) == (0, "", "")
    assert file.read_text(encoding="utf-8") == run(command)[1]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = tmp_path / "nothing" / "out"

    assert run("schema", "-o", file) == (1, "", f"ronda: {file} cannot be written: no such file or directory\n")


def test_variables_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yml").write_text("version: 1\nbeamline: {name: '${RONDA_TEST_NAME}'}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "RONDA_TEST_NAME", "here")
    assert run("check", ".")[1] == "here: 0 devices in 0 servers, all right\n"

    monkeypatch.delitem(os.environ, "RONDA_TEST_NAME")
    assert "the environment variable RONDA_TEST_NAME is not set" in run("check", ".")[1]
