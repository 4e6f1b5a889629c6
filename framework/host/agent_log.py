"""The agent's log: one line for each event on standard output, which is its log file."""

from __future__ import annotations

from typing import Any, TextIO, cast

import structlog

from ronda.framework.host.logs import LogStream


def agent_log() -> Any:
    """The logger; lines that a full disk cannot take are lost, and nothing else."""
    return structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", LogStream())),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
