"""Making this process cooperative: the only place where gevent changes anything."""

from __future__ import annotations


def make_cooperative() -> None:
    """Let waiting for sockets and for time let other greenlets run; threads stay threads.

    To be called once, by the entry point of a program that has a prompt, before Tango and Redis are imported.
    """
    from gevent import monkey

    monkey.patch_all(thread=False)
