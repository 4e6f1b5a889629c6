"""Checking where Redis and the Tango database are, and which host runs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from ronda.framework.config.beamline import BeamlineParameters, HostParameters
from ronda.framework.config.problems import Problem, listed
from ronda.framework.config.source import Section
from ronda.framework.config.words import show

HOST_PATTERN = r"[a-zA-Z][a-zA-Z0-9_-]*"
"""Names of hosts: they become part of the name of the host agent's Tango device."""

ONLY_HOST = "local"
"""The name of the host of a beamline that names none."""

_SCHEMES = ("redis", "rediss", "unix")


def check_services(section: Section, parameters: BeamlineParameters | None) -> list[Problem]:
    """Check the services and hosts of the section `beamline`.

    Args:
        section: the section.
        parameters: its contents; None if something in it is wrong already.
    """
    problems = list(_check_redis_url(section))
    hosts = section.data.get("hosts")
    for name in hosts if isinstance(hosts, dict) else ():
        if not re.fullmatch(HOST_PATTERN, name):
            what = f"the name {name!r} is not allowed"
            allowed = "names of hosts begin with a letter and hold letters, digits, - and _"
            problems.append(Problem(section.location(("hosts", name), key=True), name, what, allowed))
    if parameters is not None and len(parameters.hosts) > 1:
        problems += _check_several_hosts(section, parameters)
    return problems


def hosts_of(parameters: BeamlineParameters) -> dict[str, HostParameters]:
    """The hosts, at least one; a single one runs the services, whether it says so or not."""
    if len(parameters.hosts) > 1:
        return parameters.hosts
    name, host = next(iter(parameters.hosts.items()), (ONLY_HOST, HostParameters()))
    return {name: host.model_copy(update={"services": True})}


def _check_several_hosts(section: Section, parameters: BeamlineParameters) -> Iterator[Problem]:
    services = parameters.services
    chosen = [name for name, host in parameters.hosts.items() if host.services]
    if services.tango.host is None and len(chosen) != 1:
        what = f"{listed(chosen)} have 'services: true'" if chosen else "no host has 'services: true'"
        allowed = "one host must run the embedded Tango database"
        yield Problem(section.location(("hosts",), key=True), "hosts", what, allowed)
    if services.redis.url is None:
        what = "services.redis.url is missing"
        allowed = "must be given where there are several hosts: the embedded Redis cannot be reached from another one"
        yield Problem(section.location(("services",), key=True), "beamline", what, allowed)
    if services.tango.host is None and services.tango.port is None:
        what = "services.tango.port is missing"
        allowed = "must be given where there are several hosts, so that all know where the Tango database is"
        yield Problem(section.location(("services", "tango"), key=True), "beamline", what, allowed)


def _check_redis_url(section: Section) -> Iterator[Problem]:
    """Check the form of the URL here and not in the model, because a wrong one may hold a password: it is not shown."""
    path = ("services", "redis", "url")
    url: object = section.data
    for element in path:
        url = url.get(element) if isinstance(url, dict) else None
    if not isinstance(url, str):
        return
    place = section.location(path)
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or "password" in parse_qs(parts.query)
        complete = bool(parts.path.strip("/")) if parts.scheme == "unix" else bool(parts.hostname)
        _ = parts.port
    except ValueError:
        yield Problem(place, "beamline", "services.redis.url is not a URL", "must be redis://HOST:PORT")
        return
    if secret:
        allowed = "write 'password: ${NAME}' beside it, and set that environment variable"
        yield Problem(place, "beamline", "services.redis.url holds a password", allowed)
    elif parts.scheme not in _SCHEMES or not complete:
        what = "services.redis.url is " + (show(url) if "@" not in url else "not of the right form")
        yield Problem(place, "beamline", what, "must be redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH")
