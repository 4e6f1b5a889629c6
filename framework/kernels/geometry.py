"""Where a flat detector stands, as pyFAI calibrates it: scattering angles and corrections of each pixel."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ronda.framework.errors import BadValue
from ronda.framework.kernels.frames import Floats, told

Unit = Literal["q_nm^-1", "q_A^-1", "2th_deg", "2th_rad", "r_mm"]

UNITS: tuple[Unit, ...] = ("q_nm^-1", "q_A^-1", "2th_deg", "2th_rad", "r_mm")
"""What radial positions are told in, by pyFAI's names: scattering vector, scattering angle, distance from the beam."""

PIXELS = {"pilatus": 172e-6, "eiger": 75e-6, "jungfrau": 75e-6, "lambda": 55e-6}
"""Sides of the square pixels, in m, of detectors whose PONI file tells only the name, by the name's beginning."""

CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))
"""Row and column of a pixel's corners, in the order in which they follow one another."""


@dataclass(frozen=True)
class Geometry:
    """A detector before a sample, in pyFAI's convention (G. Ashiotis et al., J. Appl. Cryst. 48 (2015) 510).

    Attributes:
        distance: from the sample to the point of normal incidence, in m.
        poni1: position of that point along the rows' axis (slow), in m from the detector's corner.
        poni2: along the columns' axis (fast), in m.
        rot1: rotation around the vertical axis, in rad.
        rot2: around the horizontal axis, in rad.
        rot3: around the beam, in rad.
        wavelength: in m; None if not told.
        pixel1: height of a pixel, in m.
        pixel2: width of a pixel, in m.
        shape: rows and columns.
        orientation: of the first pixel, 1 to 4 as in EXIF, seen from the sample; 3 is pyFAI's own.
    """

    distance: float
    poni1: float
    poni2: float
    rot1: float
    rot2: float
    rot3: float
    wavelength: float | None
    pixel1: float
    pixel2: float
    shape: tuple[int, int]
    orientation: int = 3

    @classmethod
    def from_poni(cls, path: str | Path, shape: Sequence[int] | None = None) -> Geometry:
        """Read a PONI file of pyFAI, versions 1 to 3, of a flat detector.

        Args:
            path: of the file.
            shape: rows and columns, for a file that does not tell.

        Raises:
            BadValue: a line is missing or wrong, or the detector is not flat.
        """
        found: dict[str, str] = {}
        try:
            lines = Path(path).read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadValue(f"{path}: is not a readable PONI file ({error})") from error
        for line in lines:
            key, colon, value = line.partition(":")
            if colon and not line.startswith("#"):
                found[key.strip().lower()] = value.strip()
        return _from_lines(Path(path), found, shape)

    def positions(self, row: Any, column: Any) -> tuple[Floats, Floats, Floats]:
        """Where points of the detector are, in m: up, sideways and along the beam, from the sample.

        Args:
            row: in pixels from the frame's first edge; the middle of the first row is at 0.5.
            column: the same along columns.
        """
        rows, columns = self.shape
        at1 = np.asarray(row, np.float64)
        at2 = np.asarray(column, np.float64)
        p1 = (rows - at1 if self.orientation in (1, 2) else at1) * self.pixel1 - self.poni1
        p2 = (columns - at2 if self.orientation in (1, 4) else at2) * self.pixel2 - self.poni2
        s1, s2, s3 = math.sin(self.rot1), math.sin(self.rot2), math.sin(self.rot3)
        c1, c2, c3 = math.cos(self.rot1), math.cos(self.rot2), math.cos(self.rot3)
        away = self.distance
        up = p1 * c2 * c3 + p2 * (c3 * s1 * s2 - c1 * s3) - away * (c1 * c3 * s2 + s1 * s3)
        sideways = p1 * c2 * s3 + p2 * (c1 * c3 + s1 * s2 * s3) - away * (-c3 * s1 + c1 * s2 * s3)
        along = p1 * s2 - p2 * c2 * s1 + away * c1 * c2
        return up, sideways, along

    def radial(self, unit: Unit = "q_nm^-1") -> Floats:
        """Radial position of the middle of each pixel; float64, of the detector's shape.

        2θ = atan2(√(up² + sideways²), along); q = 4π sin(2θ/2) / λ.

        Raises:
            BadValue: there is no such unit, or q is wanted and the wavelength not known.
        """
        return self._radial(self._centres(), unit)

    def azimuth(self) -> Floats:
        """Azimuth of the middle of each pixel, in degrees from −180 to 180; 0 sideways, 90 up."""
        up, sideways, _ = self._centres()
        return np.degrees(np.arctan2(up, sideways))

    def corners(self, unit: Unit = "q_nm^-1") -> tuple[Floats, Floats]:
        """Radial position and azimuth (degrees) of the four corners of each pixel; shape (rows, columns, 4) each."""
        rows, columns = self.shape
        grid = self.positions(np.arange(rows + 1)[:, None], np.arange(columns + 1)[None, :])
        radial, azimuth = self._radial(grid, unit), np.degrees(np.arctan2(grid[0], grid[1]))
        return (
            np.stack([radial[r : r + rows, c : c + columns] for r, c in CORNERS], axis=-1),
            np.stack([azimuth[r : r + rows, c : c + columns] for r, c in CORNERS], axis=-1),
        )

    def solid_angle(self) -> Floats:
        """Solid angle of each pixel relative to that at the point of normal incidence: cos³ of the incidence."""
        up, sideways, along = self._centres()
        found: Floats = (self.distance / np.sqrt(up**2 + sideways**2 + along**2)) ** 3
        return found

    def polarisation(self, factor: float, axis: float = 0.0) -> Floats:
        """Factor by which polarisation weakens what each pixel sees: ½ (1 + cos²2θ − f cos 2(χ + axis) sin²2θ).

        Args:
            factor: (I∥ − I⊥)/(I∥ + I⊥): 1 horizontally, −1 vertically polarised, 0 unpolarised or circular.
            axis: angle of the polarisation's main axis to the horizontal, in degrees.

        Raises:
            BadValue: the factor is not from −1 to 1.
        """
        if not -1 <= factor <= 1:
            raise BadValue(f"geometry: a polarisation factor is from -1 to 1, not {factor:g}")
        up, sideways, along = self._centres()
        across = up**2 + sideways**2
        cos2 = along**2 / (across + along**2)
        turned = np.cos(2 * (np.arctan2(up, sideways) + math.radians(axis)))
        found: Floats = 0.5 * (1 + cos2 - factor * turned * (1 - cos2))
        return found

    def _centres(self) -> tuple[Floats, Floats, Floats]:
        rows, columns = self.shape
        return self.positions(np.arange(rows)[:, None] + 0.5, np.arange(columns)[None, :] + 0.5)

    def _radial(self, positions: tuple[Floats, Floats, Floats], unit: Unit) -> Floats:
        up, sideways, along = positions
        across = np.sqrt(up**2 + sideways**2)
        if unit == "r_mm":
            return 1e3 * across
        angle = np.arctan2(across, along)
        if unit == "2th_rad":
            return angle
        if unit == "2th_deg":
            return np.degrees(angle)
        if unit not in UNITS:
            raise BadValue(f"geometry: there is no unit {unit!r}; there are {', '.join(UNITS)}")
        if not self.wavelength:
            raise BadValue(f"geometry: {unit} needs the wavelength, which is not told; use 2th_deg or give it")
        per_metre = 1e-9 if unit == "q_nm^-1" else 1e-10
        return 4 * math.pi * per_metre / self.wavelength * np.sin(angle / 2)


def _from_lines(path: Path, found: dict[str, str], shape: Sequence[int] | None) -> Geometry:
    """The geometry of a file's keys and values."""
    try:
        detector = json.loads(found.get("detector_config") or "{}")
        if not isinstance(detector, dict):
            raise BadValue(f"{path}: Detector_config is {detector!r}, it should be a mapping")
        numbers = {key: float(found.get(key, 0)) for key in ("poni1", "poni2", "rot1", "rot2", "rot3")}
        distance = float(found["distance"])
        told_shape = detector.get("max_shape") or detector.get("shape") or shape
        sizes = [_pixel(number, found, detector) for number in "12"]
        wavelength = found.get("wavelength", "None")
        length = None if wavelength == "None" else float(wavelength)
        orientation = int(detector.get("orientation") or 3)
    except (KeyError, ValueError, TypeError) as error:
        raise BadValue(f"{path}: is no complete PONI file ({type(error).__name__}: {error})") from error
    name = found.get("detector", "the detector")
    spline = detector.get("splineFile") or found.get("splinefile", "None")
    if spline not in (None, "None", "none", ""):
        raise BadValue(
            f"{path}: {name} is distorted ({spline}); only flat detectors are computed, correct frames first"
        )
    if found.get("parallax", "False") == "True":
        raise BadValue(f"{path}: parallax is not corrected here; calibrate without it")
    if None in sizes:
        raise BadValue(f"{path}: does not tell the size of the pixels of {name}; add pixel1 and pixel2 (in m) to it")
    if told_shape is None:
        raise BadValue(f"{path}: does not tell how many pixels {name} has; give the shape, rows and columns")
    if len(told_shape) != 2 or min(told_shape) < 1:
        raise BadValue(f"{path}: a detector of {told(told_shape)} pixels is none; give rows and columns")
    if orientation not in (1, 2, 3, 4):
        raise BadValue(f"{path}: orientation {orientation} is not known; it is from 1 to 4")
    if not distance > 0 or (length is not None and not length > 0):
        raise BadValue(f"{path}: distance ({distance:g} m) and wavelength ({wavelength} m) should be above 0")
    pixel1, pixel2 = (float(size) for size in sizes if size is not None)
    sides = (int(told_shape[0]), int(told_shape[1]))
    return Geometry(
        distance=distance,
        poni1=numbers["poni1"],
        poni2=numbers["poni2"],
        rot1=numbers["rot1"],
        rot2=numbers["rot2"],
        rot3=numbers["rot3"],
        wavelength=length,
        pixel1=pixel1,
        pixel2=pixel2,
        shape=sides,
        orientation=orientation,
    )


def _pixel(number: str, found: dict[str, str], detector: dict[str, Any]) -> float | None:
    """Side of a pixel in m; None if it is not told."""
    written = detector.get(f"pixel{number}") or found.get(f"pixelsize{number}")
    if written is not None:
        return float(written)
    name = found.get("detector", "").lower().replace("_", "").replace(" ", "").removeprefix("dectris")
    return next((size for start, size in PIXELS.items() if name.startswith(start)), None)
