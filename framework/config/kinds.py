"""How a kind of device declares itself to the configuration, and how a driver named in YAML is found."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ronda.framework.config.parameters import Parameters, parameter
from ronda.framework.errors import ConfigurationError


@dataclass(frozen=True)
class TangoDevice:
    """One Tango device that a YAML entry asks for.

    Attributes:
        name: the name in YAML, which becomes the Tango alias.
        family: the middle part of the Tango name `<beamline>/<family>/<name>`, in lower case.
        tango_class: class name that Tango shows, e.g. `Axis`.
        implementation: `package.module:Class` of the Tango device class, imported by the server only.
        configuration: what the device reads at its start, ready for JSON; secrets still as `${NAME}`.
        attributes: Tango attribute configuration, `{"Position": {"unit": "mm", "format": "%.4f", …}}`; values are text.
        live: keys of `configuration` that the running device takes without a restart.
        settings: keys of `configuration` that users change at run time.
        counters: names of the counters that it measures; `cam_*` if regions and the like make more at run time.
        trigger_output: whether it gives triggers that can be wired to an input of another device.
    """

    name: str
    family: str
    tango_class: str
    implementation: str
    configuration: dict[str, Any]
    attributes: dict[str, dict[str, str]] = field(default_factory=dict)
    live: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    counters: tuple[str, ...] = ()
    trigger_output: bool = False


@dataclass(frozen=True)
class Calculation:
    """What a calculated counter uses.

    Attributes:
        inputs: names of other counters.
        path: in the entry, the value that says so.
    """

    inputs: tuple[str, ...]
    path: tuple[str, ...]


class DeviceParameters(Parameters):
    """Keys that each device entry has, whatever its kind."""

    kind: str = parameter("What kind of device this is: a folder of `devices/`, e.g. `motor`")
    driver: str | None = parameter(
        "Which hardware: a file of the kind's `drivers/` folder, or `package.module:Class` of your own", None
    )
    description: str = parameter("What it is for, in words", "")

    def calculations(self) -> Mapping[str, Calculation]:
        """The counters that the device calculates from others, by name."""
        return {}


class DeviceKind(Protocol):
    """What `devices/<kind>/kind.py` offers under the name `KIND`."""

    @property
    def summary(self) -> str:
        """One line for the reference."""
        ...

    @property
    def contract(self) -> type[Any] | None:
        """The class that its drivers derive from; None if it takes no driver."""
        ...

    def parameters(self, driver: type[Any] | None) -> type[DeviceParameters]:
        """The model of a YAML entry of this kind with this driver.

        Raises:
            ConfigurationError: the driver is missing, or not one of this kind.
        """
        ...

    def devices(self, name: str, entry: DeviceParameters) -> list[TangoDevice]:
        """The Tango devices of a checked entry, its own first."""
        ...


KIND_PACKAGE = "ronda.devices"


def load_kind(kind: str) -> DeviceKind:
    """Import `devices/<kind>/kind.py`.

    Raises:
        ConfigurationError: no such kind, or it cannot be imported.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", kind):
        raise ConfigurationError(f"there is no kind of device called {kind!r}")
    module_name = f"{KIND_PACKAGE}.{kind}.kind"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.startswith(error.name):
            raise ConfigurationError(f"there is no kind of device called {kind!r}") from error
        raise ConfigurationError(f"the kind {kind!r} cannot be imported: {error}") from error
    loaded: DeviceKind = module.KIND
    return loaded


def available_kinds() -> list[str]:
    """The folders of `devices/` that declare a kind of device."""
    package = importlib.import_module(KIND_PACKAGE)
    folders = [module.name for module in pkgutil.iter_modules(package.__path__) if module.ispkg]
    return sorted(name for name in folders if importlib.util.find_spec(f"{KIND_PACKAGE}.{name}.kind"))


def available_drivers(kind: str) -> list[str]:
    """The files of a kind's `drivers/` folder; none if it has no such folder."""
    try:
        package = importlib.import_module(f"{KIND_PACKAGE}.{kind}.drivers")
    except ModuleNotFoundError:
        return []
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def entry_models() -> list[tuple[str, str | None, type[DeviceParameters]]]:
    """Each kind with each of its own drivers (None for a kind without), and the model of such an entry.

    Raises:
        ConfigurationError: one of them cannot be imported.
    """
    found: list[tuple[str, str | None, type[DeviceParameters]]] = []
    for name in available_kinds():
        kind = load_kind(name)
        if kind.contract is None:
            found.append((name, None, kind.parameters(None)))
            continue
        found += [
            (name, driver, kind.parameters(load_driver(name, driver, kind.contract)))
            for driver in available_drivers(name)
        ]
    return found


def load_driver(kind: str, driver: str, contract: type) -> type[Any]:
    """Find a driver class: the one in `devices/<kind>/drivers/<driver>.py`, or `package.module:Class`.

    Args:
        kind: the kind's folder name.
        driver: the text from YAML.
        contract: the class that it must derive from.

    Raises:
        ConfigurationError: it does not import, or is not a driver of this kind.
    """
    module_name, _, class_name = driver.partition(":")
    if not class_name:
        module_name = f"{KIND_PACKAGE}.{kind}.drivers.{driver}"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise ConfigurationError(f"there is no {kind} driver {driver!r}") from error
        raise ConfigurationError(f"the {kind} driver {driver!r} cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:  # a third party's module may raise anything
        raise ConfigurationError(
            f"the {kind} driver {driver!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if class_name:
        found = getattr(module, class_name, None)
        if not (inspect.isclass(found) and issubclass(found, contract)):
            raise ConfigurationError(f"{driver!r} is not a {kind} driver (a class derived from {contract.__name__})")
        return found
    own = [
        thing
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, contract) and thing.__module__ == module_name
    ]
    if len(own) != 1:
        raise ConfigurationError(
            f"{module_name} should define one class derived from {contract.__name__}, not {len(own)}"
        )
    return own[0]
