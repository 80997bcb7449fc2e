"""Namespaces: schemas of free properties, and predefined tags (features.md A11, A15)."""

from collections.abc import Iterable, Mapping

import msgspec

from contracts.definition import Namespace, Property, PropertyValue
from contracts.errors import Problem

MOST_NAMESPACES = 64
"""Namespaces of a tenant."""
LARGEST = 12 * 1024
"""Bytes of one, as JSON: all of a tenant's are one answer, which has to fit into a message."""

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


class Predefined(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that a namespace predefines; none of ``values`` named: any."""

    namespace: str
    values: tuple[str, ...] = ()


class KeptNamespace(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace as it is kept."""

    namespace: Namespace
    revision: int = 1


class Defined(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant has defined, by name: what is looked for when an image says something of itself. ``highest`` is the
    highest revision of what was dropped."""

    flavours: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    tags: dict[str, Predefined] = {}
    highest: int = 0


NOTHING = Defined()
"""Of a tenant that has defined nothing."""


def namespace_of(key: str) -> str | None:
    """The namespace that a property's key names, if there is one of that name; None for a key that names none."""
    name, dot, rest = key.partition(".")
    return name if dot and rest else None


def namespaces_of(*properties: Mapping[str, PropertyValue]) -> set[str]:
    """The namespaces that properties may belong to."""
    return {name for one in properties for key in one if (name := namespace_of(key)) is not None}


def objection_to_properties(
    before: Mapping[str, PropertyValue],
    after: Mapping[str, PropertyValue],
    namespaces: Mapping[str, Namespace | None],
    *,
    operator: bool,
) -> Problem | None:
    """Why properties cannot be changed so. What stays as it is need not fit a schema that came later."""
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        if type(old) is type(new) and old == new:
            continue
        name = namespace_of(key)
        namespace = None if name is None else namespaces.get(name)
        if name is None or namespace is None:
            continue
        schema = namespace.properties.get(key.removeprefix(f"{name}."))
        if schema is None:
            if new is not None and namespace.closed:
                return _unknown(key, namespace)
            continue
        if schema.protected and not operator:
            return _protected(f"the property {key}")
        if new is not None and (reason := _misfit(new, schema)):
            return Problem(
                code="property_invalid",
                detail=f"property {key} {reason}",
                hint=f"Look at the schema of the namespace {name}.",
                data={"field": f"details.properties.{key}", "namespace": name},
            )
    return None


def objection_to_tags(tags: Mapping[str, str], defined: Defined) -> Problem | None:
    """Why these tags cannot be set: a predefined one has values of its own."""
    for key, value in tags.items():
        found = defined.tags.get(key)
        if found is not None and found.values and value not in found.values:
            return Problem(
                code="tag_invalid",
                detail=f"the tag {key} is predefined, and {value[:80]!r} is none of its values",
                hint=f"Give one of: {', '.join(found.values[:16])}.",
                data={"field": f"tags.{key}", "namespace": found.namespace},
            )
    return None


def objection_to_count(tags: int, most: int) -> Problem | None:
    """Why an image cannot have so many tags."""
    if tags <= most:
        return None
    return Problem(
        code="tag_limit",
        detail=f"the image would have {tags} tags, {most} are allowed",
        hint="Remove tags that are not needed.",
        data={"limit": most, "use": tags},
    )


def objection_to_namespace(
    namespace: Namespace, before: Namespace | None, defined: Defined, *, operator: bool
) -> Problem | None:
    """Why the namespace cannot be made, or put in the place of ``before``."""
    if not operator and _guarded(before) != _guarded(namespace):
        return _protected(f"protected properties of the namespace {namespace.name}")
    for name, schema in namespace.properties.items():
        if reason := _contradiction(schema):
            return Problem(
                code="namespace_invalid",
                detail=f"property {name}: {reason}",
                hint="Correct the schema: no value could ever fit it.",
                data={"field": f"properties.{name}"},
            )
    for tag in namespace.tags:
        found = defined.tags.get(tag)
        if found is not None and found.namespace != namespace.name:
            return Problem(
                code="namespace_invalid",
                detail=f"the tag {tag} is predefined by the namespace {found.namespace}",
                hint="Predefine a tag in one namespace only.",
                data={"field": f"tags.{tag}", "namespace": found.namespace},
            )
    if (size := len(msgspec.json.encode(namespace))) > LARGEST:
        return Problem(
            code="namespace_invalid",
            detail=f"the namespace takes {size} bytes, {LARGEST} are allowed",
            hint="Divide it into several namespaces, or shorten its values and descriptions.",
            data={"field": "namespace", "limit": LARGEST},
        )
    if before is None and len(defined.namespaces) >= MOST_NAMESPACES:
        return Problem(
            code="limit_exceeded",
            detail=f"there are {len(defined.namespaces)} namespaces already",
            hint="Replace or delete one of them.",
            data={"limit": MOST_NAMESPACES, "use": len(defined.namespaces)},
        )
    return None


def objection_to_drop(name: str, before: Namespace | None, *, operator: bool) -> Problem | None:
    """Why the namespace cannot be forgotten."""
    if before is None:
        return Problem(
            code="namespace_not_found",
            detail=f"there is no namespace {name[:80]!r}",
            hint="List the namespaces.",
            data={"namespace": name[:80]},
        )
    return _protected(f"protected properties of the namespace {name}") if _guarded(before) and not operator else None


def with_namespace(defined: Defined, name: str, namespace: Namespace | None) -> Defined:
    """What is defined after a namespace was set, or with None dropped."""
    tags = {tag: found for tag, found in defined.tags.items() if found.namespace != name}
    if namespace is not None:
        tags |= {tag: Predefined(namespace=name, values=values) for tag, values in namespace.tags.items()}
    names = listed(defined.namespaces, name, there=namespace is not None)
    return msgspec.structs.replace(defined, namespaces=names, tags=tags)


def listed(names: Iterable[str], name: str, *, there: bool) -> tuple[str, ...]:
    """``names`` with ``name`` or without it, sorted."""
    return tuple(sorted({*names, name} if there else set(names) - {name}))


def _guarded(namespace: Namespace | None) -> dict[str, Property]:
    """The protected properties: whoever may not write them may not change what they are, either."""
    if namespace is None:
        return {}
    return {name: schema for name, schema in namespace.properties.items() if schema.protected}


def _misfit(value: PropertyValue, schema: Property) -> str:
    """Why a value does not fit, empty when it does."""
    if not _of_type(value, schema.type):
        return f"must be of the type {schema.type}"
    if schema.enum and value not in schema.enum:
        return f"must be one of {', '.join(str(one) for one in schema.enum[:16])}"
    if isinstance(value, str) and schema.max_length is not None and len(value) > schema.max_length:
        return f"may have up to {schema.max_length} characters"
    if isinstance(value, str | bool):
        return ""
    if schema.minimum is not None and value < schema.minimum:
        return f"must not be below {schema.minimum:g}"
    if schema.maximum is not None and value > schema.maximum:
        return f"must not be above {schema.maximum:g}"
    return ""


def _of_type(value: PropertyValue, type: str) -> bool:
    return isinstance(value, _TYPES[type]) and (type == "boolean" or not isinstance(value, bool))


def _contradiction(schema: Property) -> str:
    """Why nothing fits a schema, or why it says what means nothing; empty when it is sound."""
    if schema.minimum is not None and schema.maximum is not None and schema.minimum > schema.maximum:
        return "its minimum is above its maximum"
    if schema.type not in ("integer", "number") and (schema.minimum is not None or schema.maximum is not None):
        return f"a {schema.type} has neither minimum nor maximum"
    if schema.type != "string" and schema.max_length is not None:
        return f"a {schema.type} has no length"
    bare = msgspec.structs.replace(schema, enum=())
    wrong = next((one for one in schema.enum if _misfit(one, bare)), None)
    return "" if wrong is None else f"its own value {wrong!r} does not fit it"


def _unknown(key: str, namespace: Namespace) -> Problem:
    return Problem(
        code="property_unknown",
        detail=f"the namespace {namespace.name} is closed and has no property {key}",
        hint=f"Give one of: {', '.join(sorted(namespace.properties)[:16]) or 'none, it has no properties'}.",
        data={"field": f"details.properties.{key}", "namespace": namespace.name},
    )


def _protected(what: str) -> Problem:
    return Problem(
        code="property_protected",
        detail=f"only an operator may change {what}",
        hint="Ask an operator, or leave it as it is.",
        data={"what": what},
    )
