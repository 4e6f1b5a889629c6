"""The examples in config/examples are right, also with the simulators that stand in them as comments."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = sorted((Path(__file__).parents[3] / "config" / "examples").iterdir())


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_an_example_is_right(ronda: Any, example: Path) -> None:
    assert "all right" in ronda("config", "check", example).stdout


def test_the_real_motors_can_be_tried_on_simulators(ronda: Any, tmp_path: Path) -> None:
    folder = tmp_path / "motors"
    shutil.copytree(next(example for example in EXAMPLES if example.name == "motors"), folder)
    file = folder / "beamline.yml"
    text = re.sub(r"^# (simulators:|  .*)$", r"\1", file.read_text(), flags=re.MULTILINE)
    text = re.sub(r"icepap1\S+", "simulator:ice", re.sub(r"c884\S+", "simulator:pi", text))
    file.write_text(text)
    assert "simulators:" in text
    assert "all right" in ronda("config", "check", folder).stdout


def test_reading_the_demo_needs_neither_tango_nor_hdf5() -> None:
    script = (
        "import sys; from pathlib import Path; from ronda.framework.config.load import load_beamline; "
        "load_beamline(Path(sys.argv[1]), {}); "
        "print([name for name in ('tango', 'gevent', 'h5py', 'redis') if name in sys.modules])"
    )
    demo = EXAMPLES[0].parents[1] / "demo"
    done = subprocess.run([sys.executable, "-c", script, demo], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip() == "[]"
