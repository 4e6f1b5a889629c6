"""Where a beamline keeps its things."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from ronda.framework.errors import ServiceFailed
from ronda.framework.services import folders as module
from ronda.framework.services.folders import Folders

MakeFolders = Callable[..., Folders]


def mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_state_and_sockets_are_for_us_alone(folders_for: MakeFolders, tmp_path: Path) -> None:
    folders = folders_for(tmp_path)
    folders.make()
    folders.make_run()
    assert [mode(folder) for folder in (folders.state, folders.run, folders.run.parent)] == [0o700, 0o700, 0o700]


def test_a_folder_that_others_could_enter_is_closed(folders_for: MakeFolders, tmp_path: Path) -> None:
    folders = folders_for(tmp_path)
    folders.make()
    folders.make_run()
    folders.state.chmod(0o755)
    folders.run.chmod(0o777)
    folders.make()
    folders.make_run()
    assert (mode(folders.state), mode(folders.run)) == (0o700, 0o700)


def test_state_is_beside_the_yaml_files_unless_named(folders_for: MakeFolders, tmp_path: Path) -> None:
    assert folders_for(tmp_path).state == tmp_path / ".ronda" / "local"
    assert folders_for(tmp_path, state="kept").state == tmp_path / "kept" / "local"
    assert folders_for(tmp_path, state="/var/lib/demo").state == Path("/var/lib/demo/local")


def test_state_in_the_home_of_nobody_is_refused(folders_for: MakeFolders, tmp_path: Path) -> None:
    with pytest.raises(ServiceFailed, match=r"the state folder ~nobody-at-all/x cannot be found .* correct `state:`"):
        folders_for(tmp_path, state="~nobody-at-all/x")


@pytest.mark.parametrize("place", ["/proc/ronda", "taken", "taken/below"])
def test_state_that_cannot_be_written_is_refused(folders_for: MakeFolders, tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(ServiceFailed, match=r"the state folder .* cannot be written \(.*\); make it writable, or name"):
        folders_for(tmp_path, state=place).make()


def test_a_long_path_with_spaces_leaves_the_socket_short(folders_for: MakeFolders, tmp_path: Path) -> None:
    config = tmp_path / ("a long name " * 10) / ("an even longer " * 5)
    config.mkdir(parents=True)
    folders = folders_for(config, name="n" * 32, host="h" * 20)
    folders.make_run()
    assert len(str(config)) > 200
    assert len(os.fsencode(folders.redis_socket)) < 108
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folders.redis_socket))


def test_beamlines_never_share_folders(folders_for: MakeFolders, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    made = [
        folders_for(tmp_path / "one"),
        folders_for(tmp_path / "two"),
        folders_for(tmp_path / "one", host="other"),
    ]
    assert len({folders.state for folders in made}) == 3
    assert len({folders.run for folders in made}) == 3


def test_the_same_beamline_reached_by_a_link_has_the_same_folders(folders_for: MakeFolders, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert folders_for(tmp_path / "real") == folders_for(tmp_path / "link")


def test_a_link_in_place_of_the_sockets_folder_is_refused(
    folders_for: MakeFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHORT", tmp_path)
    folders = folders_for(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    folders.run.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ServiceFailed, match="for sockets belongs to somebody else; ask for its removal"):
        folders.make_run()


def test_a_sockets_folder_of_somebody_else_is_refused(
    folders_for: MakeFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHORT", tmp_path)
    folders = folders_for(tmp_path)
    folders.make_run()
    mine = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: mine + 1)
    with pytest.raises(ServiceFailed, match="for sockets belongs to somebody else; ask for its removal"):
        folders.make_run()


def test_the_sockets_folder_goes_away_without_a_trace(
    folders_for: MakeFolders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHORT", tmp_path)
    first, second = folders_for(tmp_path / "a"), folders_for(tmp_path / "b")
    first.make_run()
    second.make_run()
    (first.run / "folder").mkdir()
    first.remove_run()
    assert second.run.is_dir()
    second.remove_run()
    assert not second.run.parent.exists()
    second.remove_run()  # nothing there any more: that is well
