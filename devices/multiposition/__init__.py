"""Positions with names: a beamstop that is IN or OUT, a filter wheel, a detector that is parked."""
