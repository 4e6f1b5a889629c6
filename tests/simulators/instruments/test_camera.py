"""The camera's lines and images, against a clock set by hand."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ronda.simulators.instruments.camera import Camera, CameraParameters
from ronda.simulators.instruments.motor_controller import MotorController, MotorControllerParameters
from ronda.simulators.physics.camera import ELECTRONS, LARGEST, OFFSET, PEAK, READ_NOISE, SIZE
from ronda.simulators.physics.world import World

FWHM = (60.0, 20.0)
"""Of the spot, in pixels: 0.30 mm x 0.10 mm."""


@pytest.fixture
def camera(world: World) -> Camera:
    return Camera("viewer", CameraParameters(), world)


def take(camera: Camera, clock: Any, exposure: float = 0.01, setup: str = f"1 0 0 {SIZE} {SIZE}") -> np.ndarray:
    assert camera.answer(f"SETUP {exposure} {setup}") == "OK"
    assert camera.answer("START") == "OK"
    clock.advance(exposure + 1.0)
    return fetch(camera)


def fetch(camera: Camera) -> np.ndarray:
    deadline = time.monotonic() + 60
    while not str(camera.answer("STATUS?")).startswith("OK READY"):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    reply = camera.answer("READ?")
    assert isinstance(reply, bytes)
    heading, _, data = reply.partition(b"\n")
    length, width, height = map(int, heading.removeprefix(b"OK ").split(b","))
    assert len(data) == length == 2 * width * height
    return np.frombuffer(data, "<u2").reshape(height, width)


def test_it_says_what_it_is_and_can(camera: Camera) -> None:
    assert camera.answer("IDN?") == "OK RONDA-SIM-CAM,1,viewer"
    assert camera.answer("CAPS?") == "OK 1024,1024,12,0.005,0.0001,60.0,0.0099,1/2/4"


def test_an_image_takes_its_exposure_and_its_read_out(camera: Camera, clock: Any) -> None:
    camera.answer(f"SETUP 0.25 1 0 0 {SIZE} {SIZE}")
    assert camera.answer("STATUS?") == "OK IDLE,0.0"
    camera.answer("START")
    clock.advance(0.125)
    assert camera.answer("STATUS?") == "OK EXPOSING,0.125"
    assert camera.answer("READ?") == "ERR 4 there is no image"
    assert camera.answer("START") == "ERR 4 an image is being taken"
    clock.advance(0.13)
    assert camera.answer("STATUS?") == "OK READING,0.25"
    clock.advance(0.01)
    fetch(camera)


def test_a_stopped_exposure_gives_no_image(camera: Camera, clock: Any) -> None:
    camera.answer("START")
    assert camera.answer("STOP") == "OK"
    clock.advance(10.0)
    assert camera.answer("STATUS?") == "OK IDLE,0.0"
    assert camera.answer("READ?") == "ERR 4 there is no image"


def test_another_setup_forgets_the_image_before(camera: Camera, clock: Any) -> None:
    take(camera, clock)
    camera.answer(f"SETUP 50 1 0 0 {SIZE} {SIZE}")
    assert camera.answer("STATUS?") == "OK IDLE,0.0"
    assert camera.answer("START") == "OK"


def test_the_spot_has_the_place_and_size_of_the_beam(camera: Camera, clock: Any) -> None:
    image = take(camera, clock).astype(float) - OFFSET
    x, y = camera.truth(0.005)["spot"]
    window = image[int(y) - 60 : int(y) + 61, int(x) - 160 : int(x) + 161]
    rows, columns = np.mgrid[int(y) - 60 : int(y) + 61, int(x) - 160 : int(x) + 161]
    total = window.sum()
    assert (window * columns).sum() / total == pytest.approx(x, abs=0.2)
    assert (window * rows).sum() / total == pytest.approx(y, abs=0.2)
    # 0.3 % of the beam's own noise, 5 times
    expected = PEAK * 0.01 * 2 * np.pi * FWHM[0] * FWHM[1] / (8 * np.log(2))
    assert total == pytest.approx(expected, rel=0.02)


def test_dark_pixels_have_offset_and_read_noise_and_light_the_noise_of_electrons(camera: Camera, clock: Any) -> None:
    images = [take(camera, clock, 0.005) for _ in range(6)]
    dark = np.concatenate([image[:200].ravel() for image in images]).astype(float)
    dark = dark[np.abs(dark - OFFSET) < 30]  # without hot pixels
    assert dark.mean() == pytest.approx(OFFSET, abs=0.05)
    assert dark.std() == pytest.approx(np.hypot(READ_NOISE, 12**-0.5), rel=0.02)
    middle = [image[502:522, 502:522].astype(float) - OFFSET for image in images]
    differences = np.concatenate([(a / a.mean() - b / b.mean()).ravel() for a, b in pairwise(middle)])
    level = np.mean(middle)
    assert differences.std() * level == pytest.approx(np.sqrt(2 * (level / ELECTRONS + READ_NOISE**2)), rel=0.08)


def test_bright_light_saturates_and_hot_pixels_stay_where_they_are(camera: Camera, clock: Any) -> None:
    first, second = take(camera, clock, 1.0), take(camera, clock, 1.0)
    assert first.max() == LARGEST
    hot = [np.argwhere(image[:300] > OFFSET + 100).tolist() for image in (first, second)]
    assert hot[0]
    assert hot[0] == hot[1]


def test_a_region_and_its_binning_show_the_same_light(camera: Camera, clock: Any) -> None:
    whole = take(camera, clock, 0.001).astype(float)
    part = take(camera, clock, 0.001, "4 384 448 256 128").astype(float)
    assert part.shape == (32, 64)
    light = part.sum() - OFFSET * part.size
    assert light == pytest.approx(whole[448:576, 384:640].sum() - OFFSET * 256 * 128, rel=0.03)


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("SETUP 100 1 0 0 1024 1024", "ERR 2 the exposure 100.0 should be from 0.0001 to 60.0 s"),
        ("SETUP 0.1 3 0 0 1024 1024", "ERR 2 binning should be one of 1, 2, 4"),
        ("SETUP 0.1 1 1000 0 100 100", "ERR 2 the region should lie on the 1024 x 1024 pixels"),
        ("SETUP 0.1 2 0 0 101 100", "ERR 2 width and height should be multiples of the binning 2"),
        ("SETUP 0.1", "ERR 2 usage: SETUP exposure binning x y width height"),
        ("READ?", "ERR 4 there is no image"),
    ],
)
def test_what_it_cannot_do_is_refused(camera: Camera, line: str, reply: str) -> None:
    assert camera.answer(line) == reply


def test_beside_its_focus_the_spot_is_wider_and_as_much_weaker(camera: Camera, clock: Any, world: World) -> None:
    axes = {1: {"name": "camf", "position": 0.35 - 2.0, "steps_per_unit": 2000}}
    MotorController("optics", MotorControllerParameters(axes=axes), world)
    image = take(camera, clock).astype(float) - OFFSET

    light = image[:, 300:724].sum(axis=1) - np.median(image) * 424
    rows = np.arange(SIZE) - (SIZE - 1) / 2
    near = np.abs(rows) < 130
    sigma = np.sqrt((light[near] * rows[near] ** 2).sum() / light[near].sum())
    width = 2.3548 * sigma  # 0.2 mm of blur, 40 pixels, on 20 pixels
    assert width == pytest.approx(np.hypot(20, 40), rel=0.03)
    largest = np.partition(image[462:562, 462:562].ravel(), -200)[-200]
    expected = 0.01 * PEAK * 60 / np.hypot(60, 40) * 20 / np.hypot(20, 40)
    assert largest == pytest.approx(expected, rel=0.1)
