"""Pages of documents through one of the views of `migrations/`: along an index where the first condition and the order
have one, and at most `FAR` of them looked at for a page where more conditions must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar

from catalog import pages
from catalog.filters import Condition, Field, Order, conditions, order
from catalog.pages import Value
from contracts.errors import Problem
from runtime.store import Reader

V = TypeVar("V")

FAR = 1000
"""How many documents one page looks at, at most. A page with fewer items than asked for may still have a next one."""

WALK = """
    SELECT {keys}, id, body FROM (
        SELECT {keys}, id, body FROM {view} WHERE {inner} ORDER BY {way} LIMIT ?
    ) AS s WHERE {outer} LIMIT ?"""
END = "SELECT {keys} FROM {view} WHERE {inner} ORDER BY {way} LIMIT 1 OFFSET ?"


@dataclass(frozen=True, slots=True)
class Along:
    """Where a list goes along: ``keys`` are the columns of ``view`` that it is sorted by, ``led`` the conditions that
    its index begins with."""

    view: str
    keys: Sequence[str]
    down: bool
    led: Sequence[tuple[str, Value]]

    @property
    def beyond(self) -> str:
        """The comparison of what follows a key."""
        return "<" if self.down else ">"


class Narrowed(Protocol):
    """A query for a list."""

    @property
    def where(self) -> Mapping[str, str]: ...
    @property
    def sort(self) -> str: ...
    @property
    def limit(self) -> int: ...
    @property
    def cursor(self) -> str | None: ...


class Asked(NamedTuple):
    """What a query asks for: filters, an order, and so many items ``after`` a key."""

    terms: list[Condition]
    order: Order
    limit: int
    after: tuple[Value, ...] | None


class Listed(NamedTuple):
    """Documents of a page by their ids, with their sort keys and the cursor of what follows them."""

    keys: Sequence[tuple[Value, ...]]
    documents: Sequence[tuple[str, bytes]]
    next: str | None

    def fit(self, views: Sequence[V]) -> tuple[tuple[V, ...], str | None]:
        """As many of their ``views`` as one message holds, and the cursor of what follows those."""
        return pages.fit(views, self.keys, self.next)


class Rows(NamedTuple):
    """Rows of key, id and body; ``end`` is the key up to which was looked, where the list goes on behind it."""

    rows: list[tuple[tuple[Value, ...], str, bytes]]
    end: tuple[Value, ...] | None


def asked(query: Narrowed, fields: Mapping[str, Field]) -> Asked | Problem:
    """What a query asks for of a list with ``fields``, or what is wrong with it."""
    limit, after = pages.size(query.limit), pages.after(query.cursor, tuple[Value, ...])
    if isinstance(limit, Problem):
        return limit
    if isinstance(after, Problem):
        return after
    way, terms = order(query.sort, fields), conditions(query.where, fields)
    if isinstance(way, Problem):
        return way
    if isinstance(terms, Problem):
        return terms
    return Asked(terms, way, limit, after)


async def listed(
    along: Along, asked: Asked, others: Sequence[tuple[str, Sequence[Value]]], reader: Reader
) -> Listed | Problem:
    """The page that was asked for; `walk` tells of ``others``. A cursor of another order is refused."""
    if asked.after is not None and len(asked.after) != len(along.keys):
        return pages.foreign()
    rows, end = await walk(along, asked.after, others, asked.limit + 1, reader)
    page = pages.cut(rows, asked.limit, body=2)
    next = page.next or (None if end is None else pages.cursor_at(end))
    return Listed([row[0] for row in page.rows], [(id, body) for _, id, body in page.rows], next)


async def walk(
    along: Along,
    after: tuple[Value, ...] | None,
    others: Sequence[tuple[str, Sequence[Value]]],
    limit: int,
    reader: Reader,
) -> Rows:
    """The next ``limit`` rows that meet the ``others``, too: SQL over ``s.id`` and ``body``, and its values."""
    if after is None or len(after) < 3:
        return await _walk(along, after, others, limit, reader)
    # What has the first key of the cursor, and then what is beyond it: an index of expressions is not entered by both.
    first, led = along.keys[0], along.led
    value = after[0]
    same = replace(along, keys=along.keys[1:], led=[*led, (f"{first} = ?", value)])
    rows, end = await _walk(same, after[1:], others, limit, reader)
    rows = [((value, *key), id, body) for key, id, body in rows]
    if end is not None or len(rows) >= limit:
        return Rows(rows, None if end is None else (value, *end))
    beyond = replace(along, led=[*led, (f"{first} {along.beyond} ?", value)])
    more, end = await _walk(beyond, None, others, limit - len(rows), reader)
    return Rows(rows + more, end)


async def _walk(
    along: Along,
    after: tuple[Value, ...] | None,
    others: Sequence[tuple[str, Sequence[Value]]],
    limit: int,
    reader: Reader,
) -> Rows:
    inner, values = [column for column, _ in along.led], [value for _, value in along.led]
    if after is not None:
        inner.append(f"({', '.join(along.keys)}) {along.beyond} ({', '.join('?' * len(along.keys))})")
        values += after
        if len(after) > 1:
            inner.append(f"{along.keys[0]} {along.beyond}= ?")  # an index of expressions is entered by this
            values.append(after[0])
    parts = {
        "view": along.view,
        "keys": ", ".join(along.keys),
        "inner": " AND ".join(inner),
        "outer": " AND ".join(sql for sql, _ in others) or "1",
        "way": ", ".join(f"{key} {'DESC' if along.down else 'ASC'}" for key in along.keys),
    }
    given = [value for _, own in others for value in own]
    far = FAR if others else limit
    found = await reader.rows(WALK.format(**parts), (*values, far, *given, limit))
    width = len(along.keys)
    rows = [(tuple(row[:width]), row[width], row[width + 1]) for row in found]
    if not others or len(rows) >= limit:
        return Rows(rows, None)
    last = await reader.rows(END.format(**parts), (*values, far - 1))
    return Rows(rows, tuple(last[0]) if last else None)


def compared(condition: Condition, fields: Mapping[str, Field]) -> tuple[str, Sequence[Value]]:
    """A filter as SQL; what has no value (the empty text, which is above all numbers) is neither more nor less."""
    column = fields[condition.field].sql
    known = f" AND typeof({column}) <> 'text'" if condition.operator in (">", ">=") else ""
    return f"{column} {condition.operator} ?{known}", (condition.value,)


def told(path: str, default: str = "''") -> str:
    """The SQL of something that a document says, or what it is where it says nothing."""
    return f"coalesce(json_extract(body, '$.{path}'), {default})"


def moment(path: str) -> str:
    """The SQL of a time that a document says, in milliseconds since 1970; NULL where it says none."""
    return f"CAST((julianday(json_extract(body, '$.{path}')) - 2440587.5) * 86400000 + 0.5 AS INTEGER)"
