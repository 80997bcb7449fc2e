"""Stream FROM_PODS: what a pod's connector reports. The pod is taken from the subject, never from the body."""

from typing import ClassVar, Literal

import msgspec

from contracts.desktops import Seat
from contracts.errors import Failure
from contracts.events.base import Event
from contracts.manifest import Digest, Format, Lun, Manifest, Size


class Datastore(msgspec.Struct, frozen=True, kw_only=True):
    """A place for copies on a pod; sizes in bytes."""

    name: str
    capacity: Size
    free: Size
    disk_type: str = ""
    """What its disks are, as the pod's operator calls it: ``ssd``, ``nvme``; empty when nobody said."""


class VmDisk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk of a VM as the backend describes it."""

    role: Literal["os", "data"]
    lun: Lun
    format: str
    size: Size


class Vm(msgspec.Struct, frozen=True, kw_only=True):
    """A VM that could be imported."""

    name: str
    os_type: str
    power: str
    locked: bool
    disks: tuple[VmDisk, ...]
    kind: str = "vm"
    """``vm``, or another source that could be imported: ``disk`` (a volume), ``snapshot``, ``template``."""
    capabilities: tuple[str, ...] = ()
    """``accelerated_network``, ``nvme``, ``hibernate``, ``trusted_launch``, …, as its descriptor says."""


class LibraryItem(msgspec.Struct, frozen=True, kw_only=True):
    """A version that the pod's content library holds on a datastore. ``copies`` are those that it stands for;
    ``source`` says that the version was imported here."""

    version: str
    datastore: str
    digest: str
    size: Size
    state: Literal["INTACT", "CORRUPT"] = "INTACT"
    """CORRUPT: its bytes changed at rest. It is neither served nor used until it is repaired."""
    copies: tuple[str, ...] = ()
    source: bool = False


class FileDigest(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in the library for one disk: the digest of the file itself, which scrub checks."""

    lun: Lun
    format: Format
    size: Size
    root: Digest


class PodAnnounced(Event, frozen=True, kw_only=True, tag="pod.announced.v1"):
    """A connector started. ``boot`` tells one start from the next; ``interval`` is the seconds between its reports."""

    about: ClassVar[str] = "boot"
    boot: str
    address: str
    hypervisor: str
    family: str
    connector_version: str
    formats: tuple[str, ...]
    labels: dict[str, str]
    datastores: tuple[Datastore, ...]
    interval: float
    token: str = ""
    """The enrolment token, from a pod that is not enrolled yet (`runtime.enrolment`)."""
    virtual_limit: Size | None = None
    """Bytes of the largest virtual disk that the hypervisor takes; None when it has no limit of its own."""
    capabilities: tuple[str, ...] = ()
    """What its hosts can do: ``trusted_launch``, ``confidential``, ``secureboot``, ``gpu.nvidia``."""


class PodReported(Event, frozen=True, kw_only=True, tag="pod.reported.v1"):
    """The heartbeat: still here, with the root hash of the inventory, the free space and the dead letters held back.

    ``working`` names the copies under way with their attempts, ``<copy>:<attempt>``, the first 64; None from a
    connector that does not tell.
    """

    about: ClassVar[str] = "boot"
    boot: str
    root: str
    datastores: tuple[Datastore, ...]
    dead_letters: int
    working: tuple[str, ...] | None = None


class InventoryReported(Event, frozen=True, kw_only=True, tag="inventory.reported.v1"):
    """One page of what the pod holds; all pages of an inventory share its ``root`` and its ``sections``.

    ``sections`` are the digests of all sections; the pages bring every entry of those in ``changed``, and of no other
    (`contracts.inventory`).
    """

    about: ClassVar[str] = "root"
    root: str
    page: int
    pages: int
    vms: tuple[Vm, ...]
    items: tuple[LibraryItem, ...]
    sections: tuple[str, ...] = ()
    changed: tuple[int, ...] = ()


class SourceStarted(Event, frozen=True, kw_only=True, tag="source.started.v1"):
    """The connector took up the preparation of a version: it waits no more for those before it. Said again while
    nothing is known of its source, it is the import's sign of life."""

    about: ClassVar[str] = "version"
    version: str
    attempt: int


class SourceInspected(Event, frozen=True, kw_only=True, tag="source.inspected.v1"):
    """The source passed the gate and is about to be read: ``size`` bytes of disk files, which the quotas must have room
    for. Said again while the work goes on it is the import's heartbeat."""

    about: ClassVar[str] = "version"
    version: str
    attempt: int
    size: Size


class SourceStepped(Event, frozen=True, kw_only=True, tag="source.stepped.v1"):
    """An import plug-in ran to its end on the pod: the ``position``-th of ``steps`` (features.md B13)."""

    about: ClassVar[str] = "version"
    version: str
    attempt: int
    step: str
    position: int
    steps: int


class SourcePrepared(Event, frozen=True, kw_only=True, tag="source.prepared.v1"):
    """The version's content is in the pod's library, checked, hashed and durable."""

    about: ClassVar[str] = "version"
    version: str
    attempt: int
    manifest: Manifest
    datastore: str
    warnings: tuple[str, ...] = ()


class SourceRejected(Event, frozen=True, kw_only=True, tag="source.rejected.v1"):
    """The source cannot become a version; nothing of it stays on the pod."""

    about: ClassVar[str] = "version"
    version: str
    attempt: int
    failure: Failure


class AssignmentReported(Event, frozen=True, kw_only=True, tag="assignment.reported.v1"):
    """What a pool is on the pod: its seats, and whether it is what was wanted by ``attempt``.

    VALIDATING: the copy is looked at; UPDATING: seats are made; IN_SYNC: all are there; UPDATE_FAILED: ``failure``
    tells why, and seats that had another version before have it still or again; REMOVED: nothing of it is left. Said
    when a state changes, and when users come and go.
    """

    about: ClassVar[str] = "assignment"
    assignment: str
    attempt: int
    state: Literal["VALIDATING", "UPDATING", "IN_SYNC", "UPDATE_FAILED", "REMOVED"]
    version: str
    """The version that its seats were last made from, empty before the first."""
    seats: tuple[Seat, ...] = ()
    failure: Failure | None = None


class SourceDeleted(Event, frozen=True, kw_only=True, tag="source.deleted.v1"):
    """The source VM of a *convert* is gone."""

    about: ClassVar[str] = "version"
    version: str


class SourceKept(Event, frozen=True, kw_only=True, tag="source.kept.v1"):
    """The source of a *convert* was to be deleted and stays: it is not as it was when the version was made of it."""

    about: ClassVar[str] = "version"
    version: str
    why: str


class CopyTransferred(Event, frozen=True, kw_only=True, tag="copy.transferred.v1"):
    """All bytes of a copy are on the pod and verified; finalising follows. ``bytes_from`` tells the network's part by
    the pod that served it."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    attempt: int
    digest: Digest
    bytes_network: Size
    bytes_reused: Size
    bytes_from: dict[str, Size] = {}


class CopyFinalised(Event, frozen=True, kw_only=True, tag="copy.finalised.v1"):
    """The copy is registered in the pod's library and can be used: the only word that makes a copy AVAILABLE."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    attempt: int
    digest: Digest
    item: str
    datastore: str
    files: tuple[FileDigest, ...]
    bytes_network: Size
    bytes_reused: Size
    bytes_from: dict[str, Size] = {}


class CopyRejected(Event, frozen=True, kw_only=True, tag="copy.rejected.v1"):
    """The attempt failed; what was verified stays for the next one unless the failure is permanent."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    attempt: int
    failure: Failure


class CopyContinued(Event, frozen=True, kw_only=True, tag="copy.continued.v1"):
    """An attempt is still under way and its ticket ends soon: another is needed."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    attempt: int


class CopyCorrupted(Event, frozen=True, kw_only=True, tag="copy.corrupted.v1"):
    """A copy at rest is not any more what was finalised: found by scrub, quarantined, to be repaired.

    ``digest`` is the content digest of what was finalised; ``chunks`` is how many were found wrong.
    """

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    digest: Digest
    chunks: Size
    failure: Failure


class CopyDropped(Event, frozen=True, kw_only=True, tag="copy.dropped.v1"):
    """A withdrawn copy is gone: the pod holds nothing for it any more, neither partial nor finalised (unless the item
    is needed for something else there). ``attempt`` is that of the withdrawal."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    attempt: int
