"""Reactions to the commands that mark an image or a version: disabled, protected, deprecated (features.md F4, F5, F8).

The mark of an image holds for all its versions, without a word about each of them: whoever looks at a version looks at
its image too (`catalog.domain.lives`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from catalog import references
from catalog.documents import IMAGE, NUMBER, VERSION, number_key
from catalog.domain import image as images
from catalog.domain import lives
from catalog.domain.image import Image
from catalog.domain.life import Life
from catalog.domain.number import normalise
from catalog.domain.patching import objection_to_revision
from catalog.domain.publishing import not_ready
from catalog.domain.revision import above
from catalog.domain.version import manifest_of
from catalog.follow import marked
from catalog.references import Found
from contracts.definition import Deprecation
from contracts.errors import Problem
from contracts.events import Event
from contracts.events.hub import (
    ImageDisabled,
    ImageEnabled,
    VersionChanged,
    VersionDisabled,
    VersionEnabled,
)
from contracts.requests import Actor, Done, SetDeprecation, SetEnabled, SetProtection
from runtime.work import Get, Message, Reaction, Ref, Work

Marking = SetEnabled | SetProtection | SetDeprecation


def reactions() -> dict[type, Reaction]:
    """The reactions to the commands that set marks."""
    return {
        SetEnabled: Reaction(_keys, _on_enabled),
        SetProtection: Reaction(_keys, _on_protection),
        SetDeprecation: Reaction(_deprecation_keys, _on_deprecation),
    }


def _keys(message: Message[Marking], get: Get) -> Iterator[Ref]:
    command = message.body
    if command.number is None:
        yield from references.refs(command.actor.tenant, command.image, get)
    else:
        yield from references.version_refs(command.actor.tenant, command.image, command.number, get)


def _deprecation_keys(message: Message[SetDeprecation], get: Get) -> Iterator[Ref]:
    yield from _keys(message, get)
    command = message.body
    if not command.replacement:
        return
    if command.number is None:
        yield from references.refs(command.actor.tenant, command.replacement, get)
    else:
        yield from references.version_refs(command.actor.tenant, command.image, command.replacement, get)


def _on_enabled(message: Message[SetEnabled], work: Work) -> Done | Problem:
    command = message.body
    found = _found(work, command)
    if isinstance(found, Problem):
        return found
    if not command.enabled and isinstance(found, Found) and manifest_of(found.version) is None:
        return not_ready(found.version, "disabled", "Wait until it is DEPLOYMENT_DONE, or cancel its import.")
    _enable(work, found, enabled=command.enabled)
    return Done()


def disable(work: Work, found: Found) -> None:
    """Disable a version: no new use, what runs goes on. Nothing is said when it is disabled already."""
    _enable(work, found, enabled=False)


def _enable(work: Work, found: "Found | Named", *, enabled: bool) -> None:
    life = _life(found)
    if life.disabled is not enabled:
        return
    after = msgspec.structs.replace(life, disabled=not enabled)
    if isinstance(found, Found):
        kind: type[Any] = VersionEnabled if enabled else VersionDisabled
        event = kind(**_about(found))
    else:
        kind = ImageEnabled if enabled else ImageDisabled
        event = kind(**_about(found))
    _mark(work, found, after, event)


def _on_protection(message: Message[SetProtection], work: Work) -> Done | Problem:
    command, at = message.body, message.at
    found = _found(work, command)
    if isinstance(found, Problem):
        return found
    life = _life(found)
    hours = life.cool_down if command.cool_down is None else command.cool_down
    if hours < life.cool_down and lives.protected(life, at):
        return Problem(
            code="protected",
            detail=f"the cool-down of a protection that holds cannot be made shorter than {life.cool_down:g} hours",
            hint="End the protection and wait for its cool-down, then protect it anew.",
            data={"cool_down_hours": f"{life.cool_down:g}"},
        )
    if command.protected:
        after = msgspec.structs.replace(life, protected=True, cool_down=hours)
    elif life.protected:
        until = at + timedelta(hours=hours)
        if life.protected_until is not None:
            until = max(until, life.protected_until)
        after = msgspec.structs.replace(
            life, protected=False, cool_down=hours, protected_until=until if until > at else None
        )
    else:
        after = life  # it ended already, and its cool-down goes on
    if after != life:
        _mark(work, found, after, _changed(found, after, _differing(life, after)))
    return Done()


def _on_deprecation(message: Message[SetDeprecation], work: Work) -> Done | Problem:
    command = message.body
    found = _found(work, command)
    if isinstance(found, Problem):
        return found
    replacement = _life(found).replacement if command.replacement is None else ""
    if command.state == "ACTIVE":
        if command.replacement:
            return _no_replacement(
                "what is ACTIVE is not replaced", "Leave the replacement out, or deprecate it.", command.replacement
            )
        replacement = ""
    elif command.replacement:
        resolved = _replacement(work, found, command.actor, command.replacement)
        if isinstance(resolved, Problem):
            return resolved
        replacement = resolved
    deprecate(work, found, command.state, replacement)
    return Done()


def deprecate(work: Work, found: "Found | Named", state: Deprecation, replacement: str = "") -> None:
    """Deprecate an image or a version, make it obsolete, or take that back. ``replacement`` is an image's id, or a
    number of the same image. Nothing is said when it is so already."""
    life = _life(found)
    after = msgspec.structs.replace(life, deprecation=state, replacement=replacement)
    if after != life:
        _mark(work, found, after, _changed(found, after, _differing(life, after)))


def _replacement(work: Work, found: "Found | Named", actor: Actor, text: str) -> str | Problem:
    """The id, or the number, that stands for what ``text`` names; or why that cannot replace it."""
    if isinstance(found, Found):
        return _other_number(work, found, text)
    other = references.find(work, actor, text)
    if other is None:
        return _no_replacement("there is no such image", "Name an image by its id or as gallery/name.", text)
    id, image = other
    if id == found[0]:
        return _no_replacement("nothing replaces itself", "Name another image.", text)
    if image.life.deprecation == "OBSOLETE":
        return _no_replacement("that image is obsolete itself", "Name an image that can be used.", text)
    return id


def _other_number(work: Work, found: Found, text: str) -> str | Problem:
    number = normalise(text)
    if number is None:
        return _no_replacement("it is no version number", "Give the number of another version of the image.", text)
    if number == found.version.number:
        return _no_replacement("nothing replaces itself", "Name another version.", text)
    claim = work.get(NUMBER, number_key(found.image_id, number))
    other = None if claim is None else work.get(VERSION, claim.id)
    if other is None or other.life.removal is not None:
        return _no_replacement("the image has no such version", "Name a version that there is.", text)
    if other.life.deprecation == "OBSOLETE":
        return _no_replacement("that version is obsolete itself", "Name a version that can be used.", text)
    return number


def _no_replacement(why: str, hint: str, text: str) -> Problem:
    return Problem(
        code="replacement_invalid",
        detail=f"{text[:80]!r} cannot replace it: {why}",
        hint=hint,
        data={"field": "replacement"},
    )


Named = tuple[str, Image]
"""An image and its id, where a `Found` is a version."""


def _found(work: Work, command: Marking) -> "Found | Named | Problem":
    """What the command is about, as its actor may change it at the revision that he knows."""
    found: Found | Named | Problem
    if command.number is None:
        found = references.find_to_write(work, command.actor, command.image)
        if isinstance(found, Problem):
            return found
        id, image = found
        return objection_to_revision(command.revision, image.revision) or (id, above(image, work.floor))
    found = references.find_version_to_write(work, command.actor, command.image, command.number)
    if isinstance(found, Problem):
        return found
    return objection_to_revision(command.revision, found.known) or lives.objection_to_change(found.version) or found


def _life(found: "Found | Named") -> Life:
    return found.version.life if isinstance(found, Found) else found[1].life


def _differing(before: Life, after: Life) -> tuple[str, ...]:
    names = ("protected", "cool_down", "protected_until", "deprecation", "replacement")
    return tuple(name for name in names if getattr(before, name) != getattr(after, name))


def _changed(found: "Found | Named", after: Life, fields: tuple[str, ...]) -> Event:
    if isinstance(found, Found):
        return VersionChanged(
            **_about(found), fields=fields, deprecation=after.deprecation, replacement=after.replacement
        )
    return images.changed(found[1], found[0], fields)


def _about(found: "Found | Named") -> dict[str, Any]:
    """What every event about it says."""
    if isinstance(found, Found):
        version = found.version
        return {
            "version": found.id,
            "image": version.image,
            "number": version.number,
            "tenant": version.tenant,
            "revision": version.revision + 1,
        }
    id, image = found
    return {"image": id, "tenant": image.tenant, "revision": image.revision + 1}


def _mark(work: Work, found: "Found | Named", life: Life, event: Event) -> None:
    if isinstance(found, Found):
        marked(work, found.id, msgspec.structs.replace(found.version, life=life), event)
        return
    id, image = found
    work.emit(event)
    revision = image.revision + 1
    work.put(IMAGE, id, msgspec.structs.replace(image, life=life, revision=revision, updated=work.message.at))
