"""Changing values in the YAML files: only their own characters change, whatever else stands in the file."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ronda.framework.config.beamline import Beamline, Device
from ronda.framework.config.source import KeyPath, digest_of, parse, plain_scalar, scalar, tag_of
from ronda.framework.errors import ConfigurationError, NotFound

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def place_in_files(beamline: Beamline, name: str) -> tuple[Path, KeyPath]:
    """Where a device, or a device within a device such as an axis, is described.

    Returns:
        the file, and the path of the device's mapping in it.

    Raises:
        NotFound: no device has this name.
    """
    for server in beamline.servers.values():
        for device in server.devices:
            if any(each.name == name for each in device.tango_devices):
                own = () if device.name == name else _path_within(device, name)
                return device.location.file, ("servers", server.name, "devices", device.name, *own)
    raise NotFound(f"no device of {beamline.name} is called {name!r}")


def save_values(file: Path, changes: Mapping[KeyPath, Mapping[str, Any]], digest: str) -> str:
    """Change or add keys in a file.

    Args:
        file: the file.
        changes: for the path of each mapping in it, new values by key.
        digest: the file's fingerprint when it was loaded, see `Beamline.digests`.

    Returns:
        the fingerprint of the new contents.

    Raises:
        ConfigurationError: the file has been changed since, cannot be written, has no such mapping, or gives a value in
            a way that only a person can change (an alias, an environment variable); then nothing is written.
    """
    file = file.resolve()  # a link stays one
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}; nothing was saved") from error
    if digest_of(raw) != digest:
        raise ConfigurationError(f"{file} has been changed since it was loaded; nothing was saved, load it again")
    text = raw.decode("utf-8-sig")
    new = _edited(file, text, changes)
    encoded = (_BYTE_ORDER_MARK if raw.startswith(_BYTE_ORDER_MARK) else b"") + new.encode()
    if encoded != raw:
        _replace(file, encoded)
    return digest_of(encoded)


def _path_within(device: Device, name: str) -> KeyPath:
    for key in type(device.entry).model_fields:
        value = getattr(device.entry, key)
        if isinstance(value, Mapping) and name in value:
            return (key, name)
    return ()


@dataclass(frozen=True, order=True)
class _Edit:
    """New text in place of some characters."""

    start: int
    end: int
    text: str


def _edited(file: Path, text: str, changes: Mapping[KeyPath, Mapping[str, Any]]) -> str:
    """The text with the changes made."""
    root = YAML(typ="safe", pure=False).compose(text)
    wanted = parse(file, text).data
    edits: list[_Edit] = []
    for path, values in changes.items():
        where = f"{file}: {'.'.join(map(str, path))}"
        node = _find(root, path, where)
        target: Any = wanted
        for element in path:
            target = target[element]
        added = []
        for key, value in values.items():
            if key in target and _written(target[key]) == _written(value):
                continue
            old = next((pair for pair in node.value if pair[0].value == key), None)
            if old is None:
                added.append(f"{_written(key)}: {_written(value)}")
            else:
                edits += _replacing(text, old[0].end_mark.index, old[1], value, f"{where}.{key}")
            target[key] = value
        if added:
            edits.append(_adding(text, node, added))
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    if json.dumps(parse(file, text).data, sort_keys=True) != json.dumps(wanted, sort_keys=True):
        raise ConfigurationError(f"{file} is written in a way that cannot be changed safely; edit it by hand")
    return text


def _find(root: Node, path: KeyPath, where: str) -> MappingNode:
    """The mapping at a path, which must stand there and nowhere else."""
    node: Node | None = root
    shared = False
    for element in path:
        pairs = node.value if isinstance(node, MappingNode) else []
        key, node = next((pair for pair in pairs if pair[0].value == element), (None, None))
        if key is None or node is None:
            raise ConfigurationError(f"{where} is not in the file; nothing was saved")
        shared = shared or node.start_mark.index < key.end_mark.index
    if not isinstance(node, MappingNode):
        raise ConfigurationError(f"{where} is not a mapping; nothing was saved")
    if shared or _is_shared(root, node):
        raise ConfigurationError(f"{where} is shared with another place by an alias; edit it by hand")
    return node


def _is_shared(root: Node, wanted: Node) -> bool:
    """Whether an alias leads to a node from anywhere; merged mappings (`<<`) count as well."""
    seen = 0
    pending = [root]
    while pending:
        node = pending.pop()
        seen += node is wanted
        if isinstance(node, MappingNode):
            pending += [value for _, value in node.value]
        elif isinstance(node, SequenceNode):
            pending += node.value
    return seen > 1


def _replacing(text: str, after: int, old: Node, value: Any, where: str) -> list[_Edit]:
    """The edits that put a value in the place of an old one, which begins after a certain character."""
    start, end = old.start_mark.index, old.end_mark.index
    if start < after or text[start : start + 1] in ("&", "!"):
        raise ConfigurationError(f"{where} is given by an alias, an anchor or a tag; edit it by hand")
    if isinstance(old, ScalarNode) and "${" in old.value:
        raise ConfigurationError(f"{where} is {old.value}, from the environment; edit it by hand")
    if isinstance(old, SequenceNode) and isinstance(value, list | tuple) and len(old.value) == len(value):
        edits = []
        for item, new in zip(old.value, value, strict=True):
            unchanged = isinstance(item, ScalarNode) and _written(scalar(item.value, tag_of(item))) == _written(new)
            edits += [] if unchanged else _replacing(text, start, item, new, where)
        return edits
    lines = not isinstance(old, ScalarNode) and text[start] not in "[{"
    if lines and isinstance(old, MappingNode) and isinstance(value, Mapping) and value:
        return _replacing_lines(text, old, value, where)
    if lines and isinstance(old, MappingNode | SequenceNode) and isinstance(value, Mapping | list | tuple):
        indent = "  " if isinstance(old, SequenceNode) else ""  # its dashes may stand below the key itself
        return [_Edit(start, _end(old, text), indent + _written(value))]
    if lines or (isinstance(old, ScalarNode) and old.style in ("|", ">")):
        raise ConfigurationError(f"{where} stands on several lines; edit it by hand")
    quote = old.style if isinstance(old, ScalarNode) and isinstance(value, str) else None
    return [_Edit(start, end, ("" if end > start else " ") + _written(value, quote))]


def _replacing_lines(text: str, old: MappingNode, value: Mapping[str, Any], where: str) -> list[_Edit]:
    """The edits that make a mapping on several lines another one; entries that stay as they are keep their lines."""
    entries = {key.value: (key, node) for key, node in old.value}
    for key, node in old.value:
        if node.start_mark.index < key.end_mark.index or text[node.start_mark.index : node.start_mark.index + 1] == "&":
            raise ConfigurationError(f"{where}.{key.value} is given by an alias or an anchor; edit it by hand")
    staying = [key for key in entries if key in value]
    if not staying:  # nothing of it stays
        return [_Edit(old.start_mark.index, _end(old, text), _written(value))]
    edits = []
    for name, (key, node) in entries.items():
        if name not in value:
            begin = text.rfind("\n", 0, key.start_mark.index) + 1
            edits.append(_Edit(begin, _next_line(text, _end(node, text)), ""))
        elif _data(node) != _written(value[name]):
            edits += _replacing(text, key.end_mark.index, node, value[name], f"{where}.{name}")
    added = [f"{_written(name)}: {_written(new)}" for name, new in value.items() if name not in entries]
    if added:
        kept = MappingNode(old.tag, [entries[staying[-1]]], old.start_mark, old.end_mark, flow_style=False)
        edits.append(_adding(text, kept, added))
    return edits


def _data(node: Node) -> str:
    """What a node holds, as `_written` writes it."""
    if isinstance(node, MappingNode):
        return "{" + ", ".join(f"{_data(key)}: {_data(value)}" for key, value in node.value) + "}"
    if isinstance(node, SequenceNode):
        return "[" + ", ".join(map(_data, node.value)) + "]"
    return _written(scalar(node.value, tag_of(node)))


def _end(node: Node, text: str) -> int:
    """Where the characters of a node end, without the comments and empty lines behind it."""
    while isinstance(node, MappingNode | SequenceNode) and node.value and text[node.start_mark.index] not in "[{":
        node = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
    return int(node.end_mark.index)


def _next_line(text: str, after: int) -> int:
    """Where the line behind the one begins that holds a character."""
    if text[after - 1 : after] == "\n":
        return after
    end = text.find("\n", after)
    return len(text) if end < 0 else end + 1


def _adding(text: str, mapping: MappingNode, added: list[str]) -> _Edit:
    """The edit that adds entries to a mapping, after its last one."""
    if not mapping.value:
        return _Edit(mapping.end_mark.index - 1, mapping.end_mark.index - 1, ", ".join(added))
    key, value = mapping.value[-1]
    end = _end(value, text)
    if value.start_mark.index < key.end_mark.index:  # an alias: the node stands elsewhere
        alias = re.compile(r"\s*:\s*\*[^\s,\]}]+").match(text, key.end_mark.index)
        end = alias.end() if alias else end
    if text[mapping.end_mark.index - 1 : mapping.end_mark.index] == "}" and mapping.flow_style:
        return _Edit(end, end, "".join(f", {entry}" for entry in added))
    newline = "\r\n" if "\r\n" in text else "\n"
    indent = " " * mapping.value[0][0].start_mark.column
    if text[end - 1] == "\n":  # a text of several lines
        return _Edit(end, end, "".join(f"{indent}{entry}{newline}" for entry in added))
    end_of_line = re.compile(r"[^\r\n]*").match(text, end)
    end = end_of_line.end() if end_of_line else end
    return _Edit(end, end, "".join(f"{newline}{indent}{entry}" for entry in added))


def _written(value: Any, quote: str | None = None) -> str:
    """A value as YAML on one line.

    Args:
        value: plain data.
        quote: the quotes that a text had before.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_written(key)}: {_written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan" if math.isnan(value) else repr(value))
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if not quote and re.fullmatch(r"[^\W\d][\w ./%µ°-]*", text) and text == text.strip() and plain_scalar(text) == text:
        return text
    if quote != '"' and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return (
        '"'
        + "".join(each if each.isprintable() and each not in '"\\' else f"\\U{ord(each):08x}" for each in text)
        + '"'
    )


def _replace(file: Path, contents: bytes) -> None:
    """Write a file so that there is always either the old or the new one, whatever happens."""
    try:
        status = file.stat()
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "wb") as new:
                new.write(contents)
                new.flush()
                os.fsync(new.fileno())
                os.fchmod(new.fileno(), status.st_mode & 0o7777)
                with contextlib.suppress(PermissionError):  # only root may give a file to its old owner
                    os.fchown(new.fileno(), status.st_uid, status.st_gid)
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{file} cannot be written: {reason}; nothing was saved") from error
