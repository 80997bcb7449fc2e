"""Filters and sort orders of lists: what may be asked of each field, and the conditions that are meant.

A text is compared as it is; a number also by ``min_…`` and ``max_…``; a time by ``…_after`` and ``…_before``; a flag is
``true`` or ``false``. The empty text asks for those that have no value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from catalog.pages import Value
from contracts.errors import Problem


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a list is filtered by; ``sql`` is its column or expression where the list reads one. ``sorts``: it
    can be sorted by, too."""

    kind: Literal["text", "number", "time", "flag"] = "text"
    sql: str = ""
    sorts: bool = True


@dataclass(frozen=True, slots=True)
class Condition:
    """That a field compares with a value."""

    field: str
    operator: Literal["=", "<", ">", "<=", ">="]
    value: Value


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by."""

    field: str
    down: bool

    @property
    def sql(self) -> str:
        return "DESC" if self.down else "ASC"

    @property
    def beyond(self) -> str:
        """The comparison of what follows a key."""
        return "<" if self.down else ">"


def milliseconds(at: datetime) -> int:
    """A time as lists compare it; one without a zone is UTC."""
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def met(condition: Condition, value: Any) -> bool:
    """Whether ``value`` meets a condition; a text is neither more nor less than a number."""
    wanted: Any = condition.value
    if isinstance(value, str) != isinstance(wanted, str):
        return False
    sign = (value > wanted) - (value < wanted)
    met = {"=": sign == 0, "<": sign < 0, ">": sign > 0, "<=": sign <= 0, ">=": sign >= 0}
    return bool(met[condition.operator])


def conditions(where: Mapping[str, str], fields: Mapping[str, Field], free: str = "") -> list[Condition] | Problem:
    """What the filters ask for; a `Problem` names one that there is not. Fields that begin with ``free`` are not known
    beforehand, and any text."""
    found = []
    for name, text in where.items():
        if free and name.startswith(free):
            condition = Condition(name, "=", text)
        else:
            known = _named(name, fields)
            if known is None:
                return _unknown("filter", name, _filters(fields))
            field, operator = known
            value = _value(text, fields[field])
            if value is None or "\0" in text:
                return _unusable(name, text, fields[field])
            condition = Condition(field, operator, value)
        found.append(condition)
    return found


def order(text: str, fields: Mapping[str, Field]) -> Order | Problem:
    """The sort order: a field, with ``-`` in front downwards."""
    name = text.removeprefix("-")
    if name not in fields or not fields[name].sorts:
        return _unknown("sort", name, [name for name, field in fields.items() if field.sorts])
    return Order(name, text.startswith("-"))


def _named(name: str, fields: Mapping[str, Field]) -> tuple[str, Literal["=", "<", ">", "<=", ">="]] | None:
    if name in fields:
        return None if fields[name].kind == "time" else (name, "=")
    for prefix, operator in (("min_", ">="), ("max_", "<=")):
        field = name.removeprefix(prefix)
        if field != name and field in fields and fields[field].kind == "number":
            return field, ">=" if operator == ">=" else "<="
    for suffix, operator in (("_after", ">"), ("_before", "<")):
        field = name.removesuffix(suffix)
        if field != name and field in fields and fields[field].kind == "time":
            return field, ">" if operator == ">" else "<"
    return None


def _filters(fields: Mapping[str, Field]) -> list[str]:
    """Every name that a filter may have."""
    names = []
    for name, field in fields.items():
        match field.kind:
            case "time":
                names += [f"{name}_after", f"{name}_before"]
            case "number":
                names += [name, f"min_{name}", f"max_{name}"]
            case _:
                names.append(name)
    return names


def _value(text: str, field: Field) -> Value | None:
    match field.kind:
        case "flag":
            return {"true": 1, "false": 0}.get(text.lower())
        case "number":
            return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
        case "time":
            try:
                return milliseconds(msgspec.convert(text, type=datetime, strict=False))
            except (msgspec.ValidationError, OverflowError, ValueError):
                return None
    return text


def _unusable(name: str, text: str, field: Field) -> Problem:
    forms = {"flag": "true or false", "number": "an integer", "time": "a time as in 2024-05-01T12:00:00Z"}
    return Problem(
        code="validation_failed",
        detail=f"{text[:40]!r} cannot be the value of the filter {name[:40]!r}",
        hint=f"Give {forms.get(field.kind, 'a text')}.",
        data={"field": name[:80]},
    )


def _unknown(what: str, name: str, known: list[str]) -> Problem:
    return Problem(
        code="validation_failed",
        detail=f"there is no {what} named {name[:40]!r}",
        hint=f"Use one of these: {', '.join(known)}.",
        data={"field": name[:80] if what == "filter" else "sort", "known": ", ".join(known)},
    )
