"""NXxas: a scan of the energy across an absorption edge.

Sources: the definition of the NeXus release in `definition.VERSION`, and the draft of its successor, which wants the
element, the edge and the bare spectrum in the entry itself. A file has both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ronda.framework.errors import BadValue
from ronda.framework.nexus.definitions.definition import (
    EXPOSURE,
    SAMPLE,
    SOURCE_VALUES,
    Declaration,
    Definition,
    Role,
    Telling,
    Value,
    channel_name,
    group,
    link,
    source,
    told,
)
from ronda.framework.stream.layout import Node, ValueNode

TRANSMISSION, FLUORESCENCE = "Transmission", "Fluorescence Yield"

MODES = ("Total Electron Yield", "Partial Electron Yield", "Auger Electron Yield", FLUORESCENCE, TRANSMISSION)


def xas(
    energy: Any,
    incoming: Any,
    *,
    transmitted: Any = None,
    fluorescence: Any = None,
    absorbed: Any = None,
    mode: str = "",
    monitor: Any = None,
    sample: str = "",
    element: str = "",
    edge: str = "",
    source: str = "",
) -> Declaration:
    """An absorption spectrum: ascan(energy, 8.9, 9.1, 200, 0.1, definition=xas(energy, i0, transmitted=diode)).

    Args:
        energy: axis, or name of the channel, of the photon energy.
        incoming: counter, or its name, of the beam before the sample.
        transmitted, fluorescence: the counter behind or beside the sample; one of both.
        absorbed: the counter of any other mode, with its `mode`.
        mode: how the absorption is measured, as NeXus calls it.
        monitor: the counter of the monitor; `incoming` if None.
        sample: name of the sample; the scan's if empty.
        element, edge: such as `Cu` and `K`.
        source: name of the source; the beamline's if empty.

    Raises:
        BadValue: not exactly one counter of the sample's signal is given.
    """
    signals = [(transmitted, TRANSMISSION), (fluorescence, FLUORESCENCE), (absorbed, mode)]
    given = [(thing, how) for thing, how in signals if thing is not None]
    if len(given) != 1:
        raise BadValue("xas: give one of transmitted, fluorescence and absorbed: the counter of the sample's signal")
    signal, found = given[0]
    if mode and mode != found:
        raise BadValue(f"xas: the mode is {found!r}, as the name of the counter's argument says, not {mode!r}")
    if not found:
        raise BadValue(f"xas: absorbed={channel_name(signal)} needs its mode: one of {', '.join(MODES)}")
    return Declaration(
        DEFINITION.name,
        {
            "energy": channel_name(energy),
            "incoming_beam": channel_name(incoming),
            "absorbed_beam": channel_name(signal),
            "monitor": channel_name(incoming if monitor is None else monitor),
        },
        {
            "mode": found,
            "sample": sample,
            "element": element,
            "edge": edge,
            "source_name": source,
            "source_type": "Synchrotron X-ray Source",
            "probe": "x-ray",
        },
    )


def _tree(scan: Telling) -> Mapping[str, Node]:
    energy, absorbed = scan.link("energy"), scan.link("absorbed_beam")
    plot = {"energy": energy, "absorbed_beam": absorbed, "mode": told(scan, "mode"), "intensity": absorbed}
    element, edge = told(scan, "element"), told(scan, "edge")
    return {
        "instrument": group(
            "NXinstrument",
            {
                "source": source(scan),
                "monochromator": group("NXmonochromator", {"energy": energy}),
                "incoming_beam": group("NXdetector", {"data": scan.link("incoming_beam")}),
                "absorbed_beam": group("NXdetector", {"data": absorbed}),
            },
        ),
        "sample": group("NXsample", {"name": told(scan, "sample")}),
        "monitor": group(
            "NXmonitor",
            {"mode": ValueNode("timer"), "preset": told(scan, "exposure", "s"), "data": link(scan, "monitor")},
        ),
        "data": group("NXdata", plot, signal="absorbed_beam", axes=["energy"]),
        **({"element": group("NXelement", {"name": element, "symbol": element})} if element else {}),
        **({"edge": group("NXabsorption_edge", {"name": edge})} if edge else {}),
        "is_experimental": ValueNode(True),
        "energy": energy,
        "intensity": absorbed,
    }


DEFINITION = Definition(
    "NXxas",
    (
        Role("energy", "the photon energy", unit="keV", kinds="f"),
        Role("incoming_beam", "the intensity before the sample"),
        Role("absorbed_beam", "the signal of the sample"),
        Role("monitor", "the monitor", needed=False),
    ),
    (
        SAMPLE,
        Value("mode", "the way of measuring the absorption", choices=MODES, needed=True),
        Value("element", "the element"),
        Value("edge", "the edge"),
        EXPOSURE,
        *SOURCE_VALUES,
    ),
    _tree,
    xas,
)
