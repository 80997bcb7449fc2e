"""Exports: the disks of a version as files, from whichever pod holds them."""

import base64
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from litestar import HttpMethod, Request, get, route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter
from litestar.response.base import ASGIResponse

from contracts.manifest import Disk
from contracts.names import GATEWAY
from contracts.requests import AdmitExport
from contracts.views import ExportGrantView, VersionView
from gateway.answers import COMMON, READING, problems
from gateway.carrying import Going, Headers
from gateway.door import Door, Services
from gateway.edge import AGAIN
from gateway.exporting import Export
from gateway.leave import Leave
from gateway.problems import RefusedError, refuse
from gateway.routes.versions import NOWHERE, TAGS, find_version

PATH = "/v1/images/{image:str}/versions/{version:str}/disks/{lun:int}/content"
DENIED = ("not_found", "version_not_ready", "export_unavailable", "data_access_denied")
CODES = (*DENIED, "pod_not_found", "range_not_satisfiable")
BINARY = "application/octet-stream"
ANSWERS = {
    200: ResponseSpec(
        data_container=bytes,
        media_type=BINARY,
        description="The disk's file. `Repr-Digest` is its SHA-256. With `Imprint-Wire: zstd` in request and answer "
        "the body is on its way as Zstandard frames; lengths and digests remain those of the file.",
        generate_examples=False,
    ),
    206: ResponseSpec(
        data_container=bytes, media_type=BINARY, description="The part that was asked for.", generate_examples=False
    ),
    **problems(*COMMON, *READING, *NOWHERE, *CODES),
}

Wanted = Annotated[
    str | None, HeaderParameter(name="Range", max_length=64, description="One range: `bytes=first-last`.")
]
IfRange = Annotated[
    str | None, HeaderParameter(name="If-Range", max_length=128, description="The ETag for which the range counts.")
]
Wire = Annotated[str | None, HeaderParameter(name="Imprint-Wire", max_length=16, description="`zstd`.")]
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


@get(PATH, operation_id="export_disk", summary="Export a disk", tags=TAGS, media_type=BINARY, responses=ANSWERS)
async def export_disk(
    door: Services,
    request: Request[Any, Any, Any],
    image: FromPath[str],
    version: FromPath[str],
    lun: FromPath[int],
    wanted: Wanted = None,
    if_range: IfRange = None,
    wire: Wire = None,
) -> ASGIResponse:
    """The bytes of a disk's file. A connection that broke goes on with Range."""
    view, disk = await _disk(door, request, image, version, lun)
    headers = _headers(view, disk)
    begin, end = 0, disk.size
    part = _part(wanted, disk.size) if if_range in (None, headers["etag"]) else None
    if part is not None:
        begin, end = part
        headers["content-range"] = f"bytes {begin}-{end - 1}/{disk.size}"
    packed = wire == "zstd"
    if packed:
        headers["imprint-wire"] = "zstd"
    else:
        headers["content-length"] = str(end - begin)
    leave = Leave(view.id, request.scope[AGAIN], door.see)  # type: ignore[literal-required]
    body = await _begun(_body(door, _export(door, request, view, disk), leave, begin, end, packed=packed))
    return Going(200 if part is None else 206, headers, body)


@route(
    PATH,
    http_method=HttpMethod.HEAD,
    operation_id="describe_disk",
    summary="Describe a disk",
    tags=TAGS,
    status_code=200,
    responses={
        200: ResponseSpec(data_container=None, description="Size and digest, in headers.", generate_examples=False),
        **problems(*COMMON, *READING, *NOWHERE, *DENIED),
    },
)
async def describe_disk(
    door: Services, request: Request[Any, Any, Any], image: FromPath[str], version: FromPath[str], lun: FromPath[int]
) -> ASGIResponse:
    """What an export of the disk would begin with."""
    view, disk = await _disk(door, request, image, version, lun)
    await _admit(door, request, view)
    return Headers(_headers(view, disk) | {"content-length": str(disk.size)})


async def _disk(
    door: Door, request: Request[Any, Any, Any], image: str, version: str, lun: int
) -> tuple[VersionView, Disk]:
    view = await find_version(door, request, image, version, None)
    if view.manifest is None:
        raise refuse("version_not_ready", f"Version {view.number} has no content yet.", "Wait for its import.")
    for disk in view.manifest.disks:
        if disk.lun == lun:
            return view, disk
    luns = ", ".join(str(disk.lun) for disk in view.manifest.disks)
    raise refuse("not_found", f"Version {view.number} has no disk {lun}.", f"Its disks are {luns}.")


def _export(door: Door, request: Request[Any, Any, Any], view: VersionView, disk: Disk) -> Export:
    return Export(door.transfers.doors, disk, lambda: _admit(door, request, view))


async def _admit(door: Door, request: Request[Any, Any, Any], view: VersionView) -> ExportGrantView:
    # The replicator, which decides, may not have heard of it yet.
    if view.deactivated and not door.actor(request).operator:
        detail = f"The data of {view.gallery}/{view.name} {view.number} is denied at present."
        raise refuse("data_access_denied", detail, "Its owner or an operator can reactivate it.")
    asked = AdmitExport(**door.command(request, None), version=view.id, bearer=GATEWAY)
    return await door.ask(asked, ExportGrantView)


async def _body(
    door: Door, export: Export, leave: Leave, begin: int, end: int, *, packed: bool
) -> AsyncGenerator[bytes, None]:
    async with door.transfers.one(), aclosing(export.body(begin, end, packed=packed)) as pieces:
        async for piece in pieces:
            if not await leave.holds():
                raise refuse("export_unavailable", "Whoever began this export may not read the version any more.")
            yield piece


async def _begun(body: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The body, with its first piece here already: what fails until then is a refusal, not half an answer."""
    first = await anext(body, b"")

    async def all_of_it() -> AsyncGenerator[bytes, None]:
        try:
            yield first
            async for piece in body:
                yield piece
        finally:
            await body.aclose()

    return all_of_it()


def _headers(view: VersionView, disk: Disk) -> dict[str, str]:
    return {
        "content-type": BINARY,
        "content-disposition": f'attachment; filename="{view.name}-{view.number}-{disk.lun}.{disk.format}"',
        "accept-ranges": "bytes",
        "etag": f'"{disk.root}"',
        "repr-digest": f"sha-256=:{base64.b64encode(bytes.fromhex(disk.sha256)).decode()}:",
    }


def _part(wanted: str | None, size: int) -> tuple[int, int] | None:
    """Begin and end of the one range asked for; None for all: what is no such range is left unheard (RFC 9110, 14.2).

    Raises:
        RefusedError: ``range_not_satisfiable``.
    """
    match = _RANGE.fullmatch(wanted or "")
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        begin, end = max(0, size - int(match[2])), size
    else:
        begin, end = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
        if match[2] and int(match[2]) < begin:
            return None
    if begin >= end:
        found = refuse("range_not_satisfiable", f"The disk has {size} bytes.")
        raise RefusedError(found.problem, {"content-range": f"bytes */{size}"})
    return begin, end


HANDLERS = (export_disk, describe_disk)
