"""Where files go: templates, and what cannot be made to happen with the names of samples."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ronda.framework.errors import ConfigurationError, NotAllowed
from ronda.framework.nexus.dataset import add_link, read_links
from ronda.framework.nexus.paths import FIELDS, Paths, Templates
from ronda.framework.stream import Description


def description(**fields):
    return Description("ct(1)", [], **fields)


def test_empty_parts_of_a_path_are_left_out(tmp_path):
    paths = Paths(tmp_path)
    assert paths.scan_file("id", 12, description()) == tmp_path / "scan_0012.h5"
    assert paths.scan_file("id", 1, description(session="s", dataset="d")) == tmp_path / "s" / "d" / "scan_0001.h5"
    assert paths.dataset_file("id", 1, description(session="s", sample="al")) == tmp_path / "s" / "al" / "dataset.h5"


def test_fields_may_stand_together(tmp_path):
    paths = Paths(tmp_path, "{date}/{sample}_{dataset}_{number}.h5", "")
    told = description(sample="al", start=None)
    assert paths.scan_file("id", 1, told).name == "al__0001.h5"
    assert paths.dataset_file("id", 1, told) is None


@pytest.mark.parametrize("sample", ["../../etc", "/etc/passwd", "..", ".ssh", "a\x00b", "a\nb", "~", "x" * 500])
def test_no_sample_name_leads_out_of_the_data_root(tmp_path, sample):
    path = Paths(tmp_path).scan_file("id", 1, description(sample=sample))
    assert path.is_relative_to(tmp_path)
    assert len(path.relative_to(tmp_path).parts) <= 2
    assert not any(part.startswith(".") for part in path.relative_to(tmp_path).parts)
    path.parent.mkdir(exist_ok=True)
    path.touch()


def test_braces_in_a_name_are_only_text(tmp_path):
    path = Paths(tmp_path).scan_file("id", 1, description(sample="{number}{0.__class__}"))
    assert path.parent.name == "number__0.__class"


def test_a_link_that_leads_out_of_the_data_root_is_not_followed(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    with pytest.raises(NotAllowed, match="which is not below the data root"):
        Paths(tmp_path / "root").scan_file("id", 1, description(session="out"))


@pytest.mark.parametrize("template", ["{session}/scan.h5", "scan.h5"])
def test_a_template_that_gives_two_scans_the_same_file_is_refused(tmp_path, template):
    with pytest.raises(ConfigurationError, match="every scan needs a file of its own"):
        Paths(tmp_path, template)


def test_an_unknown_field_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"\{proposl\} is not a field; the fields are user, session"):
        Paths(tmp_path, "{proposl}/{number}.h5")


def visit(**fields):
    told = {"proposal": "hg123", "proposal_session": "20261126", "collection": "Cu", "dataset": "edge", **fields}
    return description(attributes={"beamline": "demo"}, **told)


def test_scans_of_a_proposal_have_the_folders_of_esrf(tmp_path):
    paths, told = Paths(tmp_path), visit(session="x", sample="other")
    raw = tmp_path / "hg123" / "demo" / "20261126" / "RAW_DATA"
    assert paths.dataset_folder(told) == raw / "Cu" / "Cu_edge"
    assert paths.scan_file("id", 7, told) == raw / "Cu" / "Cu_edge" / "scan_0007.h5"
    assert paths.dataset_file("id", 7, told) == raw / "Cu" / "Cu_edge" / "Cu_edge.h5"
    assert paths.proposal_file("id", 7, told) == raw / "hg123_demo.h5"


def test_without_a_proposal_the_collection_stands_where_the_sample_would(tmp_path):
    paths = Paths(tmp_path)
    assert paths.dataset_folder(description(collection="C", sample="S", dataset="d")) == tmp_path / "C" / "d"
    assert paths.dataset_folder(description(sample="S")) is None


@pytest.mark.parametrize("missing", ["{proposal}/", "{proposal_session}/", "{collection}/", "{dataset}/"])
def test_datasets_of_proposals_do_not_share_folders(tmp_path, missing):
    template = "{proposal}/{proposal_session}/{collection}/{dataset}/{number}.h5".replace(missing, "")
    with pytest.raises(
        ConfigurationError, match="each dataset of a proposal needs a folder of its own; name " + missing[:-1]
    ):
        Paths(tmp_path, in_proposals=Templates(template, "", ""))


def test_the_last_number_is_that_of_the_files_and_links(tmp_path):
    paths, told = Paths(tmp_path), visit()
    assert paths.last_number(told) == 0
    folder = paths.dataset_folder(told)
    folder.mkdir(parents=True)
    for name in ("scan_0003.h5", "scan_0011_20261126T1-a.h5", "scan_0012.h5.sha256", "scan_12.h5", "xscan_0013.h5"):
        (folder / name).touch()
    assert paths.last_number(told) == 11
    links = paths.dataset_file("id", 1, told)
    add_link(links, folder / "scan_0017.h5", "/17.1", "17.1", root=tmp_path, lock=tmp_path / "lock")
    assert paths.last_number(told) == 17, "the file of scan 17 was moved away"
    assert paths.last_number(visit(dataset="other")) == 0


@pytest.mark.parametrize(
    "template",
    [
        "{sample}/scan_{number}.h5",
        "{sample}/{number}/{identifier}.h5",
        "{date}/{number}_{user}.h5",
        "{sample}-{number}",
    ],
)
def test_the_last_number_is_found_with_any_template(tmp_path, template):
    paths = Paths(tmp_path, template, "")
    told = description(sample="al", user="me")
    for number in (2, 123456, 7):
        path = paths.scan_file(f"id{number}", number, told)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert paths.last_number(told) == 123456


def test_a_template_without_a_number_tells_none(tmp_path):
    paths = Paths(tmp_path, "{identifier}.h5", "")
    (tmp_path / "0042.h5").touch()
    assert paths.last_number(description()) == 0


def test_dataset_and_proposal_have_files_of_their_own(tmp_path):
    with pytest.raises(ConfigurationError, match="datasets and proposals need files of their own"):
        Paths(tmp_path, dataset="{session}/all.h5", proposal="{session}/all.h5")


NASTY = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["..", "../..", "/", "/etc/passwd", "~root", ".", "", "a/../../b", "{user}", "out", "\x00", "…/..", "．．／"]
    ),
    st.text(st.sampled_from("./\\~ \x00\n{}a_"), max_size=12),
)
"""What people, and people of ill will, put into the fields."""

TEMPLATES = st.lists(
    st.lists(st.sampled_from([*(f"{{{name}}}" for name in FIELDS), "a", "-", "_", "."]), min_size=1, max_size=3).map(
        "".join
    ),
    min_size=1,
    max_size=3,
).map(lambda parts: "/".join(part for part in parts if part not in ("..", "...")))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data root in which links lead out: `out` to a folder, `leak.h5` to a file, `loop` to itself."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.h5").write_text("secret")
    root = tmp_path_factory.mktemp("root")
    (root / "out").symlink_to(outside)
    (root / "a").mkdir()
    (root / "a" / "out").symlink_to("../../")
    (root / "leak.h5").symlink_to(outside / "secret.h5")
    return root


@given(
    st.builds(
        lambda user, session, sample, dataset: description(user=user, session=session, sample=sample, dataset=dataset),
        *[NASTY] * 4,
    ),
    TEMPLATES,
    TEMPLATES,
    TEMPLATES,
    NASTY,
)
@example(description(session="out"), "{session}", "{session}/d.h5", "{session}.h5", "leak")
@example(
    description(session="a", sample="out"), "{session}/{sample}", "{session}/{sample}/d.h5", "{session}/p.h5", "id"
)
@example(description(session="leak.h5"), "{session}", "{session}", "{session}/p", "id")
def test_whatever_stands_in_the_fields_paths_and_links_stay_below_the_data_root(
    root, told, scan, dataset, proposal, identifier
):
    try:
        paths = Paths(root, f"{scan}/{{number}}.h5", dataset, proposal)
    except ConfigurationError:
        return  # refused when the configuration is read
    try:
        file = paths.scan_file(identifier, 7, told)
        links = [paths.dataset_file(identifier, 7, told), paths.proposal_file(identifier, 7, told)]
        found = [file, paths.unlike(file, identifier), *filter(None, links)]
    except NotAllowed:
        return
    for path in found:
        assert Path(os.path.realpath(path)).is_relative_to(root.resolve())
        assert path != root
    assert len({file, *links}) == 1 + len(links)


def test_the_links_of_a_session_stay_below_the_data_root(tmp_path):
    paths = Paths(tmp_path)
    told = description(session="../x", sample="/etc", dataset="..")
    scan, dataset, proposal = (
        each("id", 1, told) for each in (paths.scan_file, paths.dataset_file, paths.proposal_file)
    )
    scan.parent.mkdir(parents=True)
    for links, target in ((dataset, scan), (proposal, dataset)):
        add_link(links, target, "/1.1", "1.1", root=tmp_path, lock=paths.lock("x"))
        for place, _ in read_links(links).values():
            assert not Path(place).is_absolute()
            assert (links.parent / place).resolve().is_relative_to(tmp_path)
