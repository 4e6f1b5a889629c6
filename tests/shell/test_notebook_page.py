"""The page about notebooks: its code runs as it stands, one block after the other, as the cells of a notebook would."""

import re
from pathlib import Path

import pytest

from ronda.framework.door import client
from ronda.framework.door.place import places
from tests.shell.conftest import children, end

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "drive-the-shell-from-a-notebook.md"


@pytest.fixture
def shell(demo, seat):
    """Process number of a shell with doors."""
    typist = seat(demo.folder, session="alignment", options=["--door"])
    yield next(one.process for one in places() if one.process in children(typist.terminal.pid))
    end(typist.terminal)


def test_the_cells_of_the_page_run(shell, demo, monkeypatch, capsys, wait_for):
    cells = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    opened = client.Door.open
    monkeypatch.setattr(client.Door, "open", lambda: opened(str(shell)))  # others may run on this computer
    names: dict[str, object] = {}
    for cell in cells:
        exec(compile(cell, str(PAGE), "exec"), names)
    told = capsys.readouterr().out
    assert re.search(r"^\d+ COMPLETED \S+/scan_\d+\.h5$", told, re.MULTILINE)
    assert re.search(r"^aborted; samx stopped at |^aborted$", told, re.MULTILINE)
    assert told.endswith("aborted\n")
    samx = demo.device("samx")
    samx.Position = 0.0
    wait_for(lambda: samx.State().name == "ON", 150, "samx at 0")
