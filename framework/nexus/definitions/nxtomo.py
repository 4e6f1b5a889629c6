"""NXtomo: frames of a rotating sample, with flat and dark fields among them.

Sources: the definition of the NeXus release in `definition.VERSION`; `image_key_control` and `count_time` are what
the reconstruction programs of the ESRF (nxtomo, nabu) read beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ronda.framework.errors import BadValue
from ronda.framework.nexus import words
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
from ronda.framework.stream.description import Description
from ronda.framework.stream.layout import Node

PROJECTION, FLAT, DARK, INVALID = range(4)
"""What a frame is: the values of the image key."""

IMAGE_KEY = "image_key"
"""Channel of the image key, if the scan publishes it itself."""


def tomo(
    rotation: Any,
    image: Any,
    *,
    image_key: Any = PROJECTION,
    control: Any = None,
    count_time: Any = None,
    x_translation: Any = None,
    y_translation: Any = None,
    z_translation: Any = None,
    x_pixel_size: float | None = None,
    y_pixel_size: float | None = None,
    distance: float | None = None,
    x_rotation_axis: float | None = None,
    y_rotation_axis: float | None = None,
    energy: float | None = None,
    sample: str = "",
    source: str = "",
) -> Declaration:
    """A tomogram: ascan(rot, 0, 180, 900, 0.1, cam, i0, definition=tomo(rot, "image", control=i0)).

    Args:
        rotation: axis, or name of the channel, of the angle.
        image: the channel of the frames.
        image_key: what the frames are: 0 projection, 1 flat field, 2 dark field, 3 invalid; one number for all
            points or one for each, or the name of the channel that says it.
        control: the counter of the beam's intensity.
        count_time: the channel of each frame's exposure time; without it the file has the scan's.
        x_translation, y_translation, z_translation: axes that move the sample.
        x_pixel_size, y_pixel_size: in m; those that the camera tells, if it does.
        distance: from the sample to the detector in m.
        x_rotation_axis, y_rotation_axis: position of the rotation's axis on the detector in pixels.
        energy: of the photons in keV.
        sample: name of the sample; the scan's if empty.
        source: name of the source; the beamline's if empty.

    Raises:
        BadValue: the image key is none.
    """
    named = isinstance(image_key, str) or hasattr(image_key, "name")
    channels = {
        "rotation_angle": rotation,
        "image": image,
        "image_key": image_key if named else IMAGE_KEY,
        "control": control,
        "count_time": count_time,
        "x_translation": x_translation,
        "y_translation": y_translation,
        "z_translation": z_translation,
    }
    values = {
        "x_pixel_size": x_pixel_size,
        "y_pixel_size": y_pixel_size,
        "distance": distance,
        "x_rotation_axis": x_rotation_axis,
        "y_rotation_axis": y_rotation_axis,
        "energy": energy,
        "sample": sample,
        "source_name": source,
        "source_type": "Synchrotron X-ray Source",
        "probe": "x-ray",
    }
    return Declaration(
        DEFINITION.name,
        {role: channel_name(thing) for role, thing in channels.items() if thing is not None},
        {name: value for name, value in values.items() if value is not None},
        {} if named else {IMAGE_KEY: _key(image_key)},
    )


def _key(given: int | Sequence[int]) -> int | list[int]:
    wanted = (PROJECTION, FLAT, DARK, INVALID)
    keys = [given] if isinstance(given, int) else list(given)
    wrong = [key for key in keys if key not in wanted]
    if wrong:
        raise BadValue(
            f"tomo: an image key is 0 for a projection, 1 flat field, 2 dark field, 3 invalid, not {wrong[0]!r}"
        )
    return int(given) if isinstance(given, int) else [int(key) for key in keys]


def _of_camera(field: str) -> Callable[[Description], Any]:
    """What the camera says about its frames; None if it says nothing."""

    def found(scan: Description) -> Any:
        roles = (scan.attributes.get(words.DEFINITION) or {}).get("roles") or {}
        told = scan.channel(str(roles.get("image")))[1].attributes.get(words.FIELDS, {})
        return told.get(field, {}).get("value")

    return found


def _tree(scan: Telling) -> Mapping[str, Node]:
    angle, image, key = scan.link("rotation_angle"), scan.link("image"), scan.link("image_key")
    beam = group("NXbeam", {"incident_energy": told(scan, "energy", "keV")})
    detector = {
        "data": image,
        "image_key": key,
        "image_key_control": key,
        "count_time": link(scan, "count_time") or told(scan, "exposure", "s"),
        "x_pixel_size": told(scan, "x_pixel_size", "m"),
        "y_pixel_size": told(scan, "y_pixel_size", "m"),
        "distance": told(scan, "distance", "m"),
        "x_rotation_axis_pixel_position": told(scan, "x_rotation_axis", "pixel"),
        "y_rotation_axis_pixel_position": told(scan, "y_rotation_axis", "pixel"),
    }
    sample = {
        "name": told(scan, "sample"),
        "rotation_angle": angle,
        "x_translation": link(scan, "x_translation"),
        "y_translation": link(scan, "y_translation"),
        "z_translation": link(scan, "z_translation"),
    }
    plot = {"data": image, "rotation_angle": angle, "image_key": key}
    return {
        "instrument": group(
            "NXinstrument",
            {
                "source": source(scan),
                "detector": group("NXdetector", detector),
                "beam": beam if beam.children else None,
            },
        ),
        "sample": group("NXsample", sample),
        "data": group("NXdata", plot, signal="data", axes=["rotation_angle", ".", "."]),
        **({"control": group("NXmonitor", {"data": scan.link("control")})} if scan.plays("control") else {}),
    }


DEFINITION = Definition(
    "NXtomo",
    (
        Role("rotation_angle", "the angle of the sample", unit="deg", kinds="f"),
        Role("image", "the frame", axes=2),
        Role("image_key", "what the frame is", kinds="iu"),
        Role("control", "the intensity of the beam", needed=False),
        Role("count_time", "the exposure time of each frame", unit="s", needed=False),
        Role("x_translation", "the position of the sample along x", unit="mm", needed=False),
        Role("y_translation", "the position of the sample along y", unit="mm", needed=False),
        Role("z_translation", "the position of the sample along z", unit="mm", needed=False),
    ),
    (
        SAMPLE,
        Value("x_pixel_size", "the size of a pixel along x in m", float, default=_of_camera("x_pixel_size")),
        Value("y_pixel_size", "the size of a pixel along y in m", float, default=_of_camera("y_pixel_size")),
        Value("distance", "the distance from sample to detector in m", float),
        Value("x_rotation_axis", "the position of the axis in pixels", float),
        Value("y_rotation_axis", "the position of the axis in pixels", float),
        Value("energy", "the photon energy in keV", float),
        EXPOSURE,
        *SOURCE_VALUES,
    ),
    _tree,
    tomo,
)
