"""Galleries: what holds images, and how much of them; quotas of tenants."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, delete, get, patch, post, put
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.keeping import Quota
from contracts.names import NAME
from contracts.requests import (
    CreateGallery,
    Done,
    DropGallery,
    EditGallery,
    GalleryPage,
    GetGallery,
    GetQuota,
    ListGalleries,
    SetQuota,
)
from contracts.views import GalleryView, QuotaView
from gateway.answers import Cursor, IfMatch, Key, Limit, does, etag, reads, revision_in, writes
from gateway.bodies import GalleryToMake, QuotaToSet, read, read_changes
from gateway.bodies.base import convert
from gateway.door import Services, answer, done, gallery_in, tenant_in, thing
from gateway.narrowing import Sort, narrowed
from gateway.shapes import shape

TAGS = ["galleries"]
PATH = "/v1/galleries/{gallery:str}"
OWN = frozenset({"reach", "sort", "limit", "cursor"})
Reach = Annotated[
    Literal["own", "shared", "community", "public", "all"],
    QueryParameter(
        description="*own*: the caller's tenant's. *shared*: those shared with him, or on which he has a role. "
        "*community*, *public*: those. *all*: all of these."
    ),
]
Tenant = Annotated[
    str | None, QueryParameter(pattern=NAME, max_length=80, description="Another tenant, for operators.")
]


@get(
    "/v1/galleries",
    operation_id="list_galleries",
    summary="List galleries",
    tags=TAGS,
    responses=reads(shape(GalleryPage), "A page of galleries, by name unless `sort` says otherwise."),
)
async def list_galleries(
    door: Services,
    request: Request[Any, Any, Any],
    reach: Reach = "own",
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The galleries of the caller's tenant, or with `reach` those of others that he can read. Every filter that is
    given must hold."""
    asked = ListGalleries(
        actor=door.actor(request),
        reach=reach,
        where=narrowed(request, "list_galleries", OWN),
        sort=sort or "name",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, GalleryPage))


@post(
    "/v1/galleries",
    operation_id="create_gallery",
    summary="Make a gallery",
    tags=TAGS,
    responses=writes(
        201, shape(GalleryView), "The gallery was made.", "gallery_exists", "gallery_name_invalid", "quota_exceeded",
        "forbidden",
    ),
)  # fmt: skip
async def create_gallery(
    door: Services, request: Request[Any, Any, Any], body: RawBody, key: Key = None
) -> Response[bytes]:
    """Make a gallery. One that nobody made is made by its first image."""
    view = await door.ask(door.order(CreateGallery, request, key, read(GalleryToMake, body)), GalleryView)
    return thing(view, 201, {"location": f"/v1/galleries/{view.name}"})


@get(
    PATH,
    operation_id="get_gallery",
    summary="Show a gallery",
    tags=TAGS,
    responses=reads(shape(GalleryView), "The gallery.", "gallery_not_found"),
)
async def get_gallery(door: Services, request: Request[Any, Any, Any], gallery: FromPath[str]) -> Response[bytes]:
    """A gallery by its name or id, with what it may hold and holds."""
    return thing(await door.ask(GetGallery(actor=door.actor(request), gallery=gallery_in(gallery)), GalleryView))


@patch(
    PATH,
    operation_id="edit_gallery",
    summary="Change a gallery",
    tags=TAGS,
    responses=writes(
        200, shape(GalleryView), "The gallery.", "gallery_not_found", "property_change_not_allowed",
        "revision_mismatch", "forbidden",
    ),
)  # fmt: skip
async def edit_gallery(
    door: Services,
    request: Request[Any, Any, Any],
    gallery: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Change the description, the quota, or what becomes of deleted versions."""
    asked = door.order(
        EditGallery,
        request,
        key,
        gallery=gallery_in(gallery),
        changes=read_changes(body),
        revision=revision_in(if_match),
    )
    return thing(await door.ask(asked, GalleryView))


@delete(
    PATH,
    operation_id="drop_gallery",
    summary="Delete a gallery",
    tags=TAGS,
    status_code=204,
    responses=does("It is gone.", "gallery_not_found", "gallery_not_empty", "revision_mismatch", "forbidden"),
)
async def drop_gallery(
    door: Services,
    request: Request[Any, Any, Any],
    gallery: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Delete a gallery that holds nothing, soft-deleted versions included."""
    asked = door.order(DropGallery, request, key, gallery=gallery_in(gallery), revision=revision_in(if_match))
    await door.ask(asked, Done)
    return done()


@get(
    "/v1/quota",
    operation_id="get_quota",
    summary="Show a tenant's quota",
    tags=TAGS,
    responses=reads(shape(QuotaView), "The quota, and what is used of it.", "forbidden"),
)
async def get_quota(door: Services, request: Request[Any, Any, Any], tenant: Tenant = None) -> Response[bytes]:
    """What the caller's tenant may hold over all its galleries, and what it holds."""
    view = await door.ask(GetQuota(actor=door.actor(request), tenant=tenant), QuotaView)
    return answer(view, headers=etag(view.revision))


@put(
    "/v1/quotas/{tenant:str}",
    operation_id="set_quota",
    summary="Set a tenant's quota",
    tags=TAGS,
    responses=writes(
        200, shape(QuotaView), "The quota that is in force now.", "revision_mismatch", "forbidden", "tenant_not_found"
    ),
)
async def set_quota(
    door: Services,
    request: Request[Any, Any, Any],
    tenant: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """For operators: what a tenant may hold over all its galleries; a bound of null is the settings'. `If-Match: "0"`
    sets it only as long as nobody did."""
    quota = convert(read(QuotaToSet, body), Quota)
    name, revision = tenant_in(tenant), revision_in(if_match)
    asked = door.order(SetQuota, request, key, tenant=name, quota=quota, revision=revision)
    view = await door.ask(asked, QuotaView)
    return answer(view, headers=etag(view.revision))


HANDLERS = (
    list_galleries,
    create_gallery,
    get_gallery,
    edit_gallery,
    drop_gallery,
    get_quota,
    set_quota,
)
