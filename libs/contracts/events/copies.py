"""Stream EVENTS: what the replicator decides about pods, placements and copies."""

from datetime import datetime
from typing import ClassVar, Literal

from contracts.errors import Failure
from contracts.events.base import Event
from contracts.terms import Policy, Terms


class PodEnrolled(Event, frozen=True, kw_only=True, tag="pod.enrolled.v1"):
    """A pod announced itself for the first time and is known from now on."""

    about: ClassVar[str] = "pod"
    pod: str
    hypervisor: str
    labels: dict[str, str] = {}
    revision: int
    tenants: tuple[str, ...] = ()
    """Who may use it (principals); none: every tenant."""


class PodConnected(Event, frozen=True, kw_only=True, tag="pod.connected.v1"):
    """A pod's connector reports (again). ``labels`` are the effective ones: the operator's over the pod's own."""

    about: ClassVar[str] = "pod"
    pod: str
    labels: dict[str, str] = {}
    revision: int
    tenants: tuple[str, ...] = ()
    """Who may use it (principals); none: every tenant."""


class PodDisconnected(Event, frozen=True, kw_only=True, tag="pod.disconnected.v1"):
    """A pod's connector has been silent for longer than its limit: OFFLINE."""

    about: ClassVar[str] = "pod"
    pod: str
    revision: int


class PodDrained(Event, frozen=True, kw_only=True, tag="pod.drained.v1"):
    """The pod accepts nothing new: DRAINING. What it holds stays."""

    about: ClassVar[str] = "pod"
    pod: str
    revision: int


class PodReadmitted(Event, frozen=True, kw_only=True, tag="pod.readmitted.v1"):
    """The pod is no longer DRAINING; whether it reports is said by `PodConnected` or `PodDisconnected` after this."""

    about: ClassVar[str] = "pod"
    pod: str
    revision: int


class PodRelabelled(Event, frozen=True, kw_only=True, tag="pod.relabelled.v1"):
    """The effective labels of the pod changed."""

    about: ClassVar[str] = "pod"
    pod: str
    labels: dict[str, str]
    revision: int
    tenants: tuple[str, ...] = ()
    """Who may use it (principals); none: every tenant."""


class PodRemoved(Event, frozen=True, kw_only=True, tag="pod.removed.v1"):
    """The pod is no longer part of the house; its copies count no more."""

    about: ClassVar[str] = "pod"
    pod: str
    revision: int


class PolicySet(Event, frozen=True, kw_only=True, tag="policy.set.v1"):
    """A tenant's placement policy is in force as it says here."""

    about: ClassVar[str] = "policy"
    policy: str
    """A token made of tenant and name, which may both have dots: dots would part it in the subject."""
    tenant: str
    name: str
    body: Policy
    revision: int


class PolicyDropped(Event, frozen=True, kw_only=True, tag="policy.dropped.v1"):
    """A tenant's placement policy is no more; the copies that it made stay."""

    about: ClassVar[str] = "policy"
    policy: str
    tenant: str
    name: str
    revision: int


class VersionSought(Event, frozen=True, kw_only=True, tag="version.sought.v1"):
    """A pod holds, or reports about, a version of which the replicator has no placement (its database may be an old
    one): the catalog is asked to say again what was wanted. ``reason`` is for people."""

    about: ClassVar[str] = "version"
    version: str
    pod: str
    reason: str = ""


class PlacementPlanned(Event, frozen=True, kw_only=True, tag="placement.planned.v1"):
    """What is wanted of a version from now on: said at each publish and each edit, before the copies that it plans.

    ``wanted`` counts its copies, the skipped ones too. ``estimate`` is when the last copy should be AVAILABLE by the
    capacity measured so far, None while nothing was measured; ``warning`` that it will not be in time. ``terms`` and
    ``replicas`` are the placement's own, where an edit changed them. ``revision`` is the placement's own.
    """

    about: ClassVar[str] = "version"
    version: str
    image: str
    tenant: str
    publication: int
    wanted: int
    skipped: int
    estimate: datetime | None = None
    warning: Failure | None = None
    terms: Terms | None = None
    replicas: int | None = None
    revision: int


class PlacementRolledBack(Event, frozen=True, kw_only=True, tag="placement.rolled_back.v1"):
    """An all-or-nothing publish failed: every copy that it made is gone, or is on a pod that does not report and drops
    it when it does."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    tenant: str
    publication: int
    failure: Failure


class PlacementRefused(Event, frozen=True, kw_only=True, tag="placement.refused.v1"):
    """A publish found no pod to make a copy on."""

    about: ClassVar[str] = "version"
    version: str
    publication: int
    failure: Failure


class DeliveryPlanned(Event, frozen=True, kw_only=True, tag="delivery.planned.v1"):
    """The answer to a delivery: the first copy on each of ``pods`` is there or is to come, as any other of the version;
    of the ``refused`` ones nothing is made, for the reason by pod."""

    about: ClassVar[str] = "delivery"
    delivery: str
    version: str
    image: str
    tenant: str
    member: str
    pods: tuple[str, ...]
    refused: dict[str, Failure] = {}


class DeliveryEnded(Event, frozen=True, kw_only=True, tag="delivery.ended.v1"):
    """What the delivery stood on was taken back. Its copies that were not AVAILABLE are given up, as was said before
    this; those that are stay as long as they are whole."""

    about: ClassVar[str] = "delivery"
    delivery: str
    version: str
    image: str
    tenant: str
    member: str
    reason: Literal["share_revoked"] = "share_revoked"


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
    excluded: bool = False
    """Excluded from ``latest`` on this pod."""
    estimate: datetime | None = None
    """When it should be AVAILABLE, by the capacity measured so far."""
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
    datastore: str = ""
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


class CopyCancelled(Event, frozen=True, kw_only=True, tag="copy.cancelled.v1"):
    """The copy was given up before it was AVAILABLE: by a cancel, a removed target, a roll-back. Its pod frees what it
    took (`CopyRemoved` follows when it has, where it took anything). ``wanted``: it stays in the desired state, since
    only a cancel gave it up."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    reason: str = ""
    wanted: bool = True
    revision: int


class CopyRetired(Event, frozen=True, kw_only=True, tag="copy.retired.v1"):
    """The copy was AVAILABLE and is to go: DELETING. It is not handed out any more."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    reason: str = ""
    revision: int


class CopyRemoved(Event, frozen=True, kw_only=True, tag="copy.removed.v1"):
    """Nothing of the copy is on the pod any more, by its connector's word (or because the pod itself is no more):
    ABSENT."""

    about: ClassVar[str] = "copy"
    copy: str
    version: str
    image: str
    pod: str
    revision: int
