"""Bodies made from what the services take, so that the two cannot drift apart; a field that is not named is refused.

A Struct of the contract lets unknown fields pass, for a later version may have more. What comes from people is read in
the same form without that, at every depth.
"""

from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from contracts.names import NUMBER
from contracts.requests import CreateAssignment, OfferImages, Origin, RevokeOffers, SetDeprecation, SwitchImage
from gateway.bodies.base import Body
from gateway.paths import IMAGE

ImagePath = Annotated[str, msgspec.Meta(pattern=IMAGE, max_length=161)]
VersionPath = Annotated[str, msgspec.Meta(pattern=f"^(latest|{NUMBER.strip('^$')})$", max_length=32)]
Replacement = Annotated[str, msgspec.Meta(pattern=f"^({IMAGE.strip('^$')}|{NUMBER.strip('^$')})$", max_length=161)]
ImagePaths = Annotated[tuple[ImagePath, ...], msgspec.Meta(min_length=1, max_length=100)]
NARROWER: Mapping[tuple[type[msgspec.Struct], str], Any] = {
    (Origin, "image"): ImagePath,
    (Origin, "number"): VersionPath,
    (CreateAssignment, "image"): ImagePath,
    (SwitchImage, "image"): ImagePath,
    (SetDeprecation, "replacement"): Replacement | None,
    (OfferImages, "images"): ImagePaths,
    (RevokeOffers, "images"): ImagePaths,
}
"""What the door asks of fields that the services leave open, for they look for what is named there."""
COMMAND = frozenset({"actor", "id", "revision"})
"""Fields of a command that come otherwise than in a body."""


@cache
def taken(
    kind: type[msgspec.Struct], name: str = "", without: frozenset[str] = frozenset(), text: str = ""
) -> type[Body]:
    """A body with the fields of ``kind`` but those named; ``text`` says what it is, by default as ``kind`` does."""
    fields = [
        (field.name, NARROWER.get((kind, field.name)) or _strict(field.type), _default(field))
        for field in msgspec.structs.fields(kind)
        if field.name not in without
    ]
    return msgspec.defstruct(  # type: ignore[return-value]
        name or f"{kind.__name__}ToSet",
        [(name, of) if default is msgspec.NODEFAULT else (name, of, default) for name, of, default in fields],
        bases=(Body,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        module=__name__,
        namespace={"__doc__": text or kind.__doc__},
    )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else msgspec.field(
        default_factory=field.default_factory
    )  # fmt: skip


def _strict(kind: Any) -> Any:
    """A type with the bodies of all the Structs in it."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return Annotated[(_strict(parts[0]), *parts[1:])]
    if origin in (Union, UnionType):
        return reduce(or_, map(_strict, parts))
    if origin in (tuple, dict):
        return origin[tuple(map(_strict, parts))]
    return taken(kind) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else kind
