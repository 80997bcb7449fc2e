"""Giving a publish up, taking a version back, and telling the replicator again what is wanted."""

from datetime import datetime, timedelta

import msgspec

from catalog.domain.asked import Asked
from catalog.domain.importing import given_up
from catalog.domain.life import gone
from catalog.domain.outcome import cancelled, withdrawn
from catalog.domain.publication import Publication
from catalog.domain.publishing import not_ready, too_large
from catalog.domain.revision import latest_publication
from catalog.domain.version import (
    Available,
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
    manifest_of,
    publication_of,
)
from contracts.errors import Failure, Problem
from contracts.events import Event
from contracts.events.hub import (
    VersionCancelRequested,
    VersionDeactivated,
    VersionPublishRequested,
    VersionUnpublishRequested,
)
from contracts.events.to_pods import SourceDiscarded

GIVEN_UP = Failure(
    code="cancelled",
    step="import",
    text="the import was cancelled",
    hint="Import again; its number is free.",
)

UNHEARD = Failure(
    code="deadline_exceeded",
    step="cancel",
    text="not every copy was given up in time",
    hint="Pods that do not report give theirs up when they are back.",
    retry=True,
)


INSTEAD = {
    "publish": "Unpublish the version to remove its copies, or edit its placement to remove some.",
    "unpublish": "Wait for its end, then publish the version again.",
    "delete": "Look at the version: what is gone for good does not come back; import it anew.",
    "assign": "Roll the marker back, or edit or delete the assignment: that takes the place of this job.",
    "deliver": "Its copies come or fail by themselves; ask the image's owner to remove those that are not wanted.",
}
"""What to do in place of cancelling, by kind of job."""


def decide_cancel(version: Version, id: str, floor: int = 0) -> list[Event] | Problem:
    """Give up the publish or the import under way, also a publish of up to ``floor`` that is not known
    here. Nothing is said when it is being given up already."""
    match version:
        case Pending() | DeployingVm():
            return given_up(version, id, GIVEN_UP)
        case Publishing() | Replicating():
            return [_cancel(version, id, version.revision + 1, floor)]
        case Cancelling():
            return []
    return nothing_under_way(f"version {version.number} is {version.__struct_config__.tag}")


def nothing_under_way(detail: str, kind: str = "publish") -> Problem:
    """The refusal to cancel what does not run, or what a job of this ``kind`` does."""
    return Problem(code="not_cancellable", detail=detail, hint=INSTEAD.get(kind, INSTEAD["publish"]))


def decide_unpublish(version: Version, id: str, floor: int = 0) -> list[Event] | Problem:
    """Remove every copy of version ``id``, in whatever state its publish is: who asks for that does not want to wait
    for copies that go at once. Nothing is said when they are going already."""
    match version:
        case Publishing() | Replicating() | Cancelling() | Available() | PartiallyAvailable():
            return [_unpublish(version, id, version.revision + 1, floor)]
        case Failed() if version.publication is not None:
            return [_unpublish(version, id, version.revision + 1, floor)]
        case Unpublishing():
            return []
    return not_ready(version, "unpublished", "Only a version that was published can be unpublished.")


def decide_removal(version: Version, id: str, floor: int = 0) -> list[Event]:
    """Remove every copy of a version that is deleted; nothing is said where there is none, and none to come."""
    match version:
        case Available() | PartiallyAvailable():
            return [_unpublish(version, id, version.revision + 1, floor)]
        case Failed() if version.publication is not None:
            return [_unpublish(version, id, version.revision + 1, floor)]
        case DeploymentDone() if version.publication is not None and version.withdrawn != "unpublished":
            return [_unpublish(version, id, version.revision + 1, floor)]  # a copy may have come before the cancel
    return []


def decide_gone(version: Version, id: str, floor: int) -> list[VersionUnpublishRequested]:
    """What the replicator is told when a version is deleted of which no copy is known: nothing, but where this is an
    older copy of the database. Then a publish that is not known here may have made some."""
    return [_unpublish(version, id, version.revision + 1, floor)] if floor else []


def decide_given_time(version: Version | None, id: str, publication: int) -> tuple[Publication, list[Event]] | None:
    """The time of a cancel or an unpublish is over: what is left goes without being waited for, and is not there for
    the counts. None when it came to its end before."""
    if not isinstance(version, Cancelling | Unpublishing) or version.publication.number != publication:
        return None
    now = msgspec.structs.replace(version.publication, ended=UNHEARD)
    if isinstance(version, Cancelling):
        return now, [cancelled(version, id, now)]
    return now, [withdrawn(version, id, now, "unpublished")]


def decide_sought(
    version: Version | None,
    id: str,
    asked: Asked | None,
    at: datetime,
    seconds: float,
    *,
    fixed: bool = False,
) -> list[Event]:
    """Tell the replicator again what is wanted of version ``id``, which it does not know: it changes nothing here.

    A deadline that is past becomes one in ``seconds``; where the publish is over there is none to be missed any more,
    which a time that is past says: no copy shall fail, or be rolled back, for what was in time once. A version that was
    withdrawn must be known to be, so that what pods still hold of it goes; of one that was never published there is
    nothing to say.
    """
    publication = None if version is None else counted_of(version)
    manifest = None if version is None else manifest_of(version)
    if version is None or publication is None or manifest is None:
        return []
    if publication_of(version) is None or isinstance(version, Unpublishing):
        return [_unpublish(version, id, version.revision)]
    if asked is None:
        return []
    late = min(asked.deadline, at) if publication.over else at + timedelta(seconds=seconds)
    requested = VersionPublishRequested(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        publication=publication.number,
        manifest=manifest,
        targets=asked.targets,
        replicas=asked.replicas,
        deadline=late if publication.over or asked.deadline <= at else asked.deadline,
        terms=asked.terms,
        more=asked.more,
        left=asked.left,
        cancelled=asked.cancelled,
        fixed=fixed,
        principals=asked.principals,
        revision=version.revision,
    )
    while too_large(requested):  # the latest that left count most
        left, cancelled = requested.left, requested.cancelled
        if not left and not cancelled:
            break
        requested = msgspec.structs.replace(
            requested, left=left[len(left) // 4 + 1 :], cancelled=cancelled[len(cancelled) // 4 + 1 :]
        )
    return [requested, _cancel(version, id, version.revision)] if isinstance(version, Cancelling) else [requested]


def decide_denied(version: Version | None, id: str) -> list[Event]:
    """What the replicator is told before it is told again what is wanted of version ``id``: that its data is denied, so
    that no copy of it starts, and nobody reads it meanwhile (features.md F6)."""
    if version is None or gone(version.life) or not version.life.deactivated:
        return []
    return [
        VersionDeactivated(
            version=id, image=version.image, number=version.number, tenant=version.tenant, revision=version.revision
        )
    ]


def decide_held(version: Version | None, id: str, pod: str) -> list[Event]:
    """What is told to a pod that still holds version ``id``: its source is to go where the version is deleted."""
    if version is None or not gone(version.life) or version.source.pod != pod:
        return []
    return [SourceDiscarded(pod=pod, version=id)]


def _cancel(version: Version, id: str, revision: int, floor: int = 0) -> VersionCancelRequested:
    return VersionCancelRequested(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        publication=latest_publication(_number(version), floor),
        revision=revision,
    )


def _unpublish(version: Version, id: str, revision: int, floor: int = 0) -> VersionUnpublishRequested:
    return VersionUnpublishRequested(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        publication=latest_publication(_number(version), floor),
        revision=revision,
    )


def _number(version: Version) -> int:
    publication = counted_of(version)
    return 0 if publication is None else publication.number
