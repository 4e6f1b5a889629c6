"""Checking where Redis, the Tango database and the live view are, and which host runs them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from urllib.parse import parse_qs, urlsplit

from ronda.framework.config.beamline import BeamlineParameters, HostParameters
from ronda.framework.config.problems import Problem, listed
from ronda.framework.config.source import Section
from ronda.framework.config.view import EVERYWHERE, ViewParameters
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
    if parameters is not None and parameters.view is not None:
        problems += _check_view(section, parameters.view, parameters.hosts)
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


def _check_view(section: Section, view: ViewParameters, hosts: Collection[str]) -> Iterator[Problem]:
    """Check what no key tells alone; `hosts` are the names that the section gives to hosts."""

    def problem(key: str, what: str, allowed: str) -> Problem:
        return Problem(section.location(("view", key)), "beamline", what, allowed)

    if view.host is not None and view.host not in hosts:
        allowed = f"must be {listed(map(repr, hosts), 'or')}" if hosts else "remove it: the beamline has no 'hosts'"
        yield problem("host", f"view.host is {view.host!r}", allowed)
    if len(hosts) > 1 and view.host is None:
        yield problem("host", "view.host is missing", "must be given where there are several hosts")
    if len(hosts) > 1 and view.port is None:
        yield problem("port", "view.port is missing", "must be given where there are several hosts: all must know it")
    if view.address in EVERYWHERE and not view.names:
        allowed = "must be given where the page is served on all interfaces: by which names it is reached"
        yield problem("names", "view.names is missing", allowed)
    if (view.certificate is None) != (view.key is None):
        given, missing = ("certificate", "key") if view.key is None else ("key", "certificate")
        yield problem(given, f"view.{given} is given without view.{missing}", "TLS needs both")
