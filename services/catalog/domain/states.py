"""Going from one state of a tagged union to another without naming every field again."""

from typing import Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


class TransitionError(Exception):
    """An event does not fit the state it is applied to: a bug, for deciders never say such an event."""

    def __init__(self, state: object, event: object) -> None:
        super().__init__(f"{type(event).__name__} cannot happen to {type(state).__name__}")


def become(kind: type[S], state: msgspec.Struct, **changes: Any) -> S:
    """``state`` as one of type ``kind``: the fields they share are kept, ``changes`` set the others."""
    shared = {name: getattr(state, name) for name in kind.__struct_fields__ if name in state.__struct_fields__}
    return kind(**(shared | changes))
