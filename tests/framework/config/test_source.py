"""Reading one YAML file: data, places, mistakes of form."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ronda.framework.config.source import DEEPEST, Section, parse, plain_scalar, read_file

FILE = Path("/a.yml")


def test_scalars_have_the_types_of_yaml_1_2() -> None:
    text = "[1, -2, 0x1F, 0o17, 012, 1_000, 1.5, 1e3, .inf, true, False, yes, on, ~, null, '1', 2020-01-01, a b]"

    data = parse(FILE, f"a: {text}\n").data

    assert data["a"] == [
        1, -2, 31, 15, 12, 1000, 1.5, 1000.0, float("inf"), True, False, "yes", "on", None, None, "1", "2020-01-01",
        "a b",
    ]  # fmt: skip


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse(FILE, "{1: a, true: b, 1.5: c, x y: d}").data == {"1": "a", "true": "b", "1.5": "c", "x y": "d"}


def test_aliases_and_merged_mappings_are_filled_in() -> None:
    data = parse(FILE, "a: &x {q: 1, w: 2}\nb: *x\nc: {<<: *x, q: 3}\nd: {<<: [*x, {e: 5}]}\n").data

    assert data["b"] == {"q": 1, "w": 2}
    assert data["c"] == {"q": 3, "w": 2}
    assert data["d"] == {"q": 1, "w": 2, "e": 5}


def test_the_place_of_a_missing_key_is_that_of_its_parent() -> None:
    document = parse(FILE, "a:\n  b: {c: 1}\n")

    assert str(document.location(("a", "b", "c"))) == "/a.yml:2:10"
    assert str(document.location(("a", "b", "c"), key=True)) == "/a.yml:2:7"
    assert str(document.location(("a", "b", "nothing", "here"))) == "/a.yml:2:3"
    assert str(document.location(("nothing",))) == "/a.yml:1:1"


def test_letters_outside_ascii_count_as_one_column() -> None:
    assert str(parse(FILE, "{µµ: 1, b: 2}").location(("b",))) == "/a.yml:1:12"


def test_a_section_knows_what_was_written_where_a_variable_was_replaced() -> None:
    section = Section(parse(FILE, "a: {b: '${X}'}"), ("a",))
    section.replace(("b",), 3)

    assert section.data == {"b": 3}
    assert section.written(("b",)) == "${X}"
    assert section.below("b").data == 3


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "[{a: "])
def test_a_hundred_thousand_levels_are_a_problem_and_no_crash(opening: str) -> None:
    [problem] = parse(FILE, "a: " + opening * 100_000).problems

    assert "nested deeper than 50 levels" in str(problem)


def test_levels_are_counted() -> None:
    right = "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1)

    assert parse(FILE, f"a: {right}").problems == []
    assert len(parse(FILE, f"a: [[{right}]]").problems) == 1


def test_aliases_of_aliases_do_not_exhaust_the_memory() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    [problem] = parse(FILE, "\n".join(lines)).problems

    assert "the file holds more than 300000 values, check its aliases" in str(problem)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_text("a: 1")
    file.chmod(0)

    assert str(read_file(file).problems[0]) == f"{file}: file: cannot be read: permission denied"


def test_a_folder_in_the_place_of_a_file_is_a_problem(tmp_path: Path) -> None:
    assert str(read_file(tmp_path).problems[0]) == f"{tmp_path}: file: cannot be read: is a directory"


@pytest.mark.parametrize("text", ['a: "\\q"', "a: 'x' y", "a: *", "%YAML 3.0\n---\na: 1", "a: &b 1\nb: &b 2", "\0"])
def test_whatever_the_parser_says_becomes_one_problem_with_a_place(text: str) -> None:
    document = parse(FILE, text)

    assert len(document.problems) == 1
    assert document.problems[0].location.line > 0
    assert not document.readable


@given(st.text())
def test_no_text_raises(text: str) -> None:
    document = parse(FILE, text)

    assert document.readable or document.problems


@given(st.binary(max_size=40))
def test_no_bytes_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(content)

    document = read_file(file)

    assert document.readable or document.problems


scalars = st.one_of(st.integers(), st.booleans(), st.none(), st.from_regex(r"[a-z]{0,6}", fullmatch=True))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.from_regex(r"k[a-z]{1,4}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=15,
)


@given(tree=st.dictionaries(st.from_regex(r"k[a-z]{1,4}", fullmatch=True), trees, min_size=1), flow=st.booleans())
def test_each_value_stands_where_its_place_says(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any], flow: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "tree.yml"
    with file.open("w", encoding="utf-8") as stream:
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = flow
        yaml.dump(tree, stream)
    lines = file.read_text(encoding="utf-8").splitlines()
    document = read_file(file)

    assert document.data == tree
    for path, value in leaves(tree):
        place = document.location(path)
        rest = lines[place.line - 1][place.column - 1 :]
        assert plain_or_quoted(rest) == value
        if isinstance(path[-1], str):
            key = document.location(path, key=True)
            assert lines[key.line - 1][key.column - 1 :].removeprefix("? ").startswith(path[-1])


def leaves(tree: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in leaves(value, (*path, key))]
    if isinstance(tree, list):
        return [leaf for index, value in enumerate(tree) for leaf in leaves(value, (*path, index))]
    return [(path, tree)]


def plain_or_quoted(text: str) -> Any:
    if text.startswith("'"):
        return text[1 : text.index("'", 1)]
    return plain_scalar(text.split(",")[0].split("]")[0].split("}")[0].strip())
