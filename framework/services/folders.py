"""Where a beamline keeps its things on this machine: what survives a restart, and what lives only while it runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ronda.framework.config.beamline import BeamlineParameters
from ronda.framework.door.place import make_private
from ronda.framework.errors import ServiceFailed

DEFAULT_STATE = ".ronda"
_SHORT = Path("/tmp")  # noqa: S108 a Unix socket's path is limited to 107 bytes; the folder in it is private and checked


@dataclass(frozen=True)
class Folders:
    """The folders of one host of one beamline.

    Attributes:
        config: the folder of YAML files.
        state: what must survive: database, Redis log, ports, logs, the applied configuration. Mode 0700.
        run: sockets only, on a short path; gone when the beamline is down. Mode 0700.
    """

    config: Path
    state: Path
    run: Path

    @property
    def logs(self) -> Path:
        """One log file for each process."""
        return self.state / "logs"

    @property
    def neighbours(self) -> Path:
        """Links to the files of ports of all beamlines of this user on this machine."""
        home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        state = os.path.expanduser(home)  # noqa: PTH111 no error without home
        return Path(state) / "ronda" / "ports"

    @property
    def applied(self) -> Path:
        """The YAML files as last applied; a restarted agent reads these, never files being edited."""
        return self.state / "applied"

    @property
    def proposed(self) -> Path:
        """The YAML files that `apply` hands to the agent, which makes them the applied ones when it could take them."""
        return self.state / "proposed"

    @property
    def redis(self) -> Path:
        """Data of the embedded Redis."""
        return self.state / "redis"

    @property
    def archive(self) -> Path:
        """What the data loggers of this host keep, each in a folder of its own."""
        return self.state / "archive"

    @property
    def tango_database(self) -> Path:
        """SQLite file of the embedded Tango database."""
        return self.state / "tango.db"

    @property
    def ports(self) -> Path:
        """The ports chosen for this beamline."""
        return self.state / "ports.json"

    @property
    def status(self) -> Path:
        """What the host agent last said of its processes."""
        return self.state / "status.json"

    @property
    def lock(self) -> Path:
        """Held by the host agent while it lives."""
        return self.state / "agent.lock"

    @property
    def redis_socket(self) -> Path:
        """Unix socket of the embedded Redis."""
        return self.run / "redis.sock"

    def make(self) -> None:
        """Create the folders for what survives.

        Raises:
            ServiceFailed: a folder cannot be created or written.
        """
        with contextlib.suppress(OSError):  # somebody was killed while it was replaced
            if not self.applied.exists():
                _put_aside(self.applied).rename(self.applied)
        for folder in (self.state, self.logs, self.applied, self.redis):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                if folder == self.state:
                    folder.chmod(0o700)
                probe = folder / f".probe-{os.getpid()}"
                probe.touch()
                probe.unlink()
            except OSError as error:
                raise ServiceFailed(
                    f"the state folder {folder} cannot be written ({error.strerror}); "
                    "make it writable, or name another one with `state:` under `beamline:`"
                ) from error

    def make_run(self) -> None:
        """Create the folder for sockets.

        Raises:
            ServiceFailed: it cannot be created, or is not ours.
        """
        for folder in (self.run.parent, self.run):
            make_private(folder)

    def remove_run(self) -> None:
        """Remove the run folder and the sockets in it."""
        remove_run_folder(self.state)


def folders_of(config: Path, parameters: BeamlineParameters, host: str) -> Folders:
    """The folders of one host of the beamline configured in `config`.

    Raises:
        ServiceFailed: the state folder is in the home of a user whom this machine does not know.
    """
    config = config.resolve()
    try:
        wanted = Path(parameters.state or DEFAULT_STATE).expanduser()
    except RuntimeError as error:
        raise ServiceFailed(
            f"the state folder {parameters.state} cannot be found ({error}); correct `state:` under `beamline:`"
        ) from error
    state = (config / wanted).resolve() / host
    return Folders(config, state, _run_folders() / f"{parameters.name}-{_digest(state)}")


def replace_folder(fresh: Path, target: Path) -> None:
    """Put a complete folder in the place of another one; there is no moment in which both are lost."""
    old = _put_aside(target)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _put_aside(target: Path) -> Path:
    return target.with_name(f"{target.name}.old")


def remove_run_folder(state: Path) -> None:
    """Remove the run folder that belongs to a state folder, and the sockets in it."""
    for folder in _run_folders().glob(f"*-{_digest(state)}"):
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):  # another beamline of this user is running, or it was never made
        _run_folders().rmdir()


def _run_folders() -> Path:
    """The parent of this user's run folders."""
    return _SHORT / f"ronda-{os.getuid()}"


def _digest(state: Path) -> str:
    return hashlib.sha256(os.fsencode(state)).hexdigest()[:8]
