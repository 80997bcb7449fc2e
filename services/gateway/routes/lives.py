"""The lives of images and versions: disabled and enabled, protected, deprecated. An image speaks for its versions."""

from typing import Any

from litestar import Request, Response, post
from litestar.params import FromPath, RawBody

from contracts.requests import Done, SetDeprecation, SetEnabled, SetProtection
from gateway.answers import IfMatch, Key, does, revision_in
from gateway.bodies import DeprecationToSet, ProtectionToSet, read
from gateway.bodies.base import Body
from gateway.door import Door, Services, done, image_in, number_in
from gateway.routes.versions import NOWHERE

IMAGE = "/v1/images/{image:str}"
VERSION = f"{IMAGE}/versions/{{version:str}}"
LIVES = ("revision_mismatch", "class_read_only", "forbidden")
OF_IMAGE = ("image_not_found", *LIVES)
OF_VERSION = (*NOWHERE, "version_deleted", "version_not_ready", *LIVES)


@post(
    f"{IMAGE}/disable",
    operation_id="disable_image",
    summary="Disable an image",
    tags=["images"],
    status_code=204,
    responses=does("Nothing new may use it or a version of it; what does goes on.", *OF_IMAGE),
)
async def disable_image(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], key: Key = None, if_match: IfMatch = None
) -> Response[None]:
    """Let nothing new use an image, in none of its versions; its markers stay where they are."""
    return await _do(door, request, SetEnabled, image, None, key, if_match, enabled=False)


@post(
    f"{IMAGE}/enable",
    operation_id="enable_image",
    summary="Enable an image",
    tags=["images"],
    status_code=204,
    responses=does("It may be used again, in the versions that are not disabled themselves.", *OF_IMAGE),
)
async def enable_image(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], key: Key = None, if_match: IfMatch = None
) -> Response[None]:
    """Let an image be used again."""
    return await _do(door, request, SetEnabled, image, None, key, if_match, enabled=True)


@post(
    f"{IMAGE}/protect",
    operation_id="protect_image",
    summary="Protect an image",
    tags=["images"],
    status_code=204,
    responses=does("Neither it nor a version of it can be deleted.", *OF_IMAGE, "protected"),
)
async def protect_image(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Protect an image and its versions from deletion."""
    wanted = read(ProtectionToSet, body) if body else None
    return await _do(door, request, SetProtection, image, None, key, if_match, wanted, protected=True)


@post(
    f"{IMAGE}/unprotect",
    operation_id="unprotect_image",
    summary="End the protection of an image",
    tags=["images"],
    status_code=204,
    responses=does("The protection ends, after its cool-down where it has one.", *OF_IMAGE),
)
async def unprotect_image(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], key: Key = None, if_match: IfMatch = None
) -> Response[None]:
    """End the protection of an image."""
    return await _do(door, request, SetProtection, image, None, key, if_match, protected=False)


@post(
    f"{IMAGE}/deprecate",
    operation_id="deprecate_image",
    summary="Deprecate an image",
    tags=["images"],
    status_code=204,
    responses=does("It is deprecated, obsolete, or neither.", *OF_IMAGE, "replacement_invalid"),
)
async def deprecate_image(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Deprecate an image, make it obsolete, or take that back; whoever uses it is told of the replacement."""
    return await _do(door, request, SetDeprecation, image, None, key, if_match, read(DeprecationToSet, body))


@post(
    f"{VERSION}/disable",
    operation_id="disable_version",
    summary="Disable a version",
    tags=["versions"],
    status_code=204,
    responses=does("Nothing new may use it; what does goes on.", *OF_VERSION),
)
async def disable_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Let nothing new use a version; markers that name it are frozen."""
    return await _do(door, request, SetEnabled, image, version, key, if_match, enabled=False)


@post(
    f"{VERSION}/enable",
    operation_id="enable_version",
    summary="Enable a version",
    tags=["versions"],
    status_code=204,
    responses=does("It may be used again.", *OF_VERSION),
)
async def enable_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Let a version be used again."""
    return await _do(door, request, SetEnabled, image, version, key, if_match, enabled=True)


@post(
    f"{VERSION}/protect",
    operation_id="protect_version",
    summary="Protect a version",
    tags=["versions"],
    status_code=204,
    responses=does("It cannot be deleted.", *OF_VERSION, "protected"),
)
async def protect_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Protect a version from deletion."""
    wanted = read(ProtectionToSet, body) if body else None
    return await _do(door, request, SetProtection, image, version, key, if_match, wanted, protected=True)


@post(
    f"{VERSION}/unprotect",
    operation_id="unprotect_version",
    summary="End the protection of a version",
    tags=["versions"],
    status_code=204,
    responses=does("The protection ends, after its cool-down where it has one.", *OF_VERSION),
)
async def unprotect_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """End the protection of a version."""
    return await _do(door, request, SetProtection, image, version, key, if_match, protected=False)


@post(
    f"{VERSION}/deprecate",
    operation_id="deprecate_version",
    summary="Deprecate a version",
    tags=["versions"],
    status_code=204,
    responses=does("It is deprecated, obsolete, or neither.", *OF_VERSION, "replacement_invalid"),
)
async def deprecate_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[None]:
    """Deprecate a version, make it obsolete, or take that back; whoever uses it is told of the replacement."""
    return await _do(door, request, SetDeprecation, image, version, key, if_match, read(DeprecationToSet, body))


async def _do(
    door: Door,
    request: Request[Any, Any, Any],
    kind: type[SetEnabled | SetProtection | SetDeprecation],
    image: str,
    version: str | None,
    key: str | None,
    if_match: str | None,
    body: Body | None = None,
    **said: bool,
) -> Response[None]:
    named = {"image": image_in(image), "number": None if version is None else number_in(version)}
    await door.ask(door.order(kind, request, key, body, **named, **said, revision=revision_in(if_match)), Done)
    return done()


HANDLERS = (
    disable_image,
    enable_image,
    protect_image,
    unprotect_image,
    deprecate_image,
    disable_version,
    enable_version,
    protect_version,
    unprotect_version,
    deprecate_version,
)
