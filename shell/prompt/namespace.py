"""The names that people can type: devices, commands, and their own variables."""

from __future__ import annotations

import builtins
import difflib
import inspect
from collections.abc import Mapping
from typing import Any

from ronda.framework.errors import NotAllowed


class Namespace(dict[str, Any]):
    """A dictionary for `exec` in which names of devices and commands cannot be overwritten by accident.

    Args:
        devices: the beamline's objects by name.
        commands: functions by name.
        others: what else is there; these may be overwritten.
    """

    def __init__(
        self, devices: Mapping[str, Any], commands: Mapping[str, Any], others: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__({"__name__": "__main__", "__doc__": None, **(others or {}), **commands, **devices})
        self._kept = dict.fromkeys(commands, "command") | dict.fromkeys(devices, "device")

    def __setitem__(self, name: str, value: Any) -> None:
        self.refuse(name)
        super().__setitem__(name, value)

    def refuse(self, name: str, who: str = "") -> None:
        """See that a name may be used for something else.

        Args:
            name: it.
            who: begins the sentence.

        Raises:
            NotAllowed: it stands for a device or a command.
        """
        if name in self._kept:
            raise NotAllowed(
                f"{who}{name} is a {self._kept[name]}; choose another name, or free this one with del {name}"
            )

    def __delitem__(self, name: str) -> None:
        self._kept.pop(name, None)  # who says `del` means it
        super().__delitem__(name)

    def kind(self, name: str) -> str:
        """What a name stands for that cannot be overwritten: `device`, `command`; empty for others."""
        return self._kept.get(name, "")

    def is_called(self, name: str) -> bool:
        """Whether a name that stands alone means the call of that command: `wa`, and `exit`."""
        if name in ("exit", "quit"):
            return name not in self
        return self._kept.get(name, "device") != "device" and inspect.isroutine(self[name])

    def add(self, name: str, value: Any, kind: str) -> None:
        """Add a name that cannot be overwritten by accident."""
        super().__setitem__(name, value)
        self._kept[name] = kind

    def renew(self, devices: Mapping[str, Any]) -> None:
        """Take the beamline's objects as they are now; a name that a person uses already stays theirs."""
        known = [name for name, what in self._kept.items() if what == "device"]
        for name in set(known) - set(devices):
            del self[name]
        for name in set(devices) - set(known):
            if name not in self:
                super().__setitem__(name, devices[name])
                self._kept[name] = "device"

    def nearest(self, name: str) -> str | None:
        """The known name that is most like this one."""
        found = difflib.get_close_matches(name, [known for known in self if not known.startswith("_")], 1)
        return found[0] if found else None


class FileNames(dict[str, Any]):
    """The names of one file that runs at the prompt: it sees those of the prompt, as they are at any time.

    What it makes is its own; names of devices and commands are protected there too.

    Args:
        shared: the names of the prompt.
        own: with what it begins.
    """

    def __init__(self, shared: Namespace, own: Mapping[str, Any]) -> None:
        super().__init__({**own, "__builtins__": _Builtins(shared)})
        self._shared = shared

    def __missing__(self, name: str) -> Any:
        return self._shared[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._shared.refuse(name)
        super().__setitem__(name, value)


class _Builtins(dict[str, Any]):
    """Those of Python, then the names of the prompt: where a class is defined, Python looks nowhere else."""

    def __init__(self, shared: Namespace) -> None:
        super().__init__(vars(builtins))
        self._shared = shared

    def __missing__(self, name: str) -> Any:
        return self._shared[name]
