"""Reactions to the commands that give up a publish, and the copies of a version."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from catalog import references
from catalog.config import Config
from catalog.counting import PublishOverdue, overdue_name, recounted
from catalog.documents import JOB, USES
from catalog.domain import job as jobs
from catalog.domain import lives, outcome, removal, withdrawing
from catalog.domain.version import Cancelling, DeployingVm, Pending, Unpublishing, Version
from catalog.follow import follow, follow_import, refs
from catalog.imports import overdue_name as import_overdue_name
from catalog.publishes import new_job
from catalog.references import Found
from catalog.settings import CatalogSettings
from catalog.views import counts_of
from contracts.errors import Problem
from contracts.events import Event
from contracts.requests import Accepted, CancelPublish, UnpublishVersion
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions to cancel and unpublish. A refusal tells how things are now, so it is not kept for a repetition."""
    settings = config.settings

    def on_unpublish(message: Message[UnpublishVersion], work: Work) -> Accepted | Problem:
        return _unpublish(message.body, work, settings)

    def on_cancel(message: Message[CancelPublish], work: Work) -> Accepted | Problem:
        return _cancel(message.body, work, settings)

    return {
        UnpublishVersion: Reaction(_keys, on_unpublish, refuses_anew=True),
        CancelPublish: Reaction(_keys, on_cancel, refuses_anew=True),
    }


def _keys(message: Message[UnpublishVersion | CancelPublish], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield from references.version_refs(tenant, command.image, command.number, get)
    if (found := references.named_version(tenant, command.image, command.number, get)) is not None:
        yield JOB(found[1].job)
        yield from refs(found[1], get)
        yield USES(found[0])


def _unpublish(command: UnpublishVersion, work: Work, settings: CatalogSettings) -> Accepted | Problem:
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    version = found.version
    problem = (
        lives.objection_to_publish(found.image, version)
        or _fixed(found)
        or removal.objection_to_users(version, work.get(USES, found.id))
    )
    if problem is not None:
        return problem
    events = withdrawing.decide_unpublish(version, found.id, work.floor)
    if isinstance(events, Problem):
        return events
    if not events:
        return _accepted(found, version.job)
    before = work.get(JOB, version.job)
    if before is not None:
        work.put(JOB, version.job, jobs.superseded(before, work.message.at, counts_of(version)))
    work.saga = job = work.new_id()
    work.put(JOB, job, new_job("unpublish", command.actor, found, work))
    take_back(work, found.id, msgspec.structs.replace(version, job=job), events, settings.unpublish_deadline)
    return _accepted(found, job)


def _fixed(found: Found) -> Problem | None:
    """Why copies stay where they are: the image says so (features.md F3). Deleting the version removes them."""
    if found.image.details.allow_deletion_of_replicated_locations:
        return None
    return Problem(
        code="deletion_of_locations_forbidden",
        detail=f"copies of image {found.image.name} may not be removed from pods",
        hint="Allow it in the image (allow_deletion_of_replicated_locations), or delete the version.",
        data={"number": found.version.number},
    )


def _cancel(command: CancelPublish, work: Work, settings: CatalogSettings) -> Accepted | Problem:
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    events = withdrawing.decide_cancel(found.version, found.id, work.floor)
    if isinstance(events, Problem):
        return events
    give_up(work, found.id, found.version, events, settings)
    return _accepted(found, found.version.job)


def give_up(work: Work, id: str, version: Version, events: list[Event], settings: CatalogSettings) -> None:
    """Say that an import or a publish ends here, by the ``events`` of `withdrawing.decide_cancel`."""
    work.saga = version.job
    if isinstance(version, Pending | DeployingVm):
        follow_import(work, id, version, events)
        work.forget(import_overdue_name(id))
    elif events:
        take_back(work, id, version, events, settings.cancel_deadline)


def take_back(work: Work, id: str, version: Version, events: list[Event], seconds: float) -> None:
    """Say that copies are to go, and wait for them; there may be none to wait for."""
    after = follow(work, id, version, events)
    if not isinstance(after, Cancelling | Unpublishing):
        return
    overdue = PublishOverdue(version=id, publication=after.publication.number)
    work.remind(overdue_name(id), work.message.at + timedelta(seconds=seconds), overdue)
    ends = outcome.decide(after, id, after.publication)
    if ends:
        recounted(work, id, after, after.publication, ends)


def _accepted(found: Found, job: str) -> Accepted:
    return Accepted(job=job, image=found.image_id, version=found.id, number=found.version.number)
