"""Rings of frames in this host's shared memory that nobody needs any more, at the end of the beamline."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from ronda.framework.errors import RondaError
from ronda.framework.services.redis import RedisAccess

PATIENCE = 2.0
"""Seconds that Redis has to say which frames are still needed; what is left then is swept at the next start."""


def sweep_rings(access: RedisAccess, environment: Mapping[str, str]) -> None:
    """Remove the rings whose owners have ended and whose frames are all safe; nothing is said if that cannot be known.

    Args:
        access: to the stream that refers to them.
        environment: holds the password of Redis if it needs one.
    """
    from ronda.framework.stream.frames.folder import ring_folder

    with contextlib.suppress(RondaError, OSError):
        folder = ring_folder()
        if not folder.is_dir() or not any(folder.iterdir()):
            return
        from ronda.framework.stream.stream import Stream

        password = environment.get(access.password_name) if access.password_name else None
        with Stream.connect(access.url, user=access.user, password=password, patience=PATIENCE) as stream:
            stream.sweep_frames()
