"""The log of a device server: one line for each event on standard output, with time, level and device."""

from __future__ import annotations

import logging
import sys

import structlog

TALK = "ronda.device"
"""Above the names of the loggers of `talk_of`."""

LONGEST = 200
"""Characters of a value in a line of talk."""


class _Talk(logging.Handler):
    """Writes what devices and instruments say to each other among the other lines."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().debug(record.getMessage(), device=record.name.removeprefix(f"{TALK}."))


def configure_log() -> None:
    """Send what structlog gets to standard output; called once, by the program."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S.%f", utc=False),
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, sort_keys=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    talk = logging.getLogger(TALK)
    talk.propagate = False
    talk.addHandler(_Talk())


def talk_of(device: str) -> logging.Logger:
    """Logger of all that passes between a device and its clients, and between it and its instrument.

    It writes at level DEBUG, which is off until a client asks for it; to find that out costs 0.1 µs.

    Args:
        device: its name in YAML.
    """
    return logging.getLogger(f"{TALK}.{device}")


def brief(value: object) -> str:
    """A value in a line of the log."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
