"""Reactions of the import saga: the command, the word of a build pipeline, and what the source pod reports."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from catalog import references
from catalog.config import Config, Vouch
from catalog.documents import IMAGE, IMAGE_NAME, JOB, NUMBER, POD, VERSION, Claim, name_key, number_key
from catalog.domain import image as images
from catalog.domain import importing
from catalog.domain import job as jobs
from catalog.domain import version as versions
from catalog.domain.image import Image
from catalog.domain.number import normalise
from catalog.domain.pod import enrolled
from catalog.follow import follow, follow_import, version_of
from catalog.references import ByName
from catalog.settings import CatalogSettings
from contracts.errors import Failure, Problem
from contracts.events import Event
from contracts.events.from_pods import SourceDeleted, SourcePrepared, SourceRejected, SourceStarted
from contracts.events.hub import VersionDeployed, VersionRequested
from contracts.events.intake import ImageBuilt
from contracts.names import ID
from contracts.requests import Accepted, Actor, ImportVersion, RegisterImage
from runtime.work import Get, Local, Message, Reaction, Ref, Work

_id = re.compile(ID)


class ImportOverdue(Local, frozen=True, kw_only=True, tag="import.overdue"):
    """The deadline of an import passed."""

    version: str


def overdue_name(version: str) -> str:
    """The name of the reminder of an import."""
    return f"import/{version}"


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions of the import saga."""
    settings = config.settings

    def on_command(message: Message[ImportVersion], work: Work) -> Accepted | Problem:
        return _accept(message.body, work, settings)

    def as_command(message: Message[ImageBuilt]) -> ImportVersion:
        return _as_command(message, settings.tenant_of(message.speaker))

    def on_built(message: Message[ImageBuilt], work: Work) -> None:
        command = as_command(message)
        answer = _foreign(message, command) or _accept(command, work, settings)
        if isinstance(answer, Problem):
            _keep_refusal(command, answer, work)

    def on_report(message: Message[SourceStarted | SourcePrepared | SourceRejected], work: Work) -> None:
        _on_report(message, work, config.vouch)

    report = Reaction(_report_keys, on_report)
    return {
        ImportVersion: Reaction(lambda message, get: _import_keys(message.body, get), on_command),
        ImageBuilt: Reaction(lambda message, get: _import_keys(as_command(message), get), on_built),
        SourceStarted: report,
        SourcePrepared: report,
        SourceRejected: report,
        SourceDeleted: Reaction(_report_keys, _on_deleted),
        ImportOverdue: Reaction(_report_keys, _on_overdue),
    }


def _import_keys(command: ImportVersion, get: Get) -> Iterator[Ref]:
    tenant = command.actor.tenant
    yield from references.refs(tenant, command.image, get)
    yield POD(command.source.pod)
    id = references.image_id(tenant, command.image, get)
    if id is not None and (image := get(IMAGE, id)) is not None and (number := _number(command, image)) is not None:
        yield NUMBER(number_key(id, number))


def _number(command: ImportVersion, image: Image) -> str | None:
    return images.next_number(image) if command.number is None else normalise(command.number)


def _accept(command: ImportVersion, work: Work, settings: CatalogSettings) -> Accepted | Problem:
    """Start an import, or refuse it and change nothing."""
    pod_known = enrolled(work.get(POD, command.source.pod))
    problem = importing.objection_to(command, pod_known=pod_known)
    if problem is not None:
        return problem
    found = references.find(work, command.actor.tenant, command.image)
    if found is not None:
        return _start(command, *found, work, settings)
    reference = references.parse(command.image)
    if not command.create or not isinstance(reference, ByName):
        return references.image_not_found(command.image)
    register = RegisterImage(
        id=command.id,
        actor=command.actor,
        gallery=reference.gallery,
        name=reference.name,
        os_type=command.os_type,
    )
    id = work.new_id()
    registered = images.decide_register(False, register, id)  # noqa: FBT003 - the name was just found to be free
    if isinstance(registered, Problem):
        return registered
    work.saga = job = work.new_id()
    for event in registered:
        work.emit(event)
        image = images.registered(event, register, work.message.at)
        work.put(IMAGE_NAME, name_key(image.tenant, image.gallery, image.name), Claim(id=id))
    return _start(command, id, image, work, settings, job=job)


def _start(
    command: ImportVersion, id: str, image: Image, work: Work, settings: CatalogSettings, job: str | None = None
) -> Accepted | Problem:
    """Start an import into an image; ``job`` is given when the image was registered for it."""
    at = work.message.at
    number = _number(command, image)
    taken = job is None and number is not None and work.get(NUMBER, number_key(id, number)) is not None
    version_id = work.new_id()
    deadline = at + timedelta(seconds=settings.import_deadline)
    events = importing.decide_request(
        command, image=id, version=version_id, number=number, taken=taken, deadline=deadline
    )
    if isinstance(events, Problem):
        return events
    if job is None:
        work.saga = job = work.new_id()
    requested, *others = events
    if not isinstance(requested, VersionRequested):
        raise TypeError("an import starts with VersionRequested")
    work.emit(requested)
    work.put(IMAGE, id, images.evolve(image, requested))
    work.put(NUMBER, number_key(id, requested.number), Claim(id=version_id))
    work.put(
        JOB,
        job,
        jobs.Pending(
            kind="import",
            tenant=command.actor.tenant,
            actor=command.actor.name,
            image=id,
            gallery=image.gallery,
            name=image.name,
            version=version_id,
            number=requested.number,
            created=at,
            updated=at,
        ),
    )
    follow(work, version_id, versions.requested(requested, at, job), others)
    work.remind(overdue_name(version_id), deadline, ImportOverdue(version=version_id))
    return Accepted(job=job, image=id, version=version_id, number=requested.number)


def _foreign(message: Message[ImageBuilt], command: ImportVersion) -> Problem | None:
    """The refusal of an event that names a tenant other than the one its speaker imports for."""
    tenant = command.actor.tenant
    if message.body.tenant in (None, tenant):
        return None
    return Problem(
        code="forbidden",
        detail=f"{message.speaker} imports for tenant {tenant}, not for {message.body.tenant}",
        hint="Leave the tenant out, or let the operator assign it (IMPRINT_INTAKE_TENANTS of the catalog).",
    )


def _as_command(message: Message[ImageBuilt], tenant: str) -> ImportVersion:
    """The import that a build pipeline asks for, in its own name (``intake:jenkins``) and for its own tenant."""
    built = message.body
    return ImportVersion(
        id=message.id,
        actor=Actor(tenant=tenant, name=message.speaker),
        image=f"{built.gallery}/{built.image}",
        create=True,
        os_type=built.os_type,
        source=built.source,
        mode=built.mode,
        file_type=built.file_type,
        number=built.number,
    )


def _keep_refusal(command: ImportVersion, problem: Problem, work: Work) -> None:
    """Nobody waits for an answer to an event: a refusal is a job that failed, so that people see it."""
    at = work.message.at
    gallery, _, name = command.image.partition("/")
    work.saga = job = work.new_id()
    work.put(
        JOB,
        job,
        jobs.Failed(
            kind="import",
            tenant=command.actor.tenant,
            actor=command.actor.name,
            image="",
            gallery=gallery,
            name=name,
            version="",
            number=command.number or "",
            failure=Failure(code=problem.code, step="request", text=problem.detail, hint=problem.hint),
            created=at,
            updated=at,
        ),
    )


def _report_keys(message: Message[Any], get: Get) -> Iterator[Ref]:
    id = message.body.version
    yield VERSION(id)
    version = get(VERSION, id)
    if version is not None:
        yield IMAGE(version.image)
        yield JOB(version.job)


def _on_report(
    message: Message[SourceStarted | SourcePrepared | SourceRejected],
    work: Work,
    vouch: Vouch,
) -> None:
    said, id = message.body, message.body.version
    work.saga = ""  # what a pod says belongs to a job only once it is believed
    if _id.fullmatch(id) is None:
        return
    version = version_of(work, id)
    if version is None or version.source.pod != message.pod:
        # No version is ever forgotten: one that is not known was accepted by a newer database than this one, and what
        # the pod holds may be all that there is of it. So it stays.
        return
    events = importing.decide(version, id, message.pod, said)
    work.saga = version.import_job
    if events:
        after = follow_import(work, id, version, [_vouched(event, vouch) for event in events])
        if isinstance(version, versions.Pending | versions.DeployingVm) and not isinstance(after, versions.DeployingVm):
            work.forget(overdue_name(id))


def _vouched(event: Event, vouch: Vouch) -> Event:
    """What a pod says of the content becomes the hub's word once it is accepted, and from then on nobody else's."""
    if not isinstance(event, VersionDeployed):
        return event
    return msgspec.structs.replace(event, manifest=vouch(event.version, event.manifest))


def _on_deleted(message: Message[SourceDeleted], work: Work) -> None:
    version = version_of(work, message.body.version)
    work.saga = ""
    if version is None or version.source.pod != message.pod:
        return
    work.saga = version.import_job
    after = versions.without_source(version)
    if after is not version:
        work.put(VERSION, message.body.version, after)


def _on_overdue(message: Message[ImportOverdue], work: Work) -> None:
    id = message.body.version
    version = version_of(work, id)
    work.saga = ""
    events = importing.decide_overdue(version, id)
    if version is not None and events:
        work.saga = version.import_job
        follow_import(work, id, version, events)
