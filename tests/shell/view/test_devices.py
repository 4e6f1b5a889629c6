"""Any device on the page, by its own description."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.shell.view.conftest import Page, View


def told(shown: Page, device: str, **order: Any) -> dict[str, Any]:
    """What a device shows, once it was read."""
    deadline = time.monotonic() + 150
    while (answer := shown.ask(do="device", device=device, **order))["attributes"] == []:
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    return {one["name"]: one for one in answer["attributes"]} | {"answer": answer}


def test_all_devices_are_known_and_describe_themselves(view: View, page: Callable[..., Page]) -> None:
    shown = page()
    known = {one["name"]: one["class"] for one in shown.ask(do="devices")["devices"]}
    assert {"machine", "fsh", "temp", "samx"} <= known.keys()
    assert "diode" not in known  # a channel of a device
    machine = told(shown, "machine")
    assert machine["RingCurrent"]["unit"] == "mA"
    assert machine["RingCurrent"]["writable"] is False
    assert machine["answer"]["state"] == "ON"
    image = told(shown, "cam")["Image"]
    assert image["value"].endswith("values, not read here")  # once a second it would hinder the camera
    velocity = told(shown, "samx")["Velocity"]
    assert velocity["writable"] is True
    assert velocity["kind"] == "number"
    assert shown.ask(do="device", device="nobody")["error"] == "live view: there is no device 'nobody'"


def test_how_an_attribute_went_comes_in_pieces(view: View, page: Callable[..., Page]) -> None:
    shown = page()
    times: list[float] = []

    deadline = time.monotonic() + 150
    while len(times) < 4:
        assert time.monotonic() < deadline
        shown.ask(do="device", device="machine", chart=["RingCurrent", "Beam"], since=times[-1] if times else 0)
        arrays = shown.arrays_of_answer
        assert set(arrays) <= {"time", "RingCurrent", "Beam"}
        assert {len(one) for one in arrays.values()} == {len(arrays["time"])}
        times.extend(arrays["time"])
        time.sleep(0.2)
    assert np.all(np.diff(times) > 0)  # none twice


def test_operators_write_and_command_and_others_do_not(view: View, page: Callable[..., Page], demo: Any) -> None:
    looks, operates = page(), page(view.token)
    before = demo.device("samy").Velocity
    write = {"do": "write", "device": "samy", "attribute": "Velocity"}
    assert "may only look" in looks.ask(**write, value=before / 2)["error"]
    assert "may only look" in looks.ask(do="command", device="samy", command="Stop")["error"]
    assert "may only look" in looks.ask(do="save_panels", panels=[])["error"]
    assert demo.device("samy").Velocity == before
    try:
        assert "error" not in operates.ask(**write, value=before / 2)
        assert demo.device("samy").Velocity == pytest.approx(before / 2)
    finally:
        demo.device("samy").Velocity = before
    assert "error" not in operates.ask(do="command", device="samy", command="Stop")
    assert "Velocity cannot be set to 'fast'" in operates.ask(**write, value="fast")["error"]
    assert "number, text, true or false" in operates.ask(**write, value=[1])["error"]


def test_panels_are_there_for_the_next_page(view: View, page: Callable[..., Page]) -> None:
    operates = page(view.token)
    panel = {"title": "beam", "devices": [{"device": "machine", "attributes": [], "chart": ["RingCurrent"]}]}
    assert "error" not in operates.ask(do="save_panels", panels=[panel])
    assert page().ask(do="panels")["panels"] == [panel]
    assert "error" not in operates.ask(do="save_panels", panels=[])
