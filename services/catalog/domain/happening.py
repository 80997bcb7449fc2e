"""What the catalog's own events make of a version (features.md, b.2)."""

from datetime import datetime

import msgspec

from catalog.domain.number import rank
from catalog.domain.publication import Publication, begin
from catalog.domain.states import TransitionError, become
from catalog.domain.version import (
    Available,
    Cancelled,
    Cancelling,
    DeployingVm,
    DeploymentDone,
    Failed,
    PartiallyAvailable,
    Pending,
    Publishing,
    Replicating,
    Unpublishing,
    Version,
    counted_of,
)
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.hub import (
    VersionAvailable,
    VersionCancelRequested,
    VersionChanged,
    VersionDeactivated,
    VersionDeleted,
    VersionDeployed,
    VersionDisabled,
    VersionEnabled,
    VersionFailed,
    VersionPartiallyAvailable,
    VersionPublishRequested,
    VersionReactivated,
    VersionReplicating,
    VersionRequested,
    VersionRestored,
    VersionSoftDeleted,
    VersionStarted,
    VersionStepped,
    VersionUnpublishRequested,
    VersionWithdrawn,
)
from contracts.events.to_pods import SourceDiscarded, SourceReleased, SourceRequested
from contracts.manifest import Manifest


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
        case (
            _,
            VersionChanged()
            | VersionDisabled()
            | VersionEnabled()
            | VersionDeactivated()
            | VersionReactivated()
            | VersionSoftDeleted()
            | VersionRestored()
            | VersionDeleted(),
        ):
            # Marks stand beside the state: whoever decides about them sets them, and says so under the next revision.
            return msgspec.structs.replace(version, updated=at, revision=event.revision)
        case Pending(), SourceRequested():
            return msgspec.structs.replace(version, mode=event.mode, attempt=event.attempt, updated=at)
        case Pending(), VersionStarted():
            return become(DeployingVm, version, updated=at, revision=event.revision)
        case Pending() | DeployingVm(), VersionStepped():
            return msgspec.structs.replace(version, updated=at, revision=event.revision, stepped=event.position)
        case DeployingVm(), VersionDeployed():
            done = len(version.plugins)
            return become(
                DeploymentDone, version, updated=at, revision=event.revision, manifest=event.manifest, stepped=done
            )
        case Pending() | DeployingVm(), VersionFailed(phase="import", failure=Failure(code="cancelled")):
            return become(Cancelled, version, updated=at, revision=event.revision, failure=event.failure)
        case Pending() | DeployingVm(), VersionFailed(phase="import"):
            return become(Failed, version, updated=at, revision=event.revision, failure=event.failure)
        case (
            DeploymentDone() | Available() | PartiallyAvailable() | Failed(manifest=Manifest()),
            VersionPublishRequested(),
        ):
            anew = isinstance(version, DeploymentDone)
            publication = begin(counted_of(version), event.publication, event.terms, anew=anew)
            return become(Publishing, version, updated=at, revision=event.revision, job=job, publication=publication)
        case Publishing(), VersionReplicating():
            return become(Replicating, version, updated=at, revision=event.revision)
        case Publishing() | Replicating(), VersionCancelRequested():
            return become(Cancelling, version, updated=at, revision=event.revision)
        case (
            Publishing()
            | Replicating()
            | Cancelling()
            | Available()
            | PartiallyAvailable()
            | Failed(publication=Publication())
            | DeploymentDone(publication=Publication()),
            VersionUnpublishRequested(),
        ):
            return become(Unpublishing, version, updated=at, revision=event.revision, job=job, usable=False)
        case (
            Publishing()
            | Replicating()
            | Cancelling()
            | Available()
            | PartiallyAvailable()
            | Failed(publication=Publication())
            | DeploymentDone(publication=Publication()),
            VersionAvailable() | VersionPartiallyAvailable() | VersionFailed(phase="publish"),
        ):
            return _aggregated(version, event, at)
        case (
            Publishing()
            | Replicating()
            | Cancelling()
            | Unpublishing()
            | Available()
            | PartiallyAvailable()
            | Failed(publication=Publication()),
            VersionWithdrawn(),
        ):
            return become(
                DeploymentDone,
                version,
                updated=at,
                revision=event.revision,
                usable=False,
                withdrawn=event.reason,
                failure=event.failure,
            )
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
