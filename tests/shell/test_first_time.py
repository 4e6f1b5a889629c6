"""Somebody at a beamline for the first time, who knows only what the screen suggests."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

AXES = ("s1vg", "s1vo", "energy")


@pytest.fixture
def typist(demo: Any, seat: Callable[..., Any], wait_for: Callable[..., Any]) -> Any:
    """Who types; the axes are afterwards where they were before."""
    before = {name: demo.device(name).Position for name in AXES}
    yield seat(demo.folder, columns=200)
    for name, position in before.items():
        axis = demo.device(name)
        wait_for(lambda axis=axis: axis.State().name == "ON" and not axis.Owner, 150, f"{name} is free")
        axis.Position = position
        wait_for(lambda axis=axis: axis.State().name == "ON", 150, f"{name} as before")


def test_a_slit_is_aligned_an_image_taken_a_spectrum_measured_and_the_file_found(typist: Any) -> None:
    assert "wa shows where the axes are, ? helps" in typist.told()
    help_ = typist.enter("?")
    assert all(word in help_ for word in ("lsmot", "lscnt", "ascan samx 0 1 10 0.1 diode", "dscan", "goto_cen"))
    motors = typist.enter("lsmot")
    assert all(re.search(rf"^{name} ", motors, re.MULTILINE) for name in AXES)
    assert re.search(r"^i0 ", typist.enter("lscnt"), re.MULTILINE)

    typist.enter("mv s1vg 0.2")
    typist.enter("dscan s1vo -0.5 0.5 20 0.05 i0")
    told = typist.enter("goto_cen")
    found = re.search(r"scan \d+, i0: cen is at s1vo (-?[\d.]+) mm, moved there", told)
    assert found is not None, told
    stands = re.search(r"^user +(-?[\d.]+) *$", typist.enter("wa s1vo"), re.MULTILINE)
    assert stands is not None
    assert float(stands[1]) == pytest.approx(float(found[1]), abs=2e-3)  # steps of both blades

    image = saved(typist.enter("sct 0.1 cam"))
    spectrum = saved(typist.enter("ascan energy 8.9 9.1 10 0.05 i0"))
    with h5py.File(image) as file:
        measured = file[file.attrs["default"]]["measurement"]
        assert any(len(one.shape) == 3 and one.shape[0] == 1 for one in measured.values() if hasattr(one, "shape"))
    with h5py.File(spectrum) as file:
        measured = file[file.attrs["default"]]["measurement"]
        assert measured["energy"][:] == pytest.approx([8.9 + 0.02 * place for place in range(11)], abs=1e-3)
        assert (measured["i0"][:] > 0).all()


def saved(told: str) -> Path:
    """The file that the screen names."""
    (path,) = re.findall(r"scan \d+ saved:\s+(\S+\.h5)", told)
    return Path(path)
