"""Attenuators: foils on wheels or slides, chosen by number or by the transmission that they give at an energy."""
