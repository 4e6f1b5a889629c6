"""A scan that is used like an h5py file: groups, datasets, soft links and attributes over the stream."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

import numpy as np
import numpy.typing as npt

from ronda.framework.errors import BadValue
from ronda.framework.stream.answers import BadSelection, NoSuchPath
from ronda.framework.stream.blocks import TIME_TYPE, FrameReference
from ronda.framework.stream.description import Channel
from ronda.framework.stream.grid import on_grid
from ronda.framework.stream.layout import ChannelNode, GridNode, GroupNode, Leaf, LinkNode, TimesNode, ValueNode
from ronda.framework.stream.selection import gather, select
from ronda.framework.stream.source import Source

MOST_LINKS = 16
"""How many soft links may follow one another."""

PIECE_BYTES = 4_000_000
"""How much is read together when single rows are wanted or a dataset is iterated."""


class SoftLink:
    """A name that stands for another path, as h5py.SoftLink."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f'<SoftLink to "{self.path}">'


class HardLink:
    """A name that stands for the object itself, as h5py.HardLink."""


class Attributes(Mapping[str, Any]):
    """Attributes of a group or dataset; numbers come as numpy's, lists as arrays, as h5py gives them."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        if name not in self._values:
            raise NoSuchPath(f"attribute {name}: does not exist; there are {', '.join(sorted(self._values)) or 'none'}")
        value = self._values[name]
        if isinstance(value, str):
            return value
        array = np.asarray(value)
        return np.asarray(value, object) if array.dtype.kind == "U" else array[()]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __len__(self) -> int:
        return len(self._values)


class Group(Mapping[str, Any]):
    """A group, as h5py.Group; the root also stands for the file.

    Attributes:
        name: absolute path.
    """

    def __init__(self, name: str, node: GroupNode, top: GroupNode, source: Source) -> None:
        self.name = name
        self._node = node
        self._top = top
        self._source = source

    @classmethod
    def root(cls, node: GroupNode, source: Source) -> Group:
        """The root of a tree."""
        return cls("/", node, node, source)

    @property
    def attrs(self) -> Attributes:
        """Its attributes."""
        return Attributes(self._node.attributes)

    @property
    def file(self) -> Group:
        """The root."""
        return Group.root(self._top, self._source)

    @property
    def parent(self) -> Group:
        """The group it stands in; the root is its own."""
        parent: Group = self.file[posixpath.dirname(self.name)]
        return parent

    @property
    def h5_class(self) -> Any:
        """What silx asks things that behave like h5py's."""
        return _silx_type("FILE" if self.name == "/" else "GROUP")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Group) and other._node is self._node

    def __hash__(self) -> int:
        return id(self._node)

    def __repr__(self) -> str:
        return f'<stream group "{self.name}" ({len(self)} members)>'

    def __getitem__(self, path: str) -> Any:
        node = self._find(path)
        name = posixpath.join(self.name, path).rstrip("/") or "/"
        if isinstance(node, GroupNode):
            return Group(name, node, self._top, self._source)
        if isinstance(node, GridNode):
            return GridDataset(name, node, self._top, self._source)
        return Dataset(name, node, self._top, self._source)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._node.children))

    def __len__(self) -> int:
        return len(self._node.children)

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        folder, _, last = path.rstrip("/").rpartition("/")
        try:
            group = self._find(folder or ("/" if path.startswith("/") else "."))
        except NoSuchPath:
            return False
        return not last or (isinstance(group, GroupNode) and last in group.children)

    def get(self, path: str, default: Any = None, getclass: bool = False, getlink: bool = False) -> Any:
        """The object at a path or the default; with `getclass` its class, with `getlink` its link."""
        if path not in self:
            return default
        if getlink:
            folder, _, last = path.rstrip("/").rpartition("/")
            group = self._find(folder or ("/" if path.startswith("/") else "."))
            node = group.children[last] if isinstance(group, GroupNode) else group
            link = SoftLink(node.path) if isinstance(node, LinkNode) else HardLink()
            return type(link) if getclass else link
        try:
            found = self[path]
        except NoSuchPath:
            return default
        return type(found) if getclass else found

    def keys(self) -> KeysView[str]:
        """The names in it, in alphabetical order."""
        return KeysView(self)

    def values(self) -> ValuesView[Any]:
        """The objects in it."""
        return ValuesView(self)

    def items(self) -> ItemsView[str, Any]:
        """Names and objects."""
        return ItemsView(self)

    def visit(self, function: Callable[[str], Any]) -> Any:
        """Call a function with the path of each object below, until it returns something other than None."""
        return self.visititems(lambda path, _: function(path))

    def visititems(self, function: Callable[[str, Any], Any]) -> Any:
        """The same with path and object; soft links are not followed."""
        for path in _paths(self._node, ""):
            answer = function(path, self[path])
            if answer is not None:
                return answer
        return None

    def _find(self, path: str) -> GroupNode | Leaf:
        if not isinstance(path, str):
            raise BadSelection(f"{self.name}: a group is indexed by the path of a member, not by {path!r}")
        return _walk(self._top, self._node, path, 0)


class Dataset:
    """A dataset, as h5py.Dataset: its shape grows while the scan runs, its values are read when they are indexed.

    Attributes:
        name: absolute path.
    """

    compression = None
    chunks = None
    scaleoffset = None
    shuffle = False

    def __init__(self, name: str, node: Leaf, top: GroupNode, source: Source) -> None:
        self.name = name
        self._node = node
        self._top = top
        self._source = source
        self._constant: npt.NDArray[Any] | None = _constant(node.value) if isinstance(node, ValueNode) else None

    @property
    def attrs(self) -> Attributes:
        """Its attributes."""
        return Attributes(self._node.attributes)

    @property
    def file(self) -> Group:
        """The root."""
        return Group.root(self._top, self._source)

    @property
    def parent(self) -> Group:
        """The group it stands in."""
        parent: Group = self.file[posixpath.dirname(self.name)]
        return parent

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape now."""
        if self._value is not None:
            return self._value.shape
        return (self._source.shown(self._device, self._channel), *self._point_shape)

    @property
    def maxshape(self) -> tuple[int | None, ...]:
        """The shape it may grow to; None where there is no bound."""
        return self.shape if self._value is not None else (None, *self._point_shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its elements."""
        if self._value is not None:
            return self._value.dtype
        return TIME_TYPE if isinstance(self._node, TimesNode) else self._channel_node.channel.numpy_dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._value.ndim if self._value is not None else 1 + len(self._point_shape)

    @property
    def size(self) -> int:
        """Number of elements now."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes of its elements now."""
        return self.size * self.dtype.itemsize

    @property
    def h5_class(self) -> Any:
        """What silx asks things that behave like h5py's."""
        return _silx_type("DATASET")

    def __repr__(self) -> str:
        return f'<stream dataset "{posixpath.basename(self.name)}": shape {self.shape}, type "{self.dtype.str}">'

    def __len__(self) -> int:
        if self.ndim == 0:
            raise BadSelection(f"{self.name}: is a single value and has no length")
        return self.shape[0]

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise BadSelection(f"{self.name}: is a single value and cannot be iterated")
        length, step = self.shape[0], self._near
        for start in range(0, length, step):
            yield from self[start : min(start + step, length)]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self[...], dtype=dtype, copy=copy)

    def __getitem__(self, arguments: Any) -> Any:
        if self.ndim == 0:
            if arguments == () or arguments is Ellipsis:
                assert self._value is not None  # noqa: S101 - only values have no axis
                return self._value[arguments]
            raise BadSelection(f"{self.name}: is a single value; read it with [()]")
        selection = select(arguments, self.shape, self.name)
        found = selection.apply(gather(selection.rows, self._read, self._near))
        if isinstance(found, np.ndarray) and not found.flags.writeable:
            return found.copy()  # the caller may change what he got, as with h5py
        return found

    def references(self, start: int, stop: int) -> list[FrameReference]:
        """Where the frames with start ≤ index < stop lie, for a channel stored by reference.

        Raises:
            BadValue: the values of this dataset are in the stream itself.
            NotYet, NoLongerInMemory, NeverWillBe: for the three reasons why they are not there.
        """
        node = self._node
        if not isinstance(node, ChannelNode) or node.channel.storage != "reference":
            raise BadValue(f"{self.name}: holds its values itself; read them with [{start}:{stop}]")
        return self._source.references(node.device, node.channel, start, stop)

    def asstr(self) -> Text:
        """The same dataset with text instead of bytes."""
        if self.dtype.kind not in "SO":
            raise BadSelection(f"{self.name}: holds {self.dtype}, not text")
        return Text(self)

    def _read(self, start: int, stop: int) -> npt.NDArray[Any]:
        if self._value is not None:
            return self._value[start:stop]
        return self._source.read(self._device, self._channel, start, stop)

    @property
    def _value(self) -> npt.NDArray[Any] | None:
        """All of it, if it does not grow."""
        return self._constant

    @property
    def _channel(self) -> Channel | None:
        """Whose points it shows; None for the times of a device."""
        return self._node.channel if isinstance(self._node, ChannelNode) else None

    @property
    def _channel_node(self) -> ChannelNode:
        assert isinstance(self._node, ChannelNode)  # noqa: S101
        return self._node

    @property
    def _device(self) -> Any:
        assert isinstance(self._node, ChannelNode | TimesNode)  # noqa: S101
        return self._node.device

    @property
    def _point_shape(self) -> tuple[int, ...]:
        return self._node.channel.shape if isinstance(self._node, ChannelNode) else ()

    @property
    def _near(self) -> int:
        point = int(np.prod(self._point_shape, dtype=np.int64)) * self.dtype.itemsize
        return max(PIECE_BYTES // 16 // max(point, 1), 1)


class GridDataset(Dataset):
    """The values of a mesh where they lie; what is not measured yet is NaN."""

    def __init__(self, name: str, node: GridNode, top: GroupNode, source: Source) -> None:
        super().__init__(name, node, top, source)
        self._grid = node

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and points of a row."""
        return self._grid.shape

    @property
    def maxshape(self) -> tuple[int | None, ...]:
        """The same."""
        return self._grid.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """float64."""
        return np.dtype(np.float64)

    @property
    def ndim(self) -> int:
        """2."""
        return 2

    @property
    def _value(self) -> npt.NDArray[Any]:
        node, source = self._grid, self._source
        points = source.length(node.device)
        if node.planned is None:
            points = min(points, node.shape[0] * node.shape[1])
            return on_grid(source.read(node.device, node.channel, 0, points), node.shape, backnforth=node.backnforth)
        device, planned, valid = node.planned
        points = min(points, source.length(device))
        values = source.read(node.device, node.channel, 0, points)
        counts = source.read(device, valid, 0, points) != 0
        places = source.read(device, planned, 0, points)
        return on_grid(np.where(counts, values, np.nan), node.shape, backnforth=node.backnforth, places=places)


class Text:
    """A dataset of text read as str."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __getitem__(self, arguments: Any) -> Any:
        found = self._dataset[arguments]
        if isinstance(found, bytes):
            return found.decode()
        return np.array([item.decode() for item in found.ravel()], object).reshape(found.shape)

    def __len__(self) -> int:
        return len(self._dataset)

    def __iter__(self) -> Iterator[Any]:
        return iter(self[...])


def _walk(root: GroupNode, start: GroupNode, path: str, links: int) -> GroupNode | Leaf:
    where = root if path.startswith("/") else start
    node: GroupNode | Leaf = where
    for name in path.split("/"):
        if name in ("", "."):
            continue
        if not isinstance(node, GroupNode) or name not in node.children:
            known = f"; there are {', '.join(sorted(node.children)) or 'none'}" if isinstance(node, GroupNode) else ""
            raise NoSuchPath(f"{path}: {name} does not exist{known}")
        where, child = node, node.children[name]
        if isinstance(child, LinkNode):
            if links >= MOST_LINKS:
                raise NoSuchPath(f"{path}: {name} is a link that leads in a circle")
            child = _walk(root, where, child.path, links + 1)
        node = child
    return node


def _paths(node: GroupNode, prefix: str) -> Iterator[str]:
    for name in sorted(node.children):
        child = node.children[name]
        if isinstance(child, LinkNode):
            continue
        yield prefix + name
        if isinstance(child, GroupNode):
            yield from _paths(child, f"{prefix}{name}/")


def _silx_type(name: str) -> Any:
    """The type that silx knows by this name; nobody else asks, so it is there."""
    try:
        from silx.io.utils import H5Type
    except ImportError as error:
        raise AttributeError(f"h5_class: silx is not installed ({error})") from error
    return H5Type[name]


def _constant(value: Any) -> npt.NDArray[Any]:
    """As h5py gives it back: text as bytes in an object array."""
    array = np.asarray(value)
    if array.dtype.kind != "U":
        return array
    encoded = np.empty(array.shape, object)
    for place, text in np.ndenumerate(array):
        encoded[place] = str(text).encode()
    return encoded
