"""Flavours (which endpoints an image is offered to) and namespaces (which properties and tags images may have)."""

from typing import Any

from litestar import Request, Response, delete, get, put
from litestar.params import FromPath, RawBody

from contracts.definition import Flavour, Namespace
from contracts.requests import (
    Done,
    DropFlavour,
    DropNamespace,
    FlavourPage,
    ListFlavours,
    ListNamespaces,
    NamespacePage,
    SetFlavour,
    SetNamespace,
)
from contracts.views import FlavourView, NamespaceView
from gateway.answers import IfMatch, Key, does, etag, reads, revision_in, writes
from gateway.bodies import FlavourToSet, NamespaceToSet, read
from gateway.bodies.base import convert, fields
from gateway.door import Services, answer, done, flavour_in, namespace_in
from gateway.shapes import shape

TAGS = ["definitions"]


@get(
    "/v1/flavours",
    operation_id="list_flavours",
    summary="List flavours",
    tags=TAGS,
    responses=reads(shape(FlavourPage), "All flavours, by name."),
)
async def list_flavours(door: Services, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The system's flavours and those of the caller's tenant."""
    return answer(await door.ask(ListFlavours(actor=door.actor(request)), FlavourPage))


@put(
    "/v1/flavours/{flavour:str}",
    operation_id="set_flavour",
    summary="Set a flavour",
    tags=TAGS,
    responses=writes(
        200, shape(FlavourView), "The flavour.", "flavour_not_found", "flavour_system", "limit_exceeded",
        "revision_mismatch", "forbidden",
    ),
)  # fmt: skip
async def set_flavour(
    door: Services,
    request: Request[Any, Any, Any],
    flavour: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Make a flavour, or replace the one of this name; `If-Match: "0"` makes it only if there is none. The system's
    stay as they are."""
    wanted = convert({**fields(read(FlavourToSet, body)), "name": flavour_in(flavour)}, Flavour)
    asked = door.order(SetFlavour, request, key, flavour=wanted, revision=revision_in(if_match))
    view = await door.ask(asked, FlavourView)
    return answer(view, headers=etag(view.revision))


@delete(
    "/v1/flavours/{flavour:str}",
    operation_id="drop_flavour",
    summary="Drop a flavour",
    tags=TAGS,
    status_code=204,
    responses=does(
        "It is gone.", "flavour_not_found", "flavour_system", "flavour_in_use", "revision_mismatch", "forbidden"
    ),
)
async def drop_flavour(
    door: Services,
    request: Request[Any, Any, Any],
    flavour: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Remove a flavour that no image names."""
    asked = door.order(DropFlavour, request, key, name=flavour_in(flavour), revision=revision_in(if_match))
    await door.ask(asked, Done)
    return done()


@get(
    "/v1/namespaces",
    operation_id="list_namespaces",
    summary="List namespaces",
    tags=TAGS,
    responses=reads(shape(NamespacePage), "All namespaces, by name."),
)
async def list_namespaces(door: Services, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The schemas of properties, and the predefined tags, of the caller's tenant."""
    return answer(await door.ask(ListNamespaces(actor=door.actor(request)), NamespacePage))


@put(
    "/v1/namespaces/{namespace:str}",
    operation_id="set_namespace",
    summary="Set a namespace",
    tags=TAGS,
    responses=writes(
        200, shape(NamespaceView), "The namespace.", "namespace_not_found", "namespace_invalid", "limit_exceeded",
        "revision_mismatch", "forbidden",
    ),
)  # fmt: skip
async def set_namespace(
    door: Services,
    request: Request[Any, Any, Any],
    namespace: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Make or replace property schemas and predefined tags; what images have already stays. `If-Match: "0"` makes them
    only if there are none."""
    wanted = convert({**fields(read(NamespaceToSet, body)), "name": namespace_in(namespace)}, Namespace)
    asked = door.order(SetNamespace, request, key, namespace=wanted, revision=revision_in(if_match))
    view = await door.ask(asked, NamespaceView)
    return answer(view, headers=etag(view.revision))


@delete(
    "/v1/namespaces/{namespace:str}",
    operation_id="drop_namespace",
    summary="Drop a namespace",
    tags=TAGS,
    status_code=204,
    responses=does(
        "It is gone; the properties of images stay, free.", "namespace_not_found", "revision_mismatch", "forbidden"
    ),
)
async def drop_namespace(
    door: Services,
    request: Request[Any, Any, Any],
    namespace: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Remove a namespace."""
    asked = door.order(DropNamespace, request, key, name=namespace_in(namespace), revision=revision_in(if_match))
    await door.ask(asked, Done)
    return done()


HANDLERS = (list_flavours, set_flavour, drop_flavour, list_namespaces, set_namespace, drop_namespace)
