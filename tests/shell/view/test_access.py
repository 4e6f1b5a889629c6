"""Who may look and who may move; and that pages of other sites may neither."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ronda.framework.errors import ServiceFailed
from ronda.shell.view.access import FILE, Access, Role, keep_tokens
from ronda.shell.view.serving import Place

TOKENS = {Role.VIEWER: "look", Role.OPERATOR: "move"}


@pytest.mark.parametrize(
    ("token", "here", "elsewhere"),
    [
        ("", Role.VIEWER, Role.NOBODY),
        ("look", Role.VIEWER, Role.VIEWER),
        ("move", Role.OPERATOR, Role.OPERATOR),
        ("guess", Role.NOBODY, Role.NOBODY),
        ("mové", Role.NOBODY, Role.NOBODY),
        ("\ud800", Role.NOBODY, Role.NOBODY),
    ],
)
def test_a_token_gives_a_role_and_on_the_loopback_looking_needs_none(token: str, here: Role, elsewhere: Role) -> None:
    assert Access(TOKENS).role(token) == here
    assert Access(TOKENS, open_to_look=False).role(token) == elsewhere


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("[::1]:8000", True),
        ("LOCALHOST:1", True),
        ("attacker.org", False),
        ("127.0.0.1.attacker.org", False),
        ("attacker.org:127.0.0.1", False),
        ("localhost@attacker.org", False),
        ("", False),
        ("[", False),
        ("[fe80::1]:8000", False),
    ],
)
def test_it_is_served_under_its_own_names_only(host: str, ours: bool) -> None:
    assert Access(TOKENS).serves(host) is ours


@pytest.mark.parametrize(
    ("origin", "ours"),
    [
        (None, True),
        ("http://127.0.0.1:8000", True),
        ("http://attacker.org", False),
        ("http://127.0.0.1:8001", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_a_websocket_is_opened_by_our_page_or_by_no_browser(origin: str | None, ours: bool) -> None:
    assert Access(TOKENS).opened_here(origin, "127.0.0.1:8000") is ours


def test_names_are_compared_as_browsers_send_them() -> None:
    access = Access(TOKENS, {"ID01.esrf.fr", "fe80::1"})
    assert access.serves("id01.esrf.fr:8000")
    assert access.serves("[fe80::1]:8000")
    assert Place("fe80::1", 8000).url() == "http://[fe80::1]:8000/"


def test_tokens_are_made_once_and_are_their_users_alone(tmp_path: Path) -> None:
    made = keep_tokens(tmp_path)
    assert keep_tokens(tmp_path) == made
    assert len(set(made.values())) == 2
    assert min(map(len, made.values())) >= 32
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_who_makes_tokens_at_the_same_moment_has_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def second(new: Path, path: Path) -> None:
        if not path.exists():
            path.write_text("viewer theirs1\noperator theirs2\n")  # by another process, just now
        link(new, path)

    monkeypatch.setattr(os, "link", second)
    assert keep_tokens(tmp_path) == {Role.VIEWER: "theirs1", Role.OPERATOR: "theirs2"}
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


def test_a_damaged_file_of_tokens_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("boss 1\n")
    with pytest.raises(ServiceFailed, match=r"view-tokens: the tokens of the live view cannot be read .* remove it"):
        keep_tokens(tmp_path)
