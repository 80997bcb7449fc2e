"""Images as such: the command that registers one without a version, and the one that edits it.

An image holds names (its own in the gallery, its identifier), room in the quotas, and is counted by its flavour:
`register` takes all of them, `forget` gives them back.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from catalog import holds, quotas, references
from catalog.config import Config
from catalog.documents import (
    DEFINED,
    FLAVOUR,
    IDENTIFIER,
    IMAGE,
    IMAGE_NAME,
    NAMESPACE,
    Claim,
    flavour_key,
    identifier_key,
    name_key,
    namespace_key,
)
from catalog.domain import defining, flavour, schema
from catalog.domain import image as images
from catalog.domain.image import Image
from catalog.domain.patching import objection_to_revision, patched
from catalog.domain.revision import above
from catalog.domain.schema import NOTHING
from catalog.galleries import gallery_not_found
from catalog.settings import CatalogSettings
from catalog.views import image_view
from contracts.definition import UPDATABLE, Namespace, PropertyValue
from contracts.errors import Problem
from contracts.names import Text
from contracts.requests import EditImage, RegisterImage
from contracts.rights import forbidden
from contracts.views import ImageView
from runtime import access
from runtime.access import ACCESS
from runtime.access import NOTHING as NO_RIGHTS
from runtime.work import Get, Message, Reaction, Ref, Work

EDITABLE = frozenset({"description", "details.features", *(f"details.{name}" for name in UPDATABLE - {"description"})})
"""What of an `ImageView` an edit may change."""
MOST_PROPERTIES = 64
"""Properties of an image (`contracts.definition.Properties`)."""


class Editable(ImageView, frozen=True, kw_only=True, tag="image"):
    """An image as an edit finds it: as it is shown, with the bounds of what is written. What only a query knows
    (`latest`, whether it is usable) is not known here: an edit that names it is taken for a change of it."""

    description: Text = ""
    latest: str | None = None


def reactions(config: Config) -> dict[type, Reaction]:
    """The reactions about images alone."""
    settings = config.settings

    def on_register(message: Message[RegisterImage], work: Work) -> ImageView | Problem:
        found = register(work, settings, message.body)
        return found if isinstance(found, Problem) else image_view(*found, None, at=message.at)

    return {
        RegisterImage: Reaction(lambda message, get: register_refs(message.body, get), on_register),
        EditImage: Reaction(_edit_keys, _on_edit),
    }


# --- registering ------------------------------------------------------------------------------------------------------


def register_refs(command: RegisterImage, get: Get) -> Iterator[Ref]:
    """The documents that `register` reads."""
    yield from references.home_refs(command.gallery)
    if (place := references.home(command.actor.tenant, command.gallery, get)) is None:
        return
    tenant, gallery = place
    yield ACCESS(access.gallery_key(tenant, gallery))
    yield IMAGE_NAME(name_key(tenant, gallery, command.name))
    if command.identifier is not None:
        yield IDENTIFIER(identifier_key(tenant, gallery, command.identifier))
    if command.flavour is not None:
        yield FLAVOUR(flavour_key(tenant, command.flavour))
    if command.tags:
        yield DEFINED(tenant)
    for name in schema.namespaces_of(command.details.properties):
        yield NAMESPACE(namespace_key(tenant, name))
    yield from quotas.refs(tenant, gallery)


def register(
    work: Work, settings: CatalogSettings, command: RegisterImage, *, versions: int = 0
) -> tuple[str, Image] | Problem:
    """Register an image, with room for ``versions`` of its own, or refuse and change nothing. It belongs to the tenant
    of its gallery, in which others may have a role too."""
    settled = _settled(work, command)
    if isinstance(settled, Problem):
        return settled
    command = settled
    tenant, gallery, at = command.actor.tenant, command.gallery, work.message.at
    problem = (
        defining.objection(command, at)
        or (defining.objection_to_publicity(command.details) if shown_to_all(work, tenant, gallery) else None)
        or (defining.objection_to_sharing(command.details) if shown_to_others(work, tenant, gallery) else None)
        or _objection_to_words(command, work, settings)
        or quotas.objection(work, settings, tenant, gallery, images=1, versions=versions)
    )
    if problem is not None:
        return problem
    id = work.new_id()
    taken = work.get(IMAGE_NAME, name_key(tenant, gallery, command.name)) is not None
    events = images.decide_register(taken, command, id)
    if isinstance(events, Problem):
        return events
    if (problem := _objection_to_identifier(command, work)) is not None:
        return problem
    (event,) = events
    quotas.take(work, tenant, gallery, images=1, versions=versions)
    work.emit(event)
    image = images.registered(event, command, at)
    work.put(IMAGE_NAME, name_key(tenant, gallery, image.name), Claim(id=id))
    if image.identifier is not None:
        work.put(IDENTIFIER, identifier_key(tenant, gallery, image.identifier), Claim(id=id))
    _count_flavour(work, image, 1)
    work.put(IMAGE, id, image)
    return id, image


def _settled(work: Work, command: RegisterImage) -> RegisterImage | Problem:
    """The command as one in the gallery's own tenant, or why its actor may not register anything there."""
    actor = command.actor
    place = references.home(actor.tenant, command.gallery, work.get)
    rights = NO_RIGHTS if place is None else access.gallery_rights(work.get, actor, tenant=place[0], gallery=place[1])
    if place is None or not rights:
        return gallery_not_found(command.gallery)
    if (needed := references.needs(work)) not in rights:
        return forbidden(needed, "gallery")
    return msgspec.structs.replace(command, gallery=place[1], actor=msgspec.structs.replace(actor, tenant=place[0]))


def shown_to_all(work: Work, tenant: str, gallery: str) -> bool:
    """Whether everybody sees what is in a gallery."""
    known = work.get(ACCESS, access.gallery_key(tenant, gallery))
    return known is not None and known.sharing in ("community", "public")


def shown_to_others(work: Work, tenant: str, gallery: str) -> bool:
    """Whether anybody but its tenant sees what is in a gallery, because it is there."""
    known = work.get(ACCESS, access.gallery_key(tenant, gallery))
    return known is not None and known.sharing != "private"


def _objection_to_words(command: RegisterImage, work: Work, settings: CatalogSettings) -> Problem | None:
    """Why the image cannot say this of itself, as the tenant's flavours and schemas are."""
    tenant = command.actor.tenant
    if command.flavour is not None:
        kept = work.get(FLAVOUR, flavour_key(tenant, command.flavour))
        if (problem := flavour.objection_to_name(command.flavour, kept)) is not None:
            return problem
    if command.tags:
        defined = work.get(DEFINED, tenant) or NOTHING
        problem = schema.objection_to_count(len(command.tags), settings.most_tags)
        if problem is not None or (problem := schema.objection_to_tags(command.tags, defined)) is not None:
            return problem
    properties = command.details.properties
    found = namespaces(work, tenant, properties)
    return schema.objection_to_properties({}, properties, found, operator=command.actor.operator)


def _objection_to_identifier(command: RegisterImage, work: Work) -> Problem | None:
    one = command.identifier
    if one is None:
        return None
    claim = work.get(IDENTIFIER, identifier_key(command.actor.tenant, command.gallery, one))
    if claim is None:
        return None
    return Problem(
        code="identifier_exists",
        detail=f"{command.gallery} has an image of {one.publisher}, {one.offer}, {one.sku} already",
        hint="Let one of publisher, offer and SKU differ, or import into the image that is there.",
        data={"image": claim.id, "gallery": command.gallery},
    )


def namespaces(work: Work, tenant: str, *properties: Mapping[str, PropertyValue]) -> dict[str, Namespace | None]:
    """The tenant's namespaces that properties may belong to, by name."""
    found = {name: work.get(NAMESPACE, namespace_key(tenant, name)) for name in schema.namespaces_of(*properties)}
    return {name: None if kept is None else kept.namespace for name, kept in found.items()}


# --- forgetting -------------------------------------------------------------------------------------------------------


def forget_refs(image: Image) -> Iterator[Ref]:
    """The documents that `forget` reads, beside the image's own."""
    if image.flavour is not None:
        yield FLAVOUR(flavour_key(image.tenant, image.flavour))
    yield from quotas.refs(image.tenant, image.gallery)


def forget(work: Work, id: str, image: Image) -> None:
    """Remove an image that is deleted, and free what it held."""
    work.put(IMAGE_NAME, name_key(image.tenant, image.gallery, image.name), None)
    if image.identifier is not None:
        work.put(IDENTIFIER, identifier_key(image.tenant, image.gallery, image.identifier), None)
    _count_flavour(work, image, -1)
    work.put(ACCESS, access.image_key(id), None)
    quotas.give_back(work, image.tenant, image.gallery, images=1)
    work.put(IMAGE, id, None)


def _count_flavour(work: Work, image: Image, more: int) -> None:
    if image.flavour is not None:
        key = flavour_key(image.tenant, image.flavour)
        work.put(FLAVOUR, key, flavour.counted(image.flavour, work.get(FLAVOUR, key), more))


# --- editing ----------------------------------------------------------------------------------------------------------


def _edit_keys(message: Message[EditImage], get: Get) -> Iterator[Ref]:
    command = message.body
    yield from references.refs(command.actor.tenant, command.image, get)
    id = references.image_id(command.actor.tenant, command.image, get)
    image: Image | None = None if id is None else get(IMAGE, id)
    if image is not None:
        for name in schema.namespaces_of(image.details.properties, _named(command.changes)):
            yield NAMESPACE(namespace_key(image.tenant, name))


def _named(changes: Mapping[str, Any]) -> dict[str, Any]:
    """The properties that an edit sets; none where there are more than an image can have, for that is refused."""
    details = changes.get("details")
    properties = details.get("properties") if isinstance(details, Mapping) else None
    if not isinstance(properties, Mapping):
        return {}
    found = {key: value for key, value in properties.items() if value is not None}
    return found if len(found) <= MOST_PROPERTIES else {}


def _on_edit(message: Message[EditImage], work: Work) -> ImageView | Problem:
    command, at = message.body, message.at
    found = references.find_to_write(work, command.actor, command.image)
    if isinstance(found, Problem):
        return found
    id, image = found
    if (problem := objection_to_revision(command.revision, image.revision)) is not None:
        return problem
    public = is_public(image) or shown_to_all(work, image.tenant, image.gallery)
    shown = Editable(**msgspec.structs.asdict(image_view(id, image, None)))
    edit = patched(Editable, shown, command.changes, EDITABLE)
    if isinstance(edit, Problem):
        return edit
    before, after = image.details, edit.value.details
    known = namespaces(work, image.tenant, before.properties, after.properties)
    problem = (
        defining.objection_to_locks(before, after)
        or defining.objection_to_details(after, generation=image.generation, public=public, at=at, before=before)
        or schema.objection_to_properties(before.properties, after.properties, known, operator=command.actor.operator)
    )
    if problem is not None:
        return problem
    if edit.fields:
        image = change(
            work,
            id,
            msgspec.structs.replace(image, description=edit.value.description, details=after),
            edit.fields,
        )
    if before.hold_until_validated and not after.hold_until_validated:
        holds.fell(work, id)
    return image_view(id, image, None, at=at)


def is_public(image: Image) -> bool:
    """Whether other tenants see the image: it is the provider's, or shared with them."""
    return image.image_class == "standard" or bool(image.shared)


def change(work: Work, id: str, image: Image, fields: tuple[str, ...]) -> Image:
    """Say that ``fields`` of the image are what they are in ``image`` now, and keep it: one revision further."""
    event = images.changed(above(image, work.floor), id, fields)
    work.emit(event)
    image = msgspec.structs.replace(image, revision=event.revision, updated=work.message.at)
    work.put(IMAGE, id, image)
    return image
