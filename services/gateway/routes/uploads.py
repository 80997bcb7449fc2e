"""Uploads: a disk file from a client straight to a pod's incoming folder (tus 1.0.0, or plain PUT).

Nothing of it stays here: an upload's name says which pod, which file and which size, signed by the hub; how far it is,
the pod knows.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import h11
import msgspec
from litestar import HttpMethod, Request, Response, delete, patch, post, put, route
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, HeaderParameter, RawBody

from contracts.errors import CODES
from contracts.names import GATEWAY
from contracts.requests import AdmitUpload
from contracts.views import UploadGrantView
from gateway.answers import COMMON, READING, WRITING, Key, problems
from gateway.bodies import FileToUpload, read_value
from gateway.carrying import GoneError, coming
from gateway.door import Door, Services
from gateway.outbound import DoorError, Line
from gateway.problems import RefusedError, malformed, refuse
from gateway.shapes import Upload
from runtime.upload_tickets import TicketError, claimed

TUS = "1.0.0"
LARGEST = 2**46
"""Bytes of the largest file."""
APPENDING = "application/offset+octet-stream"
TAGS = ["uploads"]
AWAY = ("upload_not_found", "pod_not_found", "pod_offline", "busy")
SENDING = (
    "upload_offset", "upload_busy", "checksum_mismatch", "file_exists", "no_space", "upload_protocol",
    "body_too_large", "cross_origin", "unsupported_media_type", "request_timeout",
)  # fmt: skip
_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)")
_NUMBER = re.compile(r"[0-9]{1,15}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Resumable = Annotated[str | None, HeaderParameter(name="Tus-Resumable", max_length=16, description="1.0.0.")]
Length = Annotated[
    int | None, HeaderParameter(name="Upload-Length", ge=0, le=LARGEST, description="Bytes of the whole file.")
]
Metadata = Annotated[
    str | None,
    HeaderParameter(
        name="Upload-Metadata",
        max_length=2048,
        description="Instead of a body: `pod`, `name` and perhaps `sha256`, each with its value in base64.",
    ),
]
Offset = Annotated[
    int | None, HeaderParameter(name="Upload-Offset", ge=0, le=LARGEST, description="Where the body begins.")
]
Checksum = Annotated[
    str | None,
    HeaderParameter(name="Upload-Checksum", max_length=128, description="Of the body: `sha256` and base64, or `sha1`."),
]
Range = Annotated[
    str | None,
    HeaderParameter(
        name="Content-Range", max_length=64, description="`bytes first-last/size`; without it the body is all of it."
    ),
]


@route(
    "/v1/uploads",
    http_method=HttpMethod.OPTIONS,
    status_code=204,
    include_in_schema=False,
)
async def describe_uploads() -> Response[None]:
    """What of tus is spoken."""
    return Response(None, status_code=204, headers=_tus({
        "tus-version": TUS, "tus-extension": "creation,checksum,termination", "tus-max-size": str(LARGEST),
        "tus-checksum-algorithm": "sha1,sha256", "allow": "OPTIONS, POST",
    }))  # fmt: skip


@post(
    "/v1/uploads",
    operation_id="begin_upload",
    summary="Begin an upload",
    tags=TAGS,
    status_code=201,
    responses={
        201: ResponseSpec(data_container=Upload, description="The upload, at Location.", generate_examples=False),
        **problems(*COMMON, *WRITING, "pod_not_found", "pod_draining", "pod_offline", "upload_busy", "file_exists",
                   "no_space", "upload_protocol"),
    },
)  # fmt: skip
async def begin_upload(
    door: Services,
    request: Request[Any, Any, Any],
    body: RawBody,
    length: Length = None,
    metadata: Metadata = None,
    resumable: Resumable = None,
    key: Key = None,
) -> Response[bytes]:
    """Ask a pod to take a file. With the same Idempotency-Key the upload that was begun with it goes on."""
    _speaks(resumable)
    wanted = read_value(FileToUpload, _described(metadata) if metadata is not None and not body else _json(body))
    if length is None:
        raise refuse("bad_request", "Upload-Length is missing.", "Say how many bytes the whole file has.")
    asked = AdmitUpload(
        **door.command(request, key), pod=wanted.pod, name=wanted.name, size=length, upload=None, bearer=GATEWAY
    )
    grant = await door.ask(asked, UploadGrantView)
    if key is not None:  # it may be the answer to an earlier request: the ticket too old, the pod somewhere else
        again = AdmitUpload(
            **door.command(request, None), pod=wanted.pod, name=wanted.name, size=length, upload=grant.upload,
            bearer=GATEWAY,
        )  # fmt: skip
        grant = await door.ask(again, UploadGrantView)
    more = {} if wanted.sha256 is None else {"Imprint-Sha256": wanted.sha256}
    async with _at(door, grant) as line:
        view, headers = await _ask(line, grant, "POST", more)
    location = {"location": f"/v1/uploads/{grant.upload}"}
    return Response(
        msgspec.json.encode(view), status_code=201, media_type="application/json", headers=_tus(headers | location)
    )


@route(
    "/v1/uploads/{upload:str}",
    http_method=HttpMethod.HEAD,
    operation_id="get_upload_offset",
    summary="Ask how far an upload is",
    tags=TAGS,
    status_code=200,
    responses={
        200: ResponseSpec(data_container=None, description="How far it is, in Upload-Offset.", generate_examples=False),
        **problems(*COMMON, *READING, *AWAY, "upload_protocol"),
    },
)
async def get_upload_offset(
    door: Services, request: Request[Any, Any, Any], upload: FromPath[str], resumable: Resumable = None
) -> Response[None]:
    """Upload-Offset bytes are on the pod for good; with all of them comes the file's digest, in Repr-Digest."""
    _speaks(resumable, upload)
    grant = await _grant(door, request, upload)
    async with _at(door, grant) as line:
        _, headers = await _ask(line, grant, "HEAD", {})
    return Response(None, status_code=200, headers=_tus(headers))


@patch(
    "/v1/uploads/{upload:str}",
    operation_id="append_to_upload",
    summary="Append to an upload",
    tags=TAGS,
    status_code=204,
    responses={
        204: ResponseSpec(data_container=None, description="How far it is now.", generate_examples=False),
        **problems(*COMMON, *READING, *AWAY, *SENDING),
    },
)
async def append_to_upload(
    door: Services,
    request: Request[Any, Any, Any],
    upload: FromPath[str],
    offset: Offset = None,
    checksum: Checksum = None,
    resumable: Resumable = None,
) -> Response[None]:
    """Send the next bytes. After a connection that broke, ask how far it is and go on from there."""
    _speaks(resumable, upload)
    if request.headers.get("content-type") != APPENDING:
        raise refuse("unsupported_media_type", "The body is not declared as what it is.", f"Send {APPENDING}.")
    if offset is None:
        raise refuse("bad_request", "Upload-Offset is missing.", "HEAD tells where the upload stands.")
    more = {} if checksum is None else {"Upload-Checksum": checksum}
    _, headers = await _carry(door, request, upload, offset, more)
    return Response(None, status_code=204, headers=_tus(headers))


@put(
    "/v1/uploads/{upload:str}",
    operation_id="put_upload",
    summary="Send an upload",
    tags=TAGS,
    status_code=200,
    responses={
        200: ResponseSpec(data_container=Upload, description="How far it is now.", generate_examples=False),
        **problems(*COMMON, *READING, *AWAY, *SENDING),
    },
)
async def put_upload(
    door: Services, request: Request[Any, Any, Any], upload: FromPath[str], content_range: Range = None
) -> Response[bytes]:
    """Send all of the file, or with Content-Range the next part of it, as `curl -T` does."""
    size = _named(upload).size
    offset, length = 0, size
    if content_range is not None:
        match = _RANGE.fullmatch(content_range)
        if match is None or match[3] not in ("*", str(size)) or not int(match[1]) <= int(match[2]) < size:
            raise refuse(
                "bad_request", f"Content-Range is not `bytes first-last/{size}`.", "HEAD tells what is to come."
            )
        offset, length = int(match[1]), int(match[2]) + 1 - int(match[1])
    declared = request.headers.get("content-length")
    if declared is not None and declared != str(length):
        code = "body_too_large" if _NUMBER.fullmatch(declared) and int(declared) > length else "bad_request"
        raise refuse(code, f"The body is to have {length} bytes.", "Send the rest of a file with Content-Range.")
    view, headers = await _carry(door, request, upload, offset, {}, most=length)
    return Response(msgspec.json.encode(view), media_type="application/json", headers=_tus(headers))


@delete(
    "/v1/uploads/{upload:str}",
    operation_id="give_up_upload",
    summary="Give an upload up",
    tags=TAGS,
    status_code=204,
    responses={
        204: ResponseSpec(data_container=None, description="It is gone.", generate_examples=False),
        **problems(*COMMON, *READING, *AWAY, "cross_origin", "request_timeout", "body_too_large",
                   "unsupported_media_type", "upload_busy", "upload_protocol"),
    },
)  # fmt: skip
async def give_up_upload(
    door: Services, request: Request[Any, Any, Any], upload: FromPath[str], resumable: Resumable = None
) -> Response[None]:
    """Remove what arrived; also a complete file, as long as it is not being imported."""
    _speaks(resumable, upload)
    grant = await _grant(door, request, upload)
    async with _at(door, grant) as line:
        await _ask(line, grant, "DELETE", {})
    return Response(None, status_code=204, headers=_tus({}))


async def _carry(
    door: Door, request: Request[Any, Any, Any], upload: str, offset: int, more: Mapping[str, str], most: int = LARGEST
) -> tuple[Upload, dict[str, str]]:
    """Send the body, of ``most`` bytes at the most, on to the pod as it comes."""
    declared = request.headers.get("content-length")
    length = {"Transfer-Encoding": "chunked"} if declared is None else {"Content-Length": declared}
    grant = await _grant(door, request, upload)
    headers = {**length, **more, "Upload-Offset": str(offset), "Content-Type": APPENDING}
    try:
        async with door.transfers.one(), _at(door, grant) as line:
            return await _ask(line, grant, "PATCH", headers, _bounded(coming(request.receive), most))
    except GoneError as error:
        raise refuse("bad_request", f"The body ended early: {error}.", "HEAD tells how far it came.") from None


async def _bounded(body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    async for piece in body:
        most -= len(piece)
        if most < 0:
            raise refuse("body_too_large", "The body is longer than it was to be.")
        yield piece


async def _grant(door: Door, request: Request[Any, Any, Any], upload: str) -> UploadGrantView:
    found = _named(upload)
    asked = AdmitUpload(
        **door.command(request, None), pod=found.pod, name=found.name, size=found.size, upload=upload, bearer=GATEWAY
    )
    return await door.ask(asked, UploadGrantView)


@asynccontextmanager
async def _at(door: Door, grant: UploadGrantView) -> AsyncIterator[Line]:
    try:
        async with door.transfers.doors.line(grant.pod, grant.address) as line:
            yield line
    except DoorError as error:
        raise refuse("unavailable", f"The door of pod {grant.pod} fails: {error}.", "Go on with the upload.") from None


async def _ask(
    line: Line,
    grant: UploadGrantView,
    method: str,
    headers: Mapping[str, str],
    body: AsyncIterator[bytes] | None = None,
) -> tuple[Upload, dict[str, str]]:
    """How the upload stands after the request, as a view and as headers. Raises RefusedError, DoorError."""
    named = claimed(grant.upload)
    admitted = {"Authorization": f"Bearer {grant.ticket}", **headers}
    if body is None and method == "POST":
        admitted["Content-Length"] = "0"
    answer = await line.ask(method, f"/v1/uploads/{named.id}", admitted, body)
    found = {name.decode().lower(): value.decode("latin-1") for name, value in answer.headers}
    if answer.status_code >= 400:
        raise await _refusal(line, answer, found, method)
    said: dict[str, str] = {name: found[name] for name in ("upload-offset", "upload-length") if name in found}
    sha256 = found.get("imprint-sha256")
    if not all(map(_NUMBER.fullmatch, said.values())) or not (sha256 is None or _SHA256.fullmatch(sha256)):
        raise DoorError("its answer makes no sense")
    if sha256 is not None:
        said["repr-digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    view = Upload(
        upload=grant.upload, pod=named.pod, name=named.name, size=named.size,
        offset=int(found.get("upload-offset", 0)), sha256=sha256,
    )  # fmt: skip
    return view, said


async def _refusal(line: Line, answer: h11.Response, headers: Mapping[str, str], method: str) -> RefusedError:
    """What the pod's door said, as ours."""
    detail, hint, code = f"The pod's door answered {answer.status_code}.", "Go on with the upload later.", "unavailable"
    if method == "HEAD" and answer.status_code == 404:
        detail, hint, code = "The pod has no such upload.", "Begin a new one.", "upload_not_found"
    elif method != "HEAD" and headers.get("content-type", "").startswith("application/json"):
        try:
            said = msgspec.json.decode(await line.whole(4096), type=dict[str, str])
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = {}
        if said.get("code") in CODES:
            code, detail, hint = said["code"], said.get("detail", ""), said.get("hint", "")
    offset = headers.get("upload-offset")
    if offset is not None and not _NUMBER.fullmatch(offset):
        offset = None
    refused = refuse(code, detail, hint, **({} if offset is None else {"offset": int(offset)}))
    return RefusedError(refused.problem, _tus({} if offset is None else {"upload-offset": offset}))


def _named(upload: str) -> Any:
    try:
        return claimed(upload)
    except TicketError:
        raise refuse("upload_not_found", "The path names no upload.", "POST /v1/uploads begins one.") from None


def _speaks(resumable: str | None, upload: str | None = None) -> None:
    """Look at what is named first, then at the version of tus."""
    if upload is not None:
        _named(upload)
    if resumable is not None and resumable != TUS:
        found = refuse("upload_protocol", f"This version of tus is not spoken, {TUS} is.")
        raise RefusedError(found.problem, _tus({"tus-version": TUS}))


def _tus(headers: Mapping[str, str]) -> dict[str, str]:
    return {"tus-resumable": TUS, **headers}


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed() from None


def _described(metadata: str) -> dict[str, str]:
    """The pairs of an Upload-Metadata header; those that are not ours are left out, as `filetype` of some clients."""
    found = {}
    for pair in metadata.split(","):
        name, _, value = pair.strip().partition(" ")
        name = {"filename": "name"}.get(name, name)
        try:
            if name in ("pod", "name", "sha256"):
                found[name] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise refuse("bad_request", f"The value of {name} in Upload-Metadata is not base64.") from None
    return found


HANDLERS = (describe_uploads, begin_upload, get_upload_offset, append_to_upload, put_upload, give_up_upload)
