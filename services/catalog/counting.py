"""Reactions to what the replicator decides about copies and placements, and to the time that a publish has."""

from collections.abc import Iterable, Iterator
from typing import Any, get_args

import msgspec

from catalog import deliveries
from catalog.documents import ASKED, COPY, JOB, POD, VERSION
from catalog.domain import asked as asking
from catalog.domain import copies, outcome, publishing, withdrawing
from catalog.domain import job as jobs
from catalog.domain.copies import CopyEvent
from catalog.domain.pod import reporting
from catalog.domain.publication import Publication, announce, recount
from catalog.domain.version import (
    Available,
    Cancelled,
    Cancelling,
    Counted,
    DeployingVm,
    DeploymentDone,
    Failed,
    PartiallyAvailable,
    Pending,
    Publishing,
    Replicating,
    Unpublishing,
    Version,
)
from catalog.follow import follow, version_of
from catalog.pools import CopyStands
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.hub import (
    CopyCancelled,
    CopyPlanned,
    CopyRemoved,
    CopyRetired,
    CopyStarted,
    PlacementPlanned,
    PlacementRefused,
    PlacementRolledBack,
)
from runtime.work import Get, Local, Message, Reaction, Ref, Work


class PublishOverdue(Local, frozen=True, kw_only=True, tag="publish.overdue"):
    """The deadline of a publish and the replicator's margin after it passed; or the time of its cancel or unpublish."""

    version: str
    publication: int


_COMES_OR_LEAVES = frozenset((CopyPlanned, CopyCancelled, CopyRetired, CopyRemoved))


def overdue_name(version: str) -> str:
    """The name of the reminder: a version has one thing under way."""
    return f"publish/{version}"


def reactions() -> dict[type, Reaction]:
    """The reactions to copies, placements and deadlines."""
    copy = Reaction(_copy_keys, _on_copy)
    return {
        **dict.fromkeys(get_args(CopyEvent), copy),
        PlacementPlanned: Reaction(_placement_keys, _on_planned),
        PlacementRefused: Reaction(_placement_keys, _on_refused),
        PlacementRolledBack: Reaction(_placement_keys, _on_rolled_back),
        PublishOverdue: Reaction(_version_keys, _on_overdue),
    }


def _copy_keys(message: Message[CopyEvent], get: Get) -> Iterable[Ref]:
    event = message.body
    copy, of = COPY(event.copy), VERSION(event.version)
    version = get(VERSION, event.version)
    refs = (copy, of) if version is None else (copy, of, JOB(version.job))
    if type(event) in _COMES_OR_LEAVES:
        refs = (*refs, ASKED(event.version))
    return (*refs, POD(event.pod)) if type(event) is CopyRetired else refs


def _version_keys(message: Message[Any], get: Get) -> Iterator[Ref]:
    yield VERSION(message.body.version)
    version = get(VERSION, message.body.version)
    if version is not None:
        yield JOB(version.job)


def _placement_keys(
    message: Message[PlacementPlanned | PlacementRefused | PlacementRolledBack], get: Get
) -> Iterator[Ref]:
    yield from _version_keys(message, get)
    yield ASKED(message.body.version)


def _published(work: Work, id: str) -> tuple[Counted, Publication] | None:
    """The version, if it was ever published; the message then belongs to its latest job."""
    version = version_of(work, id)
    work.saga = ""
    if version is None or isinstance(version, Pending | DeployingVm | Cancelled) or version.publication is None:
        return None
    work.saga = version.job
    return version, version.publication


def _on_copy(message: Message[CopyEvent], work: Work) -> None:
    """The hot path: nothing is encoded or rebuilt here that did not change."""
    event = message.body
    if (found := _published(work, event.version)) is None:
        return
    version, publication = found
    away = type(event) is CopyRetired and not reporting(work.get(POD, event.pod))
    before = work.get(COPY, event.copy)
    after = copies.evolve(before, event, away=away)
    if after is before:
        return
    work.put(COPY, event.copy, after)
    if version.life.deactivated and type(event) is CopyStarted:  # the replicator may not have heard that it is
        for word in withdrawing.decide_denied(version, event.version):
            work.emit(word)
    if version.awaited and after.state == "AVAILABLE" and (before is None or before.state != "AVAILABLE"):
        stands = CopyStands(version=event.version, pod=event.pod)
        work.remind(f"stands/{event.copy}", message.at, stands, saga="")
    if version.delivering and not after.open:
        deliveries.look(work, event.version, event.copy)
    if type(event) in _COMES_OR_LEAVES and not isinstance(version, Unpublishing | DeploymentDone):
        _note(work, event, after.state)
    ours = type(event) is CopyPlanned and event.publication == publication.number
    now = recount(publication, before, after, event.wanted if ours else 0)  # type: ignore[union-attr]
    if now is not publication:
        recounted(work, event.version, version, now, outcome.decide(version, event.version, now))


def _note(work: Work, event: CopyEvent, state: copies.CopyState) -> None:
    """What left stays away, also when the replicator has to be told anew what is wanted."""
    asked = work.get(ASKED, event.version)
    now = None if asked is None else asking.after(asked, event.copy, state)
    if now is not asked:
        work.put(ASKED, event.version, now)


def recounted(work: Work, id: str, version: Counted, now: Publication, events: list[Event]) -> Version:
    """Store version ``id`` with its sums as they are ``now``, and say ``events``, which they lead to."""
    over = now.over or any(isinstance(event, outcome.ENDS) for event in events)
    if over != now.over:
        now = msgspec.structs.replace(now, over=over)
    if over and now.ended is not None and not now.coming:
        now = msgspec.structs.replace(now, ended=None)  # what comes from here on is not late
    version = msgspec.structs.replace(version, publication=now, updated=work.message.at)
    if not events:
        work.put(VERSION, id, version)
        return version
    after = follow(work, id, version, events)
    if _under_way(version) and not _under_way(after):
        work.forget(overdue_name(id))
    return after


def _under_way(version: Version) -> bool:
    return isinstance(version, Publishing | Replicating | Cancelling | Unpublishing)


def _on_planned(message: Message[PlacementPlanned], work: Work) -> None:
    event = message.body
    if (found := _published(work, event.version)) is None:
        return
    version, publication = found
    now = announce(publication, event)
    if now is publication:
        return
    if event.publication == publication.number:
        _remember(work, event)
        job = work.get(JOB, version.job)
        if job is not None and job.kind == "publish":
            work.put(JOB, version.job, jobs.foreseen(job, event, message.at))
    if isinstance(version, Available | PartiallyAvailable | Failed) and now.coming < publication.coming:
        # Fewer are to come, and what became of the others was told before: the words were overtaken.
        recounted(work, event.version, version, now, outcome.decide(version, event.version, now))
        return
    # What is announced here is told copy by copy right after it: the version's state waits for those.
    work.put(VERSION, event.version, msgspec.structs.replace(version, publication=now, updated=message.at))


def _remember(work: Work, event: PlacementPlanned) -> None:
    """What an edit changed holds for the next publish too."""
    asked = work.get(ASKED, event.version)
    if asked is None:
        return
    now = msgspec.structs.replace(
        asked,
        terms=asked.terms if event.terms is None else event.terms,
        replicas=asked.replicas if event.replicas is None else event.replicas,
    )
    if now != asked:
        work.put(ASKED, event.version, now)


def _on_refused(message: Message[PlacementRefused], work: Work) -> None:
    event = message.body
    if (found := _published(work, event.version)) is None:
        return
    version, _ = found
    asked = work.get(ASKED, event.version)
    former = None if asked is None else asked.former
    now = publishing.decide_refused(version, event, former)
    if now is None:
        return
    work.put(ASKED, event.version, former)
    if isinstance(version, Publishing):
        _fail(work, version, now, event.failure)
        recounted(work, event.version, version, now, [publishing.refused(version, event.version, now, event.failure)])
    else:
        recounted(work, event.version, version, now, outcome.decide(version, event.version, now))


def _on_rolled_back(message: Message[PlacementRolledBack], work: Work) -> None:
    event = message.body
    if (found := _published(work, event.version)) is None:
        return
    version, _ = found
    now = publishing.decide_rolled_back(version, event)
    if now is None:
        return
    if not isinstance(version, Cancelling):
        _fail(work, version, now, event.failure)
    asked = work.get(ASKED, event.version)
    if asked is not None and asked.former is not None:
        former = msgspec.structs.replace(asked.former, left=asked.left, cancelled=asked.cancelled)
        work.put(ASKED, event.version, former)  # what was there before is wanted as before
    recounted(work, event.version, version, now, outcome.decide(version, event.version, now))


def _fail(work: Work, version: Counted, now: Publication, failure: Failure) -> None:
    job = work.get(JOB, version.job)
    if job is not None and not jobs.final(job):
        work.put(JOB, version.job, jobs.failed(job, failure, work.message.at, now.counts))


def _on_overdue(message: Message[PublishOverdue], work: Work) -> None:
    id, number = message.body.version, message.body.publication
    if (found := _published(work, id)) is None:
        return
    version, _ = found
    given = withdrawing.decide_given_time(version, id, number)
    if given is not None:
        recounted(work, id, version, *given)
        return
    now = publishing.decide_overdue(version, number)
    if now is None:
        work.saga = ""
    else:
        recounted(work, id, version, now, outcome.decide(version, id, now))
