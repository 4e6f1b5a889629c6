"""Finding a stage by the name or import path that stands in YAML."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

from ronda.framework.analysis.functions import FunctionStage
from ronda.framework.analysis.stage import PointStage, Stage
from ronda.framework.errors import ConfigurationError

READY = "ronda.framework.analysis.ready"
"""The package with a module for each stage that has a short name."""


def ready_stages() -> list[str]:
    """The short names: the modules of `framework/analysis/ready/`."""
    try:
        package = importlib.import_module(READY)
    except ModuleNotFoundError:
        return []
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def find_stage(name: str, folder: Path | None = None) -> type[Stage]:
    """The stage `NAME` of `framework/analysis/ready/NAME.py`, or one of your own: `package.module:NAME`, or
    `FILE.py:NAME` with a file in `folder`, else that of the YAML files (`RONDA_CONFIG_FOLDER`), else here.

    Raises:
        ConfigurationError: it cannot be imported, or is no stage.
    """
    module_name, _, attribute = name.partition(":")
    if not attribute:
        module_name = f"{READY}.{name}"
    module = _from_file(name, module_name, folder) if module_name.endswith(".py") else _imported(name, module_name)
    if attribute:
        found: Any = getattr(module, attribute, None)
    else:
        own = [one for one in vars(module).values() if _is_stage(one) and one.__module__ == module_name]
        if len(own) != 1:
            raise ConfigurationError(f"{module_name} should define one stage, not {len(own)}")
        found = own[0]
    if not _is_stage(found):
        raise ConfigurationError(
            f"{name!r} is no stage; it must be a class derived from Stage or PointStage, or a function with @stage"
        )
    stage: type[Stage] = found
    return stage


def stage_file(name: str, folder: Path | None = None) -> tuple[str, Path] | None:
    """The file of a stage `FILE.py:NAME`, as it is named and where it is; None if the stage is no file's."""
    file = name.partition(":")[0]
    if not file.endswith(".py"):
        return None
    return file, (folder or Path(os.environ.get("RONDA_CONFIG_FOLDER", "."))) / file


def _is_stage(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, Stage) and thing not in (Stage, PointStage, FunctionStage)


def _from_file(name: str, file: str, folder: Path | None) -> ModuleType:
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise ConfigurationError(
            f"the stage {name!r} cannot be imported: its file must be in the folder of the YAML files"
        )
    _, path = stage_file(name, folder) or (file, Path(file))
    spec = importlib.util.spec_from_file_location(f"ronda_stages_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError(f"the stage {name!r} cannot be imported: there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        raise ConfigurationError(f"the stage {name!r} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def _imported(name: str, module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            known = ", ".join(ready_stages())
            raise ConfigurationError(
                f"there is no stage {name!r}; give one of {known or 'your own'}, or package.module:NAME of your own"
            ) from error
        raise ConfigurationError(f"the stage {name!r} cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:  # a third party's module may raise anything
        raise ConfigurationError(f"the stage {name!r} cannot be imported: {type(error).__name__}: {error}") from error
