"""The images' way out: Stream V2, messages in CBOR that are pushed over ZeroMQ."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

ARRAY, UINT16, COMPRESSED = 40, 69, 56500
"""CBOR tags: an array of several dimensions, little-endian numbers of 16 bit, and what Dectris has compressed."""

HIGH_WATER = 1000
"""Images kept for a receiver that is slow or not there; more are dropped."""

TICKS = 50_000_000
"""Of the detector's clock in a second."""


class Outlet:
    """The socket on which receivers pull; made and used in one thread.

    Attributes:
        port: on which it listens.
        dropped: messages for which there was no room.
    """

    def __init__(self, address: str, port: int = 0) -> None:
        import zmq

        self.dropped = 0
        self._zmq = zmq
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(f"tcp://{address}:{port or '*'}")
        self.port = int(self._socket.getsockopt_string(zmq.LAST_ENDPOINT).rpartition(":")[2])

    def send(self, message: Mapping[str, Any]) -> None:
        """Push a message; dropped if nobody takes it."""
        import cbor2

        try:
            self._socket.send(cbor2.dumps(message), self._zmq.NOBLOCK, copy=False)
        except self._zmq.Again:
            self.dropped += 1

    def close(self) -> None:
        """Stop listening."""
        self._context.destroy(linger=0)


def start_message(series: int, unique: str, config: Mapping[str, Any], energy: float) -> dict[str, Any]:
    """What comes before the images of a series.

    Args:
        config: values of the detector's keys.
        energy: of the photons, in eV.
    """
    return {
        "type": "start",
        "series_id": series,
        "series_unique_id": unique,
        "arm_date": datetime.now(UTC).isoformat(),
        "beam_center_x": config["beam_center_x"],
        "beam_center_y": config["beam_center_y"],
        "channels": ["threshold_1"],
        "count_time": config["count_time"],
        "countrate_correction_enabled": config["countrate_correction_applied"],
        "detector_description": config["description"],
        "detector_serial_number": config["detector_number"],
        "detector_translation": [0.0, 0.0, config["detector_distance"]],
        "flatfield_enabled": config["flatfield_correction_applied"],
        "frame_time": config["frame_time"],
        "goniometer": {},
        "image_dtype": "uint16",
        "image_size_x": config["x_pixels_in_detector"],
        "image_size_y": config["y_pixels_in_detector"],
        "incident_energy": energy,
        "incident_wavelength": 12398.4198 / energy,
        "number_of_images": config["nimages"] * config["ntrigger"],
        "pixel_mask_enabled": config["pixel_mask_applied"],
        "pixel_size_x": config["x_pixel_size"],
        "pixel_size_y": config["y_pixel_size"],
        "saturation_value": config["countrate_correction_count_cutoff"],
        "sensor_material": config["sensor_material"],
        "sensor_thickness": config["sensor_thickness"],
        "threshold_energy": {"threshold_1": config["threshold_energy"]},
        "user_data": "",
        "virtual_pixel_interpolation_enabled": False,
    }


def image_message(
    series: int,
    unique: str,
    date: str,
    image: int,
    data: bytes,
    compression: str,
    shape: tuple[int, int],
    times: tuple[float, float],
) -> dict[str, Any]:
    """One image.

    Args:
        date: when the series began.
        image: its number in the series, from 0.
        shape: rows and columns.
        times: start and end of its exposure after that, in s.
    """
    import cbor2

    packed: Any = data if compression == "none" else cbor2.CBORTag(COMPRESSED, [compression, 2, data])
    start, stop = (round(time * TICKS) for time in times)
    return {
        "type": "image",
        "series_id": series,
        "series_unique_id": unique,
        "image_id": image,
        "real_time": [stop - start, TICKS],
        "series_date": date,
        "start_time": [start, TICKS],
        "stop_time": [stop, TICKS],
        "user_data": "",
        "data": {"threshold_1": cbor2.CBORTag(ARRAY, [list(shape), cbor2.CBORTag(UINT16, packed)])},
    }


def end_message(series: int, unique: str) -> dict[str, Any]:
    """What comes after the images of a series."""
    return {"type": "end", "series_id": series, "series_unique_id": unique}
