"""Pseudo axes: axes that are computed from other axes, such as a slit's gap or the energy of a monochromator."""
