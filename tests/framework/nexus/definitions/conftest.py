"""Scans that declare an application definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ronda.framework.nexus.definitions.definition import Declaration
from ronda.framework.stream import Channel, Description, Device


@pytest.fixture(scope="session")
def spectrum() -> Callable[..., Description]:
    """`spectrum(declaration)`: a scan of the energy with three counters that declares something."""

    def spectrum(declared: Declaration | dict[str, Any] | str | None, **others: Any) -> Description:
        moved = [
            Channel("energy", unit="keV", attributes={"role": "positioner"}),
            Channel("bragg", unit="deg", attributes={"role": "positioner"}),
        ]
        counters = [Channel(name, unit="count") for name in ("i0", "diode", "fluo")]
        end = Device("positioners_end", [Channel("energy at end", unit="keV", attributes={"positioner": "energy"})])
        return Description(
            "ascan(energy, 8.9, 9.1, 9, 0.1)",
            [Device("scan", moved), Device("ct1", counters), Device("mca", [Channel("spectrum", "<u4", (16,))]), end],
            ("writer",),
            points=10,
            session="hc1234",
            user="ann",
            attributes={
                "positioners": {"energy": {"value": 8.9, "unit": "keV"}, "samx": {"value": 1, "unit": "mm"}},
                "exposure": 0.1,
                "beamline": "id00",
                "definition": declared.attribute() if isinstance(declared, Declaration) else declared,
            },
            **others,
        )

    return spectrum


@pytest.fixture(scope="session")
def tomogram() -> Callable[..., Description]:
    """`tomogram(declaration)`: a scan of a rotation with small frames that declares something."""

    def tomogram(declared: Declaration | None, image: str = "image", **others: Any) -> Description:
        own = [Channel("rot", unit="deg", attributes={"role": "positioner"}), Channel("image_key", "<i4")]
        return Description(
            "ascan(rot, 0, 180, 9, 0.1)",
            [
                Device("scan", own),
                Device("cam", [Channel(image, "<u2", (12, 16), unit="count")]),
                Device("ct1", [Channel("i0", unit="count")]),
            ],
            ("writer",),
            points=10,
            session="hc1234",
            attributes={
                "positioners": {"rot": {"value": 0, "unit": "deg"}},
                "plot": {"signals": [image, "i0"], "axes": ["rot"]},
                "exposure": 0.1,
                "beamline": "id00",
                "definition": declared.attribute() if declared else None,
            },
            **others,
        )

    return tomogram
