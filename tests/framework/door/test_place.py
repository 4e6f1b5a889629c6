"""Where doors are: private, found by other programs of the same user, and by nobody else's."""

import os
import socket
import stat
import subprocess
import sys

import pytest

from ronda.framework.door.place import COMMANDS, Place, connect, listen, place, places, require_same_user
from ronda.framework.errors import NotAllowed, NotFound, ServiceFailed


def made(folder, process, beamline="demo", session=""):
    shell = Place(process, beamline, session, "me", str(folder))
    shell.announce()
    return shell


def test_only_its_user_can_enter(tmp_path):
    path = tmp_path / "doors" / "1.commands"
    with listen(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_path_may_be_longer_than_the_kernel_takes(tmp_path):
    path = tmp_path / ("long" * 40) / "1.commands"
    assert len(os.fsencode(path)) > 107
    with listen(path) as listener, connect(path) as knocking:
        heard, _ = listener.accept()
        with heard:
            knocking.sendall(b"hello")
            assert heard.recv(5) == b"hello"


def test_the_kernel_says_who_is_there_and_others_are_refused(monkeypatch):
    one, other = socket.socketpair()
    with one, other:
        assert require_same_user(one, "this door").pid == os.getpid()
        mine = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: mine + 1)
        with pytest.raises(NotAllowed, match=f"this door is for user {mine + 1} only, not for user {mine}"):
            require_same_user(one, "this door")


def test_a_folder_of_somebody_else_is_not_used(tmp_path):
    (tmp_path / "doors").symlink_to(tmp_path)
    with pytest.raises(ServiceFailed, match="belongs to somebody else"):
        listen(tmp_path / "doors" / "1.commands")


def test_a_shell_is_found_by_beamline_session_or_process(tmp_path):
    one, other = made(tmp_path, os.getpid()), made(tmp_path, os.getppid(), session="alignment")
    assert place("alignment", tmp_path) == other
    assert place(str(os.getpid()), tmp_path) == one
    with pytest.raises(
        NotFound, match=rf"demo/alignment, process {os.getppid()} of me.*more than one is meant by 'demo'"
    ):
        place("demo", tmp_path)
    with pytest.raises(NotFound, match="none is meant by 'other'"):
        place("other", tmp_path)


def test_a_shell_that_was_killed_is_forgotten(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    shell = made(tmp_path, gone.pid)
    shell.socket(COMMANDS).touch()
    assert places(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotFound, match="ronda shell --door"):
        place("", tmp_path)


def test_a_place_that_cannot_be_told_of_says_why(tmp_path):
    with pytest.raises(ServiceFailed, match=r"cannot be told of in .*: No such file or directory"):
        made(tmp_path / "gone", 1)


def test_what_is_announced_again_is_not_old(tmp_path):
    shell = made(tmp_path, os.getpid())
    with listen(shell.socket(COMMANDS)):
        for file in tmp_path.iterdir():
            os.utime(file, (0, 0))
        shell.announce()
        assert {file.name for file in tmp_path.iterdir()} == {f"{os.getpid()}.json", f"{os.getpid()}.commands"}
        assert all(file.stat().st_mtime > 0 for file in tmp_path.iterdir())
