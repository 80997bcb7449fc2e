"""Pages of the directory's lists: each goes on after the key that the page before ended with."""

import base64
import binascii
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from contracts.errors import Problem

LARGEST = 500
BYTES = 512 * 1024
"""Of the items of a page: a reply is one message."""

V = TypeVar("V", bound=msgspec.Struct)


class Asked(NamedTuple):
    """Which page is meant: at most ``limit`` items behind the key ``after``."""

    limit: int
    after: str


def asked(limit: int, cursor: str | None) -> Asked | Problem:
    """What ``limit`` and ``cursor`` of a query mean."""
    if limit < 1:
        return Problem(
            code="validation_failed",
            detail="limit must be at least 1",
            hint=f"Ask for 1 to {LARGEST} items.",
            data={"field": "limit"},
        )
    try:
        after = base64.b64decode((cursor or "").encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return foreign()
    return Asked(min(limit, LARGEST), after)


def foreign() -> Problem:
    """The refusal of a cursor that this list did not give."""
    return Problem(
        code="bad_request",
        detail="the cursor is not one that this list gave",
        hint="Use the cursor of the page before, unchanged, or none to start again.",
    )


def cut(found: Sequence[tuple[str, V]], limit: int) -> tuple[tuple[V, ...], str | None]:
    """One page of views with their keys, of which one more than ``limit`` was asked for, and the cursor of the next.
    It has at least one item, however large."""
    total = 0
    for count, (_, view) in enumerate(found):
        total += len(msgspec.json.encode(view))
        if count == limit or (count and total > BYTES):
            return tuple(one for _, one in found[:count]), cursor_at(found[count - 1][0])
    return tuple(one for _, one in found), None


def cursor_at(key: str) -> str:
    """The cursor of what follows ``key``."""
    return base64.urlsafe_b64encode(key.encode()).decode()
