"""What people see: galleries, quotas, policies, markers, assignments, lineage, users, the audit log."""

from datetime import datetime
from typing import Any

import msgspec

from contracts.definition import Flavour, Namespace
from contracts.desktops import Customisation, DataDisk, Seat, Shape
from contracts.errors import Failure
from contracts.keeping import Quota, Retention, SoftDelete, Usage
from contracts.views.base import View


class GalleryView(View, frozen=True, kw_only=True, tag="gallery"):
    """A gallery, what it may hold and what it holds."""

    id: str
    name: str
    tenant: str
    description: str
    quota: Quota
    usage: Usage
    soft_delete: SoftDelete
    created: datetime
    revision: int
    sharing: str = "private"
    """private, groups, community or public."""
    public_name: str = ""
    roles: tuple[str, ...] = ()
    """What the asker may do there, where it is another tenant's."""


class QuotaView(View, frozen=True, kw_only=True, tag="quota"):
    """What a tenant may hold over all its galleries, and what it holds. ``revision`` is the quota's, 0 as long as none
    was set."""

    tenant: str
    quota: Quota
    usage: Usage
    revision: int = 0


class RetentionView(View, frozen=True, kw_only=True, tag="retention"):
    """A retention policy, and when it last took something."""

    retention: Retention
    revision: int
    ran: datetime | None = None
    taken: int = 0


class VictimView(View, frozen=True, kw_only=True, tag="victim"):
    """A version that a retention policy would take."""

    image: str
    gallery: str
    name: str
    version: str
    number: str
    action: str
    reason: str


class FlavourView(View, frozen=True, kw_only=True, tag="flavour"):
    """A flavour; ``images`` counts those that name it. ``revision`` is 0 for a system default."""

    flavour: Flavour
    images: int = 0
    revision: int = 0


class NamespaceView(View, frozen=True, kw_only=True, tag="namespace"):
    """Property schemas and predefined tags."""

    namespace: Namespace
    revision: int = 1


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a version at a glance."""

    pod: str
    state: str
    replica: int = 0


class Validation(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a validation of a version (features.md B17)."""

    kind: str
    status: str
    tool: str = ""
    detail: str = ""
    at: datetime


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """One move of a marker."""

    version: str
    number: str
    at: datetime
    actor: str
    rollback: bool = False


class RolloutView(View, frozen=True, kw_only=True, tag="rollout"):
    """A staged move of a marker: ring ``ring`` of ``rings`` goes."""

    version: str
    number: str
    ring: int
    rings: int
    state: str
    failed: int = 0
    failure: Failure | None = None


class MarkerView(View, frozen=True, kw_only=True, tag="marker"):
    """A marker and the version that it names; ``frozen`` while that version or the image is disabled. The latest moves
    come first in ``history``."""

    image: str
    name: str
    version: str
    number: str
    revision: int
    frozen: bool = False
    assignments: int = 0
    history: tuple[Moved, ...] = ()
    rollout: RolloutView | None = None


class PoolView(View, frozen=True, kw_only=True, tag="pool"):
    """An assignment on one pod: what runs (``version``) and what is wanted. ``users`` are logged on now. ``reason`` is
    what it waits for: ``copy``, an AVAILABLE copy of what is wanted on the pod; ``users``, that they log off."""

    pod: str
    state: str
    version: str
    number: str
    wanted: str
    wanted_number: str
    seats: int = 0
    ready: int = 0
    failed: int = 0
    users: int = 0
    last_used: datetime | None = None
    failure: Failure | None = None
    reason: str = ""
    updated: datetime


class AssignmentView(View, frozen=True, kw_only=True, tag="assignment"):
    """A desktop pool. ``state`` is the least of its pods': IN_SYNC when all are. ``marker`` is empty when it is pinned
    to ``number``. ``warnings`` tell recommendations that do not hold, a deprecated version, an end of life."""

    id: str
    name: str
    tenant: str
    image: str
    gallery: str
    image_name: str
    marker: str
    version: str
    number: str
    kind: str
    state: str
    pods: tuple[PoolView, ...]
    seats: int
    customisation: Customisation | None
    shape: Shape
    disks: tuple[DataDisk, ...]
    warnings: tuple[str, ...]
    job: str
    created: datetime
    updated: datetime
    revision: int


class SeatView(View, frozen=True, kw_only=True, tag="seat"):
    """A seat of an assignment on a pod."""

    assignment: str
    pod: str
    seat: Seat


class AncestorView(View, frozen=True, kw_only=True, tag="ancestor"):
    """An ancestor of a version; ``depth`` 1 is the nearest. A deleted one keeps its number here."""

    version: str
    image: str
    number: str
    state: str
    depth: int


class UserView(View, frozen=True, kw_only=True, tag="user"):
    """An assignment that uses, or wants, a version on a pod."""

    assignment: str
    name: str
    pod: str
    seats: int
    users: int
    wanted: bool
    """It is what the assignment wants there, beside or instead of what runs."""
    last_used: datetime | None = None


class AuditView(View, frozen=True, kw_only=True, tag="audit_entry"):
    """One entry of the audit log. ``hash`` is the SHA-256 (hex) over the hash before and the canonical JSON of all the
    rest, so that whoever has the log can verify it (`imprint admin audit verify`)."""

    sequence: int
    at: datetime
    tenant: str
    actor: str
    action: str
    about: str
    command: str
    before: Any
    after: Any
    previous: str
    hash: str


class CertificateView(View, frozen=True, kw_only=True, tag="certificate"):
    """A tenant's certificate for signatures of images."""

    name: str
    pem: str
    subject: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
