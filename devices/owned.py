"""A Tango device that may be fixed for everybody, or locked by one client."""

from __future__ import annotations

from ronda.devices.caller import caller_of
from ronda.devices.device import RondaDevice, attribute, command
from ronda.devices.ownership import Ownership
from ronda.framework.errors import BadValue
from ronda.framework.host.entries import FIXED
from ronda.framework.tango.names import AxisAttribute, AxisCommand


class OwnedDevice(RondaDevice):
    """A device that moves something. A subclass asks `permit` before a motion, `require_free` before other changes.

    Attributes:
        ownership: who may move it.
        moved_by: who asked for the motion that runs; empty if nobody of whom we know.
    """

    ownership: Ownership
    moved_by: str

    def opened(self) -> None:
        """Learn whether it is fixed."""
        device, stored = self.get_name(), self.process.stored
        self.moved_by = ""
        self._owner_told = ""
        self.ownership = Ownership(
            self.label,
            stored.read(device, FIXED),
            lambda fixed, before: stored.write(self.label, "fix", device, FIXED, fixed, before),
        )

    def remarks(self) -> list[str]:
        """Who moves it, and who may not."""
        mover = f"{self.label}: the motion was asked for by {self.moved_by}" if self.moved_by else ""
        return [sentence for sentence in (mover, self.ownership.remark()) if sentence]

    def permit(self, what: str) -> str:
        """Refuse a motion that the client of the present call may not make; returns who this is.

        Args:
            what: the motion, to follow "cannot".

        Raises:
            NotAllowed: the device is fixed.
            Busy: another client has locked it.
        """
        self.ownership.require_movable(what, caller_of(self))
        return self.client()

    def client(self) -> str:
        """Who has locked it, for nobody else changes it then; else the client of the present call."""
        return self.ownership.owner or super().client()

    def require_free(self, what: str) -> None:
        """Refuse another change by the client of the present call if somebody else has locked the device.

        Raises:
            Busy: another client has locked it.
        """
        self.ownership.require_free(what, caller_of(self))

    def tell_owner(self) -> None:
        """Tell subscribers if the owner has changed; to be called now and then, for locks end by themselves too."""
        owner = self.ownership.owner
        if owner != self._owner_told:
            self._owner_told = owner
            self.publish(AxisAttribute.OWNER, owner)

    @attribute(name=AxisAttribute.FIXED, dtype=str)
    def fixed(self) -> str:
        """Why it must not move, and who said so; empty if it may."""
        return self.ownership.fixed

    @attribute(name=AxisAttribute.OWNER, dtype=str)
    def owner(self) -> str:
        """Who has locked it and for what; empty if nobody has."""
        return self.ownership.owner

    @command(
        AxisCommand.FIX,
        dtype_in=(str,),
        doc_in="Why it must not move; and, if you like, what you call yourself",
    )
    def fix(self, reason: list[str]) -> None:
        """Refuse every move until Release, whoever asks; it survives restarts. A motion that runs goes on."""
        if not 1 <= len(reason) <= 2:
            raise BadValue(f"{self.label}: Fix takes a reason, and who says so")
        caller = caller_of(self)
        self.wait(lambda: self.ownership.fix(reason[0], caller, "".join(reason[1:])))
        self.log.warning("fixed", because=self.ownership.fixed)
        self.publish(AxisAttribute.FIXED, self.ownership.fixed)

    @command(AxisCommand.RELEASE)
    def release(self) -> None:
        """Let it be moved again."""
        self.log.warning("released", was=self.ownership.fixed, by=str(caller_of(self)))
        self.wait(self.ownership.release)
        self.publish(AxisAttribute.FIXED, self.ownership.fixed)

    @command(AxisCommand.LOCK, dtype_in=str, doc_in="Who needs it, for what; others are told so")
    def lock(self, purpose: str) -> None:
        """Keep other clients from moving and changing it; repeat it before the lease ends. Stop is for everyone."""
        self.ownership.lock(purpose, caller_of(self))
        self.tell_owner()

    @command(AxisCommand.UNLOCK, dtype_in=str, doc_in="The same words as for Lock")
    def unlock(self, purpose: str) -> None:
        """Give a lock back."""
        self.ownership.unlock(purpose, caller_of(self))
        self.tell_owner()
