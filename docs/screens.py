"""Makes the pictures of `docs/reference/shell-screens.md` from the real program: `python docs/screens.py`.

It brings up a copy of the demo in a folder of its own, types into `ronda shell` in a terminal of tmux, waits for what
should be seen, and writes the screen as SVG into `docs/screens/`. Needs tmux. `python docs/screens.py scan plot` makes
these two only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
COLUMNS, ROWS = 100, 30
PATIENCE = 60.0
"""Seconds within which something must be seen."""

PROMPT = r"demo \[\d+\]: *$"
"""The prompt at the end of a line: nothing is typed there yet."""


@dataclass(frozen=True)
class Key:
    """A key as tmux names it: `Enter`, `Tab`, `Right`, `C-c`."""

    name: str


@dataclass(frozen=True)
class Seen:
    """Something that must be on the screen before it goes on; a regular expression."""

    pattern: str


Step = str | Key | Seen
ENTER = Key("Enter")

SCREENS: dict[str, list[Step]] = {
    "start": ["wa samx samy energy", ENTER, Seen(r"^dial"), "stm samx samy energy", ENTER, Seen("energy +ON")],
    "typing": ["ascan samx 0 1 10 .1 d", Key("Tab"), Seen("diode +counter of ct1"), Key("Tab")],
    "move": ["umv samx 5 samy -3", ENTER, Seen(r"samx +[1-4]\.\d+ → .* s left")],
    "scan": [
        "mv samx 0 samy 0 samz -0.082", ENTER, Seen(PROMPT),
        "dscan samy -0.2 0.5 35 .1 diode", ENTER, Seen(r"\n *12 .*\n(.*\n)?.*/36"),
    ],
    "plot": [
        "mv samy 0; dscan samy -0.2 0.5 35 .02 diode", ENTER, Seen("saved: "), Key("C-l"), Seen(PROMPT),
        "plot", ENTER, Seen("peak .* at"),
    ],
    "peak": ["cen", ENTER, Seen(r"^\d+\.\d+"), "goto_cen", ENTER, Seen("moved there"), "png", ENTER, Seen("drawn")],
    "tweak": ["tweak samx 0.5", ENTER, Seen("q leaves"), Key("Right"), Seen(r"→ 0\.5000 mm")],
    "ask": [
        "with cleanup(samx, restore_list=axis.POS):", ENTER, "mv samx 9", ENTER, ENTER, Seen(r"\.\.\. *$"),
        Key("wait"), Key("C-c"), Seen("interrupted"), 'yesno "open the shutter?"', ENTER, Seen(r"\[y/n\]"),
        "perhaps", ENTER, Seen("answer yes or no"),
    ],
    "errors": [
        "mv smax 1", ENTER, Seen("did you mean"), "mv samx 99", ENTER, Seen("outside limits"), "?tweak", ENTER,
        Seen("by the arrow keys: tweak"), "ct1", ENTER, Seen("IntegrationTime"),
    ],
}  # fmt: skip
"""What is typed for each picture, from an empty screen; what still runs then is stopped by Ctrl-C."""


class Terminal:
    """A terminal of tmux with `ronda shell` in it."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._tmux = ["tmux", "-L", f"ronda-screens-{os.getpid()}"]
        self._environment = environment
        ronda = Path(sys.executable).with_name("ronda")
        size = ["-x", str(COLUMNS), "-y", str(ROWS)]
        self._run("-f", os.devnull, "new-session", "-d", "-s", "shell", *size, f"{ronda} shell {folder}")

    def show(self, steps: list[Step]) -> str:
        """Type from an empty screen; returns the screen with its colours."""
        for step in steps:
            if isinstance(step, Seen):
                self.wait_for(step.pattern)
            elif isinstance(step, Key) and step.name == "wait":
                time.sleep(1.5)  # for the looks of a picture only
            else:
                self._run("send-keys", "-t", "shell", *([step.name] if isinstance(step, Key) else ["-l", step]))
        return self._screen("-e")

    def clear(self) -> None:
        """End what runs, and begin with an empty screen."""
        self._run("send-keys", "-t", "shell", "C-c")
        self.wait_for(r"demo \[\d+\]: *(\n|$)")
        self._run("send-keys", "-t", "shell", "C-u", "C-l")
        self.wait_for(r"^demo \[\d+\]: *\n")

    def wait_for(self, pattern: str) -> None:
        """Wait until something is on the screen."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self._screen().rstrip(), re.MULTILINE):
            if time.monotonic() > deadline:
                raise SystemExit(f"not seen within {PATIENCE:g} s: {pattern}\n{self._screen()}")
            time.sleep(0.05)

    def close(self) -> None:
        """End tmux."""
        self._run("kill-server")

    def _screen(self, *options: str) -> str:
        return self._run("capture-pane", "-p", "-t", "shell", *options)

    def _run(self, *words: str) -> str:
        command = [*self._tmux, *words]
        return subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True).stdout


def picture(screen: str, title: str) -> str:
    """A screen as SVG."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115, PTH123
    console.print(Text.from_ansi(screen.rstrip("\n")))
    drawn = console.export_svg(title=title)
    return re.sub(r",\s*url\([^)]*\) format\([^)]*\)", "", drawn)  # fonts of this machine; nothing is fetched


def main() -> None:
    """Make all pictures, or those that are named."""
    wanted = sys.argv[1:] or list(SCREENS)
    with tempfile.TemporaryDirectory(prefix="ronda-") as place:
        folder = Path(place) / "demo"
        shutil.copytree(HERE.parent / "config" / "demo", folder, ignore=shutil.ignore_patterns(".ronda", "data"))
        environment = {
            **os.environ,
            "XDG_STATE_HOME": place,
            "LOGNAME": "alice",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        ronda = str(Path(sys.executable).with_name("ronda"))
        subprocess.run([ronda, "up", str(folder), "--detach"], env=environment, check=True)
        terminal = Terminal(folder, environment)
        try:
            terminal.wait_for(r"demo \[1\]:")
            for name in wanted:
                if name != "start":
                    terminal.clear()
                (HERE / "screens" / f"{name}.svg").write_text(picture(terminal.show(SCREENS[name]), "ronda shell"))
                sys.stdout.write(f"{name}\n")
        finally:
            terminal.close()
            subprocess.run([ronda, "down", str(folder)], env=environment, check=True)


if __name__ == "__main__":
    main()
