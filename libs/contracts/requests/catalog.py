"""What the catalog is asked: images, versions, publishes, jobs."""

from typing import Annotated, Literal

import msgspec

from contracts.definition import (
    Architecture,
    Capsule,
    DesktopKind,
    Details,
    Generation,
    Identifier,
    ImageClass,
    LongText,
    Moment,
    OsState,
    OsType,
    Tags,
    Uefi,
)
from contracts.manifest import Format, Source
from contracts.names import Name, Number, PodName, Text
from contracts.preparation import Signature
from contracts.requests.base import Command, Request
from contracts.terms import PodNames, Replicas, Targets, Terms


class RegisterImage(Command, frozen=True, kw_only=True, tag="command.catalog.register_image"):
    """Make an image without a version. ``flavour`` makes it *Dedicated* to endpoints of its models, none *General*."""

    gallery: Name = "default"
    name: Name
    os_type: OsType = "linux"
    os_state: OsState = "generalized"
    generation: Generation = "V1"
    architecture: Architecture = "x64"
    description: Text = ""
    identifier: Identifier | None = None
    image_class: ImageClass = "custom"
    desktop_kind: DesktopKind | None = None
    flavour: Name | None = None
    tags: Tags = {}
    details: Details = Details()


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A version that another one is made from; ``pod`` is the one to read it on, by default where it was imported."""

    image: str
    number: str
    pod: PodName | None = None


class ImportVersion(Command, frozen=True, kw_only=True, tag="command.catalog.import"):
    """Import a source as a version of an image (an id, or ``gallery/name``): ``source`` on a pod, or the ``origin``.

    With ``create`` an image that does not exist yet is registered first, as the fields up to ``flavour`` say; where
    they are None, as `RegisterImage` has it. An image that exists must be what is said there.
    ``snapshot`` (with *clone* only) makes a snapshot of the source VM after it was read, named ``snapshot_name``.
    """

    image: str
    create: bool = False
    os_type: OsType | None = None
    os_state: OsState | None = None
    generation: Generation | None = None
    architecture: Architecture | None = None
    image_class: ImageClass | None = None
    desktop_kind: DesktopKind | None = None
    flavour: Name | None = None
    source: Source | None = None
    origin: Origin | None = None
    mode: Literal["clone", "convert"] = "clone"
    file_type: Format | None = None
    number: Number | None = None
    datastore: Name | None = None
    snapshot: bool = False
    snapshot_name: Name | None = None
    description: Text = ""
    release_notes: LongText = ""
    exclude_from_latest: bool = False
    end_of_life: Moment | None = None
    capsule: Capsule | None = None
    uefi: Uefi | None = None
    plugins: Annotated[tuple[Name, ...], msgspec.Meta(max_length=8)] | None = None
    """Import plug-ins in their order; None: those of the catalog's settings (`contracts.preparation`)."""
    signature: Signature | None = None


class PublishVersion(Command, frozen=True, kw_only=True, tag="command.catalog.publish"):
    """Publish a version: first time, or again (``republish``) for the copies that are not AVAILABLE.

    What is None is the ordinary thing the first time (all pods, one copy on each, `Terms` as they are), and as it was
    the last time when published again; ``more`` names pods beside those (features.md C7). ``deadline`` is in seconds
    from acceptance; a copy that is not AVAILABLE by then is FAILED.
    """

    image: str
    number: str
    again: bool = False
    targets: Targets | None = None
    more: PodNames = ()
    replicas: Replicas | None = None
    deadline: float | None = None
    terms: Terms | None = None


class UnpublishVersion(Command, frozen=True, kw_only=True, tag="command.catalog.unpublish"):
    """Remove every copy of a version; the version and its source stay (features.md C8)."""

    image: str
    number: str


class CancelPublish(Command, frozen=True, kw_only=True, tag="command.catalog.cancel"):
    """Give up the publish under way: what is AVAILABLE stays, the rest is freed."""

    image: str
    number: str


class CancelJob(Command, frozen=True, kw_only=True, tag="command.catalog.cancel_job"):
    """Give up what a job does: of a publish, as `CancelPublish` does; an import in any state before its end; an update
    of pools (the seats that follow already keep what they have, the others stay as they were); a deletion before its
    copies went."""

    job: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="accepted"):
    """A long command was accepted; the job tells the rest."""

    job: str
    image: str
    version: str
    number: str


class ListImages(Request, frozen=True, kw_only=True, tag="query.catalog.images"):
    """Images that the actor can see: the tenant's own and those of the standard class.

    Every filter given must hold. ``where`` are filters on single fields of an `ImageView` by their names (``os_type``,
    ``image_class``, ``publisher``, …; ``min_…`` and ``max_…`` for numbers, ``…_before`` and ``…_after`` for times);
    ``tags`` are keys with a value, or empty for any. ``text`` is looked for in gallery/name and description. ``pod``
    has a copy AVAILABLE of one of the versions. ``sort`` is a field, with ``-`` in front downwards.

    Without ``visibility``: the tenant's own, those of the standard class and public galleries, and those shared with
    it that it accepted; ``private`` and ``public``: only those; ``shared``: only those shared with it (whose answer is
    ``member_status``), and those of others on which, or on whose gallery, the actor has a role, or whose gallery is
    shared with it; ``community``: those of community galleries (Glance's rules, features.md d.3). What was not accepted
    is sorted by its path alone. A ``gallery`` that is an id may be another tenant's that the actor can read.
    """

    visibility: Literal["private", "shared", "community", "public"] | None = None
    member_status: Literal["accepted", "pending", "rejected", "all"] = "accepted"

    gallery: str | None = None
    state: str | None = None
    text: str | None = None
    tags: dict[str, str] = {}
    pod: str | None = None
    owner: str | None = None
    hidden: bool = False
    where: dict[str, str] = {}
    sort: str = "path"
    limit: int = 100
    cursor: str | None = None


class GetImage(Request, frozen=True, kw_only=True, tag="query.catalog.image"):
    """An image by id or ``gallery/name``."""

    image: str


class ListVersions(Request, frozen=True, kw_only=True, tag="query.catalog.versions"):
    """The versions of an image, newest number first unless ``sort`` names a field. ``where`` as in `ListImages`."""

    image: str
    state: str | None = None
    pod: str | None = None
    hidden: bool = False
    where: dict[str, str] = {}
    sort: str = "-number"
    limit: int = 100
    cursor: str | None = None


class GetVersion(Request, frozen=True, kw_only=True, tag="query.catalog.version"):
    """A version by number or ``latest``; with ``pod``, latest is among the copies AVAILABLE on that pod."""

    image: str
    number: str
    pod: str | None = None


class ListJobs(Request, frozen=True, kw_only=True, tag="query.catalog.jobs"):
    """Jobs, newest first unless ``sort`` names a field. ``where`` as in `ListImages`."""

    state: str | None = None
    kind: str | None = None
    image: str | None = None
    where: dict[str, str] = {}
    sort: str = "-created"
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


class GetSharingStatus(Request, frozen=True, kw_only=True, tag="query.catalog.sharing_status"):
    """Where the versions of an image, or of all images of a gallery, can be used by those they are shared with
    (features.md E9)."""

    image: str | None = None
    gallery: str | None = None


class See(Request, frozen=True, kw_only=True, tag="query.catalog.see"):
    """Which of these images and versions (ids) and pods (names) the actor may know of."""

    images: Annotated[tuple[str, ...], msgspec.Meta(max_length=256)] = ()
    versions: Annotated[tuple[str, ...], msgspec.Meta(max_length=256)] = ()
    pods: Annotated[tuple[str, ...], msgspec.Meta(max_length=256)] = ()
