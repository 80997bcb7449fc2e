"""How a list is narrowed: filters on single fields, as the owner of the list has them, and tags."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias, get_type_hints

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter

from contracts.names import NAME, POD
from gateway.paths import IMAGE
from gateway.problems import invalid

FIELD = r"^([a-z][a-z0-9_]{0,63}|properties\.[a-z0-9][a-z0-9_.-]{0,63})$"
"""What the filter of a field may be called; ``properties.`` and a key is a free property."""
FORMS = {
    "text": r"^[^\x00]{0,255}$",
    "number": "^[0-9]{1,18}$",
    "time": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$",
    "flag": "^(true|false)$",
}
"""The values that a filter takes, by the kind of its field."""
FIELDS: Mapping[str, Mapping[str, str]] = {
    "list_images": {
        **dict.fromkeys(("path", "name", "tenant", "image_class", "latest"), "text"),
        **dict.fromkeys(("os_type", "os_state", "generation", "architecture", "desktop_kind", "flavour"), "text"),
        **dict.fromkeys(("publisher", "offer", "sku", "project", "deprecation", "replacement"), "text"),
        **dict.fromkeys(("hypervisors", "gpu_types", "capabilities", "disallowed_disk_types", "features"), "text"),
        **dict.fromkeys(("created", "updated", "end_of_life"), "time"),
        **dict.fromkeys(("versions", "revision", "min_disk_gib", "min_ram_mib", "max_ram_mib"), "number"),
        **dict.fromkeys(("usable", "protected", "require_eula"), "flag"),
    },
    "list_versions": {
        **dict.fromkeys(("number", "source_pod", "source_kind", "source_name", "mode", "format", "marker"), "text"),
        **dict.fromkeys(("deprecation", "replacement", "parent", "job", "failure"), "text"),
        **dict.fromkeys(("created", "updated", "end_of_life"), "time"),
        **dict.fromkeys(("revision", "size", "virtual_size", "available"), "number"),
        **dict.fromkeys(("protected", "deactivated", "exclude_from_latest"), "flag"),
    },
    "list_jobs": {
        **dict.fromkeys(("gallery", "name", "version", "number", "actor", "assignment", "failure", "retried"), "text"),
        **dict.fromkeys(("created", "updated"), "time"),
    },
    "list_assignments": {
        **dict.fromkeys(("name", "tenant", "gallery", "image_name", "marker", "version", "number", "kind"), "text"),
        **dict.fromkeys(("job", "host_name", "vm_kind"), "text"),
        **dict.fromkeys(("vcpus", "memory_mib", "disk_gib", "disks", "seats", "revision"), "number"),
        **dict.fromkeys(("created", "updated"), "time"),
    },
    "list_seats": {
        **dict.fromkeys(("name", "version", "model", "user", "failure"), "text"),
        "last_used": "time",
    },
    "list_galleries": {
        **dict.fromkeys(("name", "tenant", "description"), "text"),
        **dict.fromkeys(("images", "versions", "bytes", "quota_images", "quota_versions", "quota_bytes"), "number"),
        **dict.fromkeys(("retention_days", "grace_days", "revision"), "number"),
        "soft_delete": "flag",
        "created": "time",
    },
    "list_markers": {
        **dict.fromkeys(("name", "number", "version"), "text"),
        **dict.fromkeys(("assignments", "revision"), "number"),
        "frozen": "flag",
    },
    "list_users": {
        **dict.fromkeys(("assignment", "name", "pod"), "text"),
        **dict.fromkeys(("seats", "users"), "number"),
        "wanted": "flag",
        "last_used": "time",
    },
    "get_lineage": {
        **dict.fromkeys(("version", "image", "number", "state"), "text"),
        "depth": "number",
    },
    "list_audit": {
        **dict.fromkeys(("tenant", "action", "command"), "text"),
        "sequence": "number",
        "at": "time",
    },
}
"""Operation -> the fields that its list is filtered by, each with its kind, but those that have a parameter anyway."""
TAG = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,35}(=[^\x00-\x1f\x7f]{0,43})?$"

Sort: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        pattern="^-?[a-z][a-z0-9_.]{0,63}$",
        max_length=65,
        description="The field by which they come; with `-` in front downwards.",
    ),
]
Hidden: TypeAlias = Annotated[bool, QueryParameter(description="Also those that are hidden.")]
OnPod: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="pod", pattern=POD, max_length=32, description="Only those that are AVAILABLE on this pod."),
]
OfImage: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="image", pattern=IMAGE, max_length=161, description="Only those of this image."),
]
Owner: TypeAlias = Annotated[
    str | None, QueryParameter(pattern=NAME, max_length=80, description="Only those of this tenant.")
]
Words: TypeAlias = Annotated[
    str | None,
    QueryParameter(min_length=1, max_length=255, description="What gallery/name or description contain."),
]
TagsGiven: TypeAlias = Annotated[
    list[str] | None,
    QueryParameter(
        name="tag",
        max_items=16,
        description="Only those with this tag: `key=value`, or `key` with any value. May be repeated.",
    ),
]

_field = re.compile(FIELD)
_tag = re.compile(TAG)
_forms = {kind: re.compile(form) for kind, form in FORMS.items()}


def filters(operation: str) -> dict[str, str]:
    """The filters of a list, by name: the kind of their value."""
    found: dict[str, str] = {}
    for name, kind in FIELDS[operation].items():
        match kind:
            case "time":
                found |= {f"{name}_after": kind, f"{name}_before": kind}
            case "number":
                found |= {name: kind, f"min_{name}": kind, f"max_{name}": kind}
            case _:
                found[name] = kind
    return found


_filters = {operation: filters(operation) for operation in FIELDS}


def narrowed(request: Request[Any, Any, Any], operation: str, own: Collection[str]) -> dict[str, str]:
    """The filters on single fields: every parameter of the query that is not one of the route's ``own``.

    Raises RefusedError (validation_failed); names that no field has are refused by the owner of the list, which also
    says those that there are.
    """
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in own:
            continue
        kind = _filters[operation].get(name, "text")
        if not _field.fullmatch(name):
            raise invalid({name or "?": "There is no such parameter"})
        if name in found:
            raise invalid({name: "Given twice"})
        if not _forms[kind].fullmatch(value):
            raise invalid({name: f"Expected a {kind}, matching {FORMS[kind]}"})
        found[name] = value
    return found


async def known_only(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """A guard of every route: a list takes the parameters that it has, and no others. Those with filters on fields are
    left to `narrowed`. Raises RefusedError (validation_failed)."""
    operation = getattr(handler, "operation_id", None)
    if operation in FIELDS or not str(operation).startswith("list_"):
        return
    known = parameters(handler.fn)
    for name in connection.query_params:
        if name not in known:
            there = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise invalid({name[:80] or "?": f"There is no such parameter: {there}"})


@cache
def parameters(route: Callable[..., Any]) -> frozenset[str]:
    """The parameters of the query that a route takes, as they are called over HTTP."""
    found = set()
    for name, hint in get_type_hints(route, include_extras=True).items():
        for about in getattr(hint, "__metadata__", ()):
            if isinstance(about, QueryParameter):
                found.add(about.query or about.name or name)
    return frozenset(found)


def tags_in(given: list[str] | None) -> dict[str, str]:
    """Tags that are asked for, with a value, or empty for any. Raises RefusedError (validation_failed)."""
    found: dict[str, str] = {}
    for text in given or ():
        if not _tag.fullmatch(text):
            raise invalid({"tag": "Expected `key` or `key=value`"})
        key, _, value = text.partition("=")
        found[key] = value
    return found
