"""The steps that lead from what there is to what a file says: read through the client, in the order of what needs what.

Galleries; namespaces and flavours; images; versions; publishes; markers; with whom all of it is shared.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from contracts.definition import Flavour, Namespace
from contracts.views import ImageView, MarkerView, VersionView
from imprint.client import Client
from imprint.declared import sharing, versions
from imprint.declared.difference import current, differing, fixed, in_words, patch, plain, split
from imprint.declared.document import Document, ImageToHave, MarkerToHave, said, whole
from imprint.declared.steps import SETTLING, Act, Carrier, Difference, Step
from imprint.exits import ImprintError

S = TypeVar("S", bound=msgspec.Struct)


async def difference(client: Client, document: Document, given: Mapping[str, Any]) -> Difference:
    """What is to be done; ``given`` is the document as plain values, of what it names. Raises ImprintError."""
    found = Difference()
    await _galleries(client, document, given, found)
    await _namespaces(client, document, given, found)
    await _flavours(client, document, given, found)
    known = [await _known(client, image.image) for image in document.images]
    texts = list(given.get("images") or ())
    for wanted, text, there in zip(document.images, texts, known, strict=True):
        _image(wanted, text, there[0], found)
    for wanted, text, there in zip(document.images, texts, known, strict=True):
        versions.imports(wanted, text, there[1], found)
    for wanted, text, there in zip(document.images, texts, known, strict=True):
        await versions.publishes(client, wanted, text, there[1], found)
    for wanted, there in zip(document.images, known, strict=True):
        _markers(wanted, there[2], found)
    await sharing.openings(client, document, given, found)
    for wanted, there in zip(document.images, known, strict=True):
        await sharing.offers(client, wanted, there[0], found)
    return found


async def _known(client: Client, image: str) -> tuple[ImageView | None, dict[str, VersionView], dict[str, MarkerView]]:
    """An image with its versions by number and its markers by name, as far as there is one."""
    try:
        view = await client.image(image)
    except ImprintError as error:
        if error.problem.code != "image_not_found":
            raise
        return None, {}, {}
    found = await client.versions(view.id, hidden=True)
    there = {one.number: one for one in reversed(found) if not versions.nothing_of(one)}
    return view, there, {one.name: one for one in await client.markers(view.id)}


async def _galleries(client: Client, document: Document, given: Mapping[str, Any], found: Difference) -> None:
    there = {one.name: one for one in await client.galleries()} if document.galleries else {}
    for gallery, text in zip(document.galleries, given.get("galleries") or (), strict=True):
        name = gallery.name
        wanted = {key: value for key, value in said(gallery, text).items() if key not in ("name", "sharing")}
        view = there.get(name)
        changes = differing(wanted, {} if view is None else current(view))
        if view is None:
            found.steps.append(Step("+", "gallery", name, changes, _make_gallery(name, plain(wanted))))
        elif changes:
            act = _edit_gallery(name, patch(changes), view.revision)
            found.steps.append(Step("~", "gallery", name, changes, act))
        else:
            found.steps.append(Step("=", "gallery", name))


def _make_gallery(name: str, wanted: dict[str, Any]) -> Act:
    async def act(carrier: Carrier) -> None:
        await carrier.client.create_gallery(name, wanted)

    return act


def _edit_gallery(name: str, changes: dict[str, Any], revision: int) -> Act:
    async def act(carrier: Carrier) -> None:
        await carrier.client.edit_gallery(name, changes, revision)

    return act


async def _namespaces(client: Client, document: Document, given: Mapping[str, Any], found: Difference) -> None:
    there = {one.namespace.name: one for one in await client.namespaces()} if document.namespaces else {}
    for namespace, text in zip(document.namespaces, given.get("namespaces") or (), strict=True):
        view = there.get(namespace.name)
        before, revision = (None, 0) if view is None else (view.namespace, view.revision)
        act = _set_namespace(before, namespace, text, revision)
        found.steps.append(_replaced("namespace", namespace.name, said(namespace, text), before, act))


def _set_namespace(before: Namespace | None, wanted: Namespace, text: Any, revision: int) -> Act:
    async def act(carrier: Carrier) -> None:
        await carrier.client.set_namespace(_over(before, wanted, text), revision)

    return act


async def _flavours(client: Client, document: Document, given: Mapping[str, Any], found: Difference) -> None:
    there = {one.flavour.name: one for one in await client.flavours()} if document.flavours else {}
    for flavour, text in zip(document.flavours, given.get("flavours") or (), strict=True):
        view = there.get(flavour.name)
        before, revision = (None, 0) if view is None else (view.flavour, view.revision)
        act = _set_flavour(before, flavour, text, revision)
        found.steps.append(_replaced("flavour", flavour.name, said(flavour, text), before, act))


def _set_flavour(before: Flavour | None, wanted: Flavour, text: Any, revision: int) -> Act:
    async def act(carrier: Carrier) -> None:
        await carrier.client.set_flavour(_over(before, wanted, text), revision)

    return act


def _over(before: S | None, wanted: S, text: Any) -> S:
    """The whole of a thing that is only ever said whole: what there is, with what the file names of it."""
    if before is None:
        return wanted
    return msgspec.convert(_merged(msgspec.to_builtins(before), plain(said(wanted, text))), type(wanted))


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}


def _replaced(
    kind: str, name: str, wanted: Mapping[str, Any], before: msgspec.Struct | None, act: Act
) -> Step:  # fmt: skip
    """A step about a thing that is only ever said whole."""
    changes = differing(
        {key: wanted[key] for key in wanted if key != "name"}, {} if before is None else current(before)
    )
    if before is None:
        return Step("+", kind, name, changes, act)
    return Step("~", kind, name, changes, act) if changes else Step("=", kind, name)


def _image(image: ImageToHave, text: Mapping[str, Any], view: ImageView | None, found: Difference) -> None:
    own = {key: value for key, value in text.items() if key not in ("image", "versions", "markers", "offers")}
    wanted = said(image, own)
    if view is None:
        made = without_null(wanted)
        found.steps.append(Step("+", "image", image.image, differing(made, {}), _make_image(image.image, plain(made))))
        return
    changes = differing(wanted, current(view))
    features = view.details.allow_update_image or image.details.allow_update_image
    for change in fixed(changes, features=features):
        what = f"{change.field} is {in_words(change.old)} and cannot become {in_words(change.new)}"
        hint = "It is fixed for all versions; say it as it is, or make another image."
        found.conflicts.append((f"image {image.image}: {what}", hint))
    if not changes:
        found.steps.append(Step("=", "image", image.image))
        return
    tags = {change.field.removeprefix("tags."): change.new for change in changes if split(change.field)[0] == "tags"}
    fields = patch([change for change in changes if split(change.field)[0] != "tags"])
    found.steps.append(Step("~", "image", image.image, changes, _edit_image(image.image, fields, tags, view.revision)))


def without_null(value: Any) -> Any:
    """Mappings without what is null in them: there is nothing yet that could go."""
    if not isinstance(value, dict):
        return value
    return {name: without_null(part) for name, part in value.items() if part is not None}


def _make_image(path: str, wanted: dict[str, Any]) -> Act:
    gallery, _, name = path.partition("/")

    async def act(carrier: Carrier) -> None:
        await carrier.client.register_image(name, {"gallery": gallery, **wanted})

    return act


def _edit_image(path: str, fields: dict[str, Any], tags: Mapping[str, Any], revision: int) -> Act:
    async def act(carrier: Carrier) -> None:
        at = revision
        if fields:
            at = (await carrier.client.edit_image(path, fields, at)).revision
        if tags:
            new = {key: value for key, value in tags.items() if value is not None}
            await carrier.client.edit_tags(path, new, [key for key in tags if key not in new], at)

    return act


def _markers(image: ImageToHave, there: Mapping[str, MarkerView], found: Difference) -> None:
    for name, given in image.markers.items():
        wanted = given if isinstance(given, MarkerToHave) else MarkerToHave(number=given)
        wanted = msgspec.structs.replace(wanted, number=whole(wanted.number))
        view = there.get(name)
        changes = differing({"number": wanted.number}, {} if view is None else {"number": view.number})
        title = f"{image.image} {name}"
        if not changes:
            found.steps.append(Step("=", "marker", title))
            continue
        act = _move(image.image, name, wanted, 0 if view is None else view.revision)
        found.steps.append(Step("+" if view is None else "~", "marker", title, changes, act))


def _move(image: str, name: str, wanted: MarkerToHave, revision: int) -> Act:
    rings = [plain(ring) for ring in wanted.rings]

    async def act(carrier: Carrier) -> None:
        await carrier.version_out_of(image, wanted.number, SETTLING)
        await carrier.client.move_marker(
            image, name, wanted.number, rings=rings, failures=wanted.failures, logoff=wanted.logoff, revision=revision
        )

    return act
