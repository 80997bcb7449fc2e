"""What people send has bounds: no text, list or map of a body may be as long as the body."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.inspect import DictType, StrType, StructType, Type, UnionType, VarTupleType, type_info

from gateway import bodies
from gateway.bodies import Body

BODIES = [kind for kind in vars(bodies).values() if isinstance(kind, type) and issubclass(kind, Body)]


def unbounded(kind: Type, place: str, inside: tuple[type, ...] = ()) -> Iterator[str]:
    """The places in a type at which there is no bound."""
    match kind:
        case StrType(max_length=None, pattern=None) | DictType(max_length=None) | VarTupleType(max_length=None):
            yield place
        case StructType(cls=cls, fields=fields) if cls not in inside:
            for field in fields:
                yield from unbounded(field.type, f"{place}.{field.name}", (*inside, cls))
        case UnionType(types=types):
            for one in types:
                yield from unbounded(one, place, inside)
    for part in ("item_type", "key_type", "value_type"):
        if (of := getattr(kind, part, None)) is not None:
            yield from unbounded(of, f"{place}[{part[:-5]}]", inside)


@pytest.mark.parametrize("body", BODIES, ids=lambda kind: kind.__name__)
def test_nothing_in_a_body_is_as_long_as_the_body(body: type[msgspec.Struct]) -> None:
    assert list(unbounded(type_info(body), body.__name__)) == []


def test_what_has_no_bound_is_found() -> None:
    class Inner(msgspec.Struct):
        texts: tuple[str, ...]

    class Outer(msgspec.Struct):
        inner: Inner | None
        named: dict[str, Any]

    assert len(list(unbounded(type_info(Outer), ""))) == 4
