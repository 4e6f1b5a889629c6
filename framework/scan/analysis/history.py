"""The scans of a session, as a list: running, ended, and those of earlier programs that memory still has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import BadValue, NotFound
from ronda.framework.scan.analysis.past import FileScan, PastScan, find

if TYPE_CHECKING:
    from ronda.framework.scan.own import OwnScan

KEPT = 100
"""Scans of this program that are kept as such at least."""

SHOWN = 10
"""How many scans are shown of a long list."""


class History(Sequence[Any]):
    """`SCANS[-1]` is the newest, `SCANS[0]` the oldest in memory; `SCANS["…/scan_0007.h5"]` is one in a file.

    Scans of this program are the objects that the scan functions returned; others are `PastScan`.

    Args:
        beamline: where they ran.
        session: says whose scans belong here now.
    """

    def __init__(self, beamline: Beamline, session: Callable[[], str]) -> None:
        self._beamline = beamline
        self._session = session
        self._own: dict[str, OwnScan] = {}
        self._unsorted: list[OwnScan] = []

    def add(self, scan: OwnScan) -> None:
        """Keep a scan of this program; of very many the oldest ended ones become those of the stream and of files."""
        self._unsorted.append(scan)
        if len(self._unsorted) > 2 * KEPT:
            early = self._unsorted[:-KEPT]
            self._unsorted = [one for one in early if not one.wait(0)] + self._unsorted[-KEPT:]
            self._own = {}

    @overload
    def __getitem__(self, which: int | str) -> Any: ...

    @overload
    def __getitem__(self, which: slice) -> list[Any]: ...

    def __getitem__(self, which: int | str | slice) -> Any:
        if isinstance(which, str):
            return self._by_name(which)
        if not isinstance(which, int | slice):
            raise BadValue(f"SCANS[{which!r}]: give a place such as -1, an id, or the path of a file")
        found = self._all()
        try:
            chosen = found[which]
        except IndexError as error:
            raise NotFound(
                f"SCANS[{which}]: there are {len(found)} scans in memory; those of earlier days are in their files"
            ) from error
        return [self._scan(one) for one in chosen] if isinstance(chosen, list) else self._scan(chosen)

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Any]:
        for one in self._all():
            yield self._scan(one)

    def __repr__(self) -> str:
        found = self._all()
        lines = [] if len(found) <= SHOWN else [f"… {len(found) - SHOWN} more"]
        lines += [repr(self._scan(one)) for one in found[-SHOWN:]]
        return "\n".join(lines) or "no scans"

    def number(self, number: int) -> Any:
        """The newest scan of that number.

        Raises:
            NotFound: memory has none.
        """
        for one in reversed(self._all()):
            scan = self._scan(one)
            if scan.number == number:
                return scan
        raise NotFound(f"scan {number}: is not in memory; open its file, as in SCANS['…/scan_{number:04d}.h5']")

    def newest(self) -> Any:
        """The newest scan of this program, else of the session.

        Raises:
            NotFound: there is none.
        """
        begun = [scan for scan in self._unsorted if scan.identifier]
        if begun:
            return begun[-1]
        if not len(self):
            raise NotFound("there is no scan yet; SCANS['…/scan_0007.h5'] opens one in a file")
        return self[-1]

    def beside(self) -> list[OwnScan]:
        """The scans of this program that were started to run beside what the user does."""
        return [scan for scan in self._unsorted if scan.beside]

    def running(self) -> list[OwnScan]:
        """The scans of this program that run now, but for those beside."""
        return [scan for scan in self._unsorted if scan.runs and not scan.beside]

    def _all(self) -> list[Any]:
        """Records of the catalogue, and own scans that it does not have any more, the newest last."""
        session = self._session()
        records = [record for record in self._beamline.stream.scans() if record.session == session]
        self._own = {scan.identifier: scan for scan in self._unsorted if scan.identifier}
        known = {record.identifier for record in records}
        gone = [scan for identifier, scan in self._own.items() if identifier not in known]
        return [*gone, *records]

    def _scan(self, one: Any) -> Any:
        found = self._own.get(one.identifier)
        return found if found is not None else PastScan(self._beamline, one)

    def _by_name(self, which: str) -> PastScan | FileScan | OwnScan:
        if which.endswith((".h5", ".hdf5", ".nxs")) or "/" in which:
            return find(which)
        self._all()
        if which in self._own:
            return self._own[which]
        return PastScan(self._beamline, self._beamline.stream.scan(which).record())
