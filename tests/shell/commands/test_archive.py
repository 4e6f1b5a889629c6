"""`ronda archive`: what is told of an archive, without a beamline."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from ronda.framework.archive.record import Event
from ronda.framework.archive.store import Store
from ronda.shell.main import program

NOW = 1_795_046_400.0
SPAN = ("--since", str(NOW), "--until", str(NOW + 100))
MX = "demo/motor/mx/position"


@pytest.fixture
def folder(tmp_path):
    """An archive, under the state folder of a beamline's host."""
    folder = tmp_path / ".ronda" / "local" / "archive"
    events = [Event(MX, NOW + n, NOW + n, 1.0 + n / 100, "DevDouble", write_value=1.0) for n in range(50)]
    events += [Event("demo/motor/mx", NOW + 60, NOW + 60, kind="vanish", text="its server was stopped")]
    events += [Event(MX, NOW + 80, NOW + 80, 5.0, "DevDouble", write_value=5.0, who="jane@console")]
    with Store(folder / "logger") as store:
        store.append(events)
    return folder


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.setenv("RONDA_ARCHIVE", str(folder))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        result = CliRunner().invoke(program(), ["archive", *arguments])
        return result.exit_code, result.output

    return run


def test_a_history_is_shown_as_a_table_with_what_happened_between(run):
    code, said = run("history", "mx/position", *SPAN, "-n", "4")
    assert code == 0
    lines = said.splitlines()
    assert lines[0].split() == ["time", MX]
    assert [line.split(maxsplit=2)[2].strip() for line in lines[1:-1]][-2:] == ["vanish: its server was stopped", "5"]
    assert lines[-1].startswith("51 readings from ")


def test_a_history_is_drawn_as_a_plot(run):
    code, said = run("history", "mx/position", *SPAN, "--plot")
    assert code == 0
    assert said.startswith(MX)
    assert "time before" in said


def test_attributes_are_shown_in_one_table_step_by_step(run):
    code, said = run("history", "mx/position", *SPAN, "--step", "50 s")
    assert code == 0
    assert [line.split()[-1] for line in said.splitlines()[1:]] == ["1", "1.49", "5"]


def test_the_value_at_a_time_is_told_or_why_there_is_none(run):
    assert "1.1" in run("at", str(NOW + 10.5), "mx/position")[1]
    assert "its device was away: its server was stopped" in run("at", str(NOW + 70), "mx")[1]


def test_what_somebody_changed_is_told_with_the_way_back(run):
    code, said = run("changed", str(NOW + 10), str(NOW + 90))
    assert code == 0
    assert "jane@console" in said
    assert "tango.DeviceProxy('demo/motor/mx').write_attribute('position', 1.0)" in said
    assert "nothing differs" in run("changed", str(NOW + 10), str(NOW + 20))[1]


def test_an_archive_is_searched_exported_compacted_and_checked(run, folder, tmp_path):
    assert MX in run("search", "motor")[1]
    assert run("search", "nobody")[0] == 1
    assert run("export", str(tmp_path / "out.csv"), "mx/position", *SPAN)[1].endswith("out.csv: 51 events\n")
    assert "52 events compacted" in run("compact")[1]
    assert run("check") == (0, f"{folder / 'logger'}: all is well\n")
    next(folder.glob("logger/events/*/*.parquet")).unlink()
    code, said = run("check")
    assert code == 1
    assert said.startswith("WRONG: ")
    code, said = run("check", "--repair")
    assert code == 0
    assert said.startswith("REPAIRED: ")


def test_the_archive_is_found_by_the_folder_of_its_beamline(run, tmp_path, monkeypatch):
    monkeypatch.delenv("RONDA_ARCHIVE")
    assert MX in run("search", "--beamline", str(tmp_path))[1]


def test_where_nothing_is_archived_one_sentence_says_so(run, tmp_path, capsys):
    for command in ("search", "check", "compact"):
        code, said = run(command, "--folder", str(tmp_path / "nowhere"))
        assert code == 1
        assert f"there is no archive in {tmp_path}" in said + capsys.readouterr().err
