"""The reaction to the command that edits a version: of all that people see of it, only the documented fields change."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec

from catalog import references
from catalog.documents import MARKERS, USES
from catalog.domain import lives
from catalog.domain.patching import objection_to_revision, patched
from catalog.domain.removal import assignments_of, markers_of
from catalog.domain.version import Version, counted_of
from catalog.follow import marked
from catalog.references import Found
from catalog.views.version import version_view
from contracts.definition import VERSION_UPDATABLE, LongText
from contracts.errors import Problem
from contracts.events.hub import VersionChanged
from contracts.names import Text
from contracts.requests import EditVersion
from contracts.views import VersionView
from runtime.work import Get, Message, Reaction, Ref, Work

CONTENT: frozenset[str] = frozenset({"manifest", "source", "size", "virtual_size", "digest", "capsule", "uefi"})
"""What a version consists of, and where that came from (features.md A1)."""


class _Edited(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that may change, with the bounds that they have wherever people set them."""

    exclude_from_latest: bool
    end_of_life: Annotated[datetime, msgspec.Meta(tz=True)] | None
    block_deletion_before_end_of_life: bool
    release_notes: LongText
    description: Text
    hidden: bool


def reactions() -> dict[type, Reaction]:
    """The reaction to an edit of a version."""
    return {EditVersion: Reaction(_keys, _on_edit)}


def _keys(message: Message[EditVersion], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from references.version_refs(command.actor.tenant, command.image, command.number, get)
    named = references.named_version(command.actor.tenant, command.image, command.number, get)
    if named is not None:
        yield USES(named[0])
        yield MARKERS(named[1].image)


def _on_edit(message: Message[EditVersion], work: Work) -> VersionView | Problem:
    command, at = message.body, message.at
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    problem = objection_to_revision(command.revision, found.known)
    problem = problem or lives.objection_to_change(found.version)
    if problem is not None:
        return problem
    before = shown(work, found._replace(version=msgspec.structs.replace(found.version, revision=found.known)))
    edit = patched(VersionView, before, command.changes, VERSION_UPDATABLE, content=CONTENT)
    if isinstance(edit, Problem):
        return edit
    edited = _bounded(edit.value)
    if isinstance(edited, Problem):
        return edited
    if "end_of_life" in edit.fields and edited.end_of_life is not None and edited.end_of_life <= at:
        return Problem(
            code="end_of_life_invalid",
            detail=f"an end of life at {edited.end_of_life.isoformat()} is past",
            hint="Give a time that is still to come, or null for the image's.",
            data={"field": "end_of_life"},
        )
    version = _with(found.version, edited, edit.fields)
    if version == found.version:
        return before
    after = marked(work, found.id, version, changed(found.id, version, edit.fields))
    return shown(work, found._replace(version=after))


def _bounded(view: VersionView) -> _Edited | Problem:
    try:
        return msgspec.convert({name: getattr(view, name) for name in _Edited.__struct_fields__}, _Edited)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$.")
        field = place.strip("`")
        return Problem(
            code="validation_failed",
            detail=f"{field} has an unusable value: {what}",
            hint="Correct the value; null gives a field back its default.",
            data={"field": field},
        )


def _with(version: Version, edited: _Edited, fields: tuple[str, ...]) -> Version:
    """The version with those of its ``fields`` that were edited; what was only shown of its image stays the image's."""
    replace = msgspec.structs.replace
    life = version.life
    if "end_of_life" in fields:
        life = replace(life, end_of_life=edited.end_of_life)
    if "block_deletion_before_end_of_life" in fields:
        life = replace(life, block_deletion=edited.block_deletion_before_end_of_life)
    life = replace(life, hidden=edited.hidden)
    version = replace(version, life=life, description=edited.description, release_notes=edited.release_notes)
    if "exclude_from_latest" not in fields:
        return version
    publication = counted_of(version)
    promoted = version.promoted if edited.exclude_from_latest or publication is None else publication.number
    return replace(version, excluded=edited.exclude_from_latest, promoted=promoted)


def changed(id: str, version: Version, fields: tuple[str, ...]) -> VersionChanged:
    """That ``fields`` of version ``id`` changed."""
    return VersionChanged(
        version=id,
        image=version.image,
        number=version.number,
        tenant=version.tenant,
        fields=fields,
        deprecation=version.life.deprecation,
        replacement=version.life.replacement,
        revision=version.revision + 1,
    )


def shown(work: Work, found: Found) -> VersionView:
    """The version as whoever changed it sees it; where its copies are is told by a query."""
    return version_view(
        found.id,
        found.version,
        found.image,
        markers=markers_of(work.get(MARKERS, found.image_id), found.id),
        used_by=len(assignments_of(work.get(USES, found.id))),
        at=work.message.at,
    )
