"""A version and its states (features.md, b.2): what each state holds, and what the catalog's own events make of it."""

from datetime import datetime
from typing import Literal

import msgspec

from catalog.domain.copies import Publication
from catalog.domain.number import rank
from catalog.domain.states import TransitionError, become
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.hub import (
    VersionAvailable,
    VersionDeployed,
    VersionFailed,
    VersionPartiallyAvailable,
    VersionPublishRequested,
    VersionReplicating,
    VersionRequested,
    VersionStarted,
)
from contracts.events.to_pods import SourceDiscarded, SourceReleased, SourceRequested
from contracts.manifest import Manifest, Source


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


class Pending(_Version, frozen=True, kw_only=True, tag="PENDING"):
    """Accepted; the source pod was asked."""


class DeployingVm(_Version, frozen=True, kw_only=True, tag="DEPLOYING_VM"):
    """The source pod prepares it."""


class _Deployed(_Version, frozen=True, kw_only=True):
    """``source_deleted``: the source VM of a *convert* is gone."""

    manifest: Manifest
    source_deleted: bool = False


class DeploymentDone(_Deployed, frozen=True, kw_only=True, tag="DEPLOYMENT_DONE"):
    """Its content is known and durable on the source pod: ready to publish."""


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


class Failed(_Version, frozen=True, kw_only=True, tag="FAILED"):
    """The import failed (no manifest: nothing of it stays, its number is free), or the publish did (both are there)."""

    failure: Failure
    manifest: Manifest | None = None
    source_deleted: bool = False
    publication: Publication | None = None


Version = Pending | DeployingVm | DeploymentDone | Publishing | Replicating | Available | PartiallyAvailable | Failed


def publication_of(version: Version) -> Publication | None:
    """The latest publish of a version, if there was one."""
    match version:
        case Publishing() | Replicating() | Available() | PartiallyAvailable() | Failed():
            return version.publication
        case Pending() | DeployingVm() | DeploymentDone():
            return None


def manifest_of(version: Version) -> Manifest | None:
    """The content of a version, once it is known and unless its import failed."""
    match version:
        case Pending() | DeployingVm():
            return None
        case DeploymentDone() | Publishing() | Replicating() | Available() | PartiallyAvailable() | Failed():
            return version.manifest


def without_source(version: Version) -> Version:
    """The version after its source VM was deleted (*convert*); unchanged when it has none to lose."""
    if isinstance(version, Pending | DeployingVm) or version.mode != "convert" or version.source_deleted:
        return version
    return msgspec.structs.replace(version, source_deleted=True)


def requested(event: VersionRequested, at: datetime, job: str) -> Pending:
    """The state after `VersionRequested`, the first event of a version."""
    return Pending(
        image=event.image,
        number=event.number,
        rank=rank(event.number),
        tenant=event.tenant,
        source=event.source,
        job=job,
        import_job=job,
        created=at,
        updated=at,
        revision=event.revision,
    )


def evolve(version: Version, event: Event, at: datetime, job: str) -> Version:
    """The version after one of the catalog's own events, said at ``at`` in the saga of ``job``.

    Raises:
        TransitionError: the event cannot happen in this state.
    """
    match version, event:
        case _, SourceReleased() | SourceDiscarded():
            return version
        case Pending(), SourceRequested():
            return msgspec.structs.replace(version, mode=event.mode, attempt=event.attempt, updated=at)
        case Pending(), VersionStarted():
            return become(DeployingVm, version, updated=at, revision=event.revision)
        case DeployingVm(), VersionDeployed():
            return become(DeploymentDone, version, updated=at, revision=event.revision, manifest=event.manifest)
        case Pending() | DeployingVm(), VersionFailed(phase="import"):
            return become(Failed, version, updated=at, revision=event.revision, failure=event.failure)
        case (
            DeploymentDone() | Available() | PartiallyAvailable() | Failed(manifest=Manifest()),
            VersionPublishRequested(),
        ):
            publication = _next(publication_of(version), event.publication)
            return become(Publishing, version, updated=at, revision=event.revision, job=job, publication=publication)
        case Publishing(), VersionReplicating():
            return become(Replicating, version, updated=at, revision=event.revision)
        case (
            Publishing() | Replicating() | Available() | PartiallyAvailable() | Failed(publication=Publication()),
            VersionAvailable() | VersionPartiallyAvailable() | VersionFailed(phase="publish"),
        ):
            return _aggregated(version, event, at)
    raise TransitionError(version, event)


def _aggregated(version: Version, event: Event, at: datetime) -> Version:
    match event:
        case VersionAvailable():
            return become(Available, version, updated=at, revision=event.revision, usable=True)
        case VersionPartiallyAvailable():
            return become(PartiallyAvailable, version, updated=at, revision=event.revision, usable=True)
        case VersionFailed():
            return become(Failed, version, updated=at, revision=event.revision, usable=False, failure=event.failure)
    raise TransitionError(version, event)


def _next(before: Publication | None, number: int) -> Publication:
    """The publication that begins: what is AVAILABLE, or was lost, from those before it is still counted."""
    if before is None:
        return Publication(number=number)
    return Publication(number=number, kept=before.available + before.kept, gone=before.lost + before.gone)
