"""Going back to what devices were set to, from the prompt and from the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def evening(demo: Any, wait_for: Callable[..., Any]) -> Iterator[str]:
    """A snapshot of this name is kept; samx and samy stand at 0, whatever the test does with them."""
    logger = demo.device("logger")
    for name in ("samx", "samy"):  # wherever another module left them
        axis = demo.device(name)
        axis.Position = 0.0
        wait_for(lambda axis=axis: axis.State().name == "ON", 150, f"{name} at 0")
    wait_for(lambda: logger.Subscribed > 40, 150, "the logger follows the demo")
    demo.ronda("archive", "snapshot", "save", "evening", "sam*", "-b", demo.folder)
    yield "evening"
    demo.ronda("archive", "snapshot", "restore", "evening", "--apply", "--positions", "-b", demo.folder)
    (Path(logger.Folder) / "snapshots" / "evening.json").unlink()


def test_the_command_line_shows_what_it_would_do_and_does_it_when_told(demo: Any, evening: str) -> None:
    samx = demo.device("samx")
    before = samx.Velocity
    samx.Velocity = before / 2
    line = ("archive", "snapshot")
    where = ("-b", demo.folder)
    assert "evening" in demo.ronda(*line, *where).stdout
    assert "samx    Velocity" in demo.ronda(*line, "diff", evening, *where).stdout
    shown = demo.ronda(*line, "restore", evening, "samx", *where).stdout
    assert "write  samx    Velocity" in shown
    assert samx.Velocity == before / 2
    done = demo.ronda(*line, "restore", evening, "samx", "--apply", *where).stdout
    assert "done  samx    Velocity" in done
    assert samx.Velocity == before
    assert "evening and now do not differ" in demo.ronda(*line, "diff", evening, *where).stdout


def test_at_the_prompt_axes_go_back_too_where_that_is_said(demo: Any, ronda: Any, evening: str) -> None:
    samx, samy = demo.device("samx"), demo.device("samy")
    code = f"""
mv(samx, 0.2, samy, 0.1)
snapshot.restore("{evening}")
print("----")
snapshot.restore("{evening}", samx, "samy", apply=True, positions=True)
"""
    shown, _, done = ronda("shell", demo.folder, "-c", code).stdout.partition("----")
    assert "samx Position, 0.2 mm now, 0 mm in the snapshot: left: it sets something going" in shown
    assert "done  samx    Position" in done
    assert "done  samy    Position" in done
    assert (samx.Position, samy.Position) == (pytest.approx(0.0, abs=1e-3), pytest.approx(0.0, abs=1e-3))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ('snapshot.save("two words", samx)', "'two words' is no name of a snapshot: a plain word"),
        ('snapshot.show("nobody")', "there is no snapshot nobody"),
        ('snapshot.save("x1", 3)', "snapshot: 3 is no device"),
        ('snapshot.restore("now")', "what is now need not be restored"),
        ('snapshot.save("x2", "nobody")', "no device is called 'nobody'"),
    ],
)
def test_what_makes_no_sense_is_told_in_one_sentence(code: str, sentence: str, demo: Any, ronda: Any) -> None:
    said = ronda("shell", demo.folder, "-c", code, code=1).stdout
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_a_dry_run_of_a_script_restores_nothing(demo: Any, ronda: Any, evening: str) -> None:
    said = ronda("shell", demo.folder, "-c", f'with dryrun():\n    snapshot.restore("{evening}", apply=True)', code=1)
    assert "restore: nothing is changed" in said.stdout
