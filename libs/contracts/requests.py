"""Commands and queries, answered over core NATS with ``Ok | Problem``; the reply is decoded by its tag.

Subject: ``command.<service>.<verb>`` or ``query.<service>.<verb>``. A command carries its actor and an id that is
the hash of actor and Idempotency-Key; the owning service keeps its first reply and repeats it.
"""

import hashlib
from datetime import datetime
from typing import Literal

import msgspec

from contracts.events.hub import Targets
from contracts.limits import Limits
from contracts.manifest import Format, Size, Source
from contracts.names import Name, Number, Text
from contracts.views import (
    CopyView,
    DeadLetterView,
    ExportGrantView,
    ImageView,
    ItemView,
    JobView,
    MemberView,
    PodView,
    TimelineView,
    UploadGrantView,
    VersionView,
    VmView,
)


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. Services decide by it; the gateway only establishes it."""

    tenant: str
    name: str


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A command or a query; the tag is its subject."""

    actor: Actor

    @classmethod
    def subject(cls) -> str:
        return str(cls.__struct_config__.tag)


class Command(Request, frozen=True, kw_only=True):
    """A request that may change something. ``id`` makes a repetition harmless, also after a restart."""

    id: str


def command_id(actor: Actor, key: str) -> str:
    """The id of a command: the hash of actor and Idempotency-Key (32 hex digits)."""
    return hashlib.sha256(f"{actor.tenant}\0{actor.name}\0{key}".encode()).hexdigest()[:32]


# --- catalog: commands ------------------------------------------------------------------------------------------------


class RegisterImage(Command, frozen=True, kw_only=True, tag="command.catalog.register_image"):
    """Make an image without a version."""

    gallery: Name = "default"
    name: Name
    os_type: Literal["linux", "windows"] = "linux"
    os_state: Literal["generalized", "specialized"] = "generalized"
    generation: Literal["V1", "V2"] = "V1"
    architecture: Literal["x64", "arm64"] = "x64"
    description: Text = ""


class ImportVersion(Command, frozen=True, kw_only=True, tag="command.catalog.import"):
    """Import a source as a version of an image (an id, or ``gallery/name``).

    With ``create`` an image that does not exist yet is registered first, with ``os_type``.
    """

    image: str
    create: bool = False
    os_type: Literal["linux", "windows"] = "linux"
    source: Source
    mode: Literal["clone", "convert"] = "clone"
    file_type: Format | None = None
    number: Number | None = None
    datastore: Name | None = None


class PublishVersion(Command, frozen=True, kw_only=True, tag="command.catalog.publish"):
    """Publish a version: first time, or again (``republish``) for the copies that are not AVAILABLE.

    ``deadline`` is in seconds from acceptance; a copy that is not AVAILABLE by then is FAILED.
    """

    image: str
    number: str
    again: bool = False
    targets: Targets = Targets()
    replicas: int = 1
    deadline: float | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="accepted"):
    """A long command was accepted; the job tells the rest."""

    job: str
    image: str
    version: str
    number: str


# --- catalog: queries -------------------------------------------------------------------------------------------------


class ListImages(Request, frozen=True, kw_only=True, tag="query.catalog.images"):
    """Images of the actor's tenant, by gallery and name."""

    gallery: str | None = None
    state: str | None = None
    limit: int = 100
    cursor: str | None = None


class GetImage(Request, frozen=True, kw_only=True, tag="query.catalog.image"):
    """An image by id or ``gallery/name``."""

    image: str


class ListVersions(Request, frozen=True, kw_only=True, tag="query.catalog.versions"):
    """The versions of an image, newest number first."""

    image: str
    state: str | None = None
    limit: int = 100
    cursor: str | None = None


class GetVersion(Request, frozen=True, kw_only=True, tag="query.catalog.version"):
    """A version by number or ``latest``; with ``pod``, latest is among the copies AVAILABLE on that pod."""

    image: str
    number: str
    pod: str | None = None


class ListJobs(Request, frozen=True, kw_only=True, tag="query.catalog.jobs"):
    """Jobs, newest first."""

    state: str | None = None
    kind: str | None = None
    limit: int = 100
    cursor: str | None = None


class GetJob(Request, frozen=True, kw_only=True, tag="query.catalog.job"):
    """A job by id."""

    job: str


class GetTimeline(Request, frozen=True, kw_only=True, tag="query.catalog.timeline"):
    """The events of a job's saga in the order in which the catalog saw them."""

    job: str
    limit: int = 500
    cursor: str | None = None


# --- replicator -------------------------------------------------------------------------------------------------------


class ListPods(Request, frozen=True, kw_only=True, tag="query.replicator.pods"):
    """All enrolled pods by name."""

    limit: int = 100
    cursor: str | None = None


class GetPod(Request, frozen=True, kw_only=True, tag="query.replicator.pod"):
    """A pod by name."""

    pod: str


class GetPodVms(Request, frozen=True, kw_only=True, tag="query.replicator.vms"):
    """The VMs of a pod as of its last inventory."""

    pod: str


class GetPodLibrary(Request, frozen=True, kw_only=True, tag="query.replicator.library"):
    """The content library of a pod as of its last inventory."""

    pod: str


class ListCopies(Request, frozen=True, kw_only=True, tag="query.replicator.copies"):
    """The copies of a version (by the version's id)."""

    version: str
    limit: int = 500
    cursor: str | None = None


class SetPodLimits(Command, frozen=True, kw_only=True, tag="command.replicator.set_limits"):
    """Bound what a pod moves, and when. With ``revision`` only if that is the one in force (412 otherwise)."""

    pod: str
    limits: Limits
    revision: int | None = None


class AdmitUpload(Command, frozen=True, kw_only=True, tag="command.replicator.admit_upload"):
    """Leave to send a disk file of ``size`` bytes to a pod's incoming folder as ``name``.

    ``upload`` continues an earlier one, whose grant may have expired; None begins a new one. ``bearer`` is who will
    knock at the pod's door, by its certificate.
    """

    pod: str
    name: Name
    size: Size
    upload: str | None = None
    bearer: str


class AdmitExport(Command, frozen=True, kw_only=True, tag="command.replicator.admit_export"):
    """Leave to read the disks of a version (by its id), from ``pod`` or from whoever holds it."""

    version: str
    pod: str | None = None
    bearer: str


# --- sharing ----------------------------------------------------------------------------------------------------------


class OfferImage(Command, frozen=True, kw_only=True, tag="command.sharing.offer"):
    """Owner: offer an image to a tenant."""

    image: str
    member: Name


class AnswerOffer(Command, frozen=True, kw_only=True, tag="command.sharing.answer"):
    """Member: accept or reject an offer; may change its mind."""

    image: str
    answer: Literal["accept", "reject"]


class RevokeOffer(Command, frozen=True, kw_only=True, tag="command.sharing.revoke"):
    """Owner: take an offer back."""

    image: str
    member: Name


class ListMembers(Request, frozen=True, kw_only=True, tag="query.sharing.members"):
    """Owner: all members of an image. Member: its own row. Anyone else: not found."""

    image: str


# --- every service ----------------------------------------------------------------------------------------------------


class ListDeadLetters(Request, frozen=True, kw_only=True, tag="query.service.dead_letters"):
    """The messages a service could not handle; asked on ``query.<service>.dead_letters``."""

    limit: int = 100


class GetHealth(Request, frozen=True, kw_only=True, tag="query.service.health"):
    """Whether a service's consumers and relay move; asked on ``query.<service>.health``."""


class HealthView(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="health"):
    """``ready`` and, where not, why."""

    service: str
    ready: bool
    reasons: tuple[str, ...] = ()
    at: datetime


# --- replies ----------------------------------------------------------------------------------------------------------


class Done(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="done"):
    """The command took effect and has nothing more to say."""


class _Page(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    next: str | None = None
    """The cursor of the next page, None on the last one."""


class ImagePage(_Page, frozen=True, kw_only=True, tag="image_page"):
    items: tuple[ImageView, ...]


class VersionPage(_Page, frozen=True, kw_only=True, tag="version_page"):
    items: tuple[VersionView, ...]


class JobPage(_Page, frozen=True, kw_only=True, tag="job_page"):
    items: tuple[JobView, ...]


class TimelinePage(_Page, frozen=True, kw_only=True, tag="timeline_page"):
    items: tuple[TimelineView, ...]


class PodPage(_Page, frozen=True, kw_only=True, tag="pod_page"):
    items: tuple[PodView, ...]


class VmPage(_Page, frozen=True, kw_only=True, tag="vm_page"):
    """``at`` is the time of the inventory it comes from, None when the pod has not told yet."""

    items: tuple[VmView, ...]
    at: datetime | None = None


class ItemPage(_Page, frozen=True, kw_only=True, tag="item_page"):
    items: tuple[ItemView, ...]
    at: datetime | None = None


class CopyPage(_Page, frozen=True, kw_only=True, tag="copy_page"):
    items: tuple[CopyView, ...]


class MemberPage(_Page, frozen=True, kw_only=True, tag="member_page"):
    items: tuple[MemberView, ...]


class DeadLetterPage(_Page, frozen=True, kw_only=True, tag="dead_letter_page"):
    items: tuple[DeadLetterView, ...]


REPLIES: dict[type[Request], type[msgspec.Struct]] = {
    RegisterImage: ImageView,
    ImportVersion: Accepted,
    PublishVersion: Accepted,
    ListImages: ImagePage,
    GetImage: ImageView,
    ListVersions: VersionPage,
    GetVersion: VersionView,
    ListJobs: JobPage,
    GetJob: JobView,
    GetTimeline: TimelinePage,
    ListPods: PodPage,
    GetPod: PodView,
    GetPodVms: VmPage,
    GetPodLibrary: ItemPage,
    ListCopies: CopyPage,
    SetPodLimits: PodView,
    AdmitUpload: UploadGrantView,
    AdmitExport: ExportGrantView,
    OfferImage: Done,
    AnswerOffer: Done,
    RevokeOffer: Done,
    ListMembers: MemberPage,
    ListDeadLetters: DeadLetterPage,
    GetHealth: HealthView,
}
"""Request -> what a successful reply is; anything else is a `Problem`."""
