"""A driver that fails when imported."""

raise RuntimeError("no licence found")
