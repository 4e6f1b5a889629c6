"""Files that follow an application definition, as the writer makes them: what validators and readers of others say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from ronda.framework.nexus.definitions.nxtomo import tomo
from ronda.framework.nexus.definitions.nxxas import xas
from ronda.framework.nexus.opening import open_scan
from ronda.framework.nexus.paths import Paths
from ronda.framework.nexus.writer import Writer
from ronda.framework.stream import Scan, State, Stream

PROGRAMS = Path(sys.executable).parent

INDEX = np.arange(10)


def publish(scan: Scan) -> None:
    """Ten points of each device, one of the positions at the end."""
    for device in scan.description.devices:
        index = INDEX[: 1 if device.name == "positioners_end" else None]
        arrays = {}
        for channel in device.channels:
            values = index.reshape(-1, *[1] * len(channel.shape)) + np.zeros(channel.shape)
            arrays[channel.name] = (values % 3 if channel.name == "image_key" else values).astype(channel.numpy_dtype)
        publisher = scan.publisher(device.name)
        publisher.publish_block(arrays, times=1.7e9 + index, first=0)
        publisher.seal()


@pytest.fixture(scope="module")
def saved(shared_redis, spectrum, tomogram, tmp_path_factory, wait_until) -> Iterator[SimpleNamespace]:
    """A spectrum and a tomogram, each in a file and still in memory, and the dataset's file that links to both."""
    shared_redis.empty()
    root = tmp_path_factory.mktemp("data")
    writer = Writer(lambda: Stream.connect(shared_redis.url), Paths(root))
    writer.start()
    declared = {
        "NXxas": spectrum(xas("energy", "i0", transmitted="diode", sample="Cu foil", element="Cu", edge="K")),
        "NXtomo": tomogram(
            tomo(
                "rot",
                "image",
                control="i0",
                sample="stone",
                x_pixel_size=5e-6,
                y_pixel_size=5e-6,
                distance=0.1,
                x_rotation_axis=8,
                energy=20,
            )
        ),
    }
    found = SimpleNamespace(root=root, scans={}, files={})
    with Stream.connect(shared_redis.url) as stream:
        for name, description in declared.items():
            scan = stream.open_scan(description)
            scan.set_state(State.RUNNING)
            publish(scan)
            scan.set_state(State.COMPLETED)
            wait_until(lambda scan=scan: not scan.behind(), "saved")
            found.scans[name] = scan
            found.files[name] = Path(scan.note("writer"))
        writer.stop()
        found.stream = stream
        yield found


def run(*command: object) -> str:
    """What a program says, without its colours."""
    done = subprocess.run([PROGRAMS / str(command[0]), *map(str, command[1:])], capture_output=True, text=True)
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def entry_of(saved, name: str) -> str:
    return f"{saved.scans[name].number}.1"


@pytest.fixture(params=["NXxas", "NXtomo"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_nxvalidate_finds_no_error(saved, name):
    said = run("nxvalidate", "-p", f"/{entry_of(saved, name)}", "-a", name, saved.files[name])
    assert f"Application Definition: {name}" in said
    assert re.search(r"Total number of errors: (\d+)", said)[1] == "0", said


def test_nxcheck_knows_all_but_our_name_of_the_entry_and_two_classes_of_the_coming_nxxas(saved, name):
    said = run("nxcheck", "-e", saved.files[name])
    wrong = [line.strip() for line in said.splitlines() if re.search("invalid|not a valid|required|should", line)]
    allowed = [f'"{entry_of(saved, name)}" is an invalid name']
    if name == "NXxas":
        allowed += ["NXabsorption_edge is not a valid base class", "NXelement is not a valid base class"]
    assert wrong == allowed
    assert re.search(r"Total number of errors: (\d+)", said)[1] == str(len(allowed))


def test_pynx_says_that_the_file_is_valid(saved, name):
    said = run("pynx", "validate", "--ignore-undocumented", saved.files[name])
    assert "NOT valid" not in said
    assert f"is valid according to the `{name}` application definition" in said


def test_what_pynx_does_not_know_are_our_own_fields_alone(saved, name):
    said = run("pynx", "validate", saved.files[name])
    warnings = re.findall("^WARNING: (?!Invalid: )(.*)$", said, re.MULTILINE)
    own = ("command", "end_message", "end_reason", "marks", "scan_number")
    known = [f"Field /{entry_of(saved, name)}/{field} has no documentation." for field in own]
    assert warnings == known


@pytest.fixture(params=["scan", "dataset", "proposal"])
def start(request: pytest.FixtureRequest, saved: SimpleNamespace) -> Path:
    """A file that somebody opens: that of the tomogram, which is the last scan, or one that leads there by links."""
    scan = saved.files["NXtomo"]
    return {"scan": scan, "dataset": scan.with_name("dataset.h5"), "proposal": scan.with_name("proposal.h5")}[
        request.param
    ]


def test_silx_finds_the_default_plot(start):
    import silx.io
    from silx.io import nxdata

    with silx.io.open(str(start)) as file:
        plot = nxdata.get_default(file)
        assert plot.is_valid, plot.issues
        assert (plot.signal_dataset_name, plot.axes_dataset_names) == ("data", ["rotation_angle", None, None])
        assert plot.signal.shape == (10, 12, 16)


def test_silx_finds_the_plot_of_a_spectrum(saved):
    import silx.io
    from silx.io import nxdata

    with silx.io.open(str(saved.files["NXxas"])) as file:
        plot = nxdata.get_default(file)
        assert plot.is_valid, plot.issues
        assert (plot.signal_dataset_name, plot.axes_dataset_names) == ("absorbed_beam", ["energy"])


def default(group):
    """The NXdata to which the attributes `default` lead; for h5py and scippnexus."""
    while (name := group.attrs.get("default")) is not None:
        group = group[name]
    return group


def test_scippnexus_finds_the_default_plot_with_coordinates_and_units(start):
    import scippnexus

    with scippnexus.File(start) as file:
        plot = default(file)[...]
    assert plot.dims[0] == "rotation_angle"
    assert plot.shape == (10, 12, 16)
    assert str(plot.coords["rotation_angle"].unit) == "deg"
    assert plot.coords["rotation_angle"].values.tolist() == INDEX.tolist()


def test_plain_h5py_finds_the_default_plot(start):
    with h5py.File(start) as file:
        plot = default(file)
        assert plot.attrs["NX_class"] == "NXdata"
        assert plot[plot.attrs["signal"]].shape == (10, 12, 16)
        assert plot[plot.attrs["axes"][0]][:].tolist() == INDEX.tolist()


def test_the_proposal_leads_to_the_dataset_and_that_to_both_scans(saved):
    with h5py.File(saved.root / "hc1234" / "proposal.h5") as file:
        assert list(file) == ["scans"]
        assert file["scans"].attrs["NX_class"] == "NXroot"
        assert sorted(file["scans"]) == sorted(entry_of(saved, name) for name in ("NXxas", "NXtomo"))


def test_a_spectrum_has_what_its_definition_wants(saved):
    with h5py.File(saved.files["NXxas"]) as file:
        entry = file[entry_of(saved, "NXxas")]
        definition = entry["definition"]
        assert definition[()] == b"NXxas"
        assert definition.attrs["version"] == "v2026.01"
        assert definition.attrs["URL"].endswith("/NXxas.html")
        assert entry["instrument/monochromator/energy"].attrs["target"] == f"{entry.name}/instrument/energy/value"
        assert entry["instrument/monochromator/energy"][:].tolist() == INDEX.tolist()
        assert entry["instrument/source/name"][()] == b"id00"
        assert entry["monitor/mode"][()] == b"timer"
        assert (entry["monitor/preset"][()], entry["monitor/preset"].attrs["units"]) == (0.1, "s")
        assert entry["data/mode"][()] == b"Transmission"
        assert entry["sample/name"][()] == b"Cu foil"
        assert (entry["element/name"][()], entry["edge/name"][()]) == (b"Cu", b"K")
        assert "plotselect" not in entry


def test_a_tomogram_has_what_its_definition_wants(saved):
    with h5py.File(saved.files["NXtomo"]) as file:
        entry = file[entry_of(saved, "NXtomo")]
        detector = entry["instrument/detector"]
        assert detector["image_key"][:].tolist() == (INDEX % 3).tolist()
        assert detector["data"].shape == (10, 12, 16)
        assert detector["data"].attrs["target"] == f"{entry.name}/instrument/image/data"
        assert {name: (detector[name][()], detector[name].attrs["units"]) for name in ("x_pixel_size", "distance")} == {
            "x_pixel_size": (5e-6, "m"),
            "distance": (0.1, "m"),
        }
        assert entry["sample/rotation_angle"].attrs["units"] == "deg"
        assert entry["control/data"][:].tolist() == INDEX.tolist()
        assert entry["instrument/beam/incident_energy"][()] == 20


def test_the_same_tree_is_in_memory(saved, name):
    live = open_scan(saved.scans[name].identifier, saved.stream)
    with h5py.File(saved.files[name]) as file:
        stored = file[entry_of(saved, name)]
        paths: list[str] = []
        live.visit(paths.append)
        kept: list[str] = []
        stored.visit(kept.append)
        assert [path for path in kept if not path.startswith("writer")] == paths
        for path in ("data", "monitor", "control", "instrument/detector", "instrument/monochromator"):
            for child in stored.get(path, {}):
                if isinstance(stored[path][child], h5py.Dataset):
                    assert np.array_equal(stored[path][child][()], live[path][child][()])
