"""What was counted once: each value, and its value per second."""

from __future__ import annotations

from ronda.framework.scan.standard import Counted
from ronda.shell.displays.columns import number_text


def counts_table(counted: Counted) -> str:
    """A line for each counter."""
    width = max(len(name) for name in counted.values)
    lines = [f"counted for {counted.time:g} s"]
    for name, value in counted.values.items():
        unit = counted.units[name]
        line = f"{name.rjust(width)} = {number_text(value).rjust(12)} {unit}".rstrip()
        rate = counted.rates.get(name)
        if rate is not None:
            line += f"   {number_text(rate).rjust(12)} {unit}/s"
        lines.append(line)
    return "\n".join(lines)
