"""Versions: imported once, never changed in their content."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, patch, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import POD
from contracts.requests import (
    Accepted,
    EditVersion,
    GetVersion,
    ImportVersion,
    ListVersions,
    VersionPage,
)
from contracts.views import VersionView
from gateway.answers import Cursor, IfMatch, Key, Limit, State, reads, revision_in, writes
from gateway.bodies import VersionToImport, read, read_changes
from gateway.bodies.base import fields
from gateway.door import Door, Services, accepted, answer, image_in, number_in, thing
from gateway.narrowing import Hidden, OnPod, Sort, narrowed
from gateway.problems import invalid
from gateway.routes.images import DEFINITION
from gateway.shapes import shape

TAGS = ["versions"]
PATH = "/v1/images/{image:str}/versions/{version:str}"
OWN = frozenset({"state", "pod", "hidden", "sort", "limit", "cursor"})
NOWHERE = (
    "image_not_found", "version_not_found", "version_number_invalid", "no_latest", "no_latest_on_pod", "image_disabled",
    "pod_not_found",
)  # fmt: skip
REFUSALS = (
    *NOWHERE, "image_exists", "version_exists", "version_not_ready", "version_disabled", "version_obsolete",
    "version_deleted", "past_end_of_life", "copy_unavailable", "source_kind_unsupported", "source_invalid",
    "snapshot_convert", "os_mismatch", "gallery_name_invalid", "property_change_not_allowed", "operation_unsupported",
    "plugin_unsupported", "certificate_not_found", "certificate_invalid", "data_access_denied", "not_validated",
    "quota_exceeded", "no_space", "pod_unknown", "pod_draining", "pod_offline", "forbidden", *DEFINITION,
)  # fmt: skip
"""Why an import is refused."""
Pod = Annotated[str | None, QueryParameter(pattern=POD, max_length=32, description="Where `latest` must be available.")]


@get(
    "/v1/images/{image:str}/versions",
    operation_id="list_versions",
    summary="List the versions of an image",
    tags=TAGS,
    responses=reads(
        shape(VersionPage), "A page of versions, newest number first unless `sort` says otherwise.", "image_not_found"
    ),
)
async def list_versions(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    in_state: State = None,
    on_pod: OnPod = None,
    hidden: Hidden = False,
    sort: Sort = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The versions of an image. Every filter that is given must hold."""
    asked = ListVersions(
        actor=door.actor(request),
        image=image_in(image),
        state=in_state,
        pod=on_pod,
        hidden=hidden,
        where=narrowed(request, "list_versions", OWN),
        sort=sort or "-number",
        limit=limit,
        cursor=cursor,
    )
    return answer(await door.ask(asked, VersionPage))


@post(
    "/v1/images/{image:str}/versions",
    operation_id="import_version",
    summary="Import a version",
    tags=TAGS,
    status_code=202,
    responses=writes(202, shape(Accepted), "The import was accepted; the job tells the rest.", *REFUSALS),
)
async def import_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Import something on a pod, or another version, as the next version of an image."""
    data = read(VersionToImport, body)
    said = fields(data)
    if (said["source"] is None) == (said["origin"] is None):
        raise invalid({"source": "Expected one of `source` and `origin`"})
    return accepted(await door.ask(door.order(ImportVersion, request, key, data, image=image_in(image)), Accepted))


@get(
    PATH,
    operation_id="get_version",
    summary="Show a version",
    tags=TAGS,
    responses=reads(shape(VersionView), "The version.", *NOWHERE),
)
async def get_version(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], pod: Pod = None
) -> Response[bytes]:
    """A version by its number (1.0.0, or 1.0), or the latest one; with `pod`, the latest that is available there."""
    return thing(await find_version(door, request, image, version, pod))


@patch(
    PATH,
    operation_id="edit_version",
    summary="Change a version",
    tags=TAGS,
    responses=writes(
        200, shape(VersionView), "The version.", *NOWHERE, "immutable", "property_change_not_allowed",
        "end_of_life_invalid", "version_deleted", "revision_mismatch", "class_read_only", "forbidden",
    ),
)  # fmt: skip
async def edit_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
    if_match: IfMatch = None,
) -> Response[bytes]:
    """Change what is said of a version; its content never changes."""
    asked = door.order(
        EditVersion,
        request,
        key,
        image=image_in(image),
        number=number_in(version),
        changes=read_changes(body),
        revision=revision_in(if_match),
    )
    return await shown(door, request, await door.ask(asked, VersionView))


async def find_version(
    door: Door, request: Request[Any, Any, Any], image: str, version: str, pod: str | None
) -> VersionView:
    """The version that a path names. Raises RefusedError."""
    asked = GetVersion(actor=door.actor(request), image=image_in(image), number=number_in(version), pod=pod)
    return await door.ask(asked, VersionView)


async def shown(door: Door, request: Request[Any, Any, Any], view: VersionView) -> Response[bytes]:
    """A version after a command: that knows neither where the copies are, nor who uses or names it."""
    known = await find_version(door, request, view.image, view.number, None)
    return thing(
        msgspec.structs.replace(view, where=known.where, used_by=known.used_by, markers=known.markers)
    )  # fmt: skip


HANDLERS = (list_versions, import_version, get_version, edit_version)
