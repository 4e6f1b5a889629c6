"""The keys of a logbook in YAML."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ronda.framework.config.kinds import DeviceParameters
from ronda.framework.config.parameters import Parameters, SecretString, parameter, reference


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("must be http://HOST/… or https://HOST/…, without user and password")
    return url


class WebhookParameters(Parameters):
    """Where each entry is sent too, as JSON by HTTP POST: a facility's logbook, or what passes it on to one."""

    url: Annotated[str, AfterValidator(_check_url)] = parameter("Address; redirections are not followed")
    token: SecretString | None = parameter(
        "Sent as `Authorization: Bearer …`; as ${NAME} of an environment variable", None
    )
    timeout: float = parameter("How long it may take to answer", 10.0, unit="s", gt=0, le=120)
    most: int = parameter("While it does not answer, so many entries wait at most; the oldest are left out", 1000, ge=1)


class LogbookParameters(DeviceParameters):
    """The electronic logbook: commands, errors, notes and scans, as Markdown beside the data."""

    writer: Annotated[str, reference("writer")] = parameter("The writer beside whose files `logbook.md` is")
    webhook: WebhookParameters | None = parameter("Another logbook that gets each entry", None)
