"""Making this process cooperative: the only place where gevent changes anything."""

from __future__ import annotations

import threading


def make_cooperative() -> None:
    """Let waiting for sockets and for time let other greenlets run; threads stay threads.

    To be called once, by the entry point of a program that has a prompt, before Tango and Redis are imported.
    """
    from gevent import monkey

    monkey.patch_all(thread=False)
    _end_event_loops_with_their_threads()


def _end_event_loops_with_their_threads() -> None:
    """A thread that waits for a socket gets an event loop, with two file descriptors, which gevent never gives back.

    Each scan has such a thread, for its lease.
    """
    from gevent._hub_local import get_hub_if_exists  # get_hub would make one

    run = threading.Thread.run

    def run_to_the_end(self: threading.Thread) -> None:
        try:
            run(self)
        finally:
            hub = get_hub_if_exists()
            if hub is not None:
                hub.destroy(destroy_loop=True)

    threading.Thread.run = run_to_the_end  # type: ignore[method-assign] # Python says nowhere else that a thread ends
