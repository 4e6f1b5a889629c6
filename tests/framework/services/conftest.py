"""What the tests of the services share: the folders of a beamline made on the spot."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ronda.framework.config.beamline import BeamlineParameters
from ronda.framework.services.folders import Folders, folders_of

MakeFolders = Callable[..., Folders]


@pytest.fixture
def folders_for() -> Iterator[MakeFolders]:
    """`folders_for(config, name=…, host=…, state=…)` gives the folders of a beamline, unmade; sockets go at the end."""
    given: list[Folders] = []

    def make(config: Path, *, name: str = "demo", host: str = "local", state: str | None = None) -> Folders:
        given.append(folders_of(config, BeamlineParameters(name=name, state=state), host))
        return given[-1]

    yield make
    for folders in given:
        folders.remove_run()
