"""How an agent tells whoever typed `ronda up` how the start goes."""

from __future__ import annotations

import contextlib
import json
import os

from ronda.framework.host.status import ProcessStatus


class Report:
    """Tells whoever typed `ronda up` how the start goes, a JSON object a line."""

    def __init__(self, fd: int | None) -> None:
        """Write to the pipe `fd`, if there is one."""
        self._fd = fd

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        return self._fd is not None

    def progress(self, process: ProcessStatus) -> None:
        """A process changed."""
        self._send({"process": process.name, "state": process.state, "note": process.note})

    def done(self) -> None:
        """Everything runs."""
        self._send({"ready": True})
        self._close()

    def failed(self, sentence: str) -> None:
        """It could not be started, and nothing is left of it."""
        self._send({"error": sentence})
        self._close()

    def _send(self, word: dict[str, object]) -> None:
        if self._fd is not None:
            try:
                os.write(self._fd, (json.dumps(word) + "\n").encode())
            except OSError:
                self._close()  # nobody reads any more: that is no reason to stop

    def _close(self) -> None:
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = None
