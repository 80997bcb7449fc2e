"""Stream EVENTS: what the catalog decides about images and versions."""

from datetime import datetime
from typing import ClassVar, Literal

from contracts.errors import Failure
from contracts.events.base import Event
from contracts.manifest import Manifest, Source
from contracts.terms import Targets, Terms


class ImageRegistered(Event, frozen=True, kw_only=True, tag="image.registered.v1"):
    """An image (a definition) exists in a gallery; it has no version yet."""

    about: ClassVar[str] = "image"
    image: str
    gallery: str
    name: str
    tenant: str
    os_type: str
    image_class: str = "custom"
    market: bool = False
    """It has a purchase plan: not to be shared on (features.md E6)."""
    private_only: str = ""
    """Why it may not be in a gallery that is shared with everybody: its security type (features.md d.2)."""
    revision: int


class ImageAvailable(Event, frozen=True, kw_only=True, tag="image.available.v1"):
    """The first version of an image is ready to publish."""

    about: ClassVar[str] = "image"
    image: str
    revision: int


class ImageFailed(Event, frozen=True, kw_only=True, tag="image.failed.v1"):
    """The first import of an image failed; another import may follow."""

    about: ClassVar[str] = "image"
    image: str
    revision: int


class VersionRequested(Event, frozen=True, kw_only=True, tag="version.requested.v1"):
    """An import was accepted: the version is PENDING until its source pod starts."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    source: Source
    revision: int


class VersionStarted(Event, frozen=True, kw_only=True, tag="version.started.v1"):
    """The source pod prepares the version: DEPLOYING_VM."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    revision: int


class VersionDeployed(Event, frozen=True, kw_only=True, tag="version.deployed.v1"):
    """The version's content is known and durable on its source pod: DEPLOYMENT_DONE, ready to publish."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    manifest: Manifest
    revision: int


class VersionPublishRequested(Event, frozen=True, kw_only=True, tag="version.publish_requested.v1"):
    """A publish was accepted: the replicator is to make copies on ``targets``. PUBLISHING.

    ``publication`` counts the publishes of this version; a later one touches only copies that are not AVAILABLE. Said
    again unchanged when the replicator sought the version (`VersionSought`). ``more`` names pods beside the targets.
    ``again``: the targets are those of the last time and not named anew, so what an edit removed since stays removed.
    To a replicator that sought the version, ``left`` and ``cancelled`` are copies of its targets that are not to be
    made (``pod``, further replicas ``pod/1``): removed since, or given up by a cancel. ``fixed``: copies of the image's
    versions may not be removed from pods one by one (features.md F3).
    """

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    publication: int
    manifest: Manifest
    targets: Targets
    replicas: int
    deadline: datetime
    terms: Terms = Terms()
    more: tuple[str, ...] = ()
    again: bool = False
    left: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    fixed: bool = False
    gallery: str = ""
    """The name of the image's gallery, on which roles may be granted."""
    principals: tuple[str, ...] = ()
    """What the tenant was when it asked: pods that only others may use are no targets. None: the tenant alone."""
    public: bool = False
    """The image is of the standard class, which every tenant may read."""
    revision: int


class VersionDeliveryRequested(Event, frozen=True, kw_only=True, tag="version.delivery_requested.v1"):
    """Copies of a published version are wanted on more pods, which ``member`` may use, because it is shared with that
    one. They are the version's own copies, and end with the share (`ShareRevoked`) as far as they are not
    AVAILABLE. ``principals`` are what the member was when it asked."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    gallery: str
    member: str
    delivery: str
    principals: tuple[str, ...] = ()
    pods: tuple[str, ...]
    revision: int


class VersionReplicating(Event, frozen=True, kw_only=True, tag="version.replicating.v1"):
    """The first copy was planned: REPLICATING."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    publication: int
    wanted: int
    revision: int


class VersionAvailable(Event, frozen=True, kw_only=True, tag="version.available.v1"):
    """Every wanted copy is AVAILABLE by its own connector's word (SKIPPED ones aside)."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    available: int
    skipped: int
    revision: int


class VersionPartiallyAvailable(Event, frozen=True, kw_only=True, tag="version.partially_available.v1"):
    """All copies came to an end, some AVAILABLE and some not; ``cancelled`` ones were given up."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    available: int
    failed: int
    skipped: int
    cancelled: int = 0
    revision: int


class VersionFailed(Event, frozen=True, kw_only=True, tag="version.failed.v1"):
    """The import or the publish of a version failed. After a failed import no bytes stay and the number is free; one
    that was given up has the failure ``cancelled``."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    phase: Literal["import", "publish"]
    failure: Failure
    revision: int


class VersionUnpublishRequested(Event, frozen=True, kw_only=True, tag="version.unpublish_requested.v1"):
    """Every copy of the version is to go; the version and its source stay."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    publication: int
    revision: int


class VersionCancelRequested(Event, frozen=True, kw_only=True, tag="version.cancel_requested.v1"):
    """The publish under way is given up: CANCELLING. Unfinished copies go, AVAILABLE ones stay."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    publication: int
    revision: int


class VersionWithdrawn(Event, frozen=True, kw_only=True, tag="version.withdrawn.v1"):
    """The version is DEPLOYMENT_DONE again and has no copies: it was unpublished, its publish was cancelled before any
    copy was AVAILABLE, an all-or-nothing publish failed and was rolled back, or the replicator refused its first
    publish (``failure`` tells why, for these two)."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    publication: int
    reason: Literal["unpublished", "cancelled", "rolled_back", "refused"]
    failure: Failure | None = None
    revision: int
