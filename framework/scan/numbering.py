"""Numbers of scans: from 1 in each dataset, none twice, also when Redis has forgotten what is on disk."""

from __future__ import annotations

from ronda.framework.clients.beamline import Beamline
from ronda.framework.errors import NotReady
from ronda.framework.nexus.words import CONSUMER
from ronda.framework.policy.place import Place
from ronda.framework.policy.policy import DataPolicy
from ronda.framework.stream.description import Description
from ronda.framework.stream.scan import Scan


def open_numbered(
    beamline: Beamline, policy: DataPolicy, place: Place, description: Description, *, lease_seconds: float
) -> Scan:
    """Open a scan in the stream with the next number of its dataset.

    Redis counts. The first scan of this process in a dataset, and one of which Redis knows no last number, asks the
    writer for the highest number on disk; the scan's is above both.

    Args:
        beamline: whose stream.
        policy: of its session.
        place: where its data belong.
        description: of the scan.
        lease_seconds: as for `Stream.open_scan`.

    Raises:
        CommunicationFailed: Redis does not answer.
        NotAllowed: somebody else has control of its session.
        NotReady: it is to be saved, and no writer answers.
    """
    counter = tuple(description.counted_in())

    def last_number() -> int:
        try:
            found = policy.last_number(place, description.user)
        except NotReady:
            if CONSUMER in description.consumers:
                raise
            return 0  # the next scan that is saved asks again
        beamline.numbered.add(counter)
        return found

    above = 0 if counter in beamline.numbered else last_number()
    return beamline.stream.open_scan(
        description,
        lease_seconds=lease_seconds,
        number_above=above,
        last_number=last_number,
        seat="" if beamline.seat is None else beamline.seat.me.token,
    )
