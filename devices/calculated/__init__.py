"""Calculated counters: formulas over other counters, worked out at each point of a scan."""
