"""The protocol between the connector and a pod's hypervisor and content library.

All methods block and run in threads. They raise `Refused` with a stable code where the pod cannot do what is asked, and
OSError where the machine fails.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from connector.transfer.seeds import Seed
from contracts.events.from_pods import Datastore, Vm
from contracts.manifest import Disk, Manifest, Source


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the library, as its ``item.json`` tells.

    An item may be there for two reasons: as the *source* that the version was imported from, and as a *copy* that was
    published to the pod. Withdrawing copies never takes the source away, nor discarding the source the copies.
    """

    version: str
    image: str
    tenant: str
    manifest: Manifest
    source: bool = False
    copies: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Placed(msgspec.Struct, frozen=True):
    """An item and the datastore it is in. ``intact``: every file is there with its size."""

    item: Item
    datastore: str
    intact: bool


class SourceDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk to be imported, open for reading; close ``fd`` after use. ``declared`` is what the pod says it is."""

    fd: int
    name: str
    role: Literal["os", "data"]
    lun: int
    declared: str | None


class Staging(Protocol):
    """A folder in which an item comes about; it survives a crash and becomes the item by one rename."""

    datastore: str

    @property
    def folder(self) -> int:
        """A file descriptor of the folder, for opening files relative to it."""

    def free(self) -> int:
        """Bytes that may still be written to the datastore."""

    def close(self) -> None: ...


class Backend(Protocol):
    """One pod. Names that come from outside are looked up in the pod's own listings, never joined to a path."""

    hypervisor: str
    family: str
    formats: tuple[str, ...]

    def vms(self) -> list[Vm]:
        """The VMs that could be imported; one whose descriptor cannot be used has no disks."""

    def datastores(self) -> list[Datastore]: ...

    def items(self) -> list[Placed]:
        """What the library holds."""

    def lock(self, source: Source, version: str) -> None:
        """Take the source for ``version``; again is fine. Raises Refused: ``vm_locked``, or there is no such source."""

    def unlock(self, version: str) -> None:
        """Let go of everything that is locked for ``version``."""

    def disks(self, source: Source) -> list[SourceDisk]:
        """The frozen disks of a source, the OS disk first, then by lun."""

    def delete_source(self, source: Source, version: str) -> bool:
        """Delete what is locked for ``version``; False when something else has that name now and nothing was done."""

    def stage(self, version: str, datastore: str | None) -> Staging:
        """The staging folder of a version: the one an earlier try left, or a new one."""

    def clone(self, source: int, staging: Staging, name: str) -> bool:
        """Share the source's blocks with a new file in staging, where the file system can; False where it cannot."""

    def find(self, version: str) -> Placed | None: ...

    def finalise(self, staging: Staging, item: Item) -> Placed:
        """Make a filled staging folder an item: durable, then visible, by one rename. Closes the staging."""

    def note(self, item: Item) -> Placed:
        """Write down another `Item` for a version that the library holds already."""

    def remove(self, version: str) -> None:
        """Remove the version's item, if there is one."""

    def abandon(self, version: str) -> None:
        """Remove the version's staging folder, if there is one."""

    def sweep(self, keep: Sequence[str]) -> None:
        """At start: remove what crashes left behind, and old staging folders of versions other than ``keep``."""

    def seeds(self, item: Item, disk: Disk) -> list[Seed]:
        """Disks of other versions that a copy of ``disk`` may take chunks from: of the same tenant only."""

    def open(self, root: str) -> tuple[int, int] | None:
        """Data and index of the disk with this root, open for reading; None when the library has none."""


def data_name(disk_lun: int, format: str) -> str:
    """The name of a disk's file in an item."""
    return f"disk-{disk_lun}.{format}"


def index_name(disk_lun: int) -> str:
    """The name of a disk's chunk index in an item."""
    return f"disk-{disk_lun}.index"
