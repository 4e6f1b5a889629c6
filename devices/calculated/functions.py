"""Functions of a beamline's own Python files that calculate counters: loading and calling them, errors in sentences."""

from __future__ import annotations

import importlib.util
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ronda.framework.errors import BadValue, ConfigurationError


class Function:
    """A function that works a counter out of the values of others.

    Attributes:
        names: of the counters that it needs, `count_time` among them if it is given that.
    """

    def __init__(self, folder: Path, path: str, inputs: Sequence[str]) -> None:
        """Load it.

        Args:
            folder: in which the file is.
            path: `module:function`; the file is `module.py`.
            inputs: names of its arguments' values, in their order.

        Raises:
            ConfigurationError: there is no such file or function, the file fails, or it takes other arguments.
        """
        self.names = frozenset(inputs)
        self._inputs = tuple(inputs)
        self._path = path
        self._file = folder / f"{path.partition(':')[0]}.py"
        self._call = self._load(path.partition(":")[2])

    def __call__(self, values: Mapping[str, Any]) -> float:
        """Its value.

        Args:
            values: by name; more than it needs does no harm.

        Raises:
            BadValue: it fails, or gives no number.
        """
        given = [float(values[name]) for name in self._inputs]
        shown = ", ".join(f"{name}={value:g}" for name, value in zip(self._inputs, given, strict=True))
        try:
            told = self._call(*given)
        except Exception as error:  # whatever a user's function raises
            raise BadValue(f"{self._path} failed with {shown}: {self._why(error)}") from error
        try:
            return float(told)
        except (TypeError, ValueError) as error:
            raise BadValue(f"{self._path} gave {told!r} with {shown}; it should return a number") from error

    def _load(self, name: str) -> Callable[..., Any]:
        if not self._file.is_file():
            raise ConfigurationError(f"{self._path}: there is no file {self._file}")
        spec = importlib.util.spec_from_file_location(f"ronda_own_{self._file.stem}", self._file)
        if spec is None or spec.loader is None:
            raise ConfigurationError(f"{self._path}: {self._file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # whatever a user's file raises
            raise ConfigurationError(f"{self._path}: the file cannot be loaded: {self._why(error)}") from error
        found = getattr(module, name, None)
        if not callable(found):
            functions = [each for each, value in vars(module).items() if inspect.isfunction(value)]
            raise ConfigurationError(
                f"{self._path}: {self._file} has no function {name}; it has {', '.join(functions) or 'none'}"
            )
        try:
            inspect.signature(found).bind(*self._inputs)
        except TypeError as error:
            raise ConfigurationError(
                f"{self._path}{inspect.signature(found)} does not take {len(self._inputs)} values "
                f"({', '.join(self._inputs)}): {error}"
            ) from error
        call: Callable[..., Any] = found
        return call

    def _why(self, error: BaseException) -> str:
        """What happened, and where in the user's file."""
        line = error.lineno if isinstance(error, SyntaxError) else None
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == str(self._file):
                line = frame.lineno
        where = f" ({self._file.name}, line {line})" if line else ""
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        return f"{type(error).__name__}: {text}{where}"
