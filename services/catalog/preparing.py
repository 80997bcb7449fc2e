"""Reactions to what a source pod says while it prepares a version, and to its silence."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from catalog import certificates, plugins, quotas
from catalog.config import Config
from catalog.documents import IMAGE, JOB, POD, VERSION
from catalog.domain import definition, importing, lives
from catalog.domain import job as jobs
from catalog.domain import plugins as steps
from catalog.domain import version as versions
from catalog.domain.importing import Said
from catalog.domain.pod import enrolled, reporting
from catalog.domain.states import become
from catalog.domain.version import DeployingVm, Pending, Version
from catalog.follow import follow_import, refs, version_of
from catalog.settings import CatalogSettings
from contracts.errors import Failure
from contracts.events import Event
from contracts.events.from_pods import (
    SourceDeleted,
    SourceInspected,
    SourceKept,
    SourcePrepared,
    SourceRejected,
    SourceStarted,
    SourceStepped,
)
from contracts.events.hub import VersionDeployed, VersionFailed
from contracts.events.to_pods import SourceReleased
from contracts.names import ID
from contracts.requests import ImportVersion
from runtime.work import Get, Local, Message, Reaction, Ref, Work

_id = re.compile(ID)
_command = msgspec.json.Decoder(ImportVersion).decode


class ImportOverdue(Local, frozen=True, kw_only=True, tag="import.overdue"):
    """The deadline of an import passed, or its pod has been silent for a while."""

    version: str


def overdue_name(version: str) -> str:
    """The name of the reminder of an import."""
    return f"import/{version}"


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions to reports about sources."""

    def on_report(message: Message[Said], work: Work) -> None:
        _on_report(message, work, config)

    def on_overdue(message: Message[ImportOverdue], work: Work) -> None:
        _on_overdue(message, work, config.settings)

    def report_keys(message: Message[Said], get: Get) -> Iterator[Ref]:
        yield from _keys(message, get)
        version = get(VERSION, message.body.version)
        if isinstance(version, Pending | DeployingVm):
            if version.parent:
                yield VERSION(version.parent)
            yield from certificates.refs(version.signature, version.tenant)
            yield from plugins.refs(version, config.settings)

    report = Reaction(report_keys, on_report)
    return {
        SourceStarted: report,
        SourceInspected: report,
        SourceStepped: report,
        SourcePrepared: report,
        SourceRejected: report,
        SourceDeleted: Reaction(_keys, _on_deleted),
        SourceKept: Reaction(_keys, _on_kept),
        ImportOverdue: Reaction(_keys, on_overdue),
    }


def asked_of(job: jobs.Job) -> ImportVersion | None:
    """The command that a job of an import carries out; None of one that was accepted before commands were kept."""
    return _command(job.asked) if job.kind == "import" and job.asked else None


def watch(work: Work, id: str, created: datetime, settings: CatalogSettings) -> None:
    """Look at the import of version ``id`` again when nothing was heard of it for a while, and at its deadline."""
    due = min(deadline(created, settings), work.message.at + timedelta(seconds=settings.import_silence))
    work.remind(overdue_name(id), due, ImportOverdue(version=id))


def deadline(created: datetime, settings: CatalogSettings) -> datetime:
    """When an import that was accepted at ``created`` is given up."""
    return created + timedelta(seconds=settings.import_deadline)


def _keys(message: Message[Any], get: Get) -> Iterator[Ref]:
    id = message.body.version
    yield VERSION(id)
    version = get(VERSION, id)
    if version is not None:
        yield POD(version.source.pod)
        yield from refs(version, get)
        yield JOB(version.import_job)


def _on_report(message: Message[Said], work: Work, config: Config) -> None:
    said, id = message.body, message.body.version
    work.saga = ""  # what a pod says belongs to a job only once it is believed
    if _id.fullmatch(id) is None:
        return
    version = version_of(work, id)
    if version is None or version.source.pod != message.pod:
        # No version is ever forgotten: one that is not known was accepted by a newer database than this one, and what
        # the pod holds may be all that there is of it. So it stays.
        return
    work.saga = version.import_job
    events = importing.decide(version, id, message.pod, said)
    preparing = isinstance(version, Pending | DeployingVm) and version.attempt == said.attempt
    before = version
    if preparing:
        events = _allowed(work, id, version, said, _signed(work, id, version, said, events))
        version, events = _counted(work, id, version, said, events, config.settings)
        version = plugins.run(work, version, events, config.settings)
    after = version
    if events:
        after = follow_import(work, id, version, [_vouched(event, config) for event in events])
    if preparing and isinstance(said, SourceStepped):
        step = steps.stepped(after.plugins, after.stepped, said.step, said.position)
        after = after if step == after.stepped else msgspec.structs.replace(after, stepped=step)
    if after is before and isinstance(said, SourceStarted | SourceInspected | SourceStepped):
        work.saga = ""  # a sign of life is no step of the job
    if isinstance(after, Pending | DeployingVm):
        if preparing:
            _alive(work, id, after, said, config.settings)
    elif preparing:
        if importing.unreleased(after):
            _release_later(work, id, config.settings)
        else:
            work.forget(overdue_name(id))


def _signed(work: Work, id: str, version: Version, said: Said, events: list[Event]) -> list[Event]:
    """What follows from a report, or the end of an import whose content is not what was signed (features.md B14)."""
    if not isinstance(said, SourcePrepared) or not isinstance(version, Pending | DeployingVm):
        return events
    if any(isinstance(event, VersionFailed) for event in events):
        return events
    failure = certificates.failure_of(version, said.manifest, work)
    return events if failure is None else importing.given_up(version, id, failure)


def _allowed(work: Work, id: str, version: Version, said: Said, events: list[Event]) -> list[Event]:
    """What follows from a report; an import from a version whose data was denied meanwhile ends (features.md F6)."""
    if not version.parent or not isinstance(said, SourcePrepared) or not isinstance(version, Pending | DeployingVm):
        return events
    parent, job = work.get(VERSION, version.parent), work.get(JOB, version.import_job)
    command = None if job is None else asked_of(job)
    operator = command is not None and command.actor.operator
    problem = None if parent is None else lives.objection_to_data(parent, operator=operator)
    if problem is None or any(isinstance(event, VersionFailed) for event in events):
        return events
    denied = Failure(code=problem.code, step="import", text=problem.detail, hint=problem.hint)
    return importing.given_up(version, id, denied)


def _counted(
    work: Work, id: str, version: Version, said: Said, events: list[Event], settings: CatalogSettings
) -> tuple[Version, list[Event]]:
    """The version with the bytes that the quotas count for it from now on; without room for them it is given up."""
    size, image = importing.size_of(said), work.get(IMAGE, version.image)
    fails = any(isinstance(event, VersionFailed) for event in events)
    if size is None or image is None or fails or not isinstance(version, Pending | DeployingVm):
        return version, events
    if isinstance(said, SourcePrepared):
        version = msgspec.structs.replace(version, warnings=importing.warned(version.warnings, said.warnings))
    more = size - version.counted
    if not more:
        return version, events
    if more < 0:
        quotas.give_back(work, image.tenant, image.gallery, bytes=-more)
    else:
        problem = quotas.objection(work, settings, image.tenant, image.gallery, bytes=more)
        if problem is not None:
            return version, importing.given_up(version, id, importing.without_room(problem))
        quotas.take(work, image.tenant, image.gallery, bytes=more)
    return msgspec.structs.replace(version, counted=size), events


def _alive(work: Work, id: str, version: Version, said: Said, settings: CatalogSettings) -> None:
    """The pod works on it: keep what it said, and when."""
    at = work.message.at
    if version is not work.get(VERSION, id):
        work.put(VERSION, id, version)
    job = work.get(JOB, version.job)
    if job is not None:
        job = jobs.heard(job, at, importing.size_of(said))
        work.put(JOB, version.job, become(jobs.Processing, job, updated=at) if isinstance(job, jobs.Pending) else job)
    saga, work.saga = work.saga, version.import_job
    watch(work, id, version.created, settings)
    work.saga = saga


def _vouched(event: Event, config: Config) -> Event:
    """What a pod says of the content becomes the hub's word once it is accepted, and from then on nobody else's."""
    if not isinstance(event, VersionDeployed):
        return event
    return msgspec.structs.replace(event, manifest=config.vouch(event.version, event.manifest))


def _on_deleted(message: Message[SourceDeleted], work: Work) -> None:
    version = version_of(work, message.body.version)
    work.saga = ""
    if version is None or version.source.pod != message.pod:
        return
    work.saga = version.import_job
    after = versions.without_source(version)
    if after is not version:
        work.put(VERSION, message.body.version, after)
        work.forget(overdue_name(message.body.version))


def _on_kept(message: Message[SourceKept], work: Work) -> None:
    """Whoever asked for a *convert* is told that the source is still there; nobody deletes it any more."""
    version = version_of(work, message.body.version)
    work.saga = ""
    if version is None or version.source.pod != message.pod:
        return
    after = importing.kept(version, message.body.why)
    if after is not version:
        work.saga = version.import_job
        work.put(VERSION, message.body.version, after)
        work.forget(overdue_name(message.body.version))


def _on_overdue(message: Message[ImportOverdue], work: Work, settings: CatalogSettings) -> None:
    id = message.body.version
    version = version_of(work, id)
    work.saga = ""
    if not isinstance(version, Pending | DeployingVm):
        if version is not None and importing.unreleased(version):
            _release_again(work, id, version, settings)
        return
    work.saga = version.import_job
    if message.at >= deadline(version.created, settings):
        follow_import(work, id, version, importing.decide_overdue(version, id))
    else:
        _ask_again(work, id, version, settings)


def _release_later(work: Work, id: str, settings: CatalogSettings) -> None:
    work.remind(
        overdue_name(id), work.message.at + timedelta(seconds=settings.discard_interval), ImportOverdue(version=id)
    )


def _release_again(work: Work, id: str, version: Version, settings: CatalogSettings) -> None:
    """A pod that does not report may miss that its source may go, which is kept for a day only: it is said until the
    pod is back, and then once more."""
    pod = work.get(POD, version.source.pod)
    if not enrolled(pod):
        return
    work.saga = version.import_job
    work.emit(SourceReleased(pod=version.source.pod, version=id, source=version.source))
    if not reporting(pod):
        _release_later(work, id, settings)


def _ask_again(work: Work, id: str, version: Pending | DeployingVm, settings: CatalogSettings) -> None:
    """Say the request again, ever more seldom: a pod that has it lets it be, and one that lost it begins."""
    at, end = work.message.at, deadline(version.created, settings)
    job, image = work.get(JOB, version.job), work.get(IMAGE, version.image)
    command = None if job is None else asked_of(job)
    if job is None or image is None or command is None:
        work.remind(overdue_name(id), end, ImportOverdue(version=id))
        return
    room = quotas.room(work, settings, image.tenant, image.gallery)
    work.emit(
        importing.asking(
            command,
            version.source,
            image=version.image,
            version=id,
            number=version.number,
            tenant=version.tenant,
            deadline=end,
            room=None if room is None else room + version.counted,
            expects=definition.expected(image, version.number),
            plugins=version.plugins,
        )
    )
    if isinstance(job, jobs.Processing):
        work.put(JOB, version.job, become(jobs.Pending, job, updated=at))
    silent = max(at - (job.heard or version.created), timedelta(seconds=settings.import_silence))
    work.remind(overdue_name(id), min(end, at + silent), ImportOverdue(version=id))
