"""How what is wanted differs from what there is: field by field, as far as the file names them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from contracts.definition import UPDATABLE


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A field that is to become another: dotted name, and both values as JSON has them."""

    field: str
    old: Any
    new: Any


def current(view: msgspec.Struct) -> dict[str, Any]:
    """A view as plain values, with times."""
    found: dict[str, Any] = msgspec.to_builtins(view, builtin_types=(datetime,))
    return found


def differing(wanted: Mapping[str, Any], there: Mapping[str, Any], before: str = "") -> tuple[Change, ...]:
    """The fields named in ``wanted`` that are otherwise ``there``. A null asks that there is no such field."""
    found: list[Change] = []
    for name, new in wanted.items():
        old = there.get(name)
        if isinstance(new, dict) and isinstance(old, dict | None):
            found += differing(new, old or {}, f"{before}{name}.")
        elif not _same(new, old):
            found.append(Change(field=f"{before}{name}", old=plain(old), new=plain(new)))
    return tuple(found)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return msgspec.to_builtins(value)


def patch(changes: Collection[Change]) -> dict[str, Any]:
    """The JSON merge patch that makes these changes."""
    found: dict[str, Any] = {}
    for change in changes:
        *path, last = split(change.field)
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = change.new
    return found


def split(field: str) -> list[str]:
    """The parts of a dotted name; the keys of tags and of properties may have dots themselves."""
    parts = field.split(".")
    for free in ("tags", "properties"):
        if free in parts[:-1]:
            at = parts.index(free) + 1
            return [*parts[:at], ".".join(parts[at:])]
    return parts


def fixed(changes: Collection[Change], *, features: bool) -> tuple[Change, ...]:
    """Those of the changes of an image that nobody can make any more; ``features`` may change where it says so."""
    free = {*UPDATABLE, "tags", *(("features",) if features else ())}
    return tuple(change for change in changes if _own(split(change.field)) not in free)


def _own(path: list[str]) -> str:
    return path[1] if path[0] == "details" and len(path) > 1 else path[0]


def in_words(value: Any) -> str:
    """A value in a line: as JSON, text without quotes."""
    if value is None or value == "" or value == {} or value == []:
        return "-"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
