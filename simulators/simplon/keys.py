"""The keys of the SIMPLON interface: values with type, unit, limits and access."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

VERSION = "1.8.0"


@dataclass
class Key:
    """One key.

    Attributes:
        value: what it holds.
        kind: type of the value, as the interface says it.
        access: `rw` or `r`.
        low, high: limits of a number.
        unit: of a number.
        allowed: texts that it takes; empty for any.
    """

    value: Any
    kind: Literal["float", "int", "uint", "string", "bool", "string[]"]
    access: Literal["rw", "r"] = "rw"
    low: float | None = None
    high: float | None = None
    unit: str = ""
    allowed: tuple[str, ...] = field(default_factory=tuple)

    def told(self) -> dict[str, Any]:
        """As GET answers."""
        found: dict[str, Any] = {"value": self.value, "value_type": self.kind, "access_mode": self.access}
        if self.low is not None:
            found["min"] = self.low
        if self.high is not None:
            found["max"] = self.high
        if self.unit:
            found["unit"] = self.unit
        if self.allowed:
            found["allowed_values"] = list(self.allowed)
        return found

    def take(self, value: Any) -> None:
        """Set a value.

        Raises:
            ValueError: it is not one that the key takes.
        """
        if self.access == "r":
            raise ValueError("the parameter cannot be written")
        if self.kind in ("float", "int", "uint"):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"the value should be a number, not {value!r}")
            if self.kind != "float" and value != int(value):
                raise ValueError(f"the value should be a whole number, not {value!r}")
            if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
                raise ValueError(f"{value!r} is not within {self.low!r} and {self.high!r} {self.unit}".rstrip())
            self.value = float(value) if self.kind == "float" else int(value)
            return
        if self.kind == "bool" and not isinstance(value, bool):
            raise ValueError(f"the value should be true or false, not {value!r}")
        if self.kind == "string" and (not isinstance(value, str) or (self.allowed and value not in self.allowed)):
            raise ValueError(f"the value should be one of {', '.join(self.allowed)}, not {value!r}")
        self.value = value


def read_only(value: Any, kind: Any, unit: str = "") -> Key:
    """A key that cannot be written."""
    return Key(value, kind, "r", unit=unit)


def detector_keys(columns: int, rows: int, pixel: float, shortest: float, fastest: float) -> dict[str, Key]:
    """The detector's configuration.

    Args:
        columns, rows: of the detector.
        pixel: side of a pixel, in m.
        shortest: shortest exposure, in s.
        fastest: shortest time from one frame to the next, in s.
    """
    most = 2_000_000_000
    return {
        "auto_summation": Key(True, "bool"),
        "beam_center_x": Key((columns - 1) / 2, "float", unit="pixel"),
        "beam_center_y": Key((rows - 1) / 2, "float", unit="pixel"),
        "bit_depth_image": read_only(16, "uint"),
        "bit_depth_readout": read_only(16, "uint"),
        "compression": Key("bslz4", "string", allowed=("bslz4", "lz4", "none")),
        "count_time": Key(0.5, "float", low=shortest, high=3600.0, unit="s"),
        "countrate_correction_applied": Key(False, "bool"),
        "countrate_correction_count_cutoff": read_only(65534, "uint"),
        "description": read_only("Simulated Dectris EIGER2 1M", "string"),
        "detector_distance": Key(0.1, "float", low=0.0, high=100.0, unit="m"),
        "detector_number": read_only("E-SIM-0001", "string"),
        "detector_readout_time": read_only(1e-7, "float", "s"),
        "flatfield_correction_applied": Key(False, "bool"),
        "frame_time": Key(0.5, "float", low=fastest, high=3600.0, unit="s"),
        "nimages": Key(1, "uint", low=1, high=most),
        "ntrigger": Key(1, "uint", low=1, high=most),
        "number_of_excluded_pixels": read_only(0, "uint"),
        "photon_energy": Key(17000.0, "float", low=2700.0, high=36000.0, unit="eV"),
        "pixel_mask_applied": Key(True, "bool"),
        "sensor_material": read_only("Si", "string"),
        "sensor_thickness": read_only(0.00045, "float", "m"),
        "software_version": read_only("1.8.0", "string"),
        "threshold_energy": Key(8500.0, "float", low=1600.0, high=18000.0, unit="eV"),
        "trigger_mode": Key("ints", "string", allowed=("ints", "inte", "exts", "exte")),
        "x_pixel_size": read_only(pixel, "float", "m"),
        "x_pixels_in_detector": read_only(columns, "uint"),
        "y_pixel_size": read_only(pixel, "float", "m"),
        "y_pixels_in_detector": read_only(rows, "uint"),
    }


def other_keys() -> dict[str, dict[str, Key]]:
    """The configuration of the other modules."""
    switch = ("enabled", "disabled")
    return {
        "stream": {
            "format": Key("legacy", "string", allowed=("legacy", "cbor")),
            "header_appendix": Key("", "string"),
            "header_detail": Key("basic", "string", allowed=("all", "basic", "none")),
            "image_appendix": Key("", "string"),
            "mode": Key("disabled", "string", allowed=switch),
        },
        "monitor": {
            "buffer_size": Key(16, "uint", low=1, high=1000),
            "discard_new": Key(False, "bool"),
            "mode": Key("disabled", "string", allowed=switch),
        },
        "filewriter": {
            "compression_enabled": Key(True, "bool"),
            "image_nr_start": Key(1, "uint", low=0),
            "mode": Key("disabled", "string", allowed=switch),
            "name_pattern": Key("series_$id", "string"),
            "nimages_per_file": Key(1000, "uint", low=0),
        },
    }
