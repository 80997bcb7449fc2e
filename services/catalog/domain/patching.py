"""Edits: JSON merge patches (RFC 7396) over what may change of a thing, and the revision that an editor knows of it."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from contracts.errors import Problem

T = TypeVar("T", bound=msgspec.Struct)

DEEPEST = 16
"""Levels of a patch: what can be edited has four at most."""
NO_CONTENT: frozenset[str] = frozenset()

_missing = re.compile(r"missing required field `(\w+)`")


@dataclass(frozen=True, slots=True)
class Patched(Generic[T]):
    """A thing after an edit. ``fields`` names those that differ, none when the edit changed nothing."""

    value: T
    fields: tuple[str, ...]


def patched(
    kind: type[T],
    current: T,
    changes: Mapping[str, Any],
    updatable: Collection[str],
    *,
    content: Collection[str] = NO_CONTENT,
) -> Patched[T] | Problem:
    """``current`` after the merge patch ``changes``, or why there can be no such edit.

    ``updatable`` names fields of ``kind``; ``details.hidden`` is a field of a field. All others may be repeated and
    not changed (``property_change_not_allowed``, or ``immutable`` for a field of ``content``). A member that is null
    falls back to its default.
    """
    if _too_deep(changes, DEEPEST):
        return _unusable("changes", "is nested too deeply", "Send only the members that change.")
    before = msgspec.to_builtins(current)
    merged = _merged(before, changes)
    try:
        value = msgspec.convert(merged, kind)
    except msgspec.ValidationError as error:
        fixed = next(_fixed(before, merged, updatable), None)
        return _unfit(error, changes) if fixed is None else _refusal(fixed, content)
    unknown = next(_unknown(merged, msgspec.to_builtins(value)), None)
    if unknown is not None:
        known = ", ".join(sorted(updatable))
        return _unusable(unknown, "is no field of it", f"Fields that can be changed: {known}.")
    fields = tuple(_differing(current, value, updatable))
    for field in fields:
        if field not in updatable:
            return _refusal(field, content)
    return Patched(value, fields)


def objection_to_revision(given: int | None, own: int) -> Problem | None:
    """Why an edit of revision ``given`` must not be made of a thing that is at ``own``; None names no revision."""
    if given is None or given == own:
        return None
    return Problem(
        code="revision_mismatch",
        detail=f"revision {given} was to be changed, it is at {own} now",
        hint="Read it again, look at what changed, and send the edit with the revision that it has now.",
        data={"revision": own, "given": given},
    )


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396: members of objects are merged, null removes one, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            if found.get(name) is not None:  # what is null already is repeated, not removed
                del found[name]
        else:
            found[name] = _merged(found.get(name), value)
    return found


def _too_deep(value: Any, levels: int) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return False
    return levels == 0 or any(_too_deep(one, levels - 1) for one in value)


def _unknown(merged: Any, known: Any, path: str = "") -> Iterator[str]:
    """Members that the type of the thing does not have: decoding leaves them out."""
    if isinstance(merged, dict) and isinstance(known, dict):
        for name, value in merged.items():
            here = f"{path}.{name}" if path else name
            if name in known:
                yield from _unknown(value, known[name], here)
            else:
                yield here[:80]
    elif isinstance(merged, list | tuple) and isinstance(known, list | tuple):
        for one, other in zip(merged, known, strict=False):
            yield from _unknown(one, other, path)


def _fixed(before: dict[str, Any], merged: dict[str, Any], updatable: Collection[str], path: str = "") -> Iterator[str]:
    """Fields that may not change and would, told by their JSON alone."""
    for name, value in before.items():
        here = f"{path}{name}"
        now = merged.get(name)
        if here in updatable or value == now:
            continue
        if not _inside(here, updatable):
            yield here
        elif isinstance(value, dict) and isinstance(now, dict):
            yield from _fixed(value, now, updatable, f"{here}.")


def _differing(
    before: msgspec.Struct, after: msgspec.Struct, updatable: Collection[str], path: str = ""
) -> Iterator[str]:
    for name in before.__struct_fields__:
        one, other, here = getattr(before, name), getattr(after, name), f"{path}{name}"
        if one == other:
            continue
        if isinstance(one, msgspec.Struct) and isinstance(other, msgspec.Struct) and _inside(here, updatable):
            yield from _differing(one, other, updatable, f"{here}.")
        else:
            yield here


def _inside(field: str, updatable: Collection[str]) -> bool:
    """Whether parts of ``field`` may change."""
    return any(one.startswith(f"{field}.") for one in updatable)


def _refusal(field: str, content: Collection[str]) -> Problem:
    if field in content:
        return Problem(
            code="immutable",
            detail=f"{field} is what the version consists of, and that never changes",
            hint="Import another version.",
            data={"field": field},
        )
    return Problem(
        code="property_change_not_allowed",
        detail=f"{field} is fixed",
        hint="Leave it out, or repeat the value that it has.",
        data={"field": field},
    )


def _unfit(error: msgspec.ValidationError, changes: Mapping[str, Any]) -> Problem:
    """What `msgspec` says of a value, ``… - at `$.details.vcpus.min```, or that a field is missing."""
    text, _, place = str(error).partition(" - at ")
    missing = _missing.search(text)
    named = place.strip("`").rpartition("$")[2].strip(".`"), "" if missing is None else missing[1]
    return _unusable(
        (".".join(filter(None, named)) or next(iter(changes), "changes"))[:80],
        f"has an unusable value: {text}",
        "Correct the value; null gives a field back its default.",
    )


def _unusable(field: str, what: str, hint: str) -> Problem:
    return Problem(code="validation_failed", detail=f"{field} {what}", hint=hint, data={"field": field})
