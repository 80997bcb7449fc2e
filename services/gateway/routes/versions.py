"""Versions: imported once, never changed."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import POD
from contracts.requests import (
    Accepted,
    GetVersion,
    ImportVersion,
    ListVersions,
    VersionPage,
)
from contracts.views import VersionView
from gateway.answers import Cursor, Key, Limit, State, reads, writes
from gateway.bodies import VersionToImport, read
from gateway.door import Door, Services, accepted, answer, image_in, number_in
from gateway.shapes import shape

TAGS = ["versions"]
NOWHERE = ("image_not_found", "version_not_found", "version_number_invalid", "no_latest", "no_latest_on_pod")
Pod = Annotated[str | None, QueryParameter(pattern=POD, max_length=32, description="Where `latest` must be available.")]


@get(
    "/v1/images/{image:str}/versions",
    operation_id="list_versions",
    summary="List the versions of an image",
    tags=TAGS,
    responses=reads(shape(VersionPage), "A page of versions, newest number first.", "image_not_found"),
)
async def list_versions(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    in_state: State = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response[bytes]:
    """The versions of an image."""
    asked = ListVersions(actor=door.actor(request), image=image_in(image), state=in_state, limit=limit, cursor=cursor)
    return answer(await door.ask(asked, VersionPage))


@post(
    "/v1/images/{image:str}/versions",
    operation_id="import_version",
    summary="Import a version",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202,
        shape(Accepted),
        "The import was accepted; the job tells the rest.",
        "image_not_found",
        "version_exists",
        "version_number_invalid",
        "file_type_mismatch",
        "source_kind_unsupported",
        "pod_unknown",
        "pod_draining",
    ),
)
async def import_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Import a VM or a disk file of a pod as the next version of an image."""
    data = read(VersionToImport, body)
    asked = ImportVersion(
        **door.command(request, key),
        image=image_in(image),
        create=data.create,
        os_type=data.os_type,
        source=data.source.source(),
        mode=data.mode,
        file_type=data.file_type,
        number=data.number,
        datastore=data.datastore,
    )
    return accepted(await door.ask(asked, Accepted))


@get(
    "/v1/images/{image:str}/versions/{version:str}",
    operation_id="get_version",
    summary="Show a version",
    tags=TAGS,
    responses=reads(shape(VersionView), "The version.", *NOWHERE),
)
async def get_version(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], pod: Pod = None
) -> Response[bytes]:
    """A version by its number (1.0.0, or 1.0), or the latest one; with `pod`, the latest that is available there."""
    return answer(await find_version(door, request, image, version, pod))


async def find_version(
    door: Door, request: Request[Any, Any, Any], image: str, version: str, pod: str | None
) -> VersionView:
    """The version that a path names. Raises RefusedError."""
    asked = GetVersion(actor=door.actor(request), image=image_in(image), number=number_in(version), pod=pod)
    return await door.ask(asked, VersionView)


HANDLERS = (list_versions, import_version, get_version)
