"""The connection of a device server to the stream, as the environment that `ronda up` makes says."""

from __future__ import annotations

from collections.abc import Mapping

from ronda.framework.errors import ConfigurationError
from ronda.framework.stream import Stream


def connect_stream(who: str, environment: Mapping[str, str], *, patience: float = 30.0) -> Stream:
    """Connect to the stream.

    Args:
        who: begins messages.
        environment: holds RONDA_REDIS_URL, and RONDA_REDIS_USER and RONDA_REDIS_PASSWORD if Redis asks for them.
        patience: seconds for which a call tries again when Redis went away.

    Raises:
        ConfigurationError: nobody said where it is.
        ServiceFailed, NotAllowed: it cannot be used.
    """
    url = environment.get("RONDA_REDIS_URL")
    if not url:
        raise ConfigurationError(f"{who}: RONDA_REDIS_URL is not set in the environment; `ronda up` does this")
    return Stream.connect(
        url,
        user=environment.get("RONDA_REDIS_USER"),
        password=environment.get("RONDA_REDIS_PASSWORD"),
        patience=patience,
    )
