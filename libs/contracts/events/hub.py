"""Stream EVENTS: what the hub services decide. Catalog and replicator speak here; everyone may listen."""

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from contracts.errors import Failure
from contracts.events.base import Event
from contracts.manifest import Manifest, Source


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Which pods a publish is for: all that are enrolled, or those named. Resolved by the replicator at acceptance."""

    kind: Literal["all", "list"] = "all"
    pods: tuple[str, ...] = ()


# --- catalog ----------------------------------------------------------------------------------------------------------


class ImageRegistered(Event, frozen=True, kw_only=True, tag="image.registered.v1"):
    """An image (a definition) exists in a gallery; it has no version yet."""

    about: ClassVar[str] = "image"
    image: str
    gallery: str
    name: str
    tenant: str
    os_type: str
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

    ``publication`` counts the publishes of this version; a later one touches only copies that are not AVAILABLE.
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
    """All copies came to an end, some AVAILABLE and some not."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    available: int
    failed: int
    skipped: int
    revision: int


class VersionFailed(Event, frozen=True, kw_only=True, tag="version.failed.v1"):
    """The import or the publish of a version failed. After a failed import no bytes stay and the number is free."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    phase: Literal["import", "publish"]
    failure: Failure
    revision: int


# --- replicator -------------------------------------------------------------------------------------------------------


class PodEnrolled(Event, frozen=True, kw_only=True, tag="pod.enrolled.v1"):
    """A pod announced itself for the first time and is known from now on."""

    about: ClassVar[str] = "pod"
    pod: str
    hypervisor: str
    revision: int


class PodConnected(Event, frozen=True, kw_only=True, tag="pod.connected.v1"):
    """A pod's connector reports (again)."""

    about: ClassVar[str] = "pod"
    pod: str
    revision: int


class PodDisconnected(Event, frozen=True, kw_only=True, tag="pod.disconnected.v1"):
    """A pod's connector has been silent for longer than its limit: OFFLINE."""

    about: ClassVar[str] = "pod"
    pod: str
    revision: int


class PlacementRefused(Event, frozen=True, kw_only=True, tag="placement.refused.v1"):
    """A publish found no pod to make a copy on."""

    about: ClassVar[str] = "version"
    version: str
    publication: int
    failure: Failure


class CopyPlanned(Event, frozen=True, kw_only=True, tag="copy.planned.v1"):
    """A copy belongs to a publish. Said once for each copy; ``wanted`` is how many copies the publish has in all.

    ``state`` is PENDING, SKIPPED with its reason, or AVAILABLE when an earlier publish made the copy already.
    """

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    replica: int
    publication: int
    wanted: int
    state: Literal["PENDING", "SKIPPED", "AVAILABLE"]
    reason: str = ""
    revision: int


class CopyStarted(Event, frozen=True, kw_only=True, tag="copy.started.v1"):
    """The pod was asked to make the copy: REPLICATING."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    attempt: int
    revision: int


class CopyDelayed(Event, frozen=True, kw_only=True, tag="copy.delayed.v1"):
    """An attempt failed and another follows: RETRY_PENDING."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    attempt: int
    failure: Failure
    next_attempt: datetime
    revision: int


class CopyAvailable(Event, frozen=True, kw_only=True, tag="copy.available.v1"):
    """The pod's connector finalised exactly what was asked for: the copy can be used there."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    attempt: int
    digest: str
    bytes_network: int
    bytes_reused: int
    revision: int


class CopyFailed(Event, frozen=True, kw_only=True, tag="copy.failed.v1"):
    """The copy will not come by itself: permanent error, attempts used up, or deadline passed."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    attempt: int
    failure: Failure
    revision: int


class CopyLost(Event, frozen=True, kw_only=True, tag="copy.lost.v1"):
    """A copy that was AVAILABLE cannot be used any more: its bytes changed (CORRUPT) or are gone (MISSING).

    A repair follows where the pod is there and another holder has the bytes; it ends with `CopyAvailable` or
    `CopyFailed`.
    """

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    state: Literal["CORRUPT", "MISSING"]
    failure: Failure
    revision: int


# --- sharing ----------------------------------------------------------------------------------------------------------


class ShareOffered(Event, frozen=True, kw_only=True, tag="share.offered.v1"):
    """An owner offers an image to a tenant: the member is PENDING and may read the image by id (features.md b.4)."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    owner: str
    revision: int


class ShareAccepted(Event, frozen=True, kw_only=True, tag="share.accepted.v1"):
    """The member took the offer: the image is listed for it."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    revision: int


class ShareRejected(Event, frozen=True, kw_only=True, tag="share.rejected.v1"):
    """The member declined, at once or after having accepted."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    revision: int


class ShareRevoked(Event, frozen=True, kw_only=True, tag="share.revoked.v1"):
    """The owner removed the member."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    revision: int
