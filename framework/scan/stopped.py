"""The word that a scan was stopped, not failed."""

from __future__ import annotations

from ronda.framework.errors import NotReady


class ScanStopped(NotReady):
    """Somebody stopped the scan before its last point."""
