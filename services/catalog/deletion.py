"""Reactions that delete versions and images, softly or for good, and bring soft-deleted versions back (F8 to F10).

A version that goes for good is marked DELETING, loses its copies as an unpublished one does, and then its source; what
is remembered is its number. All steps after the first are taken by one reminder, which has what they need loaded.
"""

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from catalog import images, quotas, references, shelves
from catalog.config import Config
from catalog.documents import CHILDREN, GALLERY, IMAGE, JOB, MARKERS, POD, ROSTER, USES, VERSION, Roster, gallery_key
from catalog.domain import job as jobs
from catalog.domain import lives, removal, withdrawing
from catalog.domain.image import Available, Image, Registered
from catalog.domain.life import Removal
from catalog.domain.patching import objection_to_revision
from catalog.domain.pod import enrolled, reporting
from catalog.domain.revision import above
from catalog.domain.states import become
from catalog.domain.version import DeploymentDone, Version
from catalog.editions import changed, shown
from catalog.follow import RemovalDue, follow, marked, removal_name, version_of
from catalog.publishes import new_job
from catalog.references import Found
from catalog.settings import CatalogSettings
from catalog.views import counts_of
from catalog.withdrawals import take_back
from contracts.errors import Problem
from contracts.events import Event
from contracts.events.hub import ImageDeleted, VersionDeleted, VersionRestored, VersionSoftDeleted
from contracts.events.to_pods import SourceDiscarded
from contracts.requests import Accepted, Actor, DeleteImage, DeleteVersion, Done, RestoreVersion
from contracts.views import VersionView
from runtime.work import Get, Message, Reaction, Ref, Work

ITSELF = Actor(tenant="", name="catalog")
"""Who deletes for good what was deleted softly long ago, when its job is not there any more."""


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions to deletions, restores and what comes due on the way out. A refusal tells how things are now."""
    settings = config.settings

    def on_delete(message: Message[DeleteVersion], work: Work) -> Accepted | Problem:
        return _on_delete(message.body, work, settings)

    def on_due(message: Message[RemovalDue], work: Work) -> None:
        _on_due(message, work, settings)

    return {
        DeleteVersion: Reaction(_keys, on_delete, refuses_anew=True),
        RestoreVersion: Reaction(_keys, _on_restore, refuses_anew=True),
        DeleteImage: Reaction(_image_keys, _on_delete_image, refuses_anew=True),
        RemovalDue: Reaction(_due_keys, on_due),
    }


def _keys(message: Message[DeleteVersion | RestoreVersion], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield from references.version_refs(tenant, command.image, command.number, get)
    if (found := references.named_version(tenant, command.image, command.number, get)) is not None:
        yield from refs(*found, get)


def _due_keys(message: Message[RemovalDue], get: Get) -> Iterator[Ref]:
    id = message.body.version
    yield VERSION(id)
    if (version := get(VERSION, id)) is not None:
        yield from refs(id, version, get)


def _image_keys(message: Message[DeleteImage], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from references.refs(command.actor.tenant, command.image, get)
    id = references.image_id(command.actor.tenant, command.image, get)
    if id is not None:
        yield ROSTER(id)
        yield MARKERS(id)
        if (image := get(IMAGE, id)) is not None:
            yield from images.forget_refs(image)


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


def _on_delete(command: DeleteVersion, work: Work, settings: CatalogSettings) -> Accepted | Problem:
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    version = found.version
    if version.life.removal is None or version.life.removal.stage != "DELETING":
        problem = objection_to_revision(command.revision, found.known)
        if problem is not None:
            return problem
    return begin(work, found, command.actor, settings, bypass=command.bypass_soft_delete, force=command.force)


def begin(
    work: Work, found: Found, actor: Actor, settings: CatalogSettings, *, bypass: bool = False, force: bool = False
) -> Accepted | Problem:
    """Delete a version: softly where its gallery says so, for good with ``bypass`` or where it does not.

    Again is fine: what is on its way out goes on as it does, or with ``bypass`` for good now. ``force`` (operators
    only) takes it from those that use it. Reads what `refs` names.
    """
    version, at = found.version, work.message.at
    before = version.life.removal
    if before is not None and (before.stage == "DELETING" or not bypass):
        return _accepted(found, before.job)
    problem = _objection(work, found, actor, force=force)
    if problem is not None:
        return problem
    gallery = work.get(GALLERY, gallery_key(found.image.tenant, found.image.gallery))
    if bypass or gallery is None or not gallery.soft_delete.enabled:
        return _accepted(found, _for_good(work, found, actor, settings))
    work.saga = job = work.new_id()
    mark = removal.softly(gallery.soft_delete, at, job)
    work.put(JOB, job, jobs.done(new_job("delete", actor, found, work), at))
    said = VersionSoftDeleted(
        version=found.id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        grace=mark.grace or at,
        purge=mark.purge or at,
        revision=version.revision + 1,
    )
    marked(work, found.id, _with(version, mark), said)
    work.remind(removal_name(found.id), mark.grace or at, RemovalDue(version=found.id))
    return _accepted(found, job)


def _objection(work: Work, found: Found, actor: Actor, *, force: bool) -> Problem | None:
    version = found.version
    if force and not actor.operator:
        return Problem(
            code="forbidden",
            detail="only an operator deletes what is in use",
            hint="Leave force out, or ask an operator.",
        )
    problem = removal.objection(found.image, version, work.message.at)
    if problem is None and not force:
        problem = removal.objection_to_users(version, work.get(USES, found.id))
    return problem or _objection_to_ties(work, found)


def _objection_to_ties(work: Work, found: Found) -> Problem | None:
    """Why it stays, whoever asks: what would be left behind names it, or lives on its bytes."""
    children = work.get(CHILDREN, found.id)
    ids = () if children is None else children.versions
    return removal.objection_to_markers(
        found.version, found.id, work.get(MARKERS, found.image_id)
    ) or removal.objection_to_children(found.version, {id: work.get(VERSION, id) for id in ids})


def _for_good(work: Work, found: Found, actor: Actor, settings: CatalogSettings) -> str:
    """Let a version go with all its copies; the job that tells when it is gone."""
    at, version = work.message.at, found.version
    former = work.get(JOB, version.job)
    if former is not None:
        work.put(JOB, version.job, jobs.superseded(former, at, counts_of(version)))
    work.saga = job = work.new_id()
    work.put(JOB, job, new_job("delete", actor, found, work))
    mark = removal.for_good(version.life.removal, at, job)
    version = msgspec.structs.replace(_with(version, mark), job=job)
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
    follow(work, found.id, _with(version, mark), [*_discard(work, found.id, version), gone])
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
        _drop(work, found.image_id, image)
    elif not (image.versions or left) and isinstance(image, Available):
        images.change(work, found.image_id, become(Registered, image), ("state",))


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
        marked(work, found.id, _with(version, mark), changed(found.id, version, ("state",)))
        work.remind(name, mark.purge, due)
    elif _held(work, found):
        if version.life.removal != mark:
            marked(work, found.id, _with(version, mark), changed(found.id, version, ("state",)))
        work.remind(name, at + timedelta(seconds=settings.purge_interval), due)
    else:
        former = None if not mark.job else work.get(JOB, mark.job)
        actor = ITSELF if former is None else Actor(tenant=former.tenant, name=former.actor)
        actor = msgspec.structs.replace(actor, tenant=actor.tenant or version.tenant)
        _for_good(work, found, actor, settings)


def _held(work: Work, found: Found) -> bool:
    """Whether a version whose time is over stays all the same: nobody is there to be told no, so it is asked again."""
    held = removal.objection(found.image, found.version, work.message.at)
    users = removal.objection_to_users(found.version, work.get(USES, found.id))
    return (held or users or _objection_to_ties(work, found)) is not None


def _on_restore(message: Message[RestoreVersion], work: Work) -> VersionView | Problem:
    command = message.body
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    version, mark = found.version, found.version.life.removal
    if mark is not None and mark.stage == "DELETING":
        return lives.deleted(version)
    if mark is None:
        return Problem(
            code="not_deleted",
            detail=f"version {version.number} is not deleted",
            hint="Only a soft-deleted version can be restored.",
            data={"number": version.number},
        )
    said = VersionRestored(
        version=found.id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        revision=version.revision + 1,
    )
    after = marked(work, found.id, _with(version, None), said)
    work.forget(removal_name(found.id))
    return shown(work, found._replace(version=after))


def _on_delete_image(message: Message[DeleteImage], work: Work) -> Done | Problem:
    command = message.body
    found = references.find_to_write(work, command.actor, command.image)
    if isinstance(found, Problem):
        return found
    id, image = found[0], above(found[1], work.floor)
    problem = objection_to_revision(command.revision, found[1].revision)
    problem = problem or removal.objection_to_protection(image, None, message.at)
    if problem is not None:
        return problem
    roster = work.get(ROSTER, id) or Roster()
    count = max(image.versions, len(roster.versions))
    if count or image.open:
        return Problem(
            code="image_not_empty",
            detail=f"image {image.name} still has {count} versions and {len(image.open)} imports under way",
            hint="Delete its versions first, soft-deleted ones for good, and cancel its imports.",
            data={"versions": count, "imports": len(image.open)},
        )
    _drop(work, id, image)
    return Done()


def _drop(work: Work, id: str, image: Image) -> None:
    """Forget an image; its name is free again."""
    work.emit(ImageDeleted(image=id, tenant=image.tenant, revision=image.revision + 1))
    work.put(ROSTER, id, None)
    work.put(MARKERS, id, None)
    images.forget(work, id, image)
    shelves.look(work, id, image)


def _with(version: Version, mark: Removal | None) -> Version:
    return msgspec.structs.replace(version, life=msgspec.structs.replace(version.life, removal=mark))


def _accepted(found: Found, job: str) -> Accepted:
    return Accepted(job=job, image=found.image_id, version=found.id, number=found.version.number)
