"""Reactions to the commands that delete versions and images, softly or for good, and bring soft-deleted versions back
(features.md F8 to F10). What follows without anybody asking is in `purging`.
"""

from collections.abc import Iterator

from catalog import images, references
from catalog.config import Config
from catalog.documents import GALLERY, IMAGE, JOB, MARKERS, ROSTER, USES, Roster, gallery_key
from catalog.domain import job as jobs
from catalog.domain import lives, removal
from catalog.domain.patching import objection_to_revision
from catalog.domain.revision import above
from catalog.domain.version import Version
from catalog.editions import shown
from catalog.follow import RemovalDue, marked, removal_name
from catalog.publishes import new_job
from catalog.purging import drop, for_good, objection_to_ties, refs
from catalog.references import Found
from catalog.settings import CatalogSettings
from contracts.errors import Problem
from contracts.events.hub import VersionRestored, VersionSoftDeleted
from contracts.requests import Accepted, Actor, DeleteImage, DeleteVersion, Done, RestoreVersion
from contracts.views import VersionView
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions to deletions and restores. A refusal tells how things are now."""
    settings = config.settings

    def on_delete(message: Message[DeleteVersion], work: Work) -> Accepted | Problem:
        return _on_delete(message.body, work, settings)

    return {
        DeleteVersion: Reaction(_keys, on_delete, refuses_anew=True),
        RestoreVersion: Reaction(_keys, _on_restore, refuses_anew=True),
        DeleteImage: Reaction(_image_keys, _on_delete_image, refuses_anew=True),
    }


def _keys(message: Message[DeleteVersion | RestoreVersion], get: Get) -> Iterator[Ref]:
    command = message.body
    tenant = command.actor.tenant
    yield from references.version_refs(tenant, command.image, command.number, get)
    if (found := references.named_version(tenant, command.image, command.number, get)) is not None:
        yield from refs(*found, get)


def _image_keys(message: Message[DeleteImage], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from references.refs(command.actor.tenant, command.image, get)
    id = references.image_id(command.actor.tenant, command.image, get)
    if id is not None:
        yield ROSTER(id)
        yield MARKERS(id)
        if (image := get(IMAGE, id)) is not None:
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
        return _accepted(found, for_good(work, found, actor, settings))
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
    marked(work, found.id, removal.with_mark(version, mark), said)
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
    return problem or objection_to_ties(work, found)


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
    return shown(work, found._replace(version=restore(work, found.id, version)))


def restore(work: Work, id: str, version: Version) -> Version:
    """Take the mark of its removal from a version; whatever it has left, it keeps."""
    said = VersionRestored(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        revision=version.revision + 1,
    )
    work.forget(removal_name(id))
    return marked(work, id, removal.with_mark(version, None), said)


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
    drop(work, id, image)
    return Done()


def _accepted(found: Found, job: str) -> Accepted:
    return Accepted(job=job, image=found.image_id, version=found.id, number=found.version.number)
