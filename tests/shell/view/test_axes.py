"""The axes of the page: what is wrong with one stays its own."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import tango

from ronda.framework.clients.axis import Axis
from ronda.framework.errors import CommunicationFailed
from ronda.shell.view.axes import Axes


class Proxy:
    """A device that gives events of its state, and none of its position."""

    def __init__(self) -> None:
        self.subscribed: list[int] = []
        self.asked = 0

    def subscribe_event(self, attribute: str, *_: object) -> int:
        self.asked += 1
        if attribute != "State":
            tango.Except.throw_exception("API_AttributePollingNotStarted", "no events", "test")
        self.subscribed.append(self.asked)
        return self.asked

    def unsubscribe_event(self, event: int) -> None:
        self.subscribed.remove(event)


class FakeAxis(Axis):
    """An axis whose position is what a test wants."""

    def __init__(self, name: str, position: Callable[[], float], proxy: Proxy) -> None:
        self.name, self.unit, self.digits, self.description = name, "mm", 3, ""
        self.tell, self.proxy = position, proxy
        self.remote: Any = SimpleNamespace(proxy=proxy)

    limits: Any = (float("-inf"), 5.0)
    state: Any = "ON"

    @property
    def position(self) -> float:  # type: ignore[override]
        return self.tell()


def lost() -> float:
    raise CommunicationFailed("gone: its server does not answer")


def test_an_axis_without_a_position_or_without_events_hinders_no_other(wait_for: Callable[..., Any]) -> None:
    proxies = [Proxy(), Proxy(), Proxy()]
    positions: list[Callable[[], Any]] = [lambda: float(None), lost, lambda: 2.5]  # type: ignore[arg-type]
    names = ["outside", "gone", "samx"]
    objects = {name: FakeAxis(name, *rest) for name, *rest in zip(names, positions, proxies, strict=True)}
    axes = Axes(SimpleNamespace(objects=objects))  # type: ignore[arg-type]
    axes.start()
    try:
        wait_for(lambda: all(proxy.asked >= 4 for proxy in proxies), 60, "each was tried twice")
        shown = {one["name"]: one for one in axes.shown()}
    finally:
        axes.stop()
    assert shown["outside"]["trouble"] == "outside: has no position now"
    assert shown["gone"]["trouble"] == "gone: its server does not answer"
    assert (shown["samx"]["position"], shown["samx"]["limits"], shown["samx"]["state"]) == (2.5, (None, 5.0), "ON")
    assert [proxy.subscribed for proxy in proxies] == [[], [], []]
