"""Lists that are short by nature, such as the markers of an image: looked at whole, filtered and sorted here."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from catalog import pages
from catalog.filters import Condition, Field, Order, conditions, met, order
from catalog.pages import Value
from contracts.errors import Problem

V = TypeVar("V")


class Place(NamedTuple):
    """Where an item stands: the value that it is sorted by, and what tells it from the others of that value."""

    value: Value
    key: str


class Page(NamedTuple, Generic[V]):
    """Items in their order, and the cursor of what follows."""

    items: tuple[V, ...]
    next: str | None


class Asked(NamedTuple):
    """What a list is to hold. Without an ``order`` items come by their keys."""

    terms: list[Condition]
    order: Order | None
    limit: int
    after: Place | None


def asked(
    where: Mapping[str, str], sort: str, limit: int, cursor: str | None, fields: Mapping[str, Field]
) -> Asked | Problem:
    """What a query asks for of ``fields``, or what is wrong with it. An empty ``sort`` names no field."""
    size, after = pages.size(limit), pages.after(cursor, Place)
    if isinstance(size, Problem):
        return size
    if isinstance(after, Problem):
        return after
    terms, way = conditions(where, fields), order(sort, fields) if sort else None
    if isinstance(terms, Problem):
        return terms
    if isinstance(way, Problem):
        return way
    return Asked(terms, way, size, after)


def page(items: Iterable[tuple[str, V]], asked: Asked, tell: Callable[[V, str], Value]) -> Page[V]:
    """One page of ``items``, each with its key; ``tell`` is what an item says of a field, the empty text where it has
    no value."""
    way = asked.order
    rows = [
        (Place("" if way is None else tell(item, way.field), key), item)
        for key, item in items
        if all(met(term, tell(item, term.field)) for term in asked.terms)
    ]
    down = way is not None and way.down
    rows.sort(key=lambda row: _rank(row[0]), reverse=down)
    if asked.after is not None:
        last = _rank(asked.after)
        rows = [row for row in rows if (_rank(row[0]) < last if down else _rank(row[0]) > last)]
    chosen = rows[: asked.limit]
    next = pages.cursor_at(chosen[-1][0]) if len(rows) > len(chosen) else None
    views, next = pages.fit([item for _, item in chosen], [place for place, _ in chosen], next)
    return Page(views, next)


def _rank(place: Place) -> tuple[bool, Any, str]:
    """Texts are above all numbers."""
    return isinstance(place.value, str), place.value, place.key
