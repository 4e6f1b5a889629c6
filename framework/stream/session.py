"""What a session keeps in Redis beside its scans: where its data belong, and what its user wants to be written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ronda.framework.errors import BadValue
from ronda.framework.stream import keys, scripts
from ronda.framework.stream.connection import Server

PLACE = "place"
"""Field of the hash that says where data belong; the others are the user's metadata."""

METADATA = "metadata "
"""What the fields of the user's metadata begin with."""


class Session:
    """The state of one session, shared by all clients that work in it; `Stream.session` makes it.

    All methods raise CommunicationFailed if Redis does not answer.
    """

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._name = name
        self._key = keys.session(name)

    def read(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where data belong, and the user's metadata by key; both empty as long as nobody said anything."""
        answer = self._server.call("HGETALL", self._key)
        pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
        fields = {name.decode(): json.loads(value) for name, value in pairs}
        place = fields.pop(PLACE, {})
        return place, {name.removeprefix(METADATA): value for name, value in fields.items()}

    def place(self) -> dict[str, Any]:
        """Where data belong; empty as long as nobody said anything."""
        told = self._server.call("HGET", self._key, PLACE)
        return {} if told is None else dict(json.loads(told))

    def change_place(self, expected: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
        """Let data belong elsewhere, unless another client was quicker; returns where they belong now.

        Args:
            expected: what it was when the change was thought of.
            place: what it is to be.
        """
        now = self._server.script(scripts.PLACE, self._key, PLACE, _text(expected), _text(place))
        found: dict[str, Any] = json.loads(now or "{}")
        return found

    def set_place(self, place: Mapping[str, Any], *, forget_metadata: bool = False) -> None:
        """Let data belong elsewhere.

        Args:
            place: where.
            forget_metadata: whether the user's metadata end with this.
        """
        self._server.call("HSET", self._key, PLACE, _text(place))
        if forget_metadata:
            self.remove_metadata(*self.read()[1])

    def claim_dataset(self, dataset: list[str]) -> bool:
        """Whether this session is the first to begin a dataset; whoever asks later is told no.

        Args:
            dataset: what tells it from all others.
        """
        return bool(self._server.call("HSETNX", keys.DATASETS, json.dumps(dataset, ensure_ascii=False), self._name))

    def add_metadata(self, values: Mapping[str, Any]) -> None:
        """Write these with each scan from now on.

        Raises:
            BadValue: a value cannot be kept.
        """
        fields: list[Any] = []
        for name, value in values.items():
            fields += [f"{METADATA}{name}", _text(value)]
        if fields:
            self._server.call("HSET", self._key, *fields)

    def remove_metadata(self, *names: str) -> None:
        """Write these no longer."""
        if names:
            self._server.call("HDEL", self._key, *(f"{METADATA}{name}" for name in names))


def _text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise BadValue(f"{value!r} cannot be kept ({error}); give text, finite numbers, lists and dicts") from error
