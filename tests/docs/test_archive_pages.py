"""What the pages on the archive say is what there is."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from ronda.framework.archive import parquet
from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.shell.main import program

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "archive.md").read_text()
TUTORIAL = (DOCS / "tutorials" / "what-happened-last-night.md").read_text()


def snippets(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def night(tmp_path_factory: Any) -> Path:
    """The folder in which a night's archive stands."""
    folder: Path = tmp_path_factory.mktemp("night")
    now = time.time()
    times = [now - 13 * 3600 + 60 * number for number in range(13 * 60)]
    events = [Event("demo/oven/oven/temperature", at, at, 20 + number / 100) for number, at in enumerate(times)]
    events += [Event("demo/motor/mx/position", at, at, 3.0, write_value=3.0) for at in times[:400]]
    events += [Event("demo/motor/mx/position", at, at, 7.5, write_value=7.5, who="jane@console") for at in times[400:]]
    events += [Event("demo/oven/oven", now - 3600, now - 3600, kind="vanish")]
    events = [one for one in events if one.kind == "vanish" or "oven" not in one.attribute or one.time < now - 3600]
    with Store(folder / "archive" / "logger") as store:
        store.append(events[:1000])
        store.compact()
        store.append(events[1000:])
    return folder


@pytest.mark.parametrize("line", [line for text in snippets(TUTORIAL, "bash") for line in text.splitlines()])
def test_each_command_of_the_tutorial_answers(line: str, night: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(night)
    monkeypatch.setenv("RONDA_ARCHIVE", "archive")
    monkeypatch.setenv("COLUMNS", "200")
    name, *arguments = shlex.split(line)
    assert name == "ronda"
    result = CliRunner().invoke(program(), arguments)
    assert result.exit_code == 0, result.output
    if "changed" in arguments:
        assert "jane@console" in result.output
        said = result.output.splitlines()
        assert [line for line in snippets(TUTORIAL, "text")[0].splitlines() if "20" not in line] == [
            line for line in said if "20" not in line
        ]


def test_the_python_of_the_reference_runs(night: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(night)
    (code,) = snippets(REFERENCE, "python")
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["names"] == ["demo/oven/oven/temperature"]
    assert len(names["found"].time) > 10
    assert "its device was away" in names["held"].reason
    assert (night / "oven.nxs").exists()


def test_plain_duckdb_reads_the_files_as_the_reference_says(night: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(night)
    (query,) = snippets(REFERENCE, "sql")
    rows = duckdb.execute(query.replace("2026-11-26 08:00Z", "2020-01-01 00:00Z")).fetchall()
    assert [row[1] for row in rows][:3] == [20.0, 20.01, 20.02]


def test_the_reference_has_each_column() -> None:
    rows = [line.split("|")[1] for line in REFERENCE.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", " ".join(rows)) == list(parquet.COLUMNS)
