"""The h5py-like face: a running scan is used like a file."""

import h5py
import numpy as np
import pytest

from ronda.framework.errors import BadValue
from ronda.framework.stream import (
    Batch,
    Channel,
    Description,
    Device,
    FrameReference,
    NoLongerInMemory,
    ScanGone,
    State,
)
from ronda.framework.stream.face import Dataset, Group, HardLink, SoftLink
from ronda.framework.stream.layout import GroupNode, LinkNode, TimesNode, ValueNode


@pytest.fixture
def scan(stream, describe):
    """A running scan with 100 points of the counters and 30 spectra."""
    scan = stream.open_scan(describe("writer", user="ada", sample="Cu foil", title="first light"))
    counters = scan.publisher("ct1", batch=Batch(points=7))
    counters.publish_block({"i0": np.arange(100) * 2, "diode": np.arange(100)}, times=np.arange(100) + 1e9)
    counters.flush()
    spectra = scan.publisher("mca")
    spectra.publish_block({"spectrum": np.arange(480).reshape(30, 16)})
    return scan


@pytest.fixture
def as_file(scan):
    """The same data in a file, in the same tree."""
    with h5py.File("face.h5", "w", driver="core", backing_store=False) as file:
        counter, mca = file.create_group("instrument/ct1"), file.create_group("instrument/mca")
        counter["i0"] = np.arange(100) * 2.0
        counter["diode"] = np.arange(100, dtype="f4")
        counter["epoch"] = np.arange(100) + 1e9
        mca["spectrum"] = np.arange(480, dtype="u4").reshape(30, 16)
        mca["epoch"] = scan.tree()["instrument/mca/epoch"][()]
        file["measurement/i0"] = h5py.SoftLink("/instrument/ct1/i0")
        file["measurement/diode"] = h5py.SoftLink("/instrument/ct1/diode")
        file["measurement/spectrum"] = h5py.SoftLink("/instrument/mca/spectrum")
        file["title"] = "first light"
        file["scan_number"] = 1
        file["entry_identifier"] = scan.identifier
        file["start_time"] = scan.description.started.isoformat()
        file["user/name"] = "ada"
        file["sample/name"] = "Cu foil"
        yield file


KEYS = [(), ..., 5, -1, np.s_[10:20], np.s_[::10], np.s_[95:], np.s_[-5:], np.s_[50:40], [1, 5, 29], np.s_[3:3]]


@pytest.mark.parametrize("key", KEYS, ids=str)
@pytest.mark.parametrize(
    "path", ["measurement/i0", "/measurement/diode", "instrument/ct1/epoch", "measurement/spectrum"]
)
def test_values_are_those_of_the_file(scan, as_file, path, key):
    found, expected = scan[path][key], as_file[path][key]
    assert np.array_equal(found, expected)
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    "key", [np.s_[3, 5], np.s_[:, 2], np.s_[..., -1], np.s_[2:9:3, 4:8], np.s_[[0, 7], 1:3], np.s_[1, [0, 3]]], ids=str
)
def test_spectra_are_cut_like_those_of_the_file(scan, as_file, key):
    assert np.array_equal(scan["measurement/spectrum"][key], as_file["measurement/spectrum"][key])


def test_values_may_be_changed_by_who_got_them(scan):
    i0 = scan["measurement/i0"]
    some = i0[0:3]
    some -= 1
    assert i0[0:3].tolist() == [0, 2, 4]


def test_mask_selects(scan, as_file):
    i0 = scan["measurement/i0"][:]
    assert np.array_equal(scan["measurement/i0"][i0 > 50], as_file["measurement/i0"][i0 > 50])
    spectra = scan["measurement/spectrum"][:]
    assert np.array_equal(
        scan["measurement/spectrum"][spectra % 7 == 0], as_file["measurement/spectrum"][spectra % 7 == 0]
    )


def test_user_s_function_gives_the_same_for_scan_and_file(scan, as_file):
    def analyse(entry):
        found = {}
        entry.visititems(lambda path, item: found.update({path: item.shape}) if hasattr(item, "shape") else None)
        measurement = entry["measurement"]
        sums = {name: float(np.sum(measurement[name])) for name in measurement}
        means = [row.mean() for row in measurement["spectrum"]]
        title = entry["title"][()], entry["title"].asstr()[()]
        links = [(type(item := measurement.get(n, getlink=True)).__name__, item.path) for n in measurement]
        return (
            found,
            sums,
            means,
            title,
            links,
            list(entry),
            len(measurement),
            entry["scan_number"][()],
            "user/name" in entry,
        )

    assert analyse(scan.tree()) == analyse(as_file)


def test_attributes_are_read_like_those_of_h5py(scan):
    tree = scan.tree()
    assert tree.attrs["NX_class"] == "NXentry"
    assert dict(tree["measurement/i0"].attrs) == {"units": "count"}
    assert tree["measurement"].attrs.get("nothing") is None
    with pytest.raises(KeyError, match="attribute nothing: does not exist; there are NX_class"):
        tree["measurement"].attrs["nothing"]


def test_datasets_describe_themselves(scan):
    spectrum = scan["measurement/spectrum"]
    assert (spectrum.shape, spectrum.dtype, spectrum.ndim, spectrum.size, spectrum.nbytes) == (
        (30, 16),
        np.dtype("<u4"),
        2,
        480,
        1920,
    )
    assert spectrum.maxshape == (None, 16)
    assert len(spectrum) == 30
    assert bool(spectrum)
    assert spectrum.chunks is None
    assert repr(spectrum) == '<stream dataset "spectrum": shape (30, 16), type "<u4">'
    assert np.asarray(spectrum).shape == (30, 16)
    title = scan["title"]
    assert (title.shape, title.ndim, title.maxshape) == ((), 0, ())
    with pytest.raises(TypeError, match="/title: is a single value and has no length"):
        len(title)
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(title)
    with pytest.raises(ValueError, match=r"is a single value; read it with \[\(\)\]"):
        title[0]


def test_dataset_grows_while_the_scan_runs(stream, one_channel):
    scan = stream.open_scan(one_channel())
    publisher, x = scan.publisher("dev"), scan["measurement/x"]
    assert x.shape == (0,)
    assert x[:].tolist() == []
    with pytest.raises(IndexError, match="index 0 is outside the 0 points there are"):
        x[0]
    for i in range(3):
        publisher.publish({"x": i})
        assert (x.shape, x[-1], x[:].tolist()) == ((i + 1,), i, list(range(i + 1)))


def test_ended_scan_is_read_as_before(scan):
    scan.set_state(State.RUNNING)
    scan.set_state(State.COMPLETED)
    assert scan["measurement/i0"].shape == (100,)
    assert list(scan["measurement/i0"])[99] == 198


def test_groups_are_mappings(scan):
    tree = scan.tree()
    assert list(tree["instrument"].keys()) == ["ct1", "mca"]
    assert [type(item) for item in tree["instrument"].values()] == [Group, Group]
    assert dict(tree["measurement"].items()).keys() == {"i0", "diode", "spectrum"}
    assert isinstance(tree["measurement"]["i0"], Dataset)
    assert tree["instrument/ct1"].name == "/instrument/ct1"
    assert tree["instrument/ct1/i0"].name == "/instrument/ct1/i0"
    assert tree["instrument/ct1/i0"].parent == tree["instrument/ct1"]
    assert tree["instrument/ct1"].parent.parent == tree
    assert tree.parent == tree
    assert tree["instrument"]["/measurement/i0"].file == tree
    assert repr(tree["instrument"]) == '<stream group "/instrument" (2 members)>'
    assert len({tree, tree["instrument"].file}) == 1
    assert tree.visit(lambda path: path if path.endswith("spectrum") else None) == "instrument/mca/spectrum"


def test_missing_path_is_a_key_error_with_what_there_is(scan):
    with pytest.raises(KeyError, match=r"^measurement/i1: i1 does not exist; there are diode, i0, spectrum$"):
        scan["measurement/i1"]
    with pytest.raises(KeyError, match="x does not exist"):
        scan["measurement/i0/x"]
    with pytest.raises(TypeError, match="a group is indexed by the path of a member, not by 0"):
        scan.tree()[0]
    tree = scan.tree()
    assert tree.get("nothing") is None
    assert tree.get("measurement/nothing", 7) == 7
    assert "nothing" not in tree
    assert "measurement/nothing/x" not in tree
    assert 5 not in tree


def test_soft_links_are_followed_and_shown(scan):
    def layout(identifier, number, description):
        return GroupNode(
            {
                "a": GroupNode({"value": ValueNode([1, 2, 3]), "up": LinkNode("../b"), "beside": LinkNode("value")}),
                "b": LinkNode("/a"),
                "c": LinkNode("b/beside"),
                "broken": LinkNode("/nowhere"),
                "circle": LinkNode("/circle"),
                "times": TimesNode(description.devices[0]),
                "words": ValueNode(["ä", "b"], {"list": ["x", "y"], "numbers": [1, 2], "number": 3}),
            }
        )

    tree = scan.tree(layout)
    assert tree["c"][:].tolist() == [1, 2, 3]
    assert tree["b/value"][1] == 2
    assert tree.get("c", getlink=True).path == "b/beside"
    assert tree.get("c", getlink=True, getclass=True) is SoftLink
    assert isinstance(tree.get("a", getlink=True), HardLink)
    assert tree.get("b", getclass=True) is Group
    assert tree.get("broken") is None
    assert "broken" in tree
    with pytest.raises(KeyError, match="nowhere does not exist"):
        tree["broken"]
    with pytest.raises(KeyError, match="circle is a link that leads in a circle"):
        tree["circle"]
    with pytest.raises(KeyError, match=r"\.\. does not exist"):
        tree["a/up"]
    assert tree["times"].shape == (100,)
    assert tree["words"][0] == "ä".encode()
    assert tree["words"].asstr()[:].tolist() == ["ä", "b"]
    assert list(tree["words"].asstr()) == ["ä", "b"]
    assert tree["words"].attrs["list"].tolist() == ["x", "y"]
    assert tree["words"].attrs["numbers"].tolist() == [1, 2]
    assert tree["words"].attrs["number"] == 3
    with pytest.raises(TypeError, match="holds float64, not text"):
        tree["times"].asstr()
    paths = []
    tree.visit(paths.append)
    assert paths == ["a", "a/value", "times", "words"]


def test_nothing_can_be_written(scan):
    with pytest.raises(TypeError):
        scan["measurement/i0"][0] = 1
    with pytest.raises(TypeError):
        scan.tree()["x"] = 1
    with pytest.raises(AttributeError):
        scan.tree().create_group("x")


class Saved:
    """A file that has everything up to some point."""

    def __init__(self, length):
        self.asked = []
        self._length = length

    def length(self, device):
        return self._length

    def read(self, device, channel, start, stop):
        assert stop <= self._length
        self.asked.append((device, channel, start, stop))
        return np.arange(start, stop) * 2.0


def test_what_has_left_memory_comes_from_the_file(stream, scan):
    stream.configure(comfort=0)
    scan.acknowledge("writer", {"ct1": 50})
    with pytest.raises(NoLongerInMemory, match="no longer in memory, which begins at 49"):
        scan["measurement/i0"][:]
    saved = Saved(60)
    i0 = scan.tree(saved=saved)["measurement/i0"]
    assert i0[:].tolist() == [i * 2.0 for i in range(100)]
    assert i0[10:20].tolist() == [i * 2.0 for i in range(10, 20)]
    assert i0[60] == 120
    assert saved.asked == [("ct1", "i0", 0, 49), ("ct1", "i0", 10, 20)]


def test_scan_that_has_left_memory_comes_from_the_file(scan, shared_redis):
    alone, with_file = scan["measurement/i0"], scan.tree(saved=Saved(100))["measurement/i0"]
    with shared_redis.client() as client:
        client.flushall()
    with pytest.raises(ScanGone):
        alone[0]
    assert with_file[:].tolist() == [i * 2.0 for i in range(100)]


def test_frames_stored_by_reference_say_where_they_are(stream):
    camera = Device("cam", [Channel("image", "u2", (4, 5), storage="reference"), Channel("sum")])
    scan = stream.open_scan(Description("x", [camera]))
    scan.publisher("cam").publish_block({"image": [FrameReference("ring", "r", 0, 6)], "sum": range(6)})
    image = scan["measurement/image"]
    assert (image.shape, image.dtype) == ((6, 4, 5), np.dtype("u2"))
    assert image.references(2, 4) == [FrameReference("ring", "r", 2, 2)]
    with pytest.raises(
        NoLongerInMemory, match=r"cam: frame 0 of .* \(ring r: is not on this host, .*no server\); read"
    ):
        image[0]
    assert scan["measurement/sum"][:].tolist() == list(range(6))
    with pytest.raises(BadValue, match="holds its values itself"):
        scan["measurement/sum"].references(0, 1)
