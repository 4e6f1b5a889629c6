"""What the how-to page on pseudo axes says can be used as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from ronda.devices.pseudo.contract import Calculation
from ronda.framework.config.kinds import available_drivers, load_driver, load_kind

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "compute-an-axis-from-others.md"
FILES = dict(
    re.findall(r"^```(?:python|yaml)\n# file: (\S+)\n(.*?)^```", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".yml")])
def test_the_yaml_of_the_page_is_right(name):
    for server in YAML(typ="safe").load(FILES[name])["servers"].values():
        for device, entry in server["devices"].items():
            kind = load_kind(entry["kind"])
            driver = load_driver("pseudo", entry["driver"], Calculation)
            found = kind.devices(device, kind.parameters(driver).model_validate(entry))
            assert [each.tango_class for each in found] == ["Calculation", "PseudoAxis", "PseudoAxis"]


def test_the_calculation_of_the_page_works(tmp_path, monkeypatch):
    (tmp_path / "kb.py").write_text(FILES["kb.py"])
    monkeypatch.syspath_prepend(str(tmp_path))
    driver = load_driver("pseudo", "kb:Bender", Calculation)
    entry = {"kind": "pseudo", "real": {"up": "a", "down": "b"}, "axes": {"m": {"role": "mean"}}}
    bender = driver("kb", load_kind("pseudo").parameters(driver).model_validate(entry))
    real = {"up": np.array([3.0]), "down": np.array([1.0])}
    assert bender.to_pseudo(real) == {"mean": np.array([2.0]), "ellipticity": np.array([1.0])}
    assert bender.to_real(bender.to_pseudo(real), real) == real


def test_the_page_has_each_calculation_that_comes_with_ronda():
    assert [name for name in available_drivers("pseudo") if f"| `{name}` |" not in PAGE.read_text()] == []
