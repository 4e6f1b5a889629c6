"""Saving values into YAML files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ronda.framework.config.source import digest_of, parse, read_file
from ronda.framework.config.writeback import save_values
from ronda.framework.errors import ConfigurationError

MOTORS = """\
# The stages.   Do not touch!
servers:
    motors:          # four spaces here
        devices:
            mc1:
                axes:
                    samx: {channel: 1,  velocity: 2.0, 'unit': "mm"}  # sample x
                    # the next one is slow
                    samy:
                        channel: 2
                        velocity: 5e-1   # mm/s
                        limits:
                        - -10
                        - 10           # end of the rail

                    samz:
                        label: 'Höhe'
"""
AXES = ("servers", "motors", "devices", "mc1", "axes")


@pytest.fixture
def motors(tmp_path: Path) -> Path:
    file = tmp_path / "motors.yml"
    file.write_text(MOTORS, encoding="utf-8")
    return file


def save(file: Path, path: tuple[str, ...], **values: Any) -> str:
    save_values(file, {path: values}, read_file(file).digest)
    return file.read_bytes().decode()


def changed_lines(new: str, old: str = MOTORS) -> list[str]:
    return [line.strip() for line in new.splitlines() if line not in old.splitlines()]


def test_a_value_in_braces_is_replaced_and_nothing_else(motors: Path) -> None:
    new = save(motors, (*AXES, "samx"), velocity=1.25)

    assert new == MOTORS.replace("velocity: 2.0", "velocity: 1.25")


def test_a_value_on_its_own_line_keeps_its_comment(motors: Path) -> None:
    new = save(motors, (*AXES, "samy"), velocity=0.75)

    assert new == MOTORS.replace("5e-1  ", "0.75  ")


def test_items_of_a_list_are_replaced_one_by_one(motors: Path) -> None:
    new = save(motors, (*AXES, "samy"), limits=[-10, 9.5])

    assert new == MOTORS.replace("- 10  ", "- 9.5  ")


def test_a_new_key_follows_the_last_one_on_a_line_of_its_own(motors: Path) -> None:
    new = save(motors, (*AXES, "samy"), offset=0.5)

    assert new == MOTORS.replace("end of the rail\n", "end of the rail\n                        offset: 0.5\n")


def test_new_keys_in_braces_stand_before_the_brace(motors: Path) -> None:
    new = save(motors, (*AXES, "samx"), offset=0.5, limits=[-1.0, None])

    assert '"mm", offset: 0.5, limits: [-1.0, null]}  # sample x' in new


def test_a_text_keeps_its_quotes(motors: Path) -> None:
    assert changed_lines(save(motors, (*AXES, "samz"), label="Größe")) == ["label: 'Größe'"]


def test_a_file_without_a_last_line_end_gets_the_new_key_on_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(b"a:\r\n  b: 1 # one\r\n  c: 2")

    assert save(file, ("a",), b=3, d=4) == "a:\r\n  b: 3 # one\r\n  c: 2\r\n  d: 4"


def test_an_empty_mapping_takes_a_new_key(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("a: { }\n")

    assert parse(file, save(file, ("a",), b=1)).data == {"a": {"b": 1}}


CHAIN = """\
MG1:
  chain:                 # slow ones
    mca:                 # the analyser
      every: 10          # points
      settings:
        preset: live
    # the camera is quick
    cam: {every: 2}      # every second
    ct1:
      period: 2
  counters:
  - cam
  - mca   # last
  kind: x
"""


@pytest.mark.parametrize(
    ("chain", "changed", "gone"),
    [
        ({"mca": {"every": 5, "settings": {"preset": "live"}}, "cam": {"every": 2}, "ct1": {"period": 2}},
         ["every: 5          # points"], []),
        ({"mca": {"every": 10, "settings": {"preset": "live"}, "time": 0.5}, "cam": {"every": 2}, "ct1": {"period": 2}},
         ["time: 0.5"], []),
        ({"mca": {"every": 10, "settings": {"preset": "live"}}, "cam": {"every": 3, "time": 1.0}, "ct1": {"period": 2}},
         ["cam: {every: 3, time: 1.0}      # every second"], []),
        ({"mca": {"every": 10, "settings": {"preset": "live"}}, "cam": {"every": 2}},
         [], ["ct1:", "period: 2"]),
        ({"ct1": {"period": 2}, "diode": {"every": 3}},
         ["diode: {every: 3}"], ["mca:                 # the analyser", "every: 10          # points", "settings:",
          "preset: live", "cam: {every: 2}      # every second"]),
        ({"mca": {"every": 10}, "cam": {"every": 2}, "i0": {"every": 4}},
         ["i0: {every: 4}"], ["settings:", "preset: live", "ct1:", "period: 2"]),
        ({"i0": {"every": 4}}, ["{i0: {every: 4}}"], None),
        ({}, ["{}"], None),
    ],
)  # fmt: skip
def test_a_mapping_on_several_lines_keeps_the_lines_of_what_stays(
    tmp_path: Path, chain: dict[str, Any], changed: list[str], gone: list[str] | None
) -> None:
    file = tmp_path / "a.yml"
    file.write_text(CHAIN)
    new = save(file, ("MG1",), chain=chain)

    assert parse(file, new).data["MG1"] == {"chain": chain, "counters": ["cam", "mca"], "kind": "x"}
    assert changed_lines(new, CHAIN) == changed
    if gone is not None:
        assert [line.strip() for line in CHAIN.splitlines() if line not in new.splitlines()] == [
            *gone,
            *(line for line in (old.strip() for old in CHAIN.splitlines()) if _was_replaced(line, changed, gone)),
        ]
        assert "# the camera is quick" in new


def _was_replaced(line: str, changed: list[str], gone: list[str]) -> bool:
    """Whether a line has given way to another one with the same key."""
    key = line.partition(":")[0]
    return line not in gone and any(one.startswith(f"{key}: ") for one in changed) and line not in changed


def test_a_list_on_several_lines_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text(CHAIN)
    new = save(file, ("MG1",), counters=["cam"])
    assert parse(file, new).data["MG1"]["counters"] == ["cam"]
    assert "[cam]   # last" in new


def test_an_alias_among_several_lines_is_left_to_a_person(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    text = "x: &x {every: 2}\nMG1:\n  chain:\n    cam: *x\n    mca: {every: 3}\n"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"MG1.chain.cam is given by an alias or an anchor; edit it by hand"):
        save(file, ("MG1",), chain={"cam": {"every": 2}, "mca": {"every": 4}})
    assert file.read_text() == text


def test_a_value_that_is_there_already_leaves_the_file_alone(motors: Path) -> None:
    before = motors.stat().st_mtime_ns, motors.stat().st_ino
    save(motors, (*AXES, "samx"), velocity=2.0, channel=1)

    assert (motors.stat().st_mtime_ns, motors.stat().st_ino) == before


def test_a_file_changed_by_someone_else_is_refused(motors: Path) -> None:
    digest = read_file(motors).digest
    motors.write_text(MOTORS + "# mine\n", encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"motors.yml has been changed since it was loaded; nothing was saved"):
        save_values(motors, {(*AXES, "samx"): {"velocity": 1.0}}, digest)
    assert motors.read_text(encoding="utf-8") == MOTORS + "# mine\n"


def test_the_returned_fingerprint_is_that_of_the_new_file(motors: Path) -> None:
    digest = save_values(motors, {(*AXES, "samx"): {"velocity": 1.0}}, read_file(motors).digest)

    assert digest == digest_of(motors.read_bytes()) == read_file(motors).digest


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        ("a: &x {v: 1}\nb: *x\n", ("b",), "b is shared with another place by an alias; edit it by hand"),
        ("a: &x {v: 1}\nb: *x\n", ("a",), "a is shared with another place by an alias; edit it by hand"),
        ("a: &x {v: 1}\nb: {<<: *x}\n", ("a",), "a is shared with another place by an alias"),
        ("a: {v: &v 1, w: *v}\n", ("a",), "a.v is given by an alias, an anchor or a tag; edit it by hand"),
        ("w: &v 1\na: {v: *v}\n", ("a",), "a.v is given by an alias, an anchor or a tag; edit it by hand"),
        ("a: {v: !!float 1}\n", ("a",), "a.v is given by an alias, an anchor or a tag; edit it by hand"),
        ("a: {v: '${V}'}\n", ("a",), "a.v is ${V}, from the environment; edit it by hand"),
        ("a:\n  v: |\n    text\n", ("a",), "a.v stands on several lines; edit it by hand"),
        ("a: 1\n", ("a",), "a is not a mapping; nothing was saved"),
        ("a: 1\n", ("b", "c"), "b.c is not in the file; nothing was saved"),
    ],
)
def test_what_only_a_person_can_change_is_refused(
    tmp_path: Path, text: str, path: tuple[str, ...], sentence: str
) -> None:
    file = tmp_path / "a.yml"
    file.write_text(text)

    with pytest.raises(ConfigurationError) as refusal:
        save(file, path, v=2)
    assert sentence in str(refusal.value)
    assert file.read_text() == text


def test_a_key_that_came_by_a_merge_is_overridden_in_its_own_place(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("a: &x {v: 1, w: 1}\nb: {<<: *x}\nc:\n  <<: *x\n")

    assert save(file, ("b",), v=2) == "a: &x {v: 1, w: 1}\nb: {<<: *x, v: 2}\nc:\n  <<: *x\n"
    assert save(file, ("c",), v=3).endswith("c:\n  <<: *x\n  v: 3\n")


def test_the_mode_of_the_file_is_kept_and_a_link_stays_a_link(motors: Path, tmp_path: Path) -> None:
    motors.chmod(0o640)
    link = tmp_path / "link.yml"
    link.symlink_to(motors)
    save(link, (*AXES, "samx"), velocity=1.0)

    assert link.is_symlink()
    assert stat.S_IMODE(motors.stat().st_mode) == 0o640
    assert "velocity: 1.0" in motors.read_text(encoding="utf-8")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.yml", "motors.yml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_told(motors: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ConfigurationError, match="cannot be written: permission denied; nothing was saved"):
            save(motors, (*AXES, "samx"), velocity=1.0)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_with_a_byte_order_mark_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(b"\xef\xbb\xbfa: {v: 1}\n")

    assert save(file, ("a",), v=2).encode() == b"\xef\xbb\xbfa: {v: 2}\n"


plain = st.one_of(
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda text: "${" not in text),
)
values = st.one_of(plain, st.lists(plain, max_size=3))
keys = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)


@given(
    mapping=st.dictionaries(keys, values, min_size=1, max_size=5),
    new=st.dictionaries(keys, values, max_size=5),
    block=st.booleans(),
)
def test_whatever_is_saved_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, mapping: dict[str, Any], new: dict[str, Any], block: bool
) -> None:
    file = tmp_path_factory.mktemp("folder") / "a.yml"
    file.write_text("top:\n  a: {}\n", encoding="utf-8")
    if block:
        file.write_text("top:\n  a:\n    first: 1 # é\n", encoding="utf-8")
    save(file, ("top", "a"), **mapping)
    save(file, ("top", "a"), **new)

    expected = ({"first": 1} if block else {}) | mapping | new
    assert read_file(file).data == {"top": {"a": expected}}
    assert not block or "first: 1 # é" in file.read_text(encoding="utf-8") or "first" in {*mapping, *new}
