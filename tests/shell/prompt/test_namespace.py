"""The names that people can type."""

from __future__ import annotations

import pytest

from ronda.framework.errors import NotAllowed
from ronda.shell.prompt.namespace import Namespace


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"samx": "the axis samx", "samy": "the axis samy"}, {"mv": print}, {"np": "numpy"})


@pytest.mark.parametrize(
    "code", ["samx = 3", "for samx in [1]: pass", "def samx(): pass", "import os as samx", "samx += 'a'"]
)
def test_a_device_is_not_overwritten_by_accident(code: str, namespace: Namespace) -> None:
    with pytest.raises(NotAllowed, match=r"^samx is a device; choose another name"):
        exec(code, namespace)

    assert namespace["samx"] == "the axis samx"


def test_neither_is_a_command(namespace: Namespace) -> None:
    with pytest.raises(NotAllowed, match=r"^mv is a command"):
        exec("mv = 1", namespace)


def test_a_name_is_freed_on_purpose(namespace: Namespace) -> None:
    exec("del samx\nsamx = 3", namespace)

    assert namespace["samx"] == 3


def test_functions_see_devices_and_may_call_their_own_variables_so(namespace: Namespace) -> None:
    exec("def f(samy):\n    samx_ = samx\n    return samx_, samy\nresult = f(1)", namespace)

    assert namespace["result"] == ("the axis samx", 1)


def test_other_names_are_free(namespace: Namespace) -> None:
    exec("np = 1\na = 2\ndel a", namespace)

    assert namespace["np"] == 1
    assert "a" not in namespace


def test_a_typo_finds_the_nearest_name(namespace: Namespace) -> None:
    assert namespace.nearest("smax") == "samx"
    assert namespace.nearest("wavelength") is None
