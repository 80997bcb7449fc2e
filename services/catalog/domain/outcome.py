"""What the sums of its copies make of a version (features.md, Settled and b.2).

All wanted copies AVAILABLE, SKIPPED ones aside → AVAILABLE; some → PARTIALLY_AVAILABLE; none → FAILED, or, where the
publish was cancelled or rolled back, DEPLOYMENT_DONE. Once a publish came to its end the version follows its copies: a
lost one moves it down, one that comes late or heals moves it up. One that was added later moves it only when it came
to its own end; until then the version is ``converging``.
"""

from typing import Literal

from catalog.domain.publication import Publication
from catalog.domain.version import (
    Available,
    Cancelling,
    Counted,
    DeploymentDone,
    Failed,
    PartiallyAvailable,
    Publishing,
    Replicating,
    Unpublishing,
    Version,
)
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.hub import (
    VersionAvailable,
    VersionFailed,
    VersionPartiallyAvailable,
    VersionReplicating,
    VersionWithdrawn,
)

NONE_AVAILABLE = Failure(
    code="all_copies_failed",
    step="publish",
    text="no pod has an available copy",
    hint="Each copy tells why; put that right, then republish.",
)

ENDS = (VersionAvailable, VersionPartiallyAvailable, VersionFailed, VersionWithdrawn)
"""What is said at the end of a publish, a cancel or an unpublish."""

_STATE: dict[type[Event], type] = {
    VersionAvailable: Available,
    VersionPartiallyAvailable: PartiallyAvailable,
    VersionFailed: Failed,
    VersionWithdrawn: DeploymentDone,
}


def decide(version: Counted, id: str, now: Publication) -> list[Event]:
    """What to say when the sums of version ``id`` go from those it has to ``now``."""
    match version:
        case Publishing() | Replicating():
            return _running(version, id, now)
        case Cancelling():
            over = now.over or now.undone is not None or (now.heard and not now.moving)
            return [cancelled(version, id, now)] if over else []
        case Unpublishing():
            left = now.available + now.missing + now.moving + now.leaving
            return [withdrawn(version, id, now, "unpublished")] if not left and (now.over or now.heard) else []
        case Available() | PartiallyAvailable() | Failed():
            return _follows(version, id, now)
        case DeploymentDone():
            # What was unpublished is to go; but a cancel leaves the copies that were AVAILABLE before it was heard.
            comes = version.withdrawn != "unpublished" and now.available
            return [outcome(version, id, now, version.revision + 1)] if comes else []


def _running(version: Publishing | Replicating, id: str, now: Publication) -> list[Event]:
    events: list[Event] = []
    if isinstance(version, Publishing) and now.planned:
        events.append(
            VersionReplicating(
                version=id,
                image=version.image,
                number=version.number,
                publication=now.number,
                wanted=now.wanted,
                revision=version.revision + 1,
            )
        )
    if now.complete or now.ended is not None or now.undone is not None:
        events.append(outcome(version, id, now, version.revision + len(events) + 1))
    return events


def _follows(version: Available | PartiallyAvailable | Failed, id: str, now: Publication) -> list[Event]:
    """What is said about a version whose publish is over: nothing while copies come that were added later, unless its
    state changes."""
    end = outcome(version, id, now, version.revision + 1)
    if _STATE[type(end)] is not type(version):
        return [end]
    before = version.publication
    told = before is not None and _told(before) == _told(now)
    return [] if told or now.coming or isinstance(version, Failed) else [end]


def _told(publication: Publication) -> tuple[int, int, int, int, bool]:
    return (
        publication.available,
        publication.short,
        publication.skipped,
        publication.cancelled,
        publication.coming > 0,
    )


def outcome(version: Version, id: str, now: Publication, revision: int) -> Event:
    """The state that the sums ``now`` give to a version."""
    if not now.available and now.undone is not None:
        return withdrawn(version, id, now, "rolled_back", now.undone)
    if not now.available:
        return VersionFailed(
            version=id,
            image=version.image,
            number=version.number,
            tenant=version.tenant,
            phase="publish",
            failure=now.ended or NONE_AVAILABLE,
            revision=revision,
        )
    if now.short:
        return VersionPartiallyAvailable(
            version=id,
            image=version.image,
            number=version.number,
            tenant=version.tenant,
            available=now.available,
            failed=now.short - now.cancelled,
            skipped=now.skipped,
            cancelled=now.cancelled,
            revision=revision,
        )
    return VersionAvailable(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        available=now.available,
        skipped=now.skipped,
        revision=revision,
    )


def cancelled(version: Version, id: str, now: Publication) -> Event:
    """The end of a cancel: what is AVAILABLE stays."""
    if now.available:
        return outcome(version, id, now, version.revision + 1)
    return withdrawn(version, id, now, "cancelled")


def withdrawn(
    version: Version,
    id: str,
    now: Publication,
    reason: Literal["unpublished", "cancelled", "rolled_back", "refused"],
    failure: Failure | None = None,
) -> VersionWithdrawn:
    """The version is DEPLOYMENT_DONE again."""
    return VersionWithdrawn(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        publication=now.number,
        reason=reason,
        failure=failure,
        revision=version.revision + 1,
    )
