"""The tutorials' snippets run, one after the other, and print what the pages say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ELSEWHERE = ("what-happened-last-night",)
"""Pages that need a night of data: test_archive_pages runs them."""

PAGES = sorted(
    page for page in (Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md") if page.stem not in ELSEWHERE
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def matches(expected: str, printed: str) -> bool:
    """Whether what was printed is as the page says; `…` stands for anything, and white space does not count."""
    pattern = re.escape(" ".join(expected.split())).replace("…", ".*")
    return re.fullmatch(pattern.replace(r"\ ", " ?"), " ".join(printed.split())) is not None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_says(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "100", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    printed = ""
    try:
        for language, text in BLOCK.findall(page.read_text()):
            if language == "yaml":
                name = re.match(r"# file: (\S+)\n", text)
                assert name, f"a YAML block does not say `# file: NAME` in its first line:\n{text}"
                file = tmp_path / name[1]
                file.parent.mkdir(exist_ok=True)
                file.write_text(text[name.end() :])
            elif language == "text":
                assert matches(text, printed), f"{page.name} says\n{text}\nbut this was printed\n{printed}"
            elif language in ("sh", "python"):
                # a last line tells what the snippet exported, as a terminal would keep it
                script = f"{text}\nenv -0 > .exported" if language == "sh" else text
                command = ["bash", "-euc", script] if language == "sh" else [sys.executable, "-c", text]
                done = subprocess.run(
                    command,
                    cwd=tmp_path,
                    env=environment,
                    text=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=120,
                    check=False,
                )
                printed = done.stdout
                assert done.returncode == 0, f"{page.name}: this failed\n{text}\nprinting\n{printed}"
                if language == "sh":
                    pairs = (tmp_path / ".exported").read_text().split("\0")
                    environment |= dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    finally:
        for folder in tmp_path.iterdir():
            if (folder / ".ronda").is_dir():
                subprocess.run(["ronda", "down", folder], env=environment, capture_output=True, check=False, timeout=60)


def test_there_are_tutorials() -> None:
    assert PAGES
