"""Names of attributes that follow from names in YAML."""

from __future__ import annotations

import pytest

from ronda.framework.tango.names import channel_attribute


@pytest.mark.parametrize(
    ("channel", "attribute"),
    [
        ("i0", "I0"),
        ("diode", "Diode"),
        ("sample_diode", "SampleDiode"),
        ("bpmX", "BpmX"),
        ("a_1", "A1"),
        ("x__y", "XY"),
    ],
)
def test_a_channel_becomes_an_attribute_in_camel_case(channel, attribute):
    assert channel_attribute(channel) == attribute
