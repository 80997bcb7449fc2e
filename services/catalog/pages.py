"""Pages of a list: opaque cursors over the sort key of the last item (keyset), so that inserts move nothing.

A page is also bounded in bytes, because a reply is one message.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec

from contracts.errors import Problem

LARGEST = 1000
BYTES = 512 * 1024
MESSAGE = 900 * 1024
"""Of the views in a reply: a message may have a mebibyte."""

K = TypeVar("K")
V = TypeVar("V")
Value = str | int | float
"""What a list is sorted by."""


class Cut(NamedTuple):
    """The rows of one page, and the cursor of the next."""

    rows: Sequence[tuple[Any, ...]]
    next: str | None


def size(limit: int) -> int | Problem:
    """How many items a page may have; a `Problem` when ``limit`` makes no sense."""
    if limit < 1:
        return Problem(
            code="validation_failed",
            detail="limit must be at least 1",
            hint=f"Ask for 1 to {LARGEST} items.",
            data={"field": "limit"},
        )
    return min(limit, LARGEST)


def after(cursor: str | None, kind: type[K]) -> K | Problem | None:
    """The sort key in a cursor: None at the start, a `Problem` when the text is none of our cursors."""
    if cursor is None:
        return None
    try:
        key = msgspec.json.decode(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError, UnicodeError):
        key = None
    parts = key if isinstance(key, tuple) else (key,)
    if key is None or any(isinstance(part, int) and abs(part) >= 2**63 for part in parts):
        return foreign()
    return key


def foreign() -> Problem:
    """The refusal of a cursor that another list gave, or none."""
    return Problem(
        code="bad_request",
        detail="the cursor is not one that this list gave",
        hint="Use the cursor of the page before, unchanged, and the same order, or none to start again.",
    )


def cursor_at(key: object) -> str:
    """The cursor of what follows the sort key ``key``."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode()


def cut(rows: Sequence[tuple[Any, ...]], limit: int, *, body: int) -> Cut:
    """One page of ``rows``, of which one more than ``limit`` was asked for.

    The first column is the sort key, ``body`` the one whose length is counted. A page has at least one row, however
    large.
    """
    count, total = 0, 0
    for row in rows[:limit]:
        total += len(row[body])
        if count and total > BYTES:
            break
        count += 1
    if count == len(rows):
        return Cut(rows, None)
    page = rows[:count]
    return Cut(page, cursor_at(page[-1][0]))


def fit(views: Sequence[V], keys: Sequence[object], next: str | None) -> tuple[tuple[V, ...], str | None]:
    """As many of ``views`` as one message holds, the first in any case, and the cursor of what follows: ``next``, or
    that of the last of them that fits. ``keys`` are their sort keys. What people see of a document may be larger than
    it is."""
    total = 0
    for count, view in enumerate(views):
        total += len(msgspec.json.encode(view)) + 1
        if count and total > MESSAGE:
            return tuple(views[:count]), cursor_at(keys[count - 1])
    return tuple(views), next
