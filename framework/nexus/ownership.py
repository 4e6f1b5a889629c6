"""Whose the files of a proposal are and who may read them: owner, group and mode of files and folders."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from ronda.framework.errors import ConfigurationError
from ronda.framework.stream.description import Description


@dataclass(frozen=True)
class Ownership:
    """Mode, group and owner of what a writer makes.

    Attributes:
        mode: permissions of a file, as `0o640`; folders can be entered by those who may read. None leaves the system's.
        group: name of the group; `{session}` and `{proposal}` stand for the scan's. Empty leaves the system's.
        owner: name of the user to whom it all belongs, in the same way. The writer goes on writing to it.
    """

    mode: int | None = None
    group: str = ""
    owner: str = ""

    def require_possible(self) -> None:
        """See that files can be given to others, if that is wished.

        Raises:
            ConfigurationError: this process may not do it.
        """
        if self.owner and not _may_give_away():
            raise ConfigurationError(
                f"the files cannot be given to the owner {self.owner}: the writer runs as {_own_name()}, and only "
                "root, or who has the capabilities CHOWN, FOWNER and DAC_OVERRIDE, gives files away and goes on "
                "writing to them; start it so, or leave `owner` out of its configuration and use `group`"
            )

    def make_folder(self, folder: Path, root: Path, description: Description) -> None:
        """Make a folder and those above it, below the data root.

        Raises:
            ConfigurationError: there is no such group or user, or we may not give things to it.
            OSError: it cannot be made.
        """
        missing = [one for one in (folder, *folder.parents) if one.is_relative_to(root) and not one.exists()]
        for one in reversed(missing):
            one.mkdir(parents=True, exist_ok=True)
            self._give(one, description, folder=True)

    def give_folder(self, folder: Path, description: Description) -> None:
        """Set mode, group and owner of a folder.

        Raises:
            as `make_folder`.
        """
        self._give(folder, description, folder=True)

    def give(self, file: Path, description: Description) -> None:
        """Set mode and group of a file.

        Raises:
            as `make_folder`.
        """
        self._give(file, description, folder=False)

    def _give(self, path: Path, description: Description, *, folder: bool) -> None:
        group, owner = (
            text.replace("{session}", description.session).replace("{proposal}", description.proposal)
            for text in (self.group, self.owner)
        )
        if group:
            try:
                os.chown(path, -1, grp.getgrnam(group).gr_gid)
            except (KeyError, PermissionError) as error:
                why = "there is no such group" if isinstance(error, KeyError) else "the writer is not a member of it"
                raise ConfigurationError(
                    f"{path}: cannot be given to the group {group}: {why}; correct `group` in its configuration"
                ) from error
        if self.mode is not None:
            mode = self.mode | 0o600  # we must go on writing it
            # who may read a folder's files must enter it; new things in it get its group
            path.chmod(mode | (mode & 0o444) >> 2 | (0o2000 if group else 0) if folder else mode)
        if owner:
            try:
                os.chown(path, pwd.getpwnam(owner).pw_uid, -1)
            except (KeyError, PermissionError) as error:
                why = "there is no such user" if isinstance(error, KeyError) else "the writer may not give files away"
                raise ConfigurationError(
                    f"{path}: cannot be given to the owner {owner}: {why}; correct `owner` in its configuration"
                ) from error


CHOWN, DAC_OVERRIDE, FOWNER = 1 << 0, 1 << 1, 1 << 3
"""Capabilities of Linux, see capabilities(7)."""


def _may_give_away() -> bool:
    """Whether this process may give files away, and go on changing and writing them."""
    needed = CHOWN | DAC_OVERRIDE | FOWNER
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return os.geteuid() == 0
    effective = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return effective & needed == needed


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
