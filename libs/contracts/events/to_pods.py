"""Stream TO_PODS: what the hub asks of one pod. Only that pod's connector reads it."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from contracts.desktops import Wanted
from contracts.events.base import Event
from contracts.limits import Limits
from contracts.manifest import Format, Manifest, Source
from contracts.terms import Priority


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What the image says that a source must be (features.md A5, Settled: capture checks). None: nobody asked.

    ``accelerated_network``: a VM that lacks it is refused; ``nvme``: whether a VM with NVMe disks may come in;
    ``formats``: container formats of the OS disk by desktop kind (B4).
    """

    os_type: str | None = None
    os_state: str | None = None
    generation: str | None = None
    architecture: str | None = None
    accelerated_network: bool = False
    hibernate: bool = False
    nvme: bool | None = None
    security_type: str = ""
    formats: tuple[Format, ...] = ()


class SourceRequested(Event, frozen=True, kw_only=True, tag="source.requested.v1"):
    """Catalog: prepare the source of a version. ``file_type`` is the declared format; the content must match it."""

    about: ClassVar[str] = "version"
    pod: str
    version: str
    image: str
    tenant: str
    attempt: int
    source: Source
    mode: Literal["clone", "convert"]
    file_type: Format | None
    datastore: str | None
    deadline: datetime
    room: int | None = None
    """Bytes that the quotas leave; a larger source is refused before it is read. None: there is no limit."""
    expects: Expected = Expected()
    snapshot: str | None = None
    """After the source VM was read, make a snapshot of it with this name (*clone* only)."""
    plugins: tuple[str, ...] = ()
    """What the pod does to the source's files before it looks at them, in this order (features.md B13)."""


class SourceReleased(Event, frozen=True, kw_only=True, tag="source.released.v1"):
    """Catalog: the version is durable, the source VM may be deleted (mode *convert* only)."""

    about: ClassVar[str] = "version"
    pod: str
    version: str
    source: Source


class SourceDiscarded(Event, frozen=True, kw_only=True, tag="source.discarded.v1"):
    """Catalog: the version is not to be here as a source any more; drop what was prepared and unlock the VM.

    ``given_up``: its import failed or was cancelled, so that a snapshot which it made goes too.
    """

    about: ClassVar[str] = "version"
    pod: str
    version: str
    given_up: bool = False


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that has the version's bytes, and the address of its data-plane server.

    Not ``complete``: it is making its own copy at the same time, and serves what it has of it.
    """

    pod: str
    address: str
    complete: bool = True


class CopyRequested(Event, frozen=True, kw_only=True, tag="copy.requested.v1"):
    """Replicator: make this copy. ``ticket`` opens the holders' doors for this pod and these digests, until
    ``ticket_expires``; a copy that takes longer says `CopyContinued` in time.

    ``attempt`` fences: only a report for the latest attempt counts. ``replica`` tells the copies of a version on the
    pod apart: each lies on a datastore of its own. ``shallow``: no bytes may move, what the pod has is registered.
    """

    about: ClassVar[str] = "copy"
    pod: str
    copy: str
    version: str
    image: str
    tenant: str
    attempt: int
    manifest: Manifest
    holders: tuple[Holder, ...]
    ticket: str
    ticket_expires: datetime | None = None
    datastore: str | None = None
    replica: int = 0
    priority: Priority = "normal"
    shallow: bool = False
    capabilities: tuple[str, ...] = ()
    """All of what the pod must be able to do; one that cannot, by now, rejects the copy before a byte moves (H6)."""
    gpu_types: tuple[str, ...] = ()
    """One of these, which a pod calls ``gpu.<type>``."""


class CopyExtended(Event, frozen=True, kw_only=True, tag="copy.extended.v1"):
    """Replicator: a fresh ticket for an attempt that is still under way, and who serves it now."""

    about: ClassVar[str] = "copy"
    pod: str
    copy: str
    version: str
    attempt: int
    holders: tuple[Holder, ...]
    ticket: str
    ticket_expires: datetime


class CopyWithdrawn(Event, frozen=True, kw_only=True, tag="copy.withdrawn.v1"):
    """Replicator: this copy is no longer wanted; stop, and free what it took."""

    about: ClassVar[str] = "copy"
    pod: str
    copy: str
    version: str
    attempt: int


class AssignmentRequested(Event, frozen=True, kw_only=True, tag="assignment.requested.v1"):
    """Catalog: this is what the pool is to be on this pod from now on. Told whole each time; an older ``attempt`` than
    the last one heard is late and void."""

    about: ClassVar[str] = "assignment"
    pod: str
    assignment: str
    attempt: int
    wanted: Wanted


class AssignmentWithdrawn(Event, frozen=True, kw_only=True, tag="assignment.withdrawn.v1"):
    """Catalog: the pool is no longer wanted on this pod; delete its seats."""

    about: ClassVar[str] = "assignment"
    pod: str
    assignment: str
    attempt: int
    force: bool = False


class CopyPaused(Event, frozen=True, kw_only=True, tag="copy.paused.v1"):
    """Replicator: stop the attempt and keep what was verified; a later attempt goes on from there."""

    about: ClassVar[str] = "copy"
    pod: str
    copy: str
    version: str
    attempt: int


class InventoryRequested(Event, frozen=True, kw_only=True, tag="inventory.requested.v1"):
    """Replicator: the root in your report is not one I know; say what you hold.

    ``known`` are the digests of the sections that I have (`contracts.inventory`): only sections that differ are wanted.
    None known: all are. An empty ``root`` asks on demand, whatever the root is: look again, and report everything.
    """

    about: ClassVar[str] = "pod"
    pod: str
    root: str
    known: tuple[str, ...] = ()


class LimitsChanged(Event, frozen=True, kw_only=True, tag="limits.changed.v1"):
    """Replicator: the pod's limits from now on; an older ``revision`` than the one in force is late and void."""

    about: ClassVar[str] = "pod"
    pod: str
    revision: int
    limits: Limits
