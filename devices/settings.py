"""What a device goes by: the values of the YAML files, and over them what users set at run time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from ronda.devices.driver import marked_keys
from ronda.framework.config.parameters import Parameters
from ronda.framework.errors import BadValue, ConfigurationError

P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True)
class Settings(Generic[P]):
    """Checked values of one device; a change makes a new object.

    Attributes:
        file: the configuration, as in the YAML files.
        runtime: what users set at run time.
        values: both together, checked.
        rejected: run-time values that the configuration no longer allows, with a sentence each; the file's count.
    """

    file: Mapping[str, Any]
    runtime: Mapping[str, Any]
    values: P
    rejected: Mapping[str, str]

    @classmethod
    def check(cls, model: type[P], who: str, file: Mapping[str, Any], runtime: Mapping[str, Any]) -> Settings[P]:
        """Check the configuration, and each run-time value with it.

        Raises:
            ConfigurationError: the configuration itself is wrong.
        """
        try:
            values = model.model_validate(dict(file))
        except ValidationError as error:
            raise ConfigurationError(f"{who}: its configuration is wrong: {first_problem(error)}") from error
        settable = marked_keys(model, "setting")
        rejected: dict[str, str] = {}
        accepted: dict[str, Any] = {}
        for key, value in runtime.items():
            if key not in settable:
                rejected[key] = f"{who}: the stored run-time setting {key} is not one of {', '.join(sorted(settable))}"
                continue
            try:
                values = model.model_validate({**file, **accepted, key: value})
            except ValidationError as error:
                rejected[key] = (
                    f"{who}: the stored run-time setting of {key} does not fit the configuration any more and the "
                    f"file's value counts: {first_problem(error)}"
                )
            else:
                accepted[key] = value
        return cls(file, runtime, values, rejected)

    def changed(self, who: str, changes: Mapping[str, Any]) -> Settings[P]:
        """The settings after a user's change.

        Raises:
            BadValue: a value is not allowed.
        """
        runtime = {**self.runtime, **changes}
        counting = {key: value for key, value in runtime.items() if key not in self.rejected or key in changes}
        try:
            values = type(self.values).model_validate({**self.file, **counting})
        except ValidationError as error:
            raise BadValue(f"{who}: {first_problem(error)}") from error
        rejected = {key: sentence for key, sentence in self.rejected.items() if key not in changes}
        return Settings(self.file, runtime, values, rejected)

    def reconfigured(
        self, who: str, file: Mapping[str, Any], runtime: Mapping[str, Any]
    ) -> tuple[Settings[P], list[str]]:
        """The settings with the live keys of a changed configuration, and the changed keys that need a restart.

        Raises:
            ConfigurationError: the new configuration is wrong.
        """
        model = type(self.values)
        live = marked_keys(model, "live")
        keys = file.keys() | self.file.keys()
        waiting = sorted(key for key in keys - live if file.get(key) != self.file.get(key))
        merged = {key: value for key, value in self.file.items() if key not in live}
        merged.update({key: value for key, value in file.items() if key in live})
        return Settings.check(model, who, merged, runtime), waiting


def first_problem(error: ValidationError) -> str:
    """The first thing that pydantic found, as a clause: key, what is wrong, the value given."""
    problem = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error" and not key:
        return message
    given = "" if problem["type"] in ("missing", "extra_forbidden") else f", not {problem['input']!r}"
    return f"{key}: {message[:1].lower()}{message[1:]}{given}"
