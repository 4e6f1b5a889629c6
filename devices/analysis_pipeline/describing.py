"""Making stages ready for a scan beside the calls that ask for it: compiling may take longer than a Tango call may."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ronda.framework.stream import Device

ANSWER_LIMIT = 1.5
"""Seconds within which a call is answered, in any case: Tango gives up after 3 s."""

KEPT = 8
"""Questions that are remembered; who asked may never come back."""


class _Job:
    def __init__(self, work: Callable[[], list[Device]]) -> None:
        self.done = threading.Event()
        self._work = work
        self._found: list[Device] = []
        self._error: Exception | None = None
        threading.Thread(target=self._run, name="describing", daemon=True).start()

    def _run(self) -> None:
        try:
            self._found = self._work()
        except Exception as error:  # noqa: BLE001 - who asked is told
            self._error = error
        finally:
            self.done.set()

    def result(self) -> list[Device]:
        if self._error is not None:
            raise self._error
        return self._found


class Describing:
    """Answers what a pipeline adds to a scan, or that this is not known yet. Methods may be called by any thread."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()

    def ask(self, question: str, work: Callable[[], list[Device]], limit: float = ANSWER_LIMIT) -> list[Device] | None:
        """The answer; None if it takes longer: ask the same again.

        Args:
            question: tells questions apart.
            work: finds the answer, once.
            limit: longest wait in s.

        Raises:
            anything: what the work raises.
        """
        with self._lock:
            job = self._jobs.get(question) or _Job(work)
            self._jobs[question] = job
            for old in list(self._jobs)[:-KEPT]:
                del self._jobs[old]
        if not job.done.wait(limit):
            return None
        with self._lock:
            self._jobs.pop(question, None)
        return job.result()
