"""Going somewhere with several axes: what one of them answers keeps none of the others moving."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from ronda.framework.clients import going
from ronda.framework.errors import CommunicationFailed, HardwareFault


class Moving:
    """Stands for an axis; `lost` is one whose server no longer answers."""

    group = None

    def __init__(self, name: str, *, lost: bool = False) -> None:
        self.name = name
        self.remote = name
        self.moves = False
        self.told: list[str] = []
        self._lost = lost

    def check(self, _: list[float]) -> None:
        """Each target is allowed."""

    def start(self, _: float) -> None:
        self.moves = True

    def arrive(self, _: float) -> None:
        raise HardwareFault(f"{self.name}: does not arrive")

    def stop(self) -> None:
        self.told.append("stop")
        if self._lost:
            raise CommunicationFailed(f"{self.name}: does not answer")
        self.moves = False

    def halt(self) -> str:
        self.told.append("halt")
        if self._lost:
            raise CommunicationFailed(f"{self.name}: does not answer")
        return "" if not self.moves else f"{self.name} still moves"


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    @contextlib.contextmanager
    def free(*_: Any) -> Iterator[None]:
        yield

    monkeypatch.setattr(going, "Hold", free)
    return [Moving("samx"), Moving("samy", lost=True), Moving("samz")]


def test_all_are_stopped_though_one_does_not_answer(axes: list[Any]) -> None:
    with pytest.raises(HardwareFault, match="samx: does not arrive") as told:
        going.go_together([(one, 1.0) for one in axes], "test")

    assert [one.told for one in axes] == [["stop", "halt"]] * 3
    assert [one.moves for one in axes] == [False, True, False]
    assert told.value.__notes__ == ["samy could not be stopped: samy: does not answer"]
