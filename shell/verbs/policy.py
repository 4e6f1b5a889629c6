"""Saying where data belong: proposal, sample, collection and dataset."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from ronda.framework.policy.place import Place
from ronda.framework.policy.policy import DataPolicy
from ronda.shell.displays.places import place_table


class PolicyCommands:
    """The commands of one session that say where its data belong; each shows where the next scan goes.

    Args:
        policy: of the session.
        console: where they print.
    """

    def __init__(self, policy: DataPolicy, console: Console) -> None:
        self._policy = policy
        self._console = console

    def newproposal(self, name: str, session: str = "") -> None:
        """Begin a proposal, or go on with it: newproposal("hg123"); session="20261126" for that of another day."""
        self._tell(self._policy.newproposal(name, session))

    def newsample(self, name: str, description: str = "") -> None:
        """Begin a collection for a sample, or go on with it: newsample("Cu_foil", "6 µm")."""
        self._tell(self._policy.newsample(name, description))

    def newcollection(self, name: str, sample: str = "", description: str = "") -> None:
        """Begin a collection, or go on with it: newcollection("maps"), newcollection("maps", sample="Cu_foil")."""
        self._tell(self._policy.newcollection(name, sample, description))

    def newdataset(self, name: str | int = "", *, append: bool = False) -> None:
        """Begin a dataset: newdataset("edge"), newdataset() for the next number; append=True to go on with one."""
        self._tell(self._policy.newdataset(name, append=append))

    def enddataset(self) -> None:
        """End the dataset; in a proposal the next scan begins the next one."""
        self._tell(self._policy.enddataset())

    def endproposal(self) -> None:
        """End the proposal; data go where they go without one."""
        self._tell(self._policy.endproposal())

    def add_metadata(self, **values: Any) -> None:
        """Write these with each scan from now on: add_metadata(operator="me", temperature=(293, "K"))."""
        self._policy.add_metadata(values)

    def remove_metadata(self, *names: str) -> None:
        """Write these no longer: remove_metadata("operator"); all of them without a name."""
        self._policy.remove_metadata(*(names or self._policy.metadata()))

    def _tell(self, place: Place) -> None:
        folder = self._policy.folder(place)
        belongs = f"dataset {place.dataset}" if place.dataset else "the next dataset" if place.proposal else "data"
        where = folder or "where the writer says when it is at work"
        verb = "goes" if place.dataset or place.proposal else "go"
        self._console.print(f"{belongs} {verb} to {where}", markup=False, highlight=False, soft_wrap=True)


class ScanSaving:
    """Shows where the data of a session belong.

    Args:
        policy: of the session.
    """

    def __init__(self, policy: DataPolicy) -> None:
        self._policy = policy

    def __info__(self) -> str:
        """All about it; the shell shows it when the object is typed."""
        place = self._policy.place
        return place_table(place, self._policy.folder(place), self._policy.metadata())

    def __repr__(self) -> str:
        place = self._policy.place
        parts = [place.proposal, place.proposal_session, place.collection, place.dataset]
        return f"<data belong to {'/'.join(filter(None, parts)) or 'no proposal'}>"

    @property
    def proposal(self) -> str:
        """The proposal; empty without one."""
        return self._policy.place.proposal

    @property
    def collection(self) -> str:
        """The collection."""
        return self._policy.place.collection

    @property
    def sample(self) -> str:
        """The sample."""
        return self._policy.place.sample

    @property
    def dataset(self) -> str:
        """The dataset; empty if the next scan begins one."""
        return self._policy.place.dataset

    @property
    def folder(self) -> str:
        """The folder of the dataset."""
        return self._policy.folder(self._policy.place)
