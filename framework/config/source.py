"""Reading one YAML file: plain data, where each key and value stands, and every mistake of form."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from ronda.framework.config.beamline import Location
from ronda.framework.config.problems import Problem

KeyPath = tuple[str | int, ...]
"""Where a value stands: keys of mappings (always text) and indices of lists, from the top of the file."""

DEEPEST = 50
"""Mappings and lists nested deeper than this are a mistake, and would exhaust the parser's stack."""

MOST = 300_000
"""More values than this in one file come from aliases of aliases, and would exhaust the memory."""

_SYNTAX = "YAML syntax"
_STANDARD = "tag:yaml.org,2002:"
_FORM_SENTENCES = (  # what libyaml says (problem, context) and what a person should do about it
    (r"unexpected ':'", r"plain scalar", "a text with a colon inside { } or [ ] must stand in quotes"),
    (
        r"mapping values are not allowed",
        r"",
        "a colon is not allowed here: begin a new line, or put the text in quotes",
    ),
    (r"expected ',' or '\]'", r"", "the list that begins here with '[' is not closed, or a comma is missing in it"),
    (r"expected ',' or '\}'", r"", "the mapping that begins here with '{' is not closed, or a comma is missing in it"),
    (r"expected node content", r"flow node", "a '[' or '{' is not closed before this place"),
    (r"end of stream", r"quoted scalar", "the quoted text that begins here is not closed"),
    (
        r"expected key|<document start>|'-' indicator",
        r"",
        "this does not fit below what stands above: check indentation",
    ),
    (r"tab character", r"", "a tab stands here, only spaces may indent a line"),
    (r"could not find expected ':'", r"", "a key must be followed by a colon"),
    (r"undefined alias", r"", "this alias has no anchor (&name) above it"),
    (r"another document", r"", "a second document begins here with '---', only one in each file is allowed"),
    (r"incompatible YAML document", r"", "this %YAML version is not supported: remove the line"),
)
_BEGINS_AT_CONTEXT = re.compile(r"',' or '|end of stream")


@dataclass
class Document:
    """One YAML file as read.

    Attributes:
        file: its path.
        data: its contents as plain Python; keys are text, `${NAME}` stands as written.
        readable: whether it is YAML and a mapping at all; otherwise `data` is empty.
        problems: what is wrong with its form. Data that could be read is there nevertheless.
        variables: the paths of the texts that hold `${`, by the path of each mapping or list that they are in.
        replaced: what stood at a path where a variable has been replaced in `data`.
        digest: fingerprint of the bytes read, to notice later changes by others.
    """

    file: Path
    data: dict[str, Any] = field(default_factory=dict)
    readable: bool = False
    problems: list[Problem] = field(default_factory=list)
    variables: dict[KeyPath, list[KeyPath]] = field(default_factory=dict)
    replaced: dict[KeyPath, str] = field(default_factory=dict)
    digest: str = ""
    _places: dict[int, dict[str, tuple[Node, Node]]] = field(default_factory=dict)
    _root: Node | None = None

    def reach(self, path: KeyPath) -> int:
        """How many elements of the path exist in this file."""
        return sum(1 for _ in self._follow(path))

    def location(self, path: KeyPath, *, key: bool = False) -> Location:
        """Where the value (or the key) at this path stands; its nearest parent's key if the path does not exist."""
        found = (self._root, self._root)
        reached = 0
        for found in self._follow(path):  # noqa: B007 - the last one is wanted
            reached += 1
        node = found[0] if key or reached < len(path) else found[1]
        return Location(self.file, 1, 1) if node is None else _at(self.file, node.start_mark)

    def _follow(self, path: KeyPath) -> Iterator[tuple[Node, Node]]:
        """The nodes of key and value along the path, as far as it exists."""
        node = self._root
        for element in path:
            if isinstance(node, SequenceNode) and isinstance(element, int) and element < len(node.value):
                pair = (node.value[element], node.value[element])
            elif isinstance(node, MappingNode) and str(element) in self._places.get(id(node), {}):
                pair = self._places[id(node)][str(element)]
            else:
                return
            yield pair
            node = pair[1]


@dataclass(frozen=True)
class Section:
    """A part of a document: the beamline, a server, a device …"""

    document: Document
    path: KeyPath

    @property
    def data(self) -> Any:
        """Its plain data."""
        data: Any = self.document.data
        for element in self.path:
            data = data[element]
        return data

    def below(self, *elements: str | int) -> Section:
        """A part of this part."""
        return Section(self.document, (*self.path, *elements))

    def location(self, path: KeyPath = (), *, key: bool = False) -> Location:
        """Where the value (or the key) at a path below it stands; its nearest parent's key if it does not exist."""
        return self.document.location((*self.path, *path), key=key)

    def variables(self) -> list[KeyPath]:
        """The paths below it of texts that hold `${`."""
        return [path[len(self.path) :] for path in self.document.variables.get(self.path, [])]

    def replace(self, path: KeyPath, value: Any) -> None:
        """Put a value in the place of the text at a path below it."""
        holder: Any = self.data
        for element in path[:-1]:
            holder = holder[element]
        self.document.replaced[(*self.path, *path)] = holder[path[-1]]
        holder[path[-1]] = value

    def written(self, path: KeyPath) -> str | None:
        """What the file says at a path below it, where a variable was replaced; None elsewhere."""
        return self.document.replaced.get((*self.path, *path))


def read_file(file: Path) -> Document:
    """Read a YAML file. Whatever is wrong with it stands in the document's `problems`; nothing is raised."""
    document = Document(file)
    try:
        raw = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        document.problems.append(Problem(Location(file), "file", f"cannot be read: {reason}"))
        return document
    document.digest = digest_of(raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8 text"
        document.problems.append(Problem(_after(file, before), "file", what, "save the file in the encoding UTF-8"))
        return document
    _fill(document, text)
    return document


def parse(file: Path, text: str) -> Document:
    """What `read_file` makes of a file with this text."""
    document = Document(file)
    _fill(document, text)
    return document


def _fill(document: Document, text: str) -> None:
    file = document.file
    if too_deep := _nested_too_deep(text):
        document.problems.append(_deep(_after(file, text[:too_deep])))
        return
    try:
        root = YAML(typ="safe", pure=False).compose(text)
    except YAMLError as error:
        document.problems.append(_explain(error, file, text))
        return
    document._root = root  # noqa: SLF001 - this function is a part of the document's making
    document.readable = True
    if isinstance(root, MappingNode):
        document.data = _Builder(document).value(root, ())
    elif root is not None and not (isinstance(root, ScalarNode) and tag_of(root) == _STANDARD + "null"):
        document.readable = False
        kind = "list" if isinstance(root, SequenceNode) else "text"
        what = f"the file holds a {kind}"
        document.problems.append(Problem(_at(file, root.start_mark), "file", what, "must be keys with values"))


def digest_of(raw: bytes) -> str:
    """Fingerprint of a file's contents."""
    return hashlib.sha256(raw).hexdigest()


def tag_of(node: Node) -> str:
    """The full tag of a node; `node.tag` is the same, but decodes each one anew and takes as long as the parser."""
    return str(node.ctag.suffix)


def scalar(text: str, tag: str) -> Any:
    """The Python value of a YAML 1.2 scalar with this tag; dates stay text.

    Raises:
        ValueError: the text does not fit the tag, or the tag is none of YAML's simple ones.
    """
    name = tag.removeprefix(_STANDARD)
    if name in ("str", "timestamp", "value", "merge"):
        return text
    if name == "null":
        return None
    if name == "bool":
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{text!r} is not true or false")
        return text.lower() == "true"
    if name == "int":
        digits = text.replace("_", "")
        return int(digits, 0) if re.match(r"[-+]?0[xob]", digits) else int(digits)
    if name == "float":
        return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    raise ValueError(f"the tag {tag!r} is not known")


def plain_scalar(text: str) -> Any:
    """The value that YAML gives to this text when it stands without quotes: `2` is a number, `x` a text."""
    tag = str(YAML(typ="safe", pure=False).resolver.resolve(ScalarNode, text, (True, False)))
    return scalar(text, tag)


class _Builder:
    """Builds the plain data of one document from the composed nodes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.inside: set[int] = set()  # the nodes that are being built, to find an alias inside its own anchor
        self.built = 0

    def complain(self, node: Node, path: KeyPath, what: str, allowed: str | None = None) -> None:
        who = next((str(element) for element in reversed(path) if isinstance(element, str)), "file")
        self.document.problems.append(Problem(_at(self.document.file, node.start_mark), who, what, allowed))

    def value(self, node: Node, path: KeyPath) -> Any:
        self.built += 1
        if self.built > MOST:
            if self.built == MOST + 1:
                self.complain(node, path, f"the file holds more than {MOST} values", "check its aliases")
            return None
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        if id(node) in self.inside:
            self.complain(node, path, "an alias stands inside its own anchor", "remove the alias")
            return None
        if len(path) > DEEPEST:
            self.document.problems.append(_deep(_at(self.document.file, node.start_mark)))
            return None
        self.inside.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return self.mapping(node, path)
            if tag_of(node) != _STANDARD + "seq":
                self.unknown_tag(node, path)
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        finally:
            self.inside.discard(id(node))

    def scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        text: str = node.value
        if "${" in text:
            for depth in range(len(path)):
                self.document.variables.setdefault(path[:depth], []).append(path)
        tag = tag_of(node)
        try:
            return scalar(text, tag)
        except ValueError:
            if tag.startswith(_STANDARD) and tag.removeprefix(_STANDARD) in ("bool", "int", "float"):
                self.complain(node, path, f"{text!r} is not a value of the type {tag.removeprefix(_STANDARD)}")
            else:
                self.unknown_tag(node, path)
            return text

    def unknown_tag(self, node: Node, path: KeyPath) -> None:
        tag = tag_of(node)
        tag = "!!" + tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else tag
        self.complain(node, path, f"the tag {tag!r} is not known", "remove it")

    def mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        if tag_of(node) != _STANDARD + "map":
            self.unknown_tag(node, path)
        places: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.complain(key_node, path, "a key is a list or a mapping", "must be a word or a number")
            elif tag_of(key_node) == _STANDARD + "merge":
                merged += value_node.value if isinstance(value_node, SequenceNode) else [value_node]
            elif not key_node.value:
                self.complain(key_node, path, "a key is empty", "must be a word or a number")
            elif key_node.value in places:
                first = places[key_node.value][0].start_mark.line + 1
                what = f"the key {key_node.value!r} is given twice, first in line {first}"
                self.complain(key_node, path, what, "remove one of them")
            else:
                places[key_node.value] = (key_node, value_node)
        for source in merged:  # `<<: *anchor` gives what the mapping does not have itself
            if not isinstance(source, MappingNode) or id(source) in self.inside:
                self.complain(source, path, "'<<' does not name another mapping", "must be an alias of a mapping")
                continue
            for key, pair in self._pairs(source):
                places.setdefault(key, pair)
        self.document._places[id(node)] = places  # noqa: SLF001 - the builder fills the document
        return {key: self.value(value_node, (*path, key)) for key, (_, value_node) in places.items()}

    def _pairs(self, node: MappingNode) -> Iterator[tuple[str, tuple[Node, Node]]]:
        """Keys of a mapping that is merged into another one, built before or not."""
        known = self.document._places.get(id(node))  # noqa: SLF001 - as above
        if known is not None:
            yield from known.items()
            return
        for key_node, value_node in node.value:
            if isinstance(key_node, ScalarNode):
                yield key_node.value, (key_node, value_node)


def _at(file: Path, mark: Any) -> Location:
    return Location(file, mark.line + 1, mark.column + 1)


def _after(file: Path, text: str) -> Location:
    """The place right after this beginning of the file."""
    return Location(file, text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _deep(location: Location) -> Problem:
    return Problem(location, _SYNTAX, f"mappings and lists are nested deeper than {DEEPEST} levels")


def _nested_too_deep(text: str) -> int | None:
    """Where brackets or dashes open so many levels that libyaml's own stack would overflow."""
    depth = 0
    for match in re.finditer(r"[\[{}\]]|(?:[-?:][ \t]+){500}", text):
        depth += 500 if len(match[0]) > 1 else 1 if match[0] in "[{" else -1 if depth else 0
        if depth >= 500:
            return match.start()
    return None


def _explain(error: YAMLError, file: Path, text: str) -> Problem:
    """A sentence for what the parser found."""
    if isinstance(error, ReaderError):
        before = text.encode()[: error.position].decode(errors="ignore")  # the position counts bytes
        what = f"the character U+{error.character:04X} is not allowed in YAML"
        return Problem(_after(file, before), _SYNTAX, what)
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return Problem(Location(file, 1, 1), _SYNTAX, str(error).replace("\n", " "))
    problem, context = str(error.problem or ""), str(error.context or "")
    mark = error.problem_mark
    if _BEGINS_AT_CONTEXT.search(problem) and error.context_mark is not None:
        mark = error.context_mark
    location = _at(file, mark)
    if "cannot start any token" in problem:
        character = (text.splitlines()[location.line - 1 :] or [""])[0][location.column - 1 : location.column]
        if character == "\t":
            return Problem(location, _SYNTAX, "a tab stands here", "only spaces may indent a line")
        return Problem(location, _SYNTAX, f"a text that begins with {character!r} must stand in quotes")
    for in_problem, in_context, sentence in _FORM_SENTENCES:
        if re.search(in_problem, problem) and re.search(in_context, context):
            return Problem(location, _SYNTAX, sentence)
    return Problem(location, _SYNTAX, f"{problem} {context}".strip())
