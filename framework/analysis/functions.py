"""A plain function as a stage: its arguments are the inputs, its keyword-only arguments the parameters.

::

    @stage(outputs=[Output("contrast", unit="")])
    def contrast(frame, *, border: int = 4):
        inner = frame[border:-border, border:-border]
        return inner.std() / inner.mean()
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import create_model

from ronda.framework.analysis.stage import Input, Output, PointStage, Setting
from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import BadValue


class FunctionStage(PointStage):
    """A stage whose results are those of a function, called for each point.

    Attributes:
        function: what is called.
        outputs: what it returns.
    """

    function: typing.ClassVar[Callable[..., Any]]
    outputs: typing.ClassVar[Sequence[Output]]

    def prepare(self, setting: Setting) -> Sequence[Output]:  # noqa: ARG002 - outputs are known
        """Nothing is to be prepared."""
        self._keywords = dict(self.parameters)
        return self.outputs

    def change(self, parameters: Any) -> None:
        """Call it with these from now on."""
        super().change(parameters)
        self._keywords = dict(parameters)

    def point(self, **inputs: Any) -> Mapping[str, Any]:
        """Call it."""
        found = type(self).function(**inputs, **self._keywords)
        if isinstance(found, Mapping):
            return found
        if len(self.outputs) == 1:
            return {self.outputs[0].name: found}
        return {output.name: value for output, value in zip(self.outputs, found, strict=True)}


def stage(
    *,
    outputs: Sequence[Output | str],
    inputs: Sequence[Input] = (),
    version: str = "1",
) -> Callable[[Callable[..., Any]], type[FunctionStage]]:
    """Make a stage of a function that is called for each point.

    Its arguments are the inputs by name: numbers or arrays. Its keyword-only arguments, each with a type and a
    default, are the parameters, and may change during a scan. It returns a value for its one output, a tuple for
    several in their order, or a dict by name.

    Args:
        outputs: what it returns; a name alone is a float64 without unit.
        inputs: what more is to be said about some of its arguments, by their names.
        version: of the algorithm; stands in the file.

    Raises:
        BadValue: the function cannot be a stage.
    """
    given = [Output(each) if isinstance(each, str) else each for each in outputs]
    told = {each.name: each for each in inputs}

    def make(function: Callable[..., Any]) -> type[FunctionStage]:
        who = getattr(function, "__name__", "stage")
        hints = typing.get_type_hints(function)
        taken: list[Input] = []
        fields: dict[str, Any] = {}
        for name, argument in inspect.signature(function).parameters.items():
            if argument.kind is argument.KEYWORD_ONLY:
                if argument.default is argument.empty:
                    raise BadValue(f"{who}: the parameter {name} needs a default")
                kind = hints.get(name, type(argument.default))
                fields[name] = (kind, parameter(f"{name} of {who}", argument.default, live=True))
            elif argument.kind is argument.POSITIONAL_OR_KEYWORD:
                optional = argument.default is not argument.empty
                taken.append(told.pop(name, Input(name, optional=optional)))
            else:
                raise BadValue(f"{who}: inputs are given by name, which {name} cannot take; write it as `{name}`")
        if told or not given:
            what = f"it has no argument {next(iter(told))}" if told else "it has no outputs"
            raise BadValue(f"{who}: cannot be a stage, {what}")
        model = create_model(f"{who}Parameters", __base__=Parameters, __doc__=f"Parameters of {who}.", **fields)
        members = {
            "__doc__": function.__doc__ or who,
            "__module__": function.__module__,
            "function": staticmethod(function),
            "outputs": tuple(given),
            "inputs": tuple(taken),
            "parameters_model": model,
            "version": version,
        }
        return type(who, (FunctionStage,), members)

    return make
