"""Pages of documents through one of the views of `migrations/`: along an index where the first condition and the order
have one, and at most `FAR` of them looked at for a page where more conditions must hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from catalog.filters import Condition, Field
from catalog.pages import Value
from runtime.store import Reader

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


class Rows(NamedTuple):
    """Rows of key, id and body; ``end`` is the key up to which was looked, where the list goes on behind it."""

    rows: list[tuple[tuple[Value, ...], str, bytes]]
    end: tuple[Value, ...] | None


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
