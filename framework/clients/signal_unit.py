"""A unit with input and output signals: `digital["lamp"] = True`, `analogue["crystal"]`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ronda.framework.clients.device import Device
from ronda.framework.clients.remote import Remote
from ronda.framework.errors import NotAllowed, NotFound
from ronda.framework.tango.names import channel_attribute


class SignalUnit(Device):
    """Digital or analogue signals by their names in YAML; outputs can be set."""

    def __init__(self, remote: Remote, tango_class: str, configuration: Mapping[str, Any]) -> None:
        super().__init__(remote, tango_class)
        self._signals: Mapping[str, Mapping[str, Any]] = configuration.get("signals", {})

    def __info__(self) -> str:
        """All signals with their values; the shell shows it when the object is typed."""
        found = self.remote.read_some([channel_attribute(name) for name in self._signals])
        rows = []
        for name, keys in self._signals.items():
            value = self._told(name, found.get(channel_attribute(name)))
            rows.append((name, keys.get("direction", ""), value, str(keys.get("description", ""))))
        widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
            for row in rows
        ]
        return "\n".join([self.status.partition("\n")[0], *(f"  {line}" for line in lines)])

    def __iter__(self) -> Iterator[str]:
        return iter(self._signals)

    def __getitem__(self, name: str) -> Any:
        """The value of a signal; None while the unit does not answer."""
        self._require(name)
        return self.read(channel_attribute(name))

    def __setitem__(self, name: str, value: Any) -> None:
        """Set an output.

        Raises:
            NotAllowed: it is an input.
            OutOfRange: it may not be set so far.
        """
        if self._require(name).get("direction") != "output":
            outputs = [each for each, keys in self._signals.items() if keys.get("direction") == "output"]
            raise NotAllowed(
                f"{self.name}: {name} is an input and cannot be set; the outputs are {', '.join(outputs) or 'none'}"
            )
        self.write(channel_attribute(name), value)

    def _require(self, name: str) -> Mapping[str, Any]:
        if name not in self._signals:
            raise NotFound(f"{self.name}: has no signal {name!r}; it has {', '.join(self._signals) or 'none'}")
        return self._signals[name]

    def _told(self, name: str, value: Any) -> str:
        keys = self._signals[name]
        if value is None:
            return "unknown"
        if isinstance(value, bool):
            return "on" if value else "off"
        return f"{value:.{int(keys.get('digits', 3))}f} {keys.get('unit', '')}".rstrip()
