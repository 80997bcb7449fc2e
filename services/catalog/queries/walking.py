"""Walks over the facts of images: any filters together with any sort order, at a cost that has a bound.

A filter that few images meet (`FEW`) gives all of them at once, to be held against the other filters and sorted.
Where no filter is like that the list is walked in its order, beginning after the cursor, and ends when the page is full
or `FAR` images were looked at: such a page may be short, or empty, and still has a next one. So a page costs about the
same however many images there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgspec

from catalog.filters import Condition, Order, met
from catalog.pages import Value
from runtime.store import Reader

FEW = 200
"""A filter that at most so many images meet is where a list begins."""
FAR = 1000
"""How many images one page looks at, at most."""
EVERYBODY = "*"
"""The scope of images that all tenants can list: those of the standard class."""

TRIGRAM = 3
"""The shortest text that the search finds by its index."""
MOST_TRIGRAMS = 16
"""What is looked for of a longer text is its beginning."""
HIDDEN = "#"
"""What follows a scope of images that are in lists only when they are asked for."""
OFFERED = "~"
"""What stands before a principal in the scope of everything that is offered to it, by its path alone."""

MATCHES = "SELECT image FROM image_facts WHERE scope = ? AND field = ?{compared} LIMIT ?"
TEXT = """
    SELECT t.image FROM (SELECT rowid AS n FROM image_search WHERE image_search MATCH ? LIMIT ?) AS s
    CROSS JOIN image_texts AS t ON t.n = s.n"""
WALK = """
    SELECT s.value, s.path, s.image FROM (
        SELECT value, path, image FROM image_facts
        WHERE scope = ? AND field = ?{bounds} ORDER BY value {way}, path {way}, image {way} LIMIT ?
    ) AS s WHERE {where} LIMIT ?"""
END = """
    SELECT value, path, image FROM image_facts
    WHERE scope = ? AND field = ?{bounds} ORDER BY value {way}, path {way}, image {way} LIMIT 1 OFFSET ?"""
SORT = """
    SELECT s.value, s.path, s.image FROM json_each(?) AS few
    CROSS JOIN image_facts AS s INDEXED BY image_facts_by_image ON s.image = few.value AND s.field = ?
    WHERE s.scope = ?{bounds} AND {where} ORDER BY s.value {way}, s.path {way}, s.image {way} LIMIT ?"""
NUMBERS = " AND value < ''"
"""Texts are above all numbers."""
# By the primary key, where the facts of images that stand next to each other in a list do so as well.
MEETS = """EXISTS (
    SELECT 1 FROM image_facts AS f INDEXED BY sqlite_autoindex_image_facts_1
    WHERE f.scope = ? AND f.field = ? AND f.value = ? AND f.path = s.path AND f.image = s.image)"""
COMPARES = """EXISTS (
    SELECT 1 FROM image_facts AS f INDEXED BY image_facts_by_image
    WHERE f.image = s.image AND f.field = ?{compared})"""
HAS_TEXT = "EXISTS (SELECT 1 FROM image_texts AS t WHERE t.image = s.image AND t.text LIKE ? ESCAPE '\\')"


class Scope(NamedTuple):
    """Where images are looked for, and what of it: a whole scope, or a gallery of it."""

    name: str
    only: tuple[Condition, ...] = ()

    @property
    def hidden(self) -> "Scope":
        """The images of it that are in lists only when they are asked for."""
        return self._replace(name=self.name + HIDDEN)

    @property
    def slim(self) -> bool:
        """Whether nothing but the paths of its images is there."""
        return self.name.startswith(OFFERED)


class Key(NamedTuple):
    """Where an image stands in a list: the value it is sorted by, its gallery/name, its id."""

    value: Value
    path: str
    image: str


@dataclass(frozen=True, slots=True)
class Also:
    """A condition that facts do not tell: SQL over ``s.image``, and its values. ``costly`` ones are looked at for fewer
    images in a page."""

    sql: str
    values: tuple[Value, ...] = ()
    costly: bool = False


class _Way(NamedTuple):
    """How a list is walked: the facts of which field, within which bounds, and the conditions that remain."""

    field: str
    bounds: str
    values: list[Value]
    others: list[Condition]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list of images is to hold."""

    conditions: Sequence[Condition]
    also: Sequence[Also]
    order: Order
    text: str = ""


class Found(NamedTuple):
    """Images of a page in order; ``end`` is how far was looked where that was not to the end of the page."""

    keys: Sequence[Key]
    end: Key | None


async def look(asked: Asked, scopes: Sequence[Scope], after: Key | None, limit: int, reader: Reader) -> Found:
    """The next images, ``limit`` of them if there are; one that is in several scopes once."""
    parts = [
        await _scope(replace(asked, conditions=[*asked.conditions, *scope.only]), scope, after, limit, reader)
        for scope in scopes
    ]
    down = asked.order.down
    found = {key.image: key for part in parts for key in part.keys}
    keys = sorted(found.values(), key=_rank, reverse=down)
    ends = sorted((part.end for part in parts if part.end is not None), key=_rank, reverse=down)
    if not ends:
        return Found(keys, None)
    # What is beyond the point up to which one scope was looked at may not be next: others of that scope come first.
    end = _rank(ends[0])
    return Found([key for key in keys if (_rank(key) >= end if down else _rank(key) <= end)], ends[0])


async def _scope(asked: Asked, scope: Scope, after: Key | None, limit: int, reader: Reader) -> Found:
    few = None if scope.slim else await _few(asked, scope.name, reader)
    if few is not None:
        return await _sorted(asked, scope, few, after, limit, reader)
    order = asked.order
    way = _by_path(asked, after, led=not scope.slim) if order.field == "path" else _by_value(asked, after)
    where, given = _where(asked, way.others, scope)
    free = where == "1"
    far = limit if free else FAR // 10 if any(one.costly for one in asked.also) else FAR
    start = (scope.name, way.field, *way.values)
    rows = await reader.rows(WALK.format(bounds=way.bounds, where=where, way=order.sql), (*start, far, *given, limit))
    keys = [_key(row, order) for row in rows]
    if free or len(keys) >= limit:
        return Found(keys, None)
    last = await reader.rows(END.format(bounds=way.bounds, way=order.sql), (*start, far - 1))
    return Found(keys, _key(last[0], order) if last else None)


def _by_path(asked: Asked, after: Key | None, *, led: bool) -> _Way:
    """Those that meet a filter stand in the order of their paths, and those of a gallery next to each other. ``led``:
    along the first filter."""
    others, down = list(asked.conditions), asked.order.down
    gallery = next((one for one in others if one.field == "gallery"), None)
    if gallery is not None:
        others.remove(gallery)
    first = next((one for one in others if led and one.operator == "="), None)
    if first is not None:
        others.remove(first)
    column, bounds, values = ("value", "", []) if first is None else ("path", " AND value = ?", [first.value])
    if gallery is not None:
        for one in (Condition(column, ">", f"{gallery.value}/"), Condition(column, "<", f"{gallery.value}0")):
            if after is None or one.operator != (">", "<")[down] or not met(one, after.path):
                bounds += f" AND {column} {one.operator} ?"
                values.append(one.value)
    if after is not None:
        columns = "(value, path, image)" if first is None else "(path, image)"
        bounds += f" AND {columns} {asked.order.beyond} ({'?, ' * (len(columns.split()) - 1)}?)"
        values += after if first is None else after[1:]
    return _Way("path" if first is None else first.field, bounds, values, others)


def _by_value(asked: Asked, after: Key | None) -> _Way:
    """In the order of a field the filters on it are bounds. A cursor takes the place of one that it is inside of."""
    order = asked.order
    bounds, values = "", list[Value]()
    for one in asked.conditions:
        if one.field == order.field:
            begins = one.operator in (("<", "<=") if order.down else (">", ">="))
            if after is None or not begins or not met(one, after.value):
                bounds += _compare("value", one)
                values.append(one.value)
            elif not order.down:
                bounds += NUMBERS
    if after is not None:
        bounds += f" AND (value, path, image) {order.beyond} (?, ?, ?)"
        values += after
    return _Way(order.field, bounds, values, [one for one in asked.conditions if one.field != order.field])


async def _few(asked: Asked, scope: str, reader: Reader) -> list[str] | None:
    """The images that meet a filter which few do; None when there is no such filter, or a walk is led by the only one
    that there is."""
    if len(asked.text) >= TRIGRAM:
        rows = await reader.rows(TEXT, (_trigrams(asked.text), FEW + 1))
        if len(rows) <= FEW:
            return [image for (image,) in rows]
    filters = asked.conditions
    alone = len(filters) == 1 and filters[0].operator == "=" and not asked.also and not asked.text
    if alone and asked.order.field == "path":
        return None
    for one in filters:
        sql = MATCHES.format(compared=_compare("value", one))
        rows = await reader.rows(sql, (scope, one.field, one.value, FEW + 1))
        if len(rows) <= FEW:
            return [image for (image,) in rows]
    return None


def _trigrams(text: str) -> str:
    """What the search is asked for: trigrams next to each other. That they are so in the text itself is seen later."""
    starts = [*range(0, len(text) - TRIGRAM, TRIGRAM), len(text) - TRIGRAM]
    return " AND ".join('"' + text[at : at + TRIGRAM].replace('"', '""') + '"' for at in starts[:MOST_TRIGRAMS])


async def _sorted(asked: Asked, scope: Scope, few: list[str], after: Key | None, limit: int, reader: Reader) -> Found:
    where, given = _where(asked, asked.conditions, scope)
    bounds = "" if after is None else f" AND (s.value, s.path, s.image) {asked.order.beyond} (?, ?, ?)"
    sql = SORT.format(bounds=bounds, where=where, way=asked.order.sql)
    ids = msgspec.json.encode(few).decode()
    rows = await reader.rows(sql, (ids, asked.order.field, scope.name, *(after or ()), *given, limit))
    return Found([_key(row, asked.order) for row in rows], None)


def _where(asked: Asked, terms: Sequence[Condition], scope: Scope) -> tuple[str, list[Value]]:
    """The conditions on ``s``: one look-up each."""
    parts, values = ["1"], list[Value]()
    for one in terms:
        if one.operator == "=" and not scope.slim:
            parts.append(MEETS)
            values += [scope.name, one.field, one.value]
        else:
            parts.append(COMPARES.format(compared=_compare("f.value", one)))
            values += [one.field, one.value]
    for also in asked.also:
        parts.append(also.sql)
        values += also.values
    if asked.text:
        parts.append(HAS_TEXT)
        values.append("%" + asked.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%")
    return " AND ".join(parts), values


def _compare(column: str, condition: Condition) -> str:
    """A comparison; what has no value (the empty text, which is above all numbers) is neither more nor less."""
    known = NUMBERS.replace("value", column) if condition.operator in (">", ">=") else ""
    return f" AND {column} {condition.operator} ?{known}"


def _key(row: tuple[Any, ...], order: Order) -> Key:
    value, path, image = row
    return Key(path if order.field == "path" else value, path, image)


def _rank(key: Key) -> tuple[bool, Value, str, str]:
    return isinstance(key.value, str), *key
