"""The common form of what the door takes, and how it is read. A field that is not named is refused."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from gateway.problems import invalid, malformed

T = TypeVar("T")
B = TypeVar("B", bound="Body")

DEEPEST = 16
"""Levels of a merge patch: nothing that it could change lies deeper."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common form of the bodies."""


def read_value(kind: type[B], value: object) -> B:
    """What came otherwise than as JSON, in its form. Raises RefusedError (validation_failed)."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise invalid({place.rstrip("`") or "body": text}) from None


def read(kind: type[B], body: bytes) -> B:
    """The body in its form. Raises RefusedError (bad_request, validation_failed)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise invalid({place.rstrip("`") or "body": text}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed() from None


def read_changes(body: bytes) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396), whose fields the owner of the thing knows. Raises RefusedError."""
    try:
        found = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.ValidationError as error:
        raise invalid({"body": str(error)}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed() from None
    level: list[object] = [found]
    for _ in range(DEEPEST):
        level = [part for value in level for part in _parts(value)]
        if not level:
            return found
    raise invalid({"body": f"There are more than {DEEPEST} levels"})


def _parts(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def fields(body: Body) -> dict[str, Any]:
    """What a body says, by field."""
    return {name: getattr(body, name) for name in body.__struct_fields__}


def convert(value: object, kind: type[T]) -> T:
    """A body, or a part of one, as the Struct of the services that has the same fields."""
    return msgspec.convert(value, kind, from_attributes=True)
