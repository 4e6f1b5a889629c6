"""The data policy of a session: `newproposal`, `newsample`, `newcollection`, `newdataset`, with ESRF's meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from ronda.framework.clients.beamline import Beamline
from ronda.framework.clients.device import Device
from ronda.framework.errors import CommunicationFailed, NotReady, RondaError, TimedOut
from ronda.framework.nexus import words
from ronda.framework.policy.metadata import checked
from ronda.framework.policy.place import FIRST_COLLECTION, Place, candidates, require_name
from ronda.framework.scan.saving import WRITER_CLASS
from ronda.framework.stream.session import Session
from ronda.framework.tango.names import WriterCommand


class Belonging(NamedTuple):
    """What a scan is told by the data policy.

    Attributes:
        place: where its data belong.
        metadata: what the user adds to each scan, by key.
    """

    place: Place
    metadata: Mapping[str, Any]


class DataPolicy:
    """Where the data of one session go. Redis keeps it: all clients of the session share it, and it survives them.

    All methods raise CommunicationFailed if Redis does not answer.

    Args:
        beamline: where the data come from.
        session: its name.
    """

    def __init__(self, beamline: Beamline, session: str = "") -> None:
        self._beamline = beamline
        self._session = session

    @property
    def place(self) -> Place:
        """Where data belong at present."""
        return Place.from_state(self._state.place())

    # -- the words

    def newproposal(self, name: str, session: str = "") -> Place:
        """Begin a proposal, or go on with it; its first collection is called `sample`.

        Args:
            name: of the proposal.
            session: tells several visits of one proposal apart; the day of today, `20261126`, if empty.

        Raises:
            BadValue: it may not be called so.
        """
        self._beamline.permit("newproposal")
        proposal = require_name("newproposal", "proposal", name)
        visit = require_name("newproposal", "proposal's session", session) if session else f"{date.today():%Y%m%d}"
        place = Place(proposal, visit, FIRST_COLLECTION)
        self._state.set_place(place.to_state(), forget_metadata=True)
        return place

    def endproposal(self) -> Place:
        """End the proposal: data go where they go without one, and the metadata of its user are forgotten."""
        self._beamline.permit("endproposal")
        self._state.set_place({}, forget_metadata=True)
        return Place()

    def newsample(self, name: str, description: str = "") -> Place:
        """Begin a collection for a sample, or go on with it.

        Args:
            name: of the sample and of the collection.
            description: what the sample is, in words.

        Raises:
            BadValue: it may not be called so.
        """
        sample = require_name("newsample", "sample", name)
        return self._change(collection=sample, sample=sample, sample_description=str(description), dataset="")

    def newcollection(self, name: str, sample: str = "", description: str = "") -> Place:
        """Begin a collection, or go on with it.

        Args:
            name: of the collection.
            sample: whose data it holds; the present one if empty.
            description: what the sample is, in words.

        Raises:
            BadValue: it may not be called so.
        """
        changes = {"collection": require_name("newcollection", "collection", name), "dataset": ""}
        if sample:
            changes["sample"] = require_name("newcollection", "sample", sample)
            changes["sample_description"] = str(description)
        return self._change(**changes)

    def newdataset(self, name: str | int = "", *, append: bool = False) -> Place:
        """Begin a dataset. If one of this name is there, `_0002` and so on is put behind the name.

        Args:
            name: of the dataset; a number, or none for the next number, becomes `0001`.
            append: whether to go on with one of this name that is there.

        Raises:
            BadValue: it may not be called so.
            NotReady: no writer can say which datasets there are.
        """
        self._beamline.permit("newdataset")
        wanted = require_name("newdataset", "dataset", name) if name != "" else ""
        before = self.place
        place = self._begin(before, wanted, append=append)
        self._state.set_place(place.to_state())
        return place

    def enddataset(self) -> Place:
        """End the dataset; in a proposal the next scan begins the next one."""
        return self._change(dataset="")

    # -- what scans ask

    def belonging(self, *, save: bool = True) -> Belonging:
        """Where a scan belongs that begins now; in a proposal it begins the next dataset if there is none.

        Args:
            save: whether the scan is saved; one that is not begins no dataset.

        Raises:
            NotReady: no writer can say which datasets there are.
        """
        state, metadata = self._state.read()
        place = Place.from_state(state)
        if save and place.proposal and not place.dataset:
            begun = self._begin(place, "", append=False)
            # another client of this session may have begun one at the same moment: both go on with the first
            place = Place.from_state(self._state.change_place(state, begun.to_state()))
            if not place.dataset:
                place = begun
        return Belonging(place, metadata)

    def last_number(self, place: Place, user: str = "") -> int:
        """The highest number of a scan on disk, in this dataset; 0 if the beamline has no writer.

        Raises:
            NotReady: no writer answers.
        """
        if not self._writers():
            return 0
        return int(self._describe(place, user)["last_number"])

    # -- for people

    def folder(self, place: Place) -> str:
        """Where the data of a dataset are, or the folder of its datasets if none is begun; empty if no writer says."""
        shown = place if place.dataset else replace(place, dataset="0001")
        try:
            found = self._describe(shown, "")
        except RondaError:
            return ""
        folder = str(found["folder"] or found["root"])
        if place.dataset or not place.proposal:
            return folder if place.dataset else str(found["root"])
        return str(Path(folder).parent)

    def add_metadata(self, values: Mapping[str, Any]) -> None:
        """Write these with each scan of the session from now on: plain values, or pairs of a number and its unit.

        Raises:
            BadValue: a name or value cannot be written.
        """
        self._beamline.permit("add_metadata")
        self._state.add_metadata(checked("add_metadata", values))

    def remove_metadata(self, *names: str) -> None:
        """Write these no longer."""
        self._beamline.permit("remove_metadata")
        self._state.remove_metadata(*names)

    def metadata(self) -> dict[str, Any]:
        """What is written with each scan."""
        return self._state.read()[1]

    # -- tools

    @property
    def _state(self) -> Session:
        return self._beamline.stream.session(self._session)

    def _change(self, **changes: str) -> Place:
        self._beamline.permit("where data belong")
        while True:
            state = self._state.place()
            place = replace(Place.from_state(state), **changes)
            if self._state.change_place(state, place.to_state()) == place.to_state():
                return place

    def _begin(self, place: Place, wanted: str, *, append: bool) -> Place:
        """Begin a dataset that nobody has begun: what Redis and the disk agree to is new."""
        if append and wanted:
            found = replace(place, dataset=wanted)
            self._state.claim_dataset(self._told_apart(found))
            self._claim_on_disk(found)
            return found
        for name in candidates(wanted):
            found = replace(place, dataset=name)
            if self._claim(found):
                return found
        raise NotReady(
            f"newdataset: all names from {wanted or '0001'} to {name} are taken; give another one, or begin a new "
            "collection"
        )

    def _claim(self, place: Place) -> bool:
        return self._state.claim_dataset(self._told_apart(place)) and self._claim_on_disk(place)

    def _claim_on_disk(self, place: Place) -> bool:
        return bool(self._on_disk(WriterCommand.CLAIM_DATASET, place, "")) if self._writers() else True

    def _told_apart(self, place: Place) -> list[str]:
        """What tells a dataset from all others: those of a proposal are the same for all sessions."""
        if place.proposal:
            return ["proposal", place.proposal, place.proposal_session, place.collection, place.dataset]
        return [self._session, place.collection, place.dataset]

    def _describe(self, place: Place, user: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._on_disk(WriterCommand.DESCRIBE_DATASET, place, user))
        return found

    def _on_disk(self, command: str, place: Place, user: str) -> Any:
        """Ask the first writer that answers; all of them use the same disk."""
        told = {**place.scan_fields(), "session": self._session, "user": user, words.BEAMLINE: self._beamline.name}
        request = json.dumps({name: value for name, value in told.items() if value})
        silent: list[str] = []
        for writer in self._writers():
            try:
                return writer.command(command, request)
            except RondaError as error:
                if not isinstance(error, CommunicationFailed | TimedOut | NotReady):
                    raise
                silent.append(str(error))
        raise NotReady(
            "which datasets there are cannot be told, because no writer answers: "
            + ("; ".join(silent) or f"the beamline {self._beamline.name} has none")
        )

    def _writers(self) -> list[Device]:
        return self._beamline.devices(WRITER_CLASS)
