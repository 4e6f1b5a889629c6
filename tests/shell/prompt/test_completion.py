"""Completing what is typed, without asking any device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from ronda.framework.clients.axis import Axis
from ronda.framework.clients.counter import Counter
from ronda.framework.clients.device import Device
from ronda.framework.clients.multiposition import Multiposition
from ronda.framework.clients.remote import Remote
from ronda.framework.scan.standard import Scans
from ronda.shell.prompt.completion import NameCompleter
from ronda.shell.prompt.under_cursor import call_at, one_line, signature
from ronda.shell.verbs.motion import MotionCommands


def refuse(address: str) -> Any:
    raise AssertionError(f"{address} was asked")


@pytest.fixture
def names() -> dict[str, Any]:
    def remote(name: str) -> Remote:
        return Remote(name, name, refuse)

    axes = {
        name: Axis(remote(name), {"unit": "mm", "description": "Sample"}, None, print)  # type: ignore[arg-type]
        for name in ("samx", "samy")
    }
    stop = Multiposition(remote("beamstop"), "Multiposition", {"positions": {"IN": {}, "OUT": {}}})
    card = Device(remote("sampler"), "CounterCard")
    scans = Scans.__new__(Scans)
    motion = MotionCommands(None)  # type: ignore[arg-type]
    return {
        **axes,
        "beamstop": stop,
        "sampler": card,
        "sam_diode": Counter("sam_diode", "sampler", "sam_diode", "count", remote("sampler")),
        "sample_number": 7,
        "np": np,
        "ascan": scans.ascan,
        "mv": motion.mv,
    }


@pytest.fixture
def complete(names: dict[str, Any]) -> Callable[[str], list[str]]:
    def proposals(text: str) -> list[str]:
        found = NameCompleter(names).get_completions(Document(text), CompleteEvent(completion_requested=True))
        return [one.text for one in found]

    return proposals


def test_names_are_completed(complete: Any) -> None:
    assert set(complete("sam")) == {"samx", "samy", "sampler", "sam_diode", "sample_number"}


@pytest.mark.parametrize("text", ["ascan(sam", "ascan sam", "x = ascan(sam", "mv sam", "mv(samx, 3, sam"])
def test_an_argument_that_is_an_axis_proposes_axes_first(text: str, complete: Any) -> None:
    assert complete(text)[:2] == ["samx", "samy"]


def test_where_only_an_axis_fits_nothing_typed_shows_the_axes(complete: Any) -> None:
    assert complete("ascan(") == ["samx", "samy"]
    assert complete("mv samx 3 ") == ["samx", "samy"]


def test_counters_are_proposed_where_counters_stand(complete: Any) -> None:
    assert complete("ascan(samx, 0, 1, 10, 0.1, ")[-1] == "sam_diode"
    assert "samx" not in complete("ascan samx 0 1 10 0.1 ")


def test_arguments_are_proposed_by_name(complete: Any) -> None:
    assert "intervals=" in complete("ascan(samx, 0, 1, int")


def test_attributes_come_from_the_class_and_no_device_is_asked(complete: Any) -> None:
    assert complete("samx.vel") == ["velocity"]
    assert "position" in complete("mv(samx, samy.")


def test_positions_with_names_are_completed(complete: Any) -> None:
    assert complete("beamstop.I") == ["IN"]


def test_modules_are_completed(complete: Any) -> None:
    assert "linspace" in complete("np.lins")
    assert "norm" in complete("np.linalg.nor")


@pytest.mark.parametrize("text", ["'sam", "!sam", "samx.position.sam", "nobody.sam", "3sam", 'fit("sam'])
def test_where_a_name_makes_no_sense_nothing_is_proposed(text: str, complete: Any) -> None:
    assert complete(text) == []


def test_a_blank_that_was_just_typed_proposes_nothing_by_itself(names: dict[str, Any]) -> None:
    found = NameCompleter(names).get_completions(Document("ascan "), CompleteEvent(text_inserted=True))

    assert list(found) == []


@pytest.mark.parametrize(
    ("text", "argument"),
    [
        ("ascan(", 0),
        ("ascan(sa", 0),
        ("ascan(samx,", 1),
        ("ascan(samx, 0, (1 + 2), ", 3),
        ("ascan ", 0),
        ("ascan samx 0 ", 2),
        ("a = [ascan(samx, 1", 1),
        ("for i in x:\n    ascan samx ", 1),
    ],
)
def test_the_call_under_the_cursor_is_known(text: str, argument: int, names: dict[str, Any]) -> None:
    call = call_at(text, names)

    assert call is not None
    assert (call.name, call.argument) == ("ascan", argument)


@pytest.mark.parametrize("text", ["", "ascan", "ascan()", "samx", "ascan = ", "x = (1, ", "'ascan("])
def test_where_nothing_is_called_there_is_no_call(text: str, names: dict[str, Any]) -> None:
    assert call_at(text, names) is None


def test_a_signature_is_short_and_says_what_the_function_does(names: dict[str, Any]) -> None:
    assert signature("ascan", names["ascan"]) == "ascan(axis, start, stop, intervals, time, *counters)"
    assert one_line(names["ascan"]).startswith("Step an axis from start to stop")
