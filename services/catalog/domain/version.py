"""A version and its states (features.md, b.2): what each state holds. What leads from one to another is in
`catalog.domain.happening`."""

from datetime import datetime
from typing import Literal

import msgspec

from catalog.domain.life import ALIVE, Life
from catalog.domain.publication import Publication
from contracts.definition import Capsule, Uefi
from contracts.errors import Failure
from contracts.manifest import Manifest, Source
from contracts.preparation import Signature
from contracts.views import Validation


class _Version(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """``job`` is the latest job about the version, ``import_job`` its first; ``rank`` sorts as the number does.

    ``attempt`` fences reports of the source pod. ``usable`` says that the version has been AVAILABLE or
    PARTIALLY_AVAILABLE and still is, also while it is published again: `latest` looks at nothing else.
    """

    image: str
    number: str
    rank: str
    tenant: str
    source: Source
    mode: Literal["clone", "convert"] = "clone"
    attempt: int = 0
    job: str
    import_job: str
    created: datetime
    updated: datetime
    revision: int
    usable: bool = False
    life: Life = ALIVE
    excluded: bool = False
    """Never what `latest` means, whatever its publishes say (features.md A7)."""
    promoted: int = 0
    """The latest of its publishes by whose terms it was excluded from `latest` and is so no more: an edit said that."""
    description: str = ""
    release_notes: str = ""
    parent: str = ""
    """The version that it was made from."""
    validations: tuple[Validation, ...] = ()
    validated: bool = False
    """One of them succeeded and none failed: `latest` asks for it where the image holds versions until then (B17)."""
    capsule: Capsule | None = None
    uefi: Uefi | None = None
    signature: Signature | None = None
    """What its content must be signed with, and then is."""
    plugins: tuple[str, ...] = ()
    """The import plug-ins of its import, in their order."""
    stepped: int = 0
    """How many of them are done."""
    warnings: tuple[str, ...] = ()
    counted: int = 0
    """Bytes that the quotas count for it: reserved once its source was inspected, those of its content from then on."""
    awaited: bool = False
    """An assignment waits for a copy of it somewhere."""
    delivering: bool = False
    """Somebody with whom it is shared waits for copies of it."""


class Pending(_Version, frozen=True, kw_only=True, tag="PENDING"):
    """Accepted; the source pod was asked."""


class DeployingVm(_Version, frozen=True, kw_only=True, tag="DEPLOYING_VM"):
    """The source pod prepares it."""


class _Deployed(_Version, frozen=True, kw_only=True):
    """``source_deleted``: the source VM of a *convert* is gone."""

    manifest: Manifest
    source_deleted: bool = False


class DeploymentDone(_Deployed, frozen=True, kw_only=True, tag="DEPLOYMENT_DONE"):
    """Its content is known and durable on the source pod: ready to publish.

    ``publication`` is the latest publish, where there was one; ``withdrawn`` says how it came to nothing (the reason
    of `VersionWithdrawn`) and ``failure`` why. Its copies are still counted, for words about them may come late.
    """

    publication: Publication | None = None
    withdrawn: str = ""
    failure: Failure | None = None


class _Published(_Deployed, frozen=True, kw_only=True):
    publication: Publication


class Publishing(_Published, frozen=True, kw_only=True, tag="PUBLISHING"):
    """The replicator plans."""


class Replicating(_Published, frozen=True, kw_only=True, tag="REPLICATING"):
    """Copies are planned; not all came to an end."""


class Available(_Published, frozen=True, kw_only=True, tag="AVAILABLE"):
    """All wanted copies are AVAILABLE, those SKIPPED aside."""


class PartiallyAvailable(_Published, frozen=True, kw_only=True, tag="PARTIALLY_AVAILABLE"):
    """Some are, some are not and will not be without a republish."""


class Cancelling(_Published, frozen=True, kw_only=True, tag="CANCELLING"):
    """Its publish was given up; some copies are still to hear of it."""


class Unpublishing(_Published, frozen=True, kw_only=True, tag="UNPUBLISHING"):
    """Its copies go. A state of its own, not a mark on the others: it can neither be used nor published meanwhile."""


class Cancelled(_Version, frozen=True, kw_only=True, tag="CANCELLED"):
    """Its import was given up: nothing of it stays, its number is free."""

    failure: Failure


class Failed(_Version, frozen=True, kw_only=True, tag="FAILED"):
    """The import failed (no manifest: nothing of it stays, its number is free), or the publish did (both are there)."""

    failure: Failure
    manifest: Manifest | None = None
    source_deleted: bool = False
    publication: Publication | None = None


Counted = (
    DeploymentDone | Publishing | Replicating | Available | PartiallyAvailable | Cancelling | Unpublishing | Failed
)
"""The states in which a version may have copies, or words about them may come."""
Version = Pending | DeployingVm | Cancelled | Counted


def publication_of(version: Version) -> Publication | None:
    """The publish of a version that is in force: None before the first, and after it was withdrawn."""
    return None if isinstance(version, DeploymentDone) else counted_of(version)


def counted_of(version: Version) -> Publication | None:
    """The latest publish of a version, in force or not."""
    return None if isinstance(version, Pending | DeployingVm | Cancelled) else version.publication


def manifest_of(version: Version) -> Manifest | None:
    """The content of a version, once it is known and unless its import failed or was given up."""
    return None if isinstance(version, Pending | DeployingVm | Cancelled) else version.manifest


def failure_of(version: Version) -> Failure | None:
    """Why the latest step about a version came to nothing, if it did."""
    return version.failure if isinstance(version, DeploymentDone | Failed | Cancelled) else None


def without_source(version: Version) -> Version:
    """The version after its source VM was deleted (*convert*); unchanged when it has none to lose."""
    if isinstance(version, Pending | DeployingVm | Cancelled) or version.mode != "convert" or version.source_deleted:
        return version
    return msgspec.structs.replace(version, source_deleted=True)
