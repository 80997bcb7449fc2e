"""What the lists share: sizes of pages, and the documents that belong to the rows of one page."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from runtime.store import Reader
from runtime.work import Kind

LARGEST_PAGE = 1000
LARGEST_REPLY = 768 * 1024
"""Bytes of a page's rows: a reply has to fit into one message of the broker, which is 1 MB."""

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)


def size(asked: int) -> int:
    """Rows of a page when ``asked`` are wanted."""
    return min(max(asked, 1), LARGEST_PAGE)


def fitting(rows: Sequence[S]) -> tuple[S, ...]:
    """The first of ``rows`` that fit into one reply; always one at least, so that a reader gets on."""
    left = LARGEST_REPLY
    for number, row in enumerate(rows):
        left -= len(msgspec.json.encode(row)) + 1
        if left < 0:
            return tuple(rows[: max(number, 1)])
    return tuple(rows)


def now() -> datetime:
    """The time as of which a view is true."""
    return datetime.now(UTC)


async def between(reader: Reader, kind: Kind[T], first: str, last: str) -> dict[str, T]:
    """The documents of a kind with ids from ``first`` to ``last``: one look-up for a whole page."""
    rows = await reader.rows(
        "SELECT id, body FROM documents WHERE kind = ? AND id BETWEEN ? AND ?", (kind.name, first, last)
    )
    return {id: kind.decode(body) for id, body in rows}


async def every(reader: Reader, kind: Kind[T]) -> dict[str, T]:
    """All documents of a kind."""
    rows = await reader.rows("SELECT id, body FROM documents WHERE kind = ? ORDER BY id", (kind.name,))
    return {id: kind.decode(body) for id, body in rows}


async def named(reader: Reader, kind: Kind[T], ids: Sequence[str]) -> Mapping[str, T]:
    """The documents of a kind with these ids, in one statement."""
    rows = await reader.rows(
        "SELECT d.id, d.body FROM json_each(?) AS j JOIN documents AS d ON d.kind = ? AND d.id = j.value",
        (msgspec.json.encode(ids).decode(), kind.name),
    )
    return {id: kind.decode(body) for id, body in rows}
