"""What was counted once: each value, and its value per second."""

from __future__ import annotations

from ronda.framework.scan.standard import Counted
from ronda.shell.displays.columns import aligned, number_text


def counts_table(counted: Counted) -> str:
    """A line for each counter."""
    width = max(len(name) for name in counted.values)
    values = aligned([number_text(value) for value in counted.values.values()])
    rated = [name for name in counted.values if counted.rates.get(name) is not None]
    rates = dict(zip(rated, aligned([number_text(counted.rates[name]) for name in rated]), strict=True))
    units = max(len(unit) for unit in counted.units.values())
    lines = [f"counted for {counted.time:g} s"]
    for name, value in zip(counted.values, values, strict=True):
        unit = counted.units[name]
        line = f"{name:>{width}} = {value} {unit:<{units}}"
        if name in rates:
            line += f"   {rates[name]} {unit}/s"
        lines.append(line.rstrip())
    return "\n".join(lines)
