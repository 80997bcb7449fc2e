"""Role grants: what a principal of any tenant may do on a gallery, an image, or a version of an image."""

from typing import Any

from litestar import Request, Response, delete, get, put
from litestar.params import FromPath, RawBody

from contracts.requests import Done, DropGrant, GrantPage, ListGrants, SetGrant
from contracts.views import GrantView
from gateway.answers import Cursor, Key, Limit, does, reads, writes
from gateway.bodies import GrantToSet, read
from gateway.door import Door, Services, answer, done, gallery_in, image_in, number_in, principal_in
from gateway.shapes import shape

TAGS = ["grants"]
GALLERY = "/v1/galleries/{gallery:str}/grants"
IMAGE = "/v1/images/{image:str}/grants"
VERSION = "/v1/images/{image:str}/versions/{version:str}/grants"
OF_IMAGE = ("image_not_found", "reshare_forbidden", "class_read_only")
OF_VERSION = (*OF_IMAGE, "version_not_found", "version_number_invalid")
LISTED = "A page of grants, by principal."
GRANTED = "The roles that the principal has there now."
GONE = "The principal has no roles there any more."
SETTING = ("principal_invalid", "share_scope", "grant_limit")
DROPPING = ("principal_invalid", "grant_not_found")


@get(
    GALLERY,
    operation_id="list_gallery_grants",
    summary="List the grants on a gallery",
    tags=TAGS,
    responses=reads(shape(GrantPage), LISTED, "gallery_not_found"),
)
async def list_gallery_grants(
    door: Services, request: Request[Any, Any, Any], gallery: FromPath[str], limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """Who has which roles on a gallery, and so on all that is in it."""
    return await _list(door, request, limit, cursor, gallery=gallery_in(gallery))


@put(
    f"{GALLERY}/{{principal:str}}",
    operation_id="set_gallery_grant",
    summary="Grant roles on a gallery",
    tags=TAGS,
    responses=writes(200, shape(GrantView), GRANTED, "gallery_not_found", *SETTING),
)
async def set_gallery_grant(
    door: Services,
    request: Request[Any, Any, Any],
    gallery: FromPath[str],
    principal: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Give a principal roles on a gallery and all that is in it; they replace those that it has there."""
    return await _set(door, request, key, body, principal, gallery=gallery_in(gallery))


@delete(
    f"{GALLERY}/{{principal:str}}",
    operation_id="drop_gallery_grant",
    summary="Take back roles on a gallery",
    tags=TAGS,
    status_code=204,
    responses=does(GONE, "gallery_not_found", *DROPPING),
)
async def drop_gallery_grant(
    door: Services, request: Request[Any, Any, Any], gallery: FromPath[str], principal: FromPath[str], key: Key = None
) -> Response[None]:
    """Take all roles back that a principal was granted on a gallery."""
    return await _drop(door, request, key, principal, gallery=gallery_in(gallery))


@get(
    IMAGE,
    operation_id="list_image_grants",
    summary="List the grants on an image",
    tags=TAGS,
    responses=reads(shape(GrantPage), LISTED, *OF_IMAGE),
)
async def list_image_grants(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], limit: Limit = 100, cursor: Cursor = None
) -> Response[bytes]:
    """Who has which roles on an image, and so on its versions."""
    return await _list(door, request, limit, cursor, image=image_in(image))


@put(
    f"{IMAGE}/{{principal:str}}",
    operation_id="set_image_grant",
    summary="Grant roles on an image",
    tags=TAGS,
    responses=writes(200, shape(GrantView), GRANTED, *OF_IMAGE, *SETTING),
)
async def set_image_grant(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    principal: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Give a principal roles on an image and its versions; they replace those that it has there."""
    return await _set(door, request, key, body, principal, image=image_in(image))


@delete(
    f"{IMAGE}/{{principal:str}}",
    operation_id="drop_image_grant",
    summary="Take back roles on an image",
    tags=TAGS,
    status_code=204,
    responses=does(GONE, *OF_IMAGE, *DROPPING),
)
async def drop_image_grant(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], principal: FromPath[str], key: Key = None
) -> Response[None]:
    """Take all roles back that a principal was granted on an image."""
    return await _drop(door, request, key, principal, image=image_in(image))


@get(
    VERSION,
    operation_id="list_version_grants",
    summary="List the grants on a version",
    tags=TAGS,
    responses=reads(shape(GrantPage), LISTED, *OF_VERSION),
)
async def list_version_grants(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """Who has which roles on this version alone."""
    return await _list(door, request, limit, cursor, image=image_in(image), number=number_in(version))


@put(
    f"{VERSION}/{{principal:str}}",
    operation_id="set_version_grant",
    summary="Grant roles on a version",
    tags=TAGS,
    responses=writes(200, shape(GrantView), GRANTED, *OF_VERSION, *SETTING),
)
async def set_version_grant(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    principal: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Give a principal roles on this version alone; they replace those that it has there."""
    return await _set(door, request, key, body, principal, image=image_in(image), number=number_in(version))


@delete(
    f"{VERSION}/{{principal:str}}",
    operation_id="drop_version_grant",
    summary="Take back roles on a version",
    tags=TAGS,
    status_code=204,
    responses=does(GONE, *OF_VERSION, *DROPPING),
)
async def drop_version_grant(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    principal: FromPath[str],
    key: Key = None,
) -> Response[None]:
    """Take all roles back that a principal was granted on this version alone."""
    return await _drop(door, request, key, principal, image=image_in(image), number=number_in(version))


async def _list(
    door: Door, request: Request[Any, Any, Any], limit: int, cursor: str | None, **on: Any
) -> Response[bytes]:
    return answer(await door.ask(ListGrants(actor=door.actor(request), limit=limit, cursor=cursor, **on), GrantPage))


async def _set(
    door: Door, request: Request[Any, Any, Any], key: str | None, body: bytes, principal: str, **on: Any
) -> Response[bytes]:
    data = read(GrantToSet, body)
    return answer(
        await door.ask(door.order(SetGrant, request, key, data, principal=principal_in(principal), **on), GrantView)
    )


async def _drop(
    door: Door, request: Request[Any, Any, Any], key: str | None, principal: str, **on: Any
) -> Response[None]:
    await door.ask(door.order(DropGrant, request, key, principal=principal_in(principal), **on), Done)
    return done()


HANDLERS = (
    list_gallery_grants,
    set_gallery_grant,
    drop_gallery_grant,
    list_image_grants,
    set_image_grant,
    drop_image_grant,
    list_version_grants,
    set_version_grant,
    drop_version_grant,
)
