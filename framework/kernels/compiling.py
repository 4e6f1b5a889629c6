"""Functions that numba compiles when they are first needed, and keeps on disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, overload

P = ParamSpec("P")
R = TypeVar("R")

REASSOCIATE = ("reassoc", "contract", "nsz")
"""What is allowed to sums of floats, so that several values are added at a time; NaN stays NaN."""


class Kernel(Generic[P, R]):
    """A function for numba, which is imported at the first call; a kernel may call kernels of its file.

    Compiled code runs without the interpreter's lock. It is kept where `NUMBA_CACHE_DIR` says; else beside its source,
    else in the user's folder of caches (`XDG_CACHE_HOME`), else in a folder of this user under the system's temporary
    one: the first of these that may be written.
    """

    def __init__(self, function: Callable[P, R], fastmath: Sequence[str] = ()) -> None:
        self.function = function
        self.fastmath = frozenset(fastmath)
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it, compiled for these types of arguments."""
        found: R = self.compiled(*args, **kwargs)
        return found

    @property
    def compilations(self) -> int:
        """For how many kinds of arguments it is compiled in this process."""
        return len(self.compiled.signatures)

    @cached_property
    def compiled(self) -> Any:
        """The function as numba has it."""
        import numba

        make = partial(numba.njit, nogil=True, cache=True, fastmath=set(self.fastmath))
        function = self._with_compiled_names()
        try:
            return _saved_alone(make(function))
        except RuntimeError:  # numba found no folder for it
            numba.config.CACHE_DIR = str(private_folder())  # type: ignore[attr-defined]
            return _saved_alone(make(function))

    def _with_compiled_names(self) -> FunctionType:
        """The function; what are kernels among its global names are as numba wants them."""
        function = self.function
        assert isinstance(function, FunctionType)  # noqa: S101 - for the type check
        names = function.__code__.co_names
        kernels = {name: found for name in names if isinstance(found := function.__globals__.get(name), Kernel)}
        if not kernels:
            return function
        there = function.__globals__ | {name: each.compiled for name, each in kernels.items()}
        again = FunctionType(function.__code__, there, function.__name__, function.__defaults__, function.__closure__)
        again.__qualname__, again.__module__ = function.__qualname__, function.__module__
        return again


def _saved_alone(made: Any) -> Any:
    """Let one process at a time save compiled code: numba writes index and code of a function without a lock.

    Two that save different types of arguments at the same moment could give both the same file, and the index would
    lead to the other's code.
    """
    cache = made._cache  # noqa: SLF001 - numba offers no other way
    save = cache.save_overload

    def alone(signature: Any, data: Any) -> None:
        folder = Path(cache.cache_path)
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / f".{made.py_func.__name__}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                save(signature, data)

    cache.save_overload = alone
    return made


@overload
def kernel(function: Callable[P, R], /) -> Kernel[P, R]: ...
@overload
def kernel(*, fastmath: Sequence[str]) -> Callable[[Callable[P, R]], Kernel[P, R]]: ...
def kernel(function: Any = None, /, *, fastmath: Sequence[str] = ()) -> Any:
    """Make a function a `Kernel`.

    Args:
        function: of numpy arrays and numbers, in the part of Python that numba compiles.
        fastmath: LLVM's names of what is allowed to floats; by default nothing is.
    """
    if function is None:
        return partial(Kernel, fastmath=fastmath)
    return Kernel(function, fastmath)


def private_folder() -> Path:
    """A folder for compiled code that nobody else may write to: what lies in it is run.

    Raises:
        RuntimeError: somebody else made a folder of this name.
    """
    path = Path(tempfile.gettempdir()) / f"ronda-kernels-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or path.is_symlink():
        raise RuntimeError(
            f"kernels: {path} belongs to somebody else or is open to others, so compiled code cannot be kept there; "
            "remove it, or name a folder of your own in NUMBA_CACHE_DIR"
        )
    return path
