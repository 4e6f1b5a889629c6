"""A running demo beamline as clients see it."""

import os
from collections.abc import Iterator

import pytest

from ronda.framework.clients.beamline import Beamline


@pytest.fixture(scope="session")
def beamline(demo) -> Iterator[Beamline]:
    """The demo beamline; tests leave it as they found it."""
    exports = demo.exports
    connected = Beamline.connect(
        exports["TANGO_HOST"], exports["RONDA_REDIS_URL"].strip("'"), exports["RONDA_BEAMLINE"], os.environ
    )
    yield connected
    connected.close()
