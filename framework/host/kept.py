"""Settings that users changed at run time: writing them into the YAML files, or going back to the files' values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tango

from ronda.framework.config.beamline import Beamline
from ronda.framework.config.load import load_beamline
from ronda.framework.config.writeback import place_in_files, save_values
from ronda.framework.errors import NotFound, ServiceFailed
from ronda.framework.host.entries import Registered
from ronda.framework.host.layout import Layout
from ronda.framework.host.registration import Registry
from ronda.framework.tango.errors import from_dev_failed


def save_settings(
    layout: Layout, registry: Registry, device: str, environment: Mapping[str, str]
) -> dict[str, tuple[Any, Any]]:
    """Write a device's run-time settings into its YAML file; they are the file's values from then on.

    Args:
        layout: the beamline as in its files.
        registry: the Tango database.
        device: name in YAML.
        environment: for reading the applied copy of the files.

    Returns:
        What the file said and what it says now, by key; empty if the device runs by its file.

    Raises:
        NotFound: no device has this name.
        ConfigurationError: the file changed meanwhile, or cannot be written.
        ServiceFailed: the device does not answer.
    """
    registered = _registered(layout, registry, device)
    settings = registered.runtime_settings
    if not settings:
        return {}
    changes = {key: (registered.configuration.get(key), value) for key, value in settings.items()}
    applied = load_beamline(layout.folders.applied, environment)
    # the copy as well: an agent that starts anew reads that one
    for beamline in (layout.beamline, applied):
        _write(beamline, device, settings)
    registry.set_configuration(registered, {**registered.configuration, **settings}, registered.attributes)
    registry.set_runtime_settings(registered.name, {})
    _tell(layout, registered)
    return changes


def revert_settings(layout: Layout, registry: Registry, device: str) -> dict[str, tuple[Any, Any]]:
    """Forget a device's run-time settings; it goes by its configuration again.

    Returns:
        What was set and what counts now, by key; empty if nothing was set.

    Raises:
        NotFound: no device has this name.
        ServiceFailed: the device does not answer.
    """
    registered = _registered(layout, registry, device)
    settings = registered.runtime_settings
    if settings:
        registry.set_runtime_settings(registered.name, {})
        _tell(layout, registered)
    return {key: (value, registered.configuration.get(key)) for key, value in settings.items()}


def _registered(layout: Layout, registry: Registry, device: str) -> Registered:
    for found in registry.read().values():
        if (found.alias or "").lower() == device.lower():
            return found
    raise NotFound(f"beamline {layout.beamline.name} has no device {device!r}; see `ronda config check`")


def _write(beamline: Beamline, device: str, settings: Mapping[str, Any]) -> None:
    file, path = place_in_files(beamline, device)
    save_values(file, {path: dict(settings)}, beamline.digests[file])


def _tell(layout: Layout, registered: Registered) -> None:
    try:
        tango.DeviceProxy(f"tango://{layout.tango_host}/{registered.name}").command_inout("ApplyConfiguration")
    except tango.DevFailed as error:
        raise ServiceFailed(
            f"{registered.alias}: saved, but the device could not be told ({from_dev_failed(error)}); "
            "it takes the change at its next start"
        ) from error
