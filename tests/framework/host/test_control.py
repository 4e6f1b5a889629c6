"""What the command line does with a beamline on this machine, apart from its processes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ronda.framework.config.beamline import Beamline
from ronda.framework.errors import ServiceFailed
from ronda.framework.host.control import configuration_differs, copy_configuration, exports
from ronda.framework.host.layout import Layout
from ronda.framework.host.status import HostStatus, ProcessStatus, State, read_status
from ronda.framework.services.folders import replace_folder

MakeBeamline = Callable[..., Beamline]


@pytest.fixture
def written(tmp_path: Path, beamline: MakeBeamline) -> Beamline:
    """A beamline of two files."""
    (tmp_path / "a.yml").write_text("version: 1\n")
    (tmp_path / "b.yml").write_text("servers: {}\n")
    return beamline()


def test_the_applied_files_are_a_copy(tmp_path: Path, written: Beamline) -> None:
    applied = tmp_path / "state" / "applied"
    assert configuration_differs(written, applied)
    for _ in range(2):
        copy_configuration(written, applied)
        assert {file.name: file.read_text() for file in applied.iterdir()} == {
            "a.yml": "version: 1\n",
            "b.yml": "servers: {}\n",
        }
    assert not configuration_differs(written, applied)
    assert [entry.name for entry in applied.parent.iterdir()] == ["applied"]


@pytest.mark.parametrize("change", ["other", "more", "less"])
def test_any_difference_to_the_applied_files_is_seen(tmp_path: Path, written: Beamline, change: str) -> None:
    applied = tmp_path / "state" / "applied"
    copy_configuration(written, applied)
    if change == "other":
        (applied / "a.yml").write_text("version: 1 \n")
    elif change == "more":
        (applied / "c.yml").write_text("")
    else:
        (applied / "b.yml").unlink()
    assert configuration_differs(written, applied)


def test_files_that_are_gone_are_gone_from_the_copy(tmp_path: Path, written: Beamline) -> None:
    applied = tmp_path / "state" / "applied"
    applied.mkdir(parents=True)
    (applied / "old.yml").write_text("")
    copy_configuration(written, applied)
    assert not (applied / "old.yml").exists()


def test_a_copy_that_fails_leaves_the_one_before(tmp_path: Path, written: Beamline) -> None:
    applied = tmp_path / "state" / "applied"
    copy_configuration(written, applied)
    (tmp_path / "b.yml").unlink()
    with pytest.raises(ServiceFailed, match=r"the YAML files cannot be copied to .*/applied \(.*b\.yml.*\); make room"):
        copy_configuration(written, applied)
    assert (applied / "b.yml").exists()


def test_a_kill_while_the_copy_is_put_in_place_loses_nothing(
    tmp_path: Path, written: Beamline, layout: Callable[..., Layout]
) -> None:
    folders = layout(written).folders
    copy_configuration(written, folders.applied)
    folders.applied.rename(folders.applied.with_name("applied.old"))  # here it was killed
    folders.make()
    assert (folders.applied / "a.yml").exists()
    copy_configuration(written, folders.applied)
    assert not configuration_differs(written, folders.applied)


def test_remains_of_an_earlier_replacement_are_no_obstacle(tmp_path: Path) -> None:
    for name in ("fresh", "target", "target.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "fresh", tmp_path / "target")
    assert [str(entry.relative_to(tmp_path)) for entry in tmp_path.rglob("*")] == ["target", "target/fresh"]


@pytest.fixture
def status() -> HostStatus:
    process = ProcessStatus("redis", "service", "local", 17, 4711, State.RUNNING, 1.5, 2)
    process.tell("started")
    return HostStatus(
        "demo", "local", "/demo", "127.0.0.1:20500", "redis://stream", "ronda", "PW", "demo/host/local", True, [process]
    )


def test_what_other_clients_need_names_the_password_and_never_tells_it(status: HostStatus) -> None:
    assert exports(status) == {
        "TANGO_HOST": "127.0.0.1:20500",
        "RONDA_REDIS_URL": "redis://stream",
        "RONDA_BEAMLINE": "demo",
        "RONDA_REDIS_USER": "ronda",
        "RONDA_REDIS_PASSWORD": "$PW",
    }


def test_a_status_is_read_as_it_was_written(status: HostStatus, tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    status.write(file)
    assert read_status(file) == status


@pytest.mark.parametrize("text", [None, "", "{", "[]", "17", '"x"', "{}", '{"processes": [{"name": 1}]}'])
def test_a_status_that_nobody_of_us_wrote_is_none(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "status.json"
    if text is not None:
        file.write_text(text)
    assert read_status(file) is None


def test_a_story_keeps_its_last_events_and_tells_none_twice() -> None:
    process = ProcessStatus("redis", "service", "local")
    for number in range(30):
        process.tell(f"event {number}")
        process.tell(f"event {number}")
    assert [what for _, what in process.story] == [f"event {number}" for number in range(10, 30)]
    assert process.note == "event 29"
