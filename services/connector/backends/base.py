"""The protocol between the connector and a pod's hypervisor and content library.

All methods block and run in threads. They raise `Refused` with a stable code where the pod cannot do what is asked, and
OSError where the machine fails.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

import msgspec

from connector.domain.capture import Traits
from connector.transfer.seeds import Seed
from contracts.events.from_pods import Datastore, Vm
from contracts.manifest import Disk, Manifest, Source


class Spot(NamedTuple):
    """Where an item is: a datastore holds a version once."""

    version: str
    datastore: str


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A version on a datastore of the library, as its ``item.json`` tells.

    An item may be there for two reasons: as the *source* that the version was imported from, and as a *copy* that was
    published to the pod. Withdrawing copies never takes the source away, nor discarding the source the copies. Of a
    pod's own copies (its replicas) an item stands for one at most: each lies on a datastore of its own.
    """

    version: str
    image: str
    tenant: str
    manifest: Manifest
    source: bool = False
    copies: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Rot(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong in a disk of an item: its index, or ``wrong`` chunks, of which ``chunks`` are the first."""

    lun: int
    index: bool = False
    wrong: int = 0
    chunks: tuple[int, ...] = ()


class Corrupt(msgspec.Struct, frozen=True, kw_only=True):
    """That an item's bytes are not any more what was finalised. No disks: nobody can tell what is wrong with it."""

    found: datetime
    disks: tuple[Rot, ...] = ()

    @property
    def wrong(self) -> int:
        """Chunks found wrong."""
        return sum(disk.wrong for disk in self.disks)


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """When an item was last found whole, and how far the check under way has come.

    ``at`` is in seconds since 1970; ``place`` is a disk's place in the manifest and ``span`` the first one of it that
    is still to be read; ``begun`` is when the check under way began.
    """

    at: float
    begun: float = 0.0
    place: int = 0
    span: int = 0
    rot: tuple[Rot, ...] = ()
    """What was found so far."""


class Placed(msgspec.Struct, frozen=True):
    """An item and the datastore it is in. ``intact``: every file is there with its size, and it is not ``corrupt``."""

    item: Item
    datastore: str
    intact: bool
    corrupt: Corrupt | None = None

    @property
    def spot(self) -> Spot:
        return Spot(self.item.version, self.datastore)

    @property
    def state(self) -> Literal["INTACT", "CORRUPT"]:
        return "INTACT" if self.corrupt is None else "CORRUPT"


class SourceDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk to be imported, open for reading; close ``fd`` after use. ``declared`` is what the pod says it is,
    ``sha256`` what all of it must be (of a version's disk, which may have changed at rest); empty: nobody knows.
    ``staged`` is its name in the staging folder, where it was unpacked there: then it is taken over as it is."""

    fd: int
    name: str
    role: Literal["os", "data"]
    lun: int
    declared: str | None
    sha256: str = ""
    staged: str = ""


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
    virtual_limit: int | None
    """Bytes of the largest virtual disk that the hypervisor takes; None when it has no limit of its own."""

    def vms(self) -> list[Vm]:
        """The VMs, snapshots, templates and volumes that could be imported; one whose descriptor cannot be used has no
        disks."""

    def datastores(self) -> list[Datastore]: ...

    def items(self) -> list[Placed]:
        """What the library holds."""

    def lock(self, source: Source, version: str) -> None:
        """Take the source for ``version``; again is fine. Raises Refused: ``vm_locked``, or there is no such source."""

    def unlock(self, version: str) -> None:
        """Let go of everything that is locked for ``version``."""

    def disks(self, source: Source) -> list[SourceDisk]:
        """The frozen disks of a source, the OS disk first, then by lun."""

    def traits(self, source: Source) -> Traits:
        """What the source says of itself. Raises Refused: there is no such source, or its descriptor cannot be used."""

    def check_snapshot(self, name: str, version: str) -> None:
        """Raises Refused (``snapshot_exists``) when the pod has a snapshot of this name that is not ``version``'s."""

    def snapshot(self, source: Source, name: str, version: str, check: Callable[[], None]) -> None:
        """Make a snapshot of the source, which is locked for ``version``; again is fine. ``check`` is called now and
        then, and may raise."""

    def drop_snapshot(self, version: str) -> None:
        """The import came to nothing: a snapshot that it made goes."""

    def written(self, source: Source) -> float:
        """When anything of a VM or a file was last written to, in seconds since the epoch; 0 when it is gone."""

    def delete_source(self, source: Source, version: str) -> bool:
        """Delete what is locked for ``version``; False when something else has that name now and nothing was done."""

    def stage(self, version: str, datastore: str | None, *, replica: int = 0, avoid: Collection[str] = ()) -> Staging:
        """The staging folder of a version, or of a further replica of it: the one an earlier try left, or a new one.

        No ``datastore``: the one of the earlier try, else the one with the most free space of those not to ``avoid``.
        Raises Refused: ``datastore_not_found``, also when there is none but those to avoid.
        """

    def clone(self, source: int, staging: Staging, name: str) -> bool:
        """Share the source's blocks with a new file in staging, where the file system can; False where it cannot."""

    def find(self, version: str, datastore: str | None = None) -> Placed | None:
        """The version's item on ``datastore``; without one any, an intact one if there is one."""

    def held(self, version: str) -> list[Placed]:
        """The version's items on all datastores."""

    def finalise(self, staging: Staging, item: Item) -> Placed:
        """Make a filled staging folder an item: durable, then visible, by one rename. Closes the staging.

        An item of the version that is on the datastore already (a corrupt one) is there until this one is.
        """

    def note(self, item: Item, datastore: str) -> Placed:
        """Write down another `Item` for a version that the datastore holds already."""

    def remove(self, version: str, datastore: str | None = None) -> None:
        """Remove the version's item from ``datastore``, or from all, where there is one."""

    def abandon(self, version: str, *, replica: int = 0) -> None:
        """Remove what `stage` made, if there is anything."""

    def sweep(self, keep: Collection[str]) -> None:
        """At start: remove what crashes left behind, and old staging folders of versions other than ``keep``."""

    def seeds(self, item: Item, disk: Disk) -> list[Seed]:
        """Disks that a copy of ``disk`` may take chunks from: those of the version's own items, intact ones first, then
        those of other versions of the same tenant."""

    def folder(self, version: str, datastore: str | None = None) -> int | None:
        """The folder of what `find` finds, open, for reading its files as they are; None when there is no such item."""

    def checked(self, folder: int) -> Checked:
        """What is known of the checks of the item in ``folder``."""

    def note_checked(self, folder: int, checked: Checked) -> None:
        """Keep what is known of the checks of the item in ``folder``."""

    def quarantine(self, version: str, folder: int, corrupt: Corrupt) -> Placed | None:
        """Mark the item in ``folder`` for good: it is served no more, and is no seed for other versions.

        The item as it is then; None, and nothing is marked, when ``folder`` is not the version's any more. A mark that
        cannot be written, because the datastore is full, holds until the connector ends.
        """

    def doubt(self, spot: Spot) -> None:
        """A chunk of the item turned out wrong by the way: it is to be checked soon."""

    def doubted(self) -> frozenset[Spot]:
        """The items that `doubt` was called for since their last check."""

    def trust(self, spot: Spot) -> None:
        """The item was checked: it is in doubt no more."""

    def open(self, root: str) -> tuple[int, int] | None:
        """Data and index of the disk with this root, open for reading; None when the library has none."""


def data_name(disk_lun: int, format: str) -> str:
    """The name of a disk's file in an item."""
    return f"disk-{disk_lun}.{format}"


def index_name(disk_lun: int) -> str:
    """The name of a disk's chunk index in an item."""
    return f"disk-{disk_lun}.index"
