"""Who may read the files of a proposal."""

from __future__ import annotations

import grp
import os
import stat

import pytest

from ronda.framework.errors import ConfigurationError
from ronda.framework.nexus.checksum import checksum_file
from ronda.framework.nexus.ownership import Ownership
from ronda.framework.stream import Description, State


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_and_folders_get_the_mode(stream, paths, start_writer, describe, publish, wait_for):
    start_writer(ownership=Ownership(0o640))
    scan = stream.open_scan(describe(5, session="s", sample="al"))
    scan.set_state(State.RUNNING)
    publish(scan, 0, 5, seal=True)
    scan.set_state(State.COMPLETED)
    path = paths.root / "s" / "al" / "scan_0001.h5"
    wait_for(lambda: not scan.behind(), "saved")
    assert [mode(file) for file in (path, checksum_file(path), path.with_name("dataset.h5"))] == [0o640] * 3
    assert [mode(folder) for folder in (path.parent, path.parent.parent)] == [0o750] * 2


def test_a_group_of_ours_gets_the_files(tmp_path):
    group = grp.getgrgid(os.getgid()).gr_name
    ownership = Ownership(0o640, "{session}")
    told = Description("ct(1)", [], session=group)
    ownership.make_folder(tmp_path / "a" / "b", tmp_path, told)
    (tmp_path / "a" / "b" / "file").touch()
    ownership.give(tmp_path / "a" / "b" / "file", told)
    assert (tmp_path / "a" / "b" / "file").group() == group
    assert mode(tmp_path / "a") == 0o2750


def test_an_unknown_group_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="to the group nobody-has-it: there is no such group"):
        Ownership(group="nobody-has-it").give(tmp_path, Description("ct(1)", []))


def test_an_owner_gets_the_files_where_we_may_give_them_away_and_is_refused_where_not(tmp_path):
    ownership = Ownership(0o640, owner="{session}")
    told = Description("ct(1)", [], session="nobody")
    if os.geteuid() == 0:
        ownership.require_possible()
        ownership.make_folder(tmp_path / "a" / "b", tmp_path, told)
        (tmp_path / "a" / "b" / "file").touch()
        ownership.give(tmp_path / "a" / "b" / "file", told)
        assert [path.owner() for path in (tmp_path / "a", tmp_path / "a" / "b" / "file")] == ["nobody"] * 2
        assert mode(tmp_path / "a" / "b" / "file") == 0o640
    else:
        with pytest.raises(
            ConfigurationError, match=r"files cannot be given to the owner \{session\}: the writer runs as"
        ):
            ownership.require_possible()


def test_a_process_without_the_right_is_refused_an_owner(monkeypatch):
    monkeypatch.setattr("ronda.framework.nexus.ownership._may_give_away", lambda: False)
    Ownership(0o640, "users").require_possible()
    with pytest.raises(ConfigurationError, match=r"cannot be given to the owner ann: .* only root, or who has"):
        Ownership(owner="ann").require_possible()


def test_an_unknown_owner_is_told(tmp_path):
    with pytest.raises(ConfigurationError, match="to the owner nobody-has-it: there is no such user"):
        Ownership(owner="nobody-has-it").give(tmp_path, Description("ct(1)", []))
