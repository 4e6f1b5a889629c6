"""The log of a device server: one line for each event on standard output, with time, level and device."""

from __future__ import annotations

import sys

import structlog


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
