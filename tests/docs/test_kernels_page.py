"""The page of kernels: its example runs, and it names what there is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

from ronda.framework import kernels

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "kernels.md").read_text()
WITHOUT_A_ROW = {"compiling", "frames", "splitting"}
"""Modules of which kernels are made."""


def test_the_example_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(example, "kernels.md", "exec"), {})


def test_each_module_has_a_row_and_each_row_is_there() -> None:
    table = PAGE.partition("\n## The kernels\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+\.\w+)`", row)]
    assert len(named) > 12
    for name in named:
        module, _, what = name.partition(".")
        assert hasattr(importlib.import_module(f"ronda.framework.kernels.{module}"), what), name
    modules = {each.name for each in pkgutil.iter_modules(kernels.__path__)}
    assert {name.partition(".")[0] for name in named} == modules - WITHOUT_A_ROW
