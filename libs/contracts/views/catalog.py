"""What people see: images, versions, jobs."""

from datetime import datetime

import msgspec

from contracts.definition import Capsule, Details, Identifier, Uefi
from contracts.errors import Failure
from contracts.manifest import Manifest, Source
from contracts.preparation import Signature
from contracts.views.base import View
from contracts.views.holdings import Placed, Validation


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
    updated: datetime | None = None
    identifier: Identifier | None = None
    image_class: str = "custom"
    desktop_kind: str | None = None
    flavour: str | None = None
    """Dedicated to the models of this flavour; None: General."""
    visibility: str = "private"
    """private, shared, community or public."""
    member_status: str = ""
    """How the asker's tenant answered, where the image is shared with it: PENDING, ACCEPTED or REJECTED."""
    tags: dict[str, str] = {}
    details: Details = Details()
    usable: bool = False
    """A version is AVAILABLE or PARTIALLY_AVAILABLE, and the image is not disabled (features.md b.1)."""
    versions: int = 0
    next_number: str = "1.0.0"
    """What a version imported now would be numbered; empty when no higher number is left."""
    protected: bool = False
    protected_until: datetime | None = None
    deprecation: str = "ACTIVE"
    replacement: str = ""
    warnings: tuple[str, ...] = ()


class CopyCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How the copies of a version stand; ``wanted`` counts the skipped ones too. ``cancelled`` are given up."""

    wanted: int = 0
    available: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0


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
    exclude_from_latest: bool = False
    mode: str = "full"
    converging: bool = False
    """Copies are on their way although the version is AVAILABLE or PARTIALLY_AVAILABLE."""
    description: str = ""
    release_notes: str = ""
    hidden: bool = False
    protected: bool = False
    protected_until: datetime | None = None
    deprecation: str = "ACTIVE"
    replacement: str = ""
    end_of_life: datetime | None = None
    block_deletion_before_end_of_life: bool = False
    deleted: datetime | None = None
    grace: datetime | None = None
    purge: datetime | None = None
    """When it was soft-deleted, until when it can be used by number, and when it goes for good."""
    markers: tuple[str, ...] = ()
    parent: str = ""
    """The version that it was made from, where it was made from one (features.md A10)."""
    validations: tuple[Validation, ...] = ()
    capsule: Capsule | None = None
    uefi: Uefi | None = None
    size: int = 0
    virtual_size: int = 0
    digest: str = ""
    where: tuple[Placed, ...] = ()
    """Its copies at a glance, in a view of one version (features.md J3)."""
    used_by: int = 0
    """Assignments that use or want it."""
    warnings: tuple[str, ...] = ()
    deactivated: bool = False
    """Its data is denied to all but operators (features.md F6)."""
    signature: Signature | None = None
    """The signature that was checked when it was imported."""
    publish_state: str = "NOT_READY"
    """NOT_READY, UNPUBLISHED, PARTIALLY_PUBLISHED or PUBLISHED: what there is, where ``state`` says what goes on."""


class JobRow(msgspec.Struct, frozen=True, kw_only=True):
    """A target of a job: a copy on a pod, the source pod of an import, a pool on a pod. Rates in bytes a second."""

    pod: str
    replica: int = 0
    state: str
    bytes: int = 0
    total: int = 0
    rate: float | None = None
    eta: float | None = None
    failure: Failure | None = None
    reason: str = ""
    """Of a pool, as `PoolView` has it."""


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
    estimate: datetime | None = None
    """When the last copy of a publish should be AVAILABLE, by the capacity measured at its acceptance."""
    percent: float = 0.0
    bytes: int = 0
    total: int = 0
    rate: float | None = None
    eta: float | None = None
    """Seconds until the end by the present rate."""
    rows: tuple[JobRow, ...] = ()
    """By target, in the view of one job."""
    assignment: str = ""
    position: int | None = None
    """Of an import that waits for its pod: 1 is the next to begin (features.md B15)."""
    heard: datetime | None = None
    """When a pod last told of the work: a job of which nothing is heard is asked for again."""
    retried: str = ""
    """The job that was begun in place of this one."""
    warning: Failure | None = None
    """That the publish will miss its deadline, by the same measure."""


class TimelineView(View, frozen=True, kw_only=True, tag="timeline_entry"):
    """One event of a saga."""

    id: str
    at: datetime
    event: str
    speaker: str
    body: msgspec.Raw
