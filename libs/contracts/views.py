"""What people see of the services' state: the shapes of query replies and of the HTTP API."""

from datetime import datetime

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import Datastore, VmDisk
from contracts.limits import Limits
from contracts.manifest import Manifest, Source


class View(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Common form of the views; the tag tells a reply from a `Problem`."""


class ImageView(View, frozen=True, kw_only=True, tag="image"):
    """An image with a glance at its versions. ``latest`` is the number that ``latest`` resolves to now."""

    id: str
    gallery: str
    name: str
    tenant: str
    state: str
    os_type: str
    os_state: str
    generation: str
    architecture: str
    description: str
    latest: str | None
    created: datetime
    revision: int


class CopyCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How the copies of a version stand; ``wanted`` counts the skipped ones too."""

    wanted: int = 0
    available: int = 0
    failed: int = 0
    skipped: int = 0


class VersionView(View, frozen=True, kw_only=True, tag="version"):
    """A version; ``manifest`` is there from DEPLOYMENT_DONE on, ``failure`` when the last step failed."""

    id: str
    image: str
    gallery: str
    name: str
    number: str
    tenant: str
    state: str
    source: Source
    manifest: Manifest | None
    copies: CopyCounts
    failure: Failure | None
    job: str
    created: datetime
    updated: datetime
    revision: int


class CopyView(View, frozen=True, kw_only=True, tag="copy"):
    """A copy of a version on a pod. Bytes and rate are those of the latest attempt; ``eta`` in seconds."""

    id: str
    version: str
    pod: str
    replica: int
    datastore: str | None
    state: str
    attempt: int
    digest: str | None
    bytes_total: int
    bytes_done: int = 0
    bytes_network: int = 0
    bytes_reused: int = 0
    rate: float | None = None
    eta: float | None = None
    failure: Failure | None
    history: tuple[Failure, ...] = ()
    next_attempt: datetime | None
    reason: str = ""
    updated: datetime


class PodView(View, frozen=True, kw_only=True, tag="pod"):
    """A pod and when it was last heard of."""

    name: str
    state: str
    hypervisor: str
    family: str
    connector_version: str
    address: str
    formats: tuple[str, ...]
    labels: dict[str, str]
    datastores: tuple[Datastore, ...]
    dead_letters: int
    last_seen: datetime
    limits: Limits = Limits()
    limits_revision: int = 0


class VmView(View, frozen=True, kw_only=True, tag="vm"):
    """A VM on a pod."""

    name: str
    os_type: str
    power: str
    locked: bool
    disks: tuple[VmDisk, ...]


class ItemView(View, frozen=True, kw_only=True, tag="item"):
    """A version in a pod's content library; ``state`` INTACT or CORRUPT."""

    version: str
    datastore: str
    digest: str
    size: int
    state: str = "INTACT"


class JobView(View, frozen=True, kw_only=True, tag="job"):
    """A saga as its user sees it; the id is the saga's correlation id."""

    id: str
    kind: str
    state: str
    image: str
    gallery: str
    name: str
    version: str
    number: str
    actor: str
    copies: CopyCounts
    failure: Failure | None
    created: datetime
    updated: datetime


class TimelineView(View, frozen=True, kw_only=True, tag="timeline_entry"):
    """One event of a saga."""

    id: str
    at: datetime
    event: str
    speaker: str
    body: msgspec.Raw


class UploadGrantView(View, frozen=True, kw_only=True, tag="upload_grant"):
    """Leave to send a file to a pod: where its door is and the ticket that opens it."""

    upload: str
    pod: str
    address: str
    ticket: str
    expires: datetime


class HolderView(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that serves a version, and where its door is."""

    pod: str
    address: str


class ExportGrantView(View, frozen=True, kw_only=True, tag="export_grant"):
    """Leave to read a version's disks: from whom, the nearest first, and the ticket that opens their doors."""

    holders: tuple[HolderView, ...]
    ticket: str
    expires: datetime


class MemberView(View, frozen=True, kw_only=True, tag="member"):
    """A tenant with which an image is shared."""

    image: str
    member: str
    state: str
    updated: datetime


class DeadLetterView(View, frozen=True, kw_only=True, tag="dead_letter"):
    """A message that a service could not handle. ``raw`` is its body, as far as it is text."""

    id: str
    subject: str
    kind: str
    reason: str
    deliveries: int
    raw: str
    at: datetime


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Live progress on ``progress.pod.<pod>.<copy or version>``: never stored. Bytes, bytes a second, seconds."""

    id: str
    version: str
    step: str
    bytes_done: int
    bytes_total: int
    bytes_network: int = 0
    bytes_reused: int = 0
    rate: float | None = None
    eta: float | None = None
