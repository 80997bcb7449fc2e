"""Reactions of the publish saga: the command, what the replicator decides about copies, and the backstop deadline."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import msgspec

from catalog import references
from catalog.config import Config
from catalog.documents import ALL_PODS, COPY, FLEET, JOB, NUMBER, POD, VERSION, Claim, number_key
from catalog.domain import copies, publishing
from catalog.domain import job as jobs
from catalog.domain.copies import CopyEvent, Publication
from catalog.domain.number import normalise
from catalog.domain.publishing import Published
from catalog.domain.version import (
    Available,
    DeployingVm,
    Failed,
    PartiallyAvailable,
    Pending,
    Publishing,
    Replicating,
    Version,
    manifest_of,
)
from catalog.follow import follow
from contracts.errors import Problem
from contracts.events.hub import (
    CopyAvailable,
    CopyDelayed,
    CopyFailed,
    CopyLost,
    CopyPlanned,
    CopyStarted,
    PlacementRefused,
)
from contracts.requests import Accepted, PublishVersion
from runtime.work import Get, Local, Message, Reaction, Ref, Work


class PublishOverdue(Local, frozen=True, kw_only=True, tag="publish.overdue"):
    """The deadline of a publish passed, and the replicator's margin after it."""

    version: str
    publication: int


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions of the publish saga."""

    def on_command(message: Message[PublishVersion], work: Work) -> Accepted | Problem:
        return _accept(message.body, work, config)

    copy = Reaction(_copy_keys, _on_copy)
    return {
        PublishVersion: Reaction(_publish_keys, on_command),
        CopyPlanned: copy,
        CopyStarted: copy,
        CopyDelayed: copy,
        CopyAvailable: copy,
        CopyFailed: copy,
        CopyLost: copy,
        PlacementRefused: Reaction(_version_keys, _on_refused),
        PublishOverdue: Reaction(_version_keys, _on_overdue),
    }


def _publish_keys(message: Message[PublishVersion], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield from references.refs(tenant, command.image, get)
    yield FLEET(ALL_PODS)
    for pod in command.targets.pods[: publishing.MOST_PODS]:
        yield POD(pod)
    image, number = references.image_id(tenant, command.image, get), normalise(command.number)
    if image is not None and number is not None:
        key = number_key(image, number)
        yield NUMBER(key)
        claim: Claim | None = get(NUMBER, key)
        if claim is not None:
            yield VERSION(claim.id)


def _accept(command: PublishVersion, work: Work, config: Config) -> Accepted | Problem:
    """Start a publish, or refuse it and change nothing."""
    at = work.message.at
    found = references.find(work, command.actor.tenant, command.image)
    if found is None:
        return references.image_not_found(command.image)
    image_id, image = found
    number = normalise(command.number)
    if number is None:
        return Problem(
            code="version_number_invalid",
            detail=f"{command.number[:40]!r} is not a version number",
            hint="Give three integers as in 1.2.0.",
        )
    claim = work.get(NUMBER, number_key(image_id, number))
    version = None if claim is None else work.get(VERSION, claim.id)
    if claim is None or version is None:
        return version_not_found(number)
    fleet = work.get(FLEET, ALL_PODS)
    named = command.targets.pods[: publishing.MOST_PODS]
    known = {pod for pod in named if work.get(POD, pod) is not None}
    version = _vouched(version, claim.id, config)
    problem = publishing.objection_to(command, known, any_pod=fleet is not None and fleet.pods > 0)
    if problem is not None:
        return problem
    seconds = config.settings.publish_deadline if command.deadline is None else command.deadline
    deadline = at + timedelta(seconds=seconds)
    events = publishing.decide_request(version, claim.id, command, deadline)
    if isinstance(events, Problem):
        return events
    work.saga = job = work.new_id()
    work.put(
        JOB,
        job,
        jobs.Pending(
            kind="publish",
            tenant=command.actor.tenant,
            actor=command.actor.name,
            image=image_id,
            gallery=image.gallery,
            name=image.name,
            version=claim.id,
            number=number,
            created=at,
            updated=at,
        ),
    )
    follow(work, claim.id, msgspec.structs.replace(version, job=job), events)
    overdue = PublishOverdue(version=claim.id, publication=events[-1].publication)
    work.remind(f"publish/{claim.id}", deadline + timedelta(seconds=config.settings.publish_margin), overdue)
    return Accepted(job=job, image=image_id, version=claim.id, number=number)


def _vouched(version: Version, id: str, config: Config) -> Version:
    """The version with its content signed afresh: it may be older than the key, or than signatures altogether."""
    manifest = manifest_of(version)
    if isinstance(version, Pending | DeployingVm) or manifest is None:
        return version
    return msgspec.structs.replace(version, manifest=config.vouch(id, manifest))


def version_not_found(number: str) -> Problem:
    """The refusal when an image has no version of this number."""
    return Problem(
        code="version_not_found",
        detail=f"there is no version {number[:40]!r}",
        hint="List the versions of the image to see what there is.",
    )


def _copy_keys(message: Message[CopyEvent], get: Get) -> Iterable[Ref]:
    event = message.body
    copy, of = COPY(event.copy), VERSION(event.version)
    version = get(VERSION, event.version)
    return (copy, of) if version is None else (copy, of, JOB(version.job))


def _version_keys(message: Message[Any], get: Get) -> Iterator[Ref]:
    yield VERSION(message.body.version)
    version = get(VERSION, message.body.version)
    if version is not None:
        yield JOB(version.job)


def _on_copy(message: Message[CopyEvent], work: Work) -> None:
    """The hot path: nothing is encoded or rebuilt here that did not change."""
    event = message.body
    version = work.get(VERSION, event.version)
    work.saga = ""
    if not isinstance(version, Publishing | Replicating | Available | PartiallyAvailable | Failed):
        return
    publication = version.publication
    if publication is None:
        return
    work.saga = version.job
    before = work.get(COPY, event.copy)
    after = copies.evolve(before, event)
    if after is before:
        return
    work.put(COPY, event.copy, after)
    ours = type(event) is CopyPlanned and event.publication == publication.number
    now = copies.recount(publication, before, after, event.wanted if ours else 0)  # type: ignore[union-attr]
    if now is not publication:
        _recounted(work, event.version, version, now)


def _recounted(work: Work, id: str, version: Published, now: Publication) -> None:
    events = publishing.decide(version, id, now)
    version = msgspec.structs.replace(version, publication=now, updated=work.message.at)
    if not events:
        work.put(VERSION, id, version)
        return
    after = follow(work, id, version, events)
    if isinstance(version, Publishing | Replicating) and not isinstance(after, Replicating):
        work.forget(f"publish/{id}")


def _on_refused(message: Message[PlacementRefused], work: Work) -> None:
    event = message.body
    version = work.get(VERSION, event.version)
    work.saga = "" if version is None else version.job
    now = publishing.decide_refused(version, event)
    if now is not None and isinstance(version, Publishing | Replicating):
        _recounted(work, event.version, version, now)


def _on_overdue(message: Message[PublishOverdue], work: Work) -> None:
    id = message.body.version
    version = work.get(VERSION, id)
    work.saga = ""
    now = publishing.decide_overdue(version, message.body.publication)
    if now is not None and isinstance(version, Publishing | Replicating):
        work.saga = version.job
        _recounted(work, id, version, now)
