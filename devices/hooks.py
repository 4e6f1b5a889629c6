"""Hooks around a motion: what several axes need is prepared before the first moves, and put back after the last."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence

from ronda.framework.clients.hooks import run_hook
from ronda.framework.config.hooks import HookParameters
from ronda.framework.errors import NotReady, RondaError


class HookSet:
    """Hooks that several axes share: they run once, however many of these move at a time. Any thread.

    Args:
        before: run before the first begins to move.
        after: run after the last has come to rest.
        run: runs one hook.
    """

    def __init__(
        self,
        before: Sequence[HookParameters],
        after: Sequence[HookParameters],
        run: Callable[[HookParameters], None] = run_hook,
    ) -> None:
        self._before, self._after, self._run = before, after, run
        self._lock = threading.Lock()
        self._users: set[Hashable] = set()

    def __bool__(self) -> bool:
        return bool(self._before or self._after)

    def enter(self, user: Hashable) -> None:
        """Prepare a motion of one user.

        Raises:
            NotReady: a hook failed; what was prepared has been put back, and nothing may move.
        """
        with self._lock:
            if not self._users:
                try:
                    for hook in self._before:
                        self._run(hook)
                except RondaError as error:
                    also = self._put_back()
                    raise NotReady("; ".join([f"what must be done before failed: {error}", *also])) from error
            self._users.add(user)

    def leave(self, user: Hashable) -> list[str]:
        """The motion has ended, or did not begin; returns a sentence for each hook that failed."""
        with self._lock:
            if user not in self._users:
                return []
            self._users.discard(user)
            return [] if self._users else self._put_back()

    def _put_back(self) -> list[str]:
        failed = []
        for hook in self._after:
            try:
                self._run(hook)
            except RondaError as error:
                failed.append(f"what must be done afterwards failed: {error}")
        return failed
