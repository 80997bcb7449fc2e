"""What people see: images, versions, jobs."""

from datetime import datetime

import msgspec

from contracts.errors import Failure
from contracts.manifest import Manifest, Source
from contracts.views.base import View


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
    warning: Failure | None = None
    """That the publish will miss its deadline, by the same measure."""


class TimelineView(View, frozen=True, kw_only=True, tag="timeline_entry"):
    """One event of a saga."""

    id: str
    at: datetime
    event: str
    speaker: str
    body: msgspec.Raw
