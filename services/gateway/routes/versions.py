"""Versions: imported once, published to pods as copies."""

import time
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, QueryParameter, RawBody

from contracts.names import POD
from contracts.requests import (
    Accepted,
    CopyPage,
    GetVersion,
    ImportVersion,
    ListCopies,
    ListVersions,
    PublishVersion,
    VersionPage,
)
from contracts.views import VersionView
from gateway.answers import Cursor, Key, Limit, State, reads, writes
from gateway.bodies import Publication, VersionToImport, read
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


@post(
    "/v1/images/{image:str}/versions/{version:str}/publish",
    operation_id="publish_version",
    summary="Publish a version",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202,
        shape(Accepted),
        "The publish was accepted; the job tells the rest.",
        *NOWHERE,
        "version_not_ready",
        "pod_unknown",
        "no_target",
        "replicas_unsupported",
    ),
)
async def publish_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Make copies of a version on the target pods. Without a body: one on every enrolled pod."""
    return await _publish(door, request, image, version, body, key, again=False)


@post(
    "/v1/images/{image:str}/versions/{version:str}/republish",
    operation_id="republish_version",
    summary="Publish a version again",
    tags=TAGS,
    status_code=202,
    responses=writes(
        202,
        shape(Accepted),
        "The publish was accepted; the job tells the rest.",
        *NOWHERE,
        "version_not_ready",
        "pod_unknown",
        "no_target",
        "replicas_unsupported",
    ),
)
async def republish_version(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    body: RawBody,
    key: Key = None,
) -> Response[bytes]:
    """Try again what failed, and reach pods that joined later; available copies are not touched."""
    return await _publish(door, request, image, version, body, key, again=True)


@get(
    "/v1/images/{image:str}/versions/{version:str}/copies",
    operation_id="list_copies",
    summary="List the copies of a version",
    tags=TAGS,
    responses=reads(shape(CopyPage), "A page of copies, with their live progress.", *NOWHERE),
)
async def list_copies(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    limit: Limit = 500,
    cursor: Cursor = None,
) -> Response[bytes]:
    """One row for each copy: where, in which state, how far, how fast, and what went wrong."""
    found = await find_version(door, request, image, version, None)
    asked = ListCopies(actor=door.actor(request), version=found.id, limit=limit, cursor=cursor)
    page = await door.ask(asked, CopyPage)
    now = time.monotonic()
    merged = tuple(door.progress.merge(copy, now) for copy in page.items)
    return answer(msgspec.structs.replace(page, items=merged))


async def find_version(
    door: Door, request: Request[Any, Any, Any], image: str, version: str, pod: str | None
) -> VersionView:
    """The version that a path names. Raises RefusedError."""
    asked = GetVersion(actor=door.actor(request), image=image_in(image), number=number_in(version), pod=pod)
    return await door.ask(asked, VersionView)


async def _publish(
    door: Door,
    request: Request[Any, Any, Any],
    image: str,
    version: str,
    body: bytes,
    key: str | None,
    *,
    again: bool,
) -> Response[bytes]:
    wanted = read(Publication, body) if body else Publication()
    asked = PublishVersion(
        **door.command(request, key),
        image=image_in(image),
        number=number_in(version),
        again=again,
        targets=wanted.targets.targets(),
        replicas=wanted.replicas,
        deadline=wanted.deadline,
    )
    return accepted(await door.ask(asked, Accepted))


HANDLERS = (
    list_versions,
    import_version,
    get_version,
    publish_version,
    republish_version,
    list_copies,
)
