"""What the audit log tells of each kind of document, and what of it changed."""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from runtime.work import Work

Fields = dict[str, Any]


def itself(id: str, _: Any) -> str:
    """What a document with the id of its thing is about."""
    return id


def own_tenant(_: Work, __: str, state: Any) -> str:
    """The tenant that a document names."""
    return str(state.tenant)


def owner(_: Work, id: str, __: Any) -> str:
    """The tenant that the id of a document begins with."""
    return id.partition("/")[0]


def _as_it_is(fields: Fields) -> Fields:
    return fields


class Watched(NamedTuple):
    """A kind of document whose changes are written down.

    ``state`` is what must differ for an entry when no command changed it. ``unsaid`` are fields that follow from others
    or only count what goes on; ``shape`` makes of the other ones what is told.
    """

    state: Callable[[Any], Any]
    unsaid: frozenset[str] = frozenset()
    shape: Callable[[Fields], Fields] = _as_it_is
    about: Callable[[str, Any], str] = itself
    tenant: Callable[[Work, str, Any], str] = own_tenant


def other(watched: Watched, before: Any, after: Any) -> bool:
    """Whether a document came, went, or is in another state, which nobody had to ask for."""
    if before is None or after is None:
        return before is not after
    return bool(watched.state(before) != watched.state(after))


def difference(watched: Watched, before: Any, after: Any) -> tuple[Fields | None, Fields | None]:
    """What there was and what there is, as far as they differ; of what is new or gone all that says something."""
    if before is None or after is None:
        return (
            None if before is None else _telling(watched, before),
            None if after is None else _telling(watched, after),
        )
    if before.__class__ is after.__class__ and _said(watched, before) == _said(watched, after):
        return None, None
    one, other = watched.shape(_fields(watched, before)), watched.shape(_fields(watched, after))
    return _apart(one, other), _apart(other, one)


def _said(watched: Watched, state: Any) -> tuple[Any, ...]:
    """The values of the fields that are told."""
    return _getter(state.__class__, watched.unsaid)(state)


def _fields(watched: Watched, state: Any) -> Fields:
    kind = state.__class__
    return _with_tag(kind, dict(zip(_names(kind, watched.unsaid), _said(watched, state), strict=True)))


def _with_tag(kind: type, fields: Fields) -> Fields:
    """``fields`` and, where the states of a kind are told apart by a tag, which one it is."""
    tag = kind.__struct_config__.tag  # type: ignore[attr-defined]
    if tag is not None:
        fields["state"] = tag
    return fields


@cache
def _names(kind: type, unsaid: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name not in unsaid)  # type: ignore[attr-defined]


@cache
def _getter(kind: type, unsaid: frozenset[str]) -> Callable[[Any], tuple[Any, ...]]:
    names = _names(kind, unsaid)
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda state: (get(state),)


@cache
def _defaults(kind: type, unsaid: frozenset[str]) -> tuple[Any, ...]:
    """The default of each field that is told; of one without, what no field ever is."""
    fields = {one.name: one for one in msgspec.structs.fields(kind)}
    return tuple(_default(fields[name]) for name in _names(kind, unsaid))


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return msgspec.NODEFAULT
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _apart(these: Fields, those: Fields) -> Fields:
    """The members of ``these`` that are not the same in ``those``; of one that has members only those of them."""
    found: Fields = {}
    for name, value in these.items():
        other = those.get(name)
        if value != other:
            found[name] = _apart(value, other) if isinstance(value, dict) and isinstance(other, dict) else value
    return found


def _telling(watched: Watched, state: Any) -> Fields:
    """What a state says that is not what one says by default."""
    kind = state.__class__
    names, values, defaults = _names(kind, watched.unsaid), _said(watched, state), _defaults(kind, watched.unsaid)
    found = {
        name: value
        for name, value, default in zip(names, values, defaults, strict=True)
        if value is not default and value != default
    }
    return watched.shape(_with_tag(kind, found))
