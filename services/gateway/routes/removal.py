"""Versions that are deleted, and brought back."""

from typing import Annotated, Any

from litestar import Request, Response, delete, post
from litestar.params import FromPath, QueryParameter

from contracts.requests import Accepted, DeleteVersion, RestoreVersion
from contracts.views import VersionView
from gateway.answers import IfMatch, Key, revision_in, writes
from gateway.door import Services, accepted, image_in, number_in
from gateway.routes.versions import NOWHERE, PATH, TAGS, shown
from gateway.shapes import shape

Bypass = Annotated[
    bool,
    QueryParameter(name="bypass_soft_delete", description="For good at once, where its gallery would keep it a while."),
]
Force = Annotated[bool, QueryParameter(description="For operators: also when it is in use.")]


@delete(
    PATH,
    operation_id="delete_version",
    summary="Delete a version",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202, shape(Accepted), "It was accepted; the job tells the rest.", *NOWHERE, "version_not_ready",
        "version_in_use", "version_has_children", "version_marked", "version_deleted", "protected",
        "blocked_before_end_of_life", "last_holder", "revision_mismatch", "class_read_only", "forbidden",
    ),
)  # fmt: skip
async def delete_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    bypass: Bypass = False,
    force: Force = False,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Delete a version: where its gallery says so, it can be restored for a while."""
    asked = door.order(
        DeleteVersion,
        request,
        key,
        image=image_in(image),
        number=number_in(version),
        bypass_soft_delete=bypass,
        force=force,
        revision=revision_in(if_match),
    )
    return accepted(await door.ask(asked, Accepted))


@post(
    f"{PATH}/restore",
    operation_id="restore_version",
    summary="Restore a version",
    tags=TAGS,
    status_code=200,
    responses=writes(
        200, shape(VersionView), "The version.", *NOWHERE, "not_deleted", "quota_exceeded", "class_read_only",
        "forbidden",
    ),
)  # fmt: skip
async def restore_version(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], key: Key = None
) -> Response[bytes]:
    """Bring back a version that was deleted and is still there."""
    asked = door.order(RestoreVersion, request, key, image=image_in(image), number=number_in(version))
    return await shown(door, request, await door.ask(asked, VersionView))


HANDLERS = (delete_version, restore_version)
