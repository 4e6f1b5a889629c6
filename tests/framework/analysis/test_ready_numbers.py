"""Ready stages of spectra, samples and numbers give what numpy and scipy give; blocks do not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from ronda.framework.analysis.pipeline import Pipeline, Step
from ronda.framework.analysis.ready.xas import HC, LOST
from ronda.framework.analysis.runner import Runner
from ronda.framework.analysis.stage import ORDER
from ronda.framework.errors import BadValue
from ronda.framework.stream.blocks import Block
from ronda.framework.stream.description import Channel, Description, Device
from tests.framework.analysis.running import channel, no_frames, run

CUTS = st.sets(st.integers(1, 39), max_size=6).map(sorted)

ENERGY = {"energy": {"polynomial": [0.01, 0.02], "length": 512, "unit": "keV"}}
REGIONS = {"fe": (6.2, 6.6), "cu": (7.9, 8.2)}


def spectra(points: int, seed: int) -> dict[str, np.ndarray]:
    """Two detectors with spectra and times; some had no time to live."""
    rng = np.random.default_rng(seed)
    live = rng.uniform(0.5, 1.0, (2, points))
    live[0, 3] = live[1, 5] = live[0, 5] = 0
    return {
        "one": rng.poisson(20, (points, 512)).astype("u4"),
        "two": rng.poisson(30, (points, 512)).astype("u4"),
        "one_real": np.ones(points),
        "two_real": np.full(points, 1.1),
        "one_live": live[0],
        "two_live": live[1],
    }


@settings(max_examples=15)
@given(CUTS)
def test_element_maps_are_corrected_for_dead_time(cuts: list[int]) -> None:
    data = spectra(40, 1)
    told = {"spectra": "???", "real_time": "*_real", "live_time": "*_live"}
    channels = {name: channel(name, data[name], fields=ENERGY) for name in ("one", "two")}
    found = run([Step("element_map", inputs=told, parameters={"regions": REGIONS})], data, channels, cuts=cuts)
    assert not found["problems"]
    energy = 0.01 + 0.02 * np.arange(512)
    for name, (low, high) in REGIONS.items():
        inside = (energy >= low) & (energy <= high)
        with np.errstate(divide="ignore"):
            both = [
                data[f"{each}_real"] / data[f"{each}_live"] * data[each][:, inside].sum(axis=1)
                for each in ("one", "two")
            ]
        alive = np.isfinite(both)
        wanted = np.where(alive, both, 0).sum(axis=0) * np.where(
            alive.any(axis=0), 2 / np.maximum(alive.sum(axis=0), 1), np.nan
        )
        np.testing.assert_allclose(found[f"p_{name}"], wanted, rtol=1e-12)
    assert np.isnan(found["p_fe"][5])


def test_maps_without_times_are_sums() -> None:
    data = {"mca": spectra(10, 2)["one"]}
    found = run(
        [Step("element_map", inputs={"spectra": "mca"}, parameters={"regions": REGIONS})],
        data,
        {"mca": channel("mca", data["mca"], fields=ENERGY)},
    )
    energy = 0.01 + 0.02 * np.arange(512)
    np.testing.assert_array_equal(found["p_cu"], data["mca"][:, (energy >= 7.9) & (energy <= 8.2)].sum(axis=1))


def test_maps_of_regions_or_spectra_that_cannot_be_are_refused() -> None:
    mca = spectra(10, 3)["one"]
    steps = [Step("element_map", inputs={"spectra": "mca"}, parameters={"regions": {"u": (13.0, 14.0)}})]
    with pytest.raises(BadValue, match=r"no channel of mca lies in u, 13 to 14 keV; it has 0\.01 to 10\.23 keV"):
        run(steps, {"mca": mca}, {"mca": channel("mca", mca, fields=ENERGY)})
    with pytest.raises(BadValue, match="mca does not tell the energies of its channels in keV; calibrate it"):
        run(steps, {"mca": mca})


# -- running fit


def peak(x: Any, centre: Any, fwhm: Any, height: Any, offset: Any) -> Any:
    return offset + height * np.exp(-4 * np.log(2) * ((x - centre) / fwhm) ** 2)


def curve() -> dict[str, np.ndarray]:
    x = np.linspace(-2, 2, 41)
    return {"x": x, "y": peak(x, 0.3, 0.8, 100.0, 10.0) + np.random.default_rng(4).normal(0, 1.5, x.size)}


def fitted(parameters: dict[str, Any], cuts: list[int]) -> dict[str, Any]:
    data = curve()
    return run(
        [Step("running_fit", parameters=parameters)],
        data,
        {"x": channel("x", data["x"], "mm"), "y": channel("y", data["y"], "count")},
        cuts=cuts,
    )


def test_a_running_fit_ends_at_that_of_scipy_and_has_its_errors() -> None:
    found, data = fitted({}, []), curve()
    best, covariance = scipy.optimize.curve_fit(peak, data["x"], data["y"], [0, 1, 50, 0])
    errors = np.sqrt(np.diag(covariance))
    for place, name in enumerate(("centre", "fwhm", "height")):
        assert found[f"p_{name}"][-1] == pytest.approx(best[place], abs=0.02 * errors[place])
        assert found[f"p_{name}_error"][-1] == pytest.approx(errors[place], rel=0.05)
    assert np.isnan(found["p_centre"][:4]).all()
    assert found["channels"]["p_fwhm_error"].unit == "mm"
    assert not found["p_known"].any()
    assert not found["p_stop"].any()


def test_fits_do_not_depend_on_blocks() -> None:
    whole, parts = fitted({"sigma": 0.02}, []), fitted({"sigma": 0.02}, [1, 2, 15, 16, 17, 30])
    for name in whole:
        if name.startswith("p_"):
            np.testing.assert_array_equal(whole[name], parts[name])


def test_the_scan_is_to_be_stopped_when_sigma_is_reached_and_not_before() -> None:
    found = fitted({"sigma": 0.02, "stop": True, "in_a_row": 3, "fewest_points": 8}, [])
    good = found["p_centre_error"] <= 0.02
    wanted = [place >= 7 and good[max(place - 2, 0) : place + 1].all() for place in range(41)]
    assert found["p_known"].tolist() == found["p_stop"].tolist() == wanted
    assert any(wanted)
    assert not all(wanted[8:])
    assert found["channels"]["p_stop"].attributes[ORDER] == "stop"


# -- XAS

SCALE, OFFSET, D = 1e-4, 5e-5, 3.135601
VALUES = {"i0": 3e-5, "diode": 3e-5, "fluo": 6e-5}


def angle(energy: Any) -> Any:
    return np.degrees(np.arcsin(HC / (2 * D * np.asarray(energy))))


class Sweeps:
    """Samples of sweeps to and fro over an edge at 9 keV, with an encoder of 16 bit that goes round."""

    def __init__(self, sweeps: int, seed: int = 5, lost: bool = False) -> None:
        rng = np.random.default_rng(seed)
        ways = [np.linspace(12.9, 12.5, 5000), np.linspace(12.5, 12.9, 5000)]
        angles = np.concatenate([ways[number % 2] for number in range(sweeps)])
        self.counts = np.round((angles - OFFSET) / SCALE).astype(np.int64)
        energy = HC / (2 * D * np.sin(np.radians(angles)))
        i0 = 0.4 + 0.1 * np.sin(np.arange(angles.size) / 400)
        absorption = 0.3 + 1.2 / (1 + np.exp(-(energy - 9.0) / 0.002))
        signals = {"i0": i0, "diode": i0 * np.exp(-absorption), "fluo": i0 * absorption}
        self.samples = np.zeros((8, angles.size), "<i2")
        self.samples[0] = ((self.counts + 32768) % 65536 - 32768).astype("<i2")
        for place, (name, scale) in enumerate(VALUES.items(), 1):
            noise = rng.normal(0, 2, angles.size)
            self.samples[place] = np.round(signals[name] / scale + noise).astype("<i2")
        self.samples[0][self.samples[0] == LOST] = LOST + 1
        if lost:
            for start in (700, 5600, 9100):
                self.samples[:, start : start + 150] = LOST
        self.good = self.samples[0] != LOST

    def blocks(self, length: int) -> dict[str, np.ndarray]:
        """As a digitiser records them."""
        number = -(-self.samples.shape[1] // length)
        samples = np.full((number, 8, length), LOST, "<i2")
        count, begin = np.zeros(number, "<i4"), np.full(number, np.nan)
        for place in range(number):
            part = self.samples[:, place * length : (place + 1) * length]
            samples[place, :, : part.shape[1]] = part
            count[place] = part.shape[1]
            if part[0, 0] != LOST:
                begin[place] = SCALE * self.counts[place * length] + OFFSET
        return {"samples": samples, "count": count, "begin": begin}


FIELDS = {
    "channel_names": {"value": ["bragg", "i0", "diode", "fluo", "", "", "", ""]},
    "channel_units": {"value": ["deg", "V", "V", "V", "", "", "", ""]},
    "scale": {"value": [SCALE, *VALUES.values(), 1.0, 1.0, 1.0, 1.0]},
    "offset": {"value": [OFFSET, *[0.0] * 7]},
}


def spectra_of(sweeps: Sweeps, length: int, cuts: list[int], **parameters: Any) -> dict[str, Any]:
    data = sweeps.blocks(length)
    told = {"first": 8.9, "last": 9.1, "bins": 80, "fluorescence": "fluo", **parameters}
    channels = {"samples": channel("samples", data["samples"], fields=FIELDS)}
    return run([Step("xas", parameters=told)], data, channels, cuts=cuts, step_scan=False)


@settings(max_examples=8, deadline=None)
@given(st.integers(300, 2500), st.booleans(), st.randoms(use_true_random=False))
def test_spectra_are_means_of_the_samples_in_bins_of_energy(length: int, lost: bool, choice: Any) -> None:
    sweeps = Sweeps(4, lost=lost)
    number = -(-20000 // length)
    cuts = sorted(choice.sample(range(1, number), min(3, number - 1)))
    found = spectra_of(sweeps, length, cuts)
    assert not found["problems"]
    assert len(found["p_absorption"]) == 4
    assert found["p_rising"].tolist() == [1, 0, 1, 0]
    energies = np.linspace(8.9, 9.1, 81)
    edges = np.sort((angle(energies) - OFFSET) / SCALE)
    total = np.histogram(sweeps.counts[sweeps.good], edges)[0][::-1]
    np.testing.assert_array_equal(found["p_samples"].sum(axis=0), total)
    # by the definition, for all sweeps together
    sums = {
        name: np.histogram(sweeps.counts[sweeps.good], edges, weights=scale * sweeps.samples[place][sweeps.good])[0][
            ::-1
        ]
        for place, (name, scale) in enumerate(VALUES.items(), 1)
    }
    np.testing.assert_allclose(np.nansum(found["p_incoming"] * found["p_samples"], axis=0), sums["i0"], rtol=1e-9)
    middles = (energies[:-1] + energies[1:]) / 2
    wanted = 0.3 + 1.2 / (1 + np.exp(-(middles - 9.0) / 0.002))
    for place in range(4):
        full = found["p_samples"][place] > 20
        assert full.sum() > 60
        # a bin of 2.5 eV over an edge of 2 eV; far from it only noise is left
        far = full & (np.abs(middles - 9.0) > 0.02)
        np.testing.assert_allclose(found["p_absorption"][place][far], wanted[far], atol=2e-3)
        np.testing.assert_allclose(found["p_yield"][place][far], wanted[far], atol=2e-3)


def test_blocks_do_not_change_spectra() -> None:
    sweeps = Sweeps(3)
    one, other = spectra_of(sweeps, 15000, []), spectra_of(sweeps, 777, [3, 4, 11])
    for name in ("p_absorption", "p_yield", "p_samples", "p_first"):
        np.testing.assert_array_equal(one[name], other[name])


def test_without_a_turn_the_scan_is_one_spectrum() -> None:
    found = spectra_of(Sweeps(3), 1000, [], turn=None)
    assert len(found["p_absorption"]) == 1


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"incoming": "monitor"}, "xas: samples has no channel monitor; it has bragg, i0, diode, fluo"),
        ({"encoder": "i0"}, "xas: the angle i0 is in V, it should be in deg"),
        ({"behind": "", "fluorescence": ""}, "xas: needs behind or fluorescence beside incoming; name a channel"),
        ({"first": 9.2}, "xas: energies go from 9.2 to 9.1 keV; give the lower one first"),
        ({"first": 0.5}, r"xas: planes 3.1356 Å apart reflect from 1.977 keV on"),
    ],
)
def test_what_gives_no_spectrum_is_refused(parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadValue, match=sentence):
        spectra_of(Sweeps(1), 5000, [], **parameters)


# -- join


def test_sources_with_clocks_of_their_own_are_joined_and_what_is_alone_is_kept() -> None:
    left = Device("slow", [Channel("slow_value"), Channel("slow_count", "<i4")])
    right = Device("fast", [Channel("fast_value", "<i4"), Channel("fast_image", "<u2", (2, 2))])
    steps = [
        Step("join", inputs={"left": "slow_*", "right": "fast_*"}, parameters={"tolerance": 0.06, "by": "nearest"})
    ]
    moments = 100 + 0.3 * np.arange(10)
    ticks = 100.5 + 0.1 * np.arange(15)  # from 100.5 to 101.9: the first two and the last have no partner

    def of(device: str, start: int, stop: int) -> Block:
        if device == "slow":
            data = {"slow_value": np.arange(start, stop) + 0.5, "slow_count": np.arange(start, stop, dtype="<i4")}
            return Block(device, start, stop - start, data, moments[start:stop])
        image = np.arange(start, stop, dtype="<u2")[:, None, None] * np.ones((2, 2), "<u2")
        data = {"fast_value": np.arange(start, stop, dtype="<i4"), "fast_image": image}
        return Block(device, start, stop - start, data, ticks[start:stop])

    orders = [
        [of("slow", 0, 10), of("fast", 0, 15)],
        [of("fast", 0, 7), of("slow", 0, 3), of("slow", 3, 10), of("fast", 7, 8), of("fast", 8, 15)],
    ]
    results = []
    for blocks in orders:
        runner = Runner(Pipeline("p", steps).prepare(Description("t", [left, right])), no_frames)
        found = [each for block in blocks for each in runner.feed(block)] + list(runner.finish())
        assert not [problem for each in found for problem in each.problems]
        results.append({name: np.concatenate([each.data[name] for each in found]) for name in found[0].data})
        np.testing.assert_array_equal(np.concatenate([each.times for each in found]), moments)
    for name, values in results[0].items():
        np.testing.assert_array_equal(values, results[1][name])
    one = results[0]
    distance = ticks[None, :] - moments[:, None]
    nearest = np.abs(distance).argmin(axis=1)
    near = np.abs(distance).min(axis=1) <= 0.06
    assert near.tolist() == [False, False, True, True, True, True, True, False, False, False]
    np.testing.assert_array_equal(one["p_partner"], np.where(near, nearest, -1))
    np.testing.assert_array_equal(one["p_fast_value"], np.where(near, nearest, np.iinfo("<i4").min))
    np.testing.assert_array_equal(one["p_fast_image"][:, 1, 1], np.where(near, nearest, 65535))
    np.testing.assert_array_equal(one["p_slow_count"], np.arange(10))


def test_a_join_of_one_source_with_itself_is_refused() -> None:
    device = Device("slow", [Channel("a"), Channel("b")])
    with pytest.raises(BadValue, match="join: both sides are of slow; what is of one source needs no join"):
        Pipeline("p", [Step("join", inputs={"left": "a", "right": "b"})]).prepare(Description("t", [device]))
