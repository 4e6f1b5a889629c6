"""The page about sessions: its YAML is right for the demo, and chooses what the page says."""

import re
import shutil
from pathlib import Path

from ronda.framework.clients.work_session import WorkSession
from ronda.framework.config.load import check, load_beamline

ROOT = Path(__file__).parents[2]


def test_the_sessions_of_the_page_are_right_for_the_demo(tmp_path):
    shutil.copytree(ROOT / "config" / "demo", tmp_path / "demo", ignore=shutil.ignore_patterns(".*"))
    page = (ROOT / "docs" / "how-to" / "make-a-session.md").read_text(encoding="utf-8")
    (snippet,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "demo" / "own.yml").write_text(snippet)
    (tmp_path / "demo" / "setup").mkdir()
    (tmp_path / "demo" / "setup" / "tomography.py").write_text("")

    assert [str(problem) for problem in check(tmp_path / "demo", {})] == []
    keys = load_beamline(tmp_path / "demo", {}).session_keys()
    assert WorkSession.of("tomography", keys).setups == ("setup/tomography.py",)
