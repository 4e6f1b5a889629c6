"""Which simulated instruments there are: the files of `instruments/`, each with the parameters that it takes."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from pydantic import BaseModel

from ronda.simulators import instruments
from ronda.simulators.instrument import Instrument


def instrument_types() -> list[str]:
    """The types of instruments, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(instruments.__path__))


def instrument_class(instrument_type: str) -> type[Instrument]:
    """The class of a type of instrument.

    Raises:
        KeyError: there is no such type.
    """
    if instrument_type not in instrument_types():
        raise KeyError(instrument_type)
    module = importlib.import_module(f"{instruments.__name__}.{instrument_type}")
    [found] = [
        thing
        for thing in vars(module).values()
        if inspect.isclass(thing) and issubclass(thing, Instrument) and thing.__module__ == module.__name__
    ]
    return found


def instrument_model(instrument_type: str) -> type[BaseModel]:
    """The parameters of a type of instrument, beside `type` and `port`.

    Raises:
        KeyError: there is no such type.
    """
    return instrument_class(instrument_type).Parameters
