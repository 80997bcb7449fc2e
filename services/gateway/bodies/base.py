"""The common form of what the door takes, and how it is read. A field that is not named is refused."""

from typing import TypeVar

import msgspec

from gateway.problems import invalid, malformed

T = TypeVar("T")
B = TypeVar("B", bound="Body")


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


def convert(value: object, kind: type[T]) -> T:
    """A body, or a part of one, as the Struct of the services that has the same fields."""
    return msgspec.convert(value, kind, from_attributes=True)
