"""A driver file with two drivers."""

from example_kinds.motor.contract import Controller


class First(Controller):
    pass


class Second(Controller):
    pass
