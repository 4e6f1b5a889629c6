"""What a scan must have for the application definition that it declares: refused before it starts otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ronda.framework.errors import BadValue
from ronda.framework.nexus.definitions.nxtomo import tomo
from ronda.framework.nexus.definitions.nxxas import xas
from ronda.framework.nexus.definitions.registry import all_definitions
from ronda.framework.nexus.layout import nexus_layout, require_definition
from ronda.framework.stream import Channel, Device


def test_a_scan_that_has_all_is_taken(spectrum, tomogram):
    require_definition(spectrum(xas("energy", "i0", transmitted="diode", sample="Cu foil")))
    require_definition(tomogram(tomo("rot", "image", sample="stone")))


def test_a_scan_that_declares_nothing_is_taken(spectrum):
    require_definition(spectrum(None))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"energy": "mono"}, "NXxas: mono should be the photon energy; not in this scan; it has energy, bragg, i0"),
        ({"energy": "bragg"}, "NXxas: bragg should be the photon energy, in keV or the like; its unit is deg"),
        ({"energy": "i0"}, "NXxas: i0 should be the photon energy, in keV or the like; its unit is count"),
        (
            {"transmitted": "spectrum"},
            r"NXxas: spectrum should be the signal of the sample and a single number at each point; it has the shape \(16,\)",
        ),
        ({"sample": ""}, "NXxas: the name of the sample is not known; tell it with sample="),
    ],
)
def test_what_a_spectrum_lacks_is_told(spectrum, arguments, sentence):
    declared = xas(**{"energy": "energy", "incoming": "i0", "transmitted": "diode", "sample": "Cu", **arguments})
    with pytest.raises(BadValue, match=sentence):
        require_definition(spectrum(declared))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"image": "i0"}, r"NXtomo: i0 should be the frame and an image at each point; it has the shape \(\)"),
        ({"image_key": "i0"}, "NXtomo: i0 should be what the frame is and hold whole numbers; it holds float64"),
        ({"distance": "far"}, "NXtomo: the distance from sample to detector in m should be a number, not 'far'"),
        ({"control": "monitor"}, "NXtomo: monitor should be the intensity of the beam; not in this scan"),
    ],
)
def test_what_a_tomogram_lacks_is_told(tomogram, arguments, sentence):
    declared = tomo(**{"rotation": "rot", "image": "image", "sample": "stone", **arguments})
    with pytest.raises(BadValue, match=sentence):
        require_definition(tomogram(declared))


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        (
            "NXtom",
            "'NXtom' is not among the application definitions that are written: NXtomo, NXxas; did you mean NXtomo?",
        ),
        ({"name": "NXxas", "roles": {}}, "NXxas: no channel is named as energy, which is the photon energy; name one"),
        ({"name": "NXxas"}, "NXxas: no channel is named as energy"),
        (
            {
                "name": "NXxas",
                "roles": {"energy": "energy", "incoming_beam": "i0", "absorbed_beam": "i0"},
                "values": {"colour": "red"},
            },
            "NXxas: has no value 'colour'; it has sample, mode",
        ),
    ],
)
def test_a_declaration_that_a_program_wrote_by_hand_is_read_as_critically(spectrum, declared, sentence):
    with pytest.raises(BadValue) as caught:
        require_definition(spectrum(declared))
    assert sentence in str(caught.value)


def test_a_channel_that_is_called_like_a_group_of_the_definition_is_refused(spectrum):
    description = spectrum(xas("energy", "i0", transmitted="diode", sample="Cu"))
    more = Device("other", [Channel("absorbed_beam")])
    with pytest.raises(BadValue, match=r"instrument/absorbed_beam/data: has this name already in this scan"):
        require_definition(replace(description, devices=[*description.devices, more]))
    more = Device("other", [Channel("monochromator")])
    with pytest.raises(BadValue, match="monochromator: is NXdetector in this scan and should be NXmonochromator"):
        require_definition(replace(description, devices=[*description.devices, more]))


def test_the_channel_that_plays_a_role_may_be_called_like_its_group(tomogram):
    declared = tomo("rot", "detector", sample="stone")
    require_definition(tomogram(declared, image="detector"))


def test_a_scan_that_was_not_asked_is_saved_all_the_same_and_the_file_says_why_without(spectrum):
    layout = nexus_layout("id", 7, spectrum(xas("mono", "i0", transmitted="diode", sample="Cu")))
    entry = layout.children["7.1"].children
    assert "definition" not in entry
    assert "mono should be the photon energy" in entry["definition_refused"].value
    assert entry["instrument"].children["diode"].children["data"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "xas: give one of transmitted, fluorescence and absorbed"),
        ({"transmitted": "a", "fluorescence": "b"}, "xas: give one of transmitted, fluorescence and absorbed"),
        ({"transmitted": "a", "mode": "Fluorescence Yield"}, "xas: the mode is 'Transmission'"),
        ({"absorbed": "drain"}, "xas: absorbed=drain needs its mode: one of Total Electron Yield"),
    ],
)
def test_a_spectrum_has_one_signal(arguments, sentence):
    with pytest.raises(BadValue, match=sentence):
        xas("energy", "i0", **arguments)


def test_an_image_key_is_one_of_four():
    with pytest.raises(
        BadValue, match="an image key is 0 for a projection, 1 flat field, 2 dark field, 3 invalid, not 7"
    ):
        tomo("rot", "image", image_key=[0, 7])


def test_each_definition_is_called_as_its_file_and_has_a_word_of_its_own():
    found = all_definitions()
    assert [one.name for one in found] == ["NXtomo", "NXxas"]
    assert [one.declare.__name__ for one in found] == ["tomo", "xas"]
