"""The reaction to the command that publishes a version, for the first time or again."""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from catalog import references
from catalog.config import Config
from catalog.counting import PublishOverdue, overdue_name
from catalog.documents import ALL_PODS, ASKED, FLEET, JOB, POD, RULES
from catalog.domain import definition, lives, naming, publishing
from catalog.domain import job as jobs
from catalog.domain.asked import Asked, asked, remembered
from catalog.domain.image import Image
from catalog.domain.pod import enrolled, seen_by
from catalog.domain.version import Cancelled, DeployingVm, Pending, Version, counted_of, manifest_of
from catalog.follow import follow
from catalog.references import Found
from contracts.errors import Problem
from contracts.events import Event
from contracts.events.hub import VersionPublishRequested
from contracts.requests import Accepted, Actor, Command, PublishVersion
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to the publish command."""

    def on_command(message: Message[PublishVersion], work: Work) -> Accepted | Problem:
        return accept(message.body, work, config)

    return {PublishVersion: Reaction(lambda message, get: refs(message.body, get), on_command)}


def refs(command: PublishVersion, get: Get) -> Iterator[Ref]:
    """The documents that `accept` reads."""
    tenant = command.actor.tenant
    yield from references.version_refs(tenant, command.image, command.number, get)
    yield FLEET(ALL_PODS)
    yield RULES(tenant)
    before: Asked | None = None
    if (found := references.named_version(tenant, command.image, command.number, get)) is not None:
        yield ASKED(found[0])
        yield RULES(found[1].tenant)
        before = get(ASKED, found[0])
    for pod in {*naming.named(command), *naming.overridden(command), *_inherited(before)}:
        yield POD(pod)


def _inherited(before: Asked | None) -> Iterator[str]:
    """The pods that the last publish named: a republish leaves out those that were removed since."""
    if before is not None:
        yield from (*before.targets.pods, *before.more, *before.terms.overrides)


def accept(command: PublishVersion, work: Work, config: Config) -> Accepted | Problem:
    """Start a publish, or refuse it and change nothing."""
    at, settings = work.message.at, config.settings
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    # No copy of it is made by anybody, for copies would wait until it is reactivated: an operator can do that first.
    problem = lives.objection_to_publish(found.image, found.version) or lives.objection_to_data(found.version)
    if problem is not None:
        return problem
    before = work.get(ASKED, found.id)
    if before is not None:
        before = _of_today(before, found.version, work)
    problem = publishing.objection_to_deadline(command)
    if problem is not None:
        return problem
    wanted = asked(command, before, at, settings.publish_deadline)
    terms = definition.under(wanted.terms, found.image, found.version.number)
    if isinstance(terms, Problem):
        return terms
    wanted = msgspec.structs.replace(wanted, terms=terms)
    problem = _objection(command, wanted, found, work)
    if problem is not None:
        return problem
    version = _vouched(found.version, found.id, config)
    fixed = not found.image.details.allow_deletion_of_replicated_locations
    events = publishing.decide_request(version, found.id, command, wanted, work.floor, fixed=fixed)
    if isinstance(events, Problem):
        return events
    work.saga = job = work.new_id()
    work.put(JOB, job, new_job("publish", command.actor, found, work, asked=command))
    work.put(ASKED, found.id, remembered(wanted, command.more))
    requested = [placed(event, found.image) for event in events]
    follow(work, found.id, msgspec.structs.replace(version, job=job), requested)
    overdue = PublishOverdue(version=found.id, publication=events[-1].publication)
    work.remind(overdue_name(found.id), wanted.deadline + timedelta(seconds=settings.publish_margin), overdue)
    return Accepted(job=job, image=found.image_id, version=found.id, number=found.version.number)


def placed(event: Event, image: Image) -> Event:
    """What is said, with where the image of the version is: roles on its gallery, and its class, say who may use it."""
    if not isinstance(event, VersionPublishRequested):
        return event
    return msgspec.structs.replace(event, gallery=image.gallery, public=image.image_class == "standard")


def _objection(command: PublishVersion, wanted: Asked, found: Found, work: Work) -> Problem | None:
    """Why this publish is refused, whatever state the version is in."""
    problem = naming.objection_to_shape(command, wanted)
    if problem is not None:
        return problem
    fleet, rules = work.get(FLEET, ALL_PODS), work.get(RULES, found.image.tenant)
    names = (*naming.named(command), *naming.overridden(command))
    pods = {name: seen_by(work.get(POD, name), command.actor) for name in names}
    any_pod = fleet is not None and fleet.pods > 0
    return (
        naming.objection_to_pods(command, pods, rules, found.image_id, any_pod=any_pod)
        or publishing.objection_to_start(wanted, work.message.at)
        or publishing.objection_to_mode(found.version, wanted, command.more)
    )


def _of_today(before: Asked, version: Version, work: Work) -> Asked:
    """What was asked for the last time, without the pods that were removed since; and without being excluded from
    `latest` where an edit took that back."""
    publication = counted_of(version)
    if publication is not None and publication.number <= version.promoted and before.terms.exclude_from_latest:
        before = msgspec.structs.replace(before, terms=msgspec.structs.replace(before.terms, exclude_from_latest=False))
    gone = {pod for pod in _inherited(before) if not enrolled(work.get(POD, pod))}
    if not gone:
        return before
    replace = msgspec.structs.replace
    targets = replace(before.targets, pods=tuple(pod for pod in before.targets.pods if pod not in gone))
    overrides = {pod: override for pod, override in before.terms.overrides.items() if pod not in gone}
    more = tuple(pod for pod in before.more if pod not in gone)
    return replace(before, targets=targets, more=more, terms=replace(before.terms, overrides=overrides))


def new_job(kind: jobs.Kind, actor: Actor, found: Found, work: Work, *, asked: Command | None = None) -> jobs.Pending:
    """The job of a command about a version; ``asked`` is the command where a retry may give it again."""
    return jobs.Pending(
        kind=kind,
        tenant=actor.tenant,
        actor=actor.name,
        image=found.image_id,
        gallery=found.image.gallery,
        name=found.image.name,
        version=found.id,
        number=found.version.number,
        asked="" if asked is None else msgspec.json.encode(asked).decode(),
        created=work.message.at,
        updated=work.message.at,
    )


def _vouched(version: Version, id: str, config: Config) -> Version:
    """The version with its content signed afresh: it may be older than the key, or than signatures altogether."""
    manifest = manifest_of(version)
    if isinstance(version, Pending | DeployingVm | Cancelled) or manifest is None:
        return version
    return msgspec.structs.replace(version, manifest=config.vouch(id, manifest))
