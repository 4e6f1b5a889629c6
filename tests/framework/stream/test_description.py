"""What a scan says about itself, and what it may not say."""

import json
from datetime import UTC, datetime

import pytest

from ronda.framework.errors import BadValue
from ronda.framework.stream import Channel, Description, Device
from ronda.framework.stream.description import read_description


def test_description_survives_the_way_through_json():
    written = Description(
        "ascan(samy, -1, 1, 20, 0.1)",
        [Device("cam", [Channel("image", ">u2", (4, 3), "count", "reference", {"a": 1})], {"exposure": 0.1})],
        ["writer", "fit"],
        title="first",
        user="ada",
        session="s1",
        sample="Cu foil",
        dataset="d1",
        start=datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC),
        points=21,
        attributes={"positioners": {"samy": 0.5}},
    )
    assert read_description(written.heading(), written.devices_json(), written.consumers_json()) == written


def test_types_are_stored_in_little_endian_order():
    assert Channel("x", ">f8").dtype == "<f8"
    assert Channel("x", "uint16").dtype == "<u2"
    assert Channel("x", "bool").dtype == "|b1"


def test_title_is_the_command_if_none_is_given():
    assert Description("ct(1)", []).title == "ct(1)"


def test_start_is_now_with_the_zone_of_this_computer():
    assert Description("ct(1)", []).started.tzinfo is not None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Channel("a/b"), "'a/b': not a channel name"),
        (lambda: Channel(".count"), "'.count': not a channel name"),
        (lambda: Channel("x", "nonsense"), "x: 'nonsense' is not a numpy type"),
        (lambda: Channel("x", "object"), "x: type 'object' cannot be sent"),
        (lambda: Channel("x", "datetime64[s]"), "cannot be sent"),
        (lambda: Channel("x", shape=(-1,)), "negative"),
        (lambda: Channel("x", storage="disk"), "storage 'disk' is unknown; use inline or reference"),
        (lambda: Device("a b", [Channel("x")]), "'a b': not a device name"),
        (lambda: Device("a", []), "a: has no channels"),
        (lambda: Device("cam", [Channel("image", "u2", (1024, 1024))]), r"one point takes 2.1 MB, at most 1.05 MB"),
        (lambda: Description("x", [], ["a writer"]), "'a writer': not a consumer name"),
        (lambda: Description("x", [], ["w", "w"]), "consumer w: stands in the scan's description more than once"),
        (lambda: Description("x", [Device("a", [Channel("x")]), Device("b", [Channel("x")])]), "channel x: stands"),
        (lambda: Description("x", [], start=datetime(2024, 1, 1)), "has no time zone"),
        (lambda: Description("x", [], attributes={"x": object()}).heading(), "cannot be written as JSON"),
        (lambda: Description("x", [], attributes={"x": float("nan")}).heading(), "cannot be written as JSON"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(BadValue, match=message):
        make()


def test_large_frames_go_by_reference():
    Device("cam", [Channel("image", "u2", (1024, 1024), storage="reference")])


def test_unknown_names_are_answered_with_those_that_exist(describe):
    with pytest.raises(BadValue, match="device cam: not in this scan; it has ct1, mca"):
        describe().device("cam")
    with pytest.raises(BadValue, match="channel x: not in this scan; it has i0, diode, spectrum"):
        describe().channel("x")


def test_description_in_redis_is_plain_json(describe):
    assert json.loads(describe().devices_json())[1] == {
        "name": "mca",
        "attributes": {},
        "channels": [
            {
                "name": "spectrum",
                "dtype": "<u4",
                "shape": [16],
                "unit": "count",
                "storage": "inline",
                "attributes": {},
            }
        ],
    }
