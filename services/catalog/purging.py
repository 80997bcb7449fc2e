"""What takes a version out of the world once nobody wants it back: its copies, then its source, its image (F9, F10).

A version that goes for good is marked DELETING, loses its copies as an unpublished one does, and then its source; what
is remembered is its number. All steps after the first are taken by one reminder, which has what they need loaded.
"""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from catalog import images, quotas, shelves
from catalog.config import Config
from catalog.documents import CHILDREN, GALLERY, IMAGE, JOB, MARKERS, POD, ROSTER, USES, VERSION, Roster, gallery_key
from catalog.domain import job as jobs
from catalog.domain import removal, withdrawing
from catalog.domain.image import Available, Image, Registered
from catalog.domain.life import Removal
from catalog.domain.pod import enrolled, reporting
from catalog.domain.revision import above
from catalog.domain.states import become
from catalog.domain.version import DeploymentDone, Version
from catalog.editions import changed
from catalog.follow import RemovalDue, follow, marked, removal_name, version_of
from catalog.publishes import new_job
from catalog.references import Found
from catalog.settings import CatalogSettings
from catalog.views import counts_of
from catalog.withdrawals import take_back
from contracts.errors import Problem
from contracts.events import Event
from contracts.events.hub import ImageDeleted, VersionDeleted
from contracts.events.to_pods import SourceDiscarded
from contracts.requests import Actor
from runtime.work import Get, Message, Reaction, Ref, Work

ITSELF = Actor(tenant="", name="catalog")
"""Who deletes for good what was deleted softly long ago, when its job is not there any more."""


def reactions(config: Config) -> dict[type, Reaction]:
    """The reaction to what comes due of a version on its way out."""
    settings = config.settings
    return {RemovalDue: Reaction(_due_keys, lambda message, work: _on_due(message, work, settings))}


def _due_keys(message: Message[RemovalDue], get: Get) -> Iterator[Ref]:
    id = message.body.version
    yield VERSION(id)
    if (version := get(VERSION, id)) is not None:
        yield from refs(id, version, get)


def refs(id: str, version: Version, get: Get) -> Iterator[Ref]:
    """The documents that `begin`, and what follows it, read; ``version`` itself is loaded already."""
    yield IMAGE(version.image)
    yield JOB(version.job)
    if version.life.removal is not None and version.life.removal.job:
        yield JOB(version.life.removal.job)
    yield ROSTER(version.image)
    yield MARKERS(version.image)
    yield USES(id)
    yield POD(version.source.pod)
    yield CHILDREN(id)
    if (children := get(CHILDREN, id)) is not None:
        yield from map(VERSION, children.versions)
    if (image := get(IMAGE, version.image)) is not None:
        yield GALLERY(gallery_key(image.tenant, image.gallery))
        yield from quotas.refs(image.tenant, image.gallery)
        yield from images.forget_refs(image)


def objection_to_ties(work: Work, found: Found) -> Problem | None:
    """Why it stays, whoever asks: what would be left behind names it, or lives on its bytes."""
    children = work.get(CHILDREN, found.id)
    ids = () if children is None else children.versions
    return removal.objection_to_markers(
        found.version, found.id, work.get(MARKERS, found.image_id)
    ) or removal.objection_to_children(found.version, {id: work.get(VERSION, id) for id in ids})


def for_good(work: Work, found: Found, actor: Actor, settings: CatalogSettings) -> str:
    """Let a version go with all its copies; the job that tells when it is gone."""
    at, version = work.message.at, found.version
    former = work.get(JOB, version.job)
    if former is not None:
        work.put(JOB, version.job, jobs.superseded(former, at, counts_of(version)))
    work.saga = job = work.new_id()
    work.put(JOB, job, new_job("delete", actor, found, work))
    mark = removal.for_good(version.life.removal, at, job)
    version = msgspec.structs.replace(removal.with_mark(version, mark), job=job)
    events = withdrawing.decide_removal(version, found.id, work.floor)
    if events:
        work.forget(removal_name(found.id))
        take_back(work, found.id, version, events, settings.unpublish_deadline)
    else:
        _finish(work, found._replace(version=version), settings)
    return job


def _finish(work: Work, found: Found, settings: CatalogSettings) -> None:
    """The last copy is gone: the source goes, and with it the version; and the image with its last version (b.1);
    one that stays all the same has nothing that could be published any more."""
    at, version = work.message.at, found.version
    before = version.life.removal
    for called_off in withdrawing.decide_gone(version, found.id, work.floor):
        work.emit(called_off)
        version = msgspec.structs.replace(version, revision=called_off.revision)
    mark = Removal(stage="DELETED", at=at if before is None else before.at, job="" if before is None else before.job)
    gone = VersionDeleted(
        version=found.id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        revision=version.revision + 1,
    )
    follow(work, found.id, removal.with_mark(version, mark), [*_discard(work, found.id, version), gone])
    _again_later(work, found.id, version, settings)
    roster = work.get(ROSTER, found.image_id) or Roster()
    left = tuple(id for id in roster.versions if id != found.id)
    work.put(ROSTER, found.image_id, Roster(versions=left))
    image = above(work.get(IMAGE, found.image_id) or found.image, work.floor)
    quotas.give_back(work, image.tenant, image.gallery, versions=1, bytes=version.counted)
    image = msgspec.structs.replace(image, versions=max(0, image.versions - 1), updated=at)
    work.put(IMAGE, found.image_id, image)
    used = removal.users_of(work.get(USES, found.id))  # by force it went from under them, and they are of this image
    if not (image.versions or left or image.open or used or removal.objection_to_protection(image, None, at)):
        drop(work, found.image_id, image)
    elif not (image.versions or left) and isinstance(image, Available):
        images.change(work, found.image_id, become(Registered, image), ("state",))


def drop(work: Work, id: str, image: Image) -> None:
    """Forget an image; its name is free again."""
    work.emit(ImageDeleted(image=id, tenant=image.tenant, revision=image.revision + 1))
    work.put(ROSTER, id, None)
    work.put(MARKERS, id, None)
    images.forget(work, id, image)
    shelves.look(work, id, image)


def _discard(work: Work, id: str, version: Version) -> list[Event]:
    """What is told to the source pod, as long as there is one."""
    pod = version.source.pod
    return [SourceDiscarded(pod=pod, version=id)] if enrolled(work.get(POD, pod)) else []


def _again_later(work: Work, id: str, version: Version, settings: CatalogSettings) -> None:
    """A pod that does not report may miss the word, which is kept for a day only: it is said until the pod is back."""
    pod = work.get(POD, version.source.pod)
    if enrolled(pod) and not reporting(pod):
        work.remind(
            removal_name(id), work.message.at + timedelta(seconds=settings.discard_interval), RemovalDue(version=id)
        )
    else:
        work.forget(removal_name(id))


def _on_due(message: Message[RemovalDue], work: Work, settings: CatalogSettings) -> None:
    id, at = message.body.version, message.at
    version = version_of(work, id)
    mark = None if version is None else version.life.removal
    image = None if version is None else work.get(IMAGE, version.image)
    if version is None or mark is None:
        work.saga = ""
        return
    if mark.stage == "DELETED":
        for event in _discard(work, id, version):
            work.emit(event)
        _again_later(work, id, version, settings)
    elif image is None:
        work.saga = ""
    elif mark.stage == "DELETING":
        if isinstance(version, DeploymentDone):
            _finish(work, Found(version.image, image, id, version), settings)
    else:
        _expire(work, Found(version.image, image, id, version), removal.stage_at(mark, at), settings)


def _expire(work: Work, found: Found, mark: Removal, settings: CatalogSettings) -> None:
    """A soft-deleted version as its time makes it: GRACE, and at the end gone, unless something holds it."""
    at, version = work.message.at, found.version
    name, due = removal_name(found.id), RemovalDue(version=found.id)
    if mark.stage == "SOFT_DELETED":
        work.remind(name, mark.grace or at, due)
    elif mark.purge is not None and at < mark.purge:
        marked(work, found.id, removal.with_mark(version, mark), changed(found.id, version, ("state",)))
        work.remind(name, mark.purge, due)
    elif _held(work, found):
        if version.life.removal != mark:
            marked(work, found.id, removal.with_mark(version, mark), changed(found.id, version, ("state",)))
        work.remind(name, at + timedelta(seconds=settings.purge_interval), due)
    else:
        former = None if not mark.job else work.get(JOB, mark.job)
        actor = ITSELF if former is None else Actor(tenant=former.tenant, name=former.actor)
        actor = msgspec.structs.replace(actor, tenant=actor.tenant or version.tenant)
        for_good(work, found, actor, settings)


def _held(work: Work, found: Found) -> bool:
    """Whether a version whose time is over stays all the same: nobody is there to be told no, so it is asked again."""
    held = removal.objection(found.image, found.version, work.message.at)
    users = removal.objection_to_users(found.version, work.get(USES, found.id))
    return (held or users or objection_to_ties(work, found)) is not None
