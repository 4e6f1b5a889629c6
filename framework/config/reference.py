"""The reference of all keys of the YAML files, made from their models."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from ronda.framework.config.beamline import (
    BeamlineParameters,
    ServerParameters,
    SessionParameters,
    SimulatorsParameters,
)
from ronda.framework.config.kinds import DeviceParameters, entry_models, load_kind
from ronda.framework.config.shape import Place, below, is_model, members, place_of
from ronda.framework.config.simulated import catalogue
from ronda.framework.config.words import expected, extra_of, show

_BEGINNING = """\
# Configuration: all keys

<!-- Made by `ronda config reference -o docs/reference/configuration.md`; do not edit. -->

A beamline is a folder of files `*.yml`, in subfolders too; hidden ones are left out. Each file may have the keys
`version`, `beamline` (in one of the files, which must have `version: 1` as well), `servers`, `sessions` and
`simulators`. Names of servers, devices and axes are unique in the beamline, upper and lower case being the same.

`${NAME}` or `${NAME:-default}` in a value stands for an environment variable when the files are loaded. Passwords must
be exactly `${NAME}`; they are looked up only by the process that needs them.

A device has the keys `kind` and `driver`; a title below says which, and its table what other keys there are then.
In the tables, a key without default must be given. What a change of a value needs:

| change | meaning |
|---|---|
| restart | `ronda config apply` asks before it restarts the server |
| live | `ronda config apply` sets it in the running device |
| run time | as live, and users change it in the running device; it wins over the file until saved or reverted |
"""


def reference_text() -> str:
    """The reference as Markdown.

    Raises:
        ConfigurationError: a kind or a driver cannot be imported.
    """
    parts = [_BEGINNING]
    parts += _section("beamline", BeamlineParameters, 2, change=False)
    parts += _section("servers.NAME", ServerParameters, 2)
    for kind, driver, entry in entry_models():
        title = f"servers.NAME.devices.NAME: kind {kind}" + (f", driver {driver}" if driver else "")
        parts += _section(title, entry, 2, introduction=f"{load_kind(kind).summary}. {_summary(entry)}")
    parts += _section("sessions.NAME", SessionParameters, 2, change=False)
    parts += _section("simulators", SimulatorsParameters, 2, change=False)
    for name in catalogue().instrument_types():
        title = f"simulators.instruments.NAME: type {name}"
        parts += _section(title, catalogue().instrument_model(name), 2, change=False)
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(
    title: str, model: type[BaseModel], level: int, *, introduction: str = "", change: bool = True
) -> Iterator[str]:
    """A model's table, then those of the models within it."""
    yield f"{'#' * level} {title}\n"
    yield f"{introduction or _summary(model)}\n"
    yield from _table(model, change)
    yield ""
    for name, info in model.model_fields.items():
        for inner, below_name in _models_in(info.annotation):
            if title == "servers.NAME" and name == "devices":
                continue  # each kind has its own section
            path = f"{title.partition(':')[0]}.{name}{below_name}"
            suffix = title.partition(":")[1] + title.partition(":")[2]
            yield from _section(path + suffix, inner, min(level + 1, 4), change=change)


def _models_in(annotation: object) -> Iterator[tuple[type[BaseModel], str]]:
    """The models that a key's value consists of, with what stands for a name between key and value."""
    for member, _ in members(annotation):
        if is_model(member):
            yield member, ""
            continue
        keys, values = below(member)
        for value in values:
            for inner, path in _models_in(value):
                yield inner, f"{'.NAME' if keys else '[]'}{path}"


def _table(model: type[BaseModel], change: bool) -> Iterator[str]:
    yield "| key | meaning | must be | default |" + (" change |" if change else "")
    yield "|---|---|---|---|" + ("---|" if change else "")
    for name, info in model.model_fields.items():
        place = place_of(model, (name,))
        if place is None or (issubclass(model, DeviceParameters) and name in ("kind", "driver")):
            continue  # these two stand in the title
        meaning = (info.description or "").replace("|", "\\|")
        cells = [f"`{info.alias or name}`", meaning, _value(place), _default(place)]
        yield f"| {' | '.join([*cells, _change(place)] if change else cells)} |"


def _value(place: Place) -> str:
    unit = str(extra_of(place, "unit") or "").replace("{unit}", "`unit`")
    if any(is_model(member) for member, _ in members(place.annotation)):
        return "keys, see below"
    if any(True for _ in _models_in(place.annotation)):
        return "keys by name, see below"
    return expected(place, f" {unit}" if unit else "").replace("|", "\\|")


def _default(place: Place) -> str:
    info = place.info
    if info is None or info.is_required():
        return ""
    if info.default_factory is not None:
        return "none"
    return "none" if info.default in (None, "") else f"`{show(info.default)}`"


def _change(place: Place) -> str:
    return "run time" if extra_of(place, "setting") else "live" if extra_of(place, "live") else "restart"


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]
