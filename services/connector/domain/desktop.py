"""A seat of a pool: what its description says, and what is found of it. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from contracts.definition import Capsule, SecurityType, Uefi
from contracts.desktops import Account, DataDisk, SeatName, SeatState, Shape

STEPS: Final[dict[str, SeatState]] = {"": "WAITING_INSTALL", "installed": "WAITING_RESTART", "restarted": "COMPLETED"}
"""What an endpoint did with what it received, and the state that it then is in."""

Word = Annotated[str, msgspec.Meta(max_length=64)]
"""What is told of each seat: 200 of them are told in one message."""


class SeatDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk of the image as a seat has it: ``file`` in its folder, ``size`` bytes as a guest sees it.

    An overlay lies over a ``base`` on ``datastore`` that is read as ``base_format`` (as QEMU calls it); ``base`` is a
    path relative to the seat's folder. Without one the disk needs nothing else.
    """

    role: Literal["os", "data"]
    lun: int
    file: str
    format: str
    size: int
    base: str = ""
    base_format: str = ""
    datastore: str = ""


class Desktop(msgspec.Struct, frozen=True, kw_only=True):
    """A seat as its ``desktop.json`` describes it to whatever runs it. ``disks`` are those of the image, ``added`` the
    data disks beside them (``data-<lun>.raw``). No password is in it: accounts name entries of the pod's secret store.
    """

    name: SeatName
    assignment: str
    pool: str
    kind: Literal["desktop", "endpoint"]
    image: str
    version: Word
    number: str
    digest: str
    seat: int = 0
    """The seat's number; 0 for an endpoint."""
    model: Word = ""
    host_name: str = ""
    """Empty: the guest has one already (a specialized image)."""
    accounts: tuple[Account, ...] = ()
    os_state: str = "generalized"
    security_type: SecurityType = "Standard"
    shape: Shape = Shape()
    uefi: Uefi | None = None
    capsule: Capsule | None = None
    rebuild: int = 0
    former: Word = ""
    """The version that an endpoint runs until it has restarted into this one."""
    disks: tuple[SeatDisk, ...] = ()
    added: tuple[DataDisk, ...] = ()


@dataclass(frozen=True)
class Found:
    """A seat that is there. ``desktop`` None: nobody can tell what it is. ``user``: who is logged on. ``step`` is what
    an endpoint did last with what it received. ``missing``: a file of its disks, or one that they lie over, is not
    there; it may come back with its datastore, so a seat is made anew then only if somebody asks for a rebuild."""

    name: str
    desktop: Desktop | None
    user: str = ""
    last_used: datetime | None = None
    step: str = ""
    missing: str = ""

    @property
    def runs(self) -> str:
        """The version that it runs now; empty before the first."""
        if self.desktop is None:
            return ""
        if self.desktop.kind == "endpoint" and STEPS.get(self.step) != "COMPLETED":
            return self.desktop.former
        return self.desktop.version
