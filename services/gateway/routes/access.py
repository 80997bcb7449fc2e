"""Who may have the data of a version: denied to everybody but operators, and allowed again."""

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath

from contracts.requests import SetDataAccess
from contracts.views import VersionView
from gateway.answers import IfMatch, Key, revision_in, writes
from gateway.door import Door, Services, image_in, number_in, thing
from gateway.routes.lives import OF_VERSION
from gateway.routes.versions import PATH, TAGS, shown
from gateway.shapes import shape

ANSWERS = writes(200, shape(VersionView), "The version.", *OF_VERSION)


@post(
    f"{PATH}/deactivate",
    operation_id="deactivate_version",
    summary="Deny the data of a version",
    tags=TAGS,
    status_code=200,
    responses=ANSWERS,
)
async def deactivate_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Let nobody but operators export a version, make another one of it, or publish it; copies under way pause. What is
    known of it stays to be seen, and what is AVAILABLE stays."""
    return await _set(door, request, image, version, key, if_match, active=False)


@post(
    f"{PATH}/reactivate",
    operation_id="reactivate_version",
    summary="Allow the data of a version again",
    tags=TAGS,
    status_code=200,
    responses=ANSWERS,
)
async def reactivate_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Let the data of a version be had as before; copies that paused for it go on."""
    return await _set(door, request, image, version, key, if_match, active=True)


async def _set(
    door: Door,
    request: Request[Any, Any, Any],
    image: str,
    version: str,
    key: str | None,
    if_match: str | None,
    *,
    active: bool,
) -> Response[bytes]:
    asked = door.order(
        SetDataAccess,
        request,
        key,
        image=image_in(image),
        number=number_in(version),
        active=active,
        revision=revision_in(if_match),
    )
    view = await door.ask(asked, VersionView)
    # An operator may do it to another tenant's version, of which nobody else would tell them more.
    own = view.tenant == asked.actor.tenant
    return await shown(door, request, view) if own else thing(view)


HANDLERS = (deactivate_version, reactivate_version)
