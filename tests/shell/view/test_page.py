"""The page that is shipped is the one whose sources are here."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ronda.shell.view.app import PAGE

SOURCES = Path(__file__).parents[3] / "shell" / "view" / "page"


def test_what_is_built_is_what_is_written() -> None:
    files = [
        "index.html",
        "package-lock.json",
        "vite.config.ts",
        *(f"src/{one.name}" for one in (SOURCES / "src").iterdir()),
    ]
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.encode() + b"\0" + (SOURCES / file).read_bytes() + b"\0")
    built = (PAGE / "sources.sha256").read_text().strip()
    assert built == digest.hexdigest(), "build the page anew: `npm ci && npm run build` in shell/view/page"


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = (PAGE / "index.html").read_text()
    assert not [each for each in ("http:", "https:", 'src="//') if each in page]
