"""The hooks of a controller and its axes, around the courses of these axes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

from ronda.devices.hooks import HookSet
from ronda.devices.motor.course import Course
from ronda.devices.motor.parameters import ControllerParameters
from ronda.devices.worker import Worker
from ronda.framework.config.hooks import Hooks
from ronda.framework.errors import NotReady


class MotionHooks:
    """Hooks run in clients' threads before a motion, and in a thread of their own after it: stop never waits for them.

    Args:
        name: the controller's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._sets: dict[tuple[str, Hooks, Hooks], HookSet] = {}
        self._entered: dict[Course, list[HookSet]] = {}
        self._ending: dict[Course, Future[list[str]]] = {}
        self._worker: Worker | None = None

    def enter(self, who: str, what: str, courses: Sequence[Course], controller: ControllerParameters) -> None:
        """Prepare the motions of some axes; in a client's thread.

        Raises:
            NotReady: a hook failed, and nothing may move.
        """
        if not controller.before_move and not controller.after_move and not any(map(_has_hooks, courses)):
            return
        try:
            for course in courses:
                entered = self._entered.setdefault(course, [])
                parameters = course.axis.parameters
                for hooks in (
                    self._set("", controller.before_move, controller.after_move),
                    self._set(course.axis.label, parameters.before_move, parameters.after_move),
                ):
                    if hooks:
                        hooks.enter(course)
                        entered.append(hooks)
        except NotReady as error:
            self.leave(courses)
            raise NotReady(f"{who}: cannot {what}: {error}") from error

    def leave(self, courses: Sequence[Course]) -> None:
        """These motions did not begin; does not wait."""
        for course in courses:
            if course in self._entered:
                self._leave(course)

    def ending(self, course: Course) -> bool:
        """Whether a motion has ended and its hooks run."""
        return course in self._ending

    def ended(self, course: Course) -> bool:
        """A motion has ended: let its hooks run. Whether they have ended too; what failed is the course's trouble."""
        if course not in self._entered and course not in self._ending:
            return True
        future = self._ending.get(course) or self._leave(course)
        self._ending[course] = future
        if not future.done():
            return False
        del self._ending[course]
        if failed := future.result():
            said = f"{course.trouble}; " if course.trouble else f"{course.axis.label}: "
            course.trouble = said + "; ".join(failed)
        return True

    def _leave(self, course: Course) -> Future[list[str]]:
        entered = self._entered.pop(course)
        return self._thread().submit(lambda: [each for hooks in reversed(entered) for each in hooks.leave(course)])

    def _set(self, name: str, before: Hooks, after: Hooks) -> HookSet:
        with self._lock:
            return self._sets.setdefault((name, before, after), HookSet(before, after))

    def _thread(self) -> Worker:
        with self._lock:
            if self._worker is None:
                self._worker = Worker(f"hooks of {self._name}", lambda: 3600.0)
                self._worker.start()
            return self._worker


def _has_hooks(course: Course) -> bool:
    return bool(course.axis.parameters.before_move or course.axis.parameters.after_move)
