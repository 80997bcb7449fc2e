"""Uploads at a pod's door: the gateway sends a file to the pod's incoming folder, in as many pieces as it takes.

``POST`` begins, ``HEAD`` tells how far it is, ``PATCH`` appends, ``DELETE`` forgets; ``/v1/uploads/<id>``. The ticket
says which file of which size it is, so nothing of the URL or of a header becomes a name. A refusal is a small JSON with
a code of `contracts.errors.CODES`.
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec
import structlog
from aiohttp import web

from connector.arriving import Hashed, Writer
from connector.backends import folders
from connector.backends.arrivals import Arrival, Arrivals
from connector.bodies import Expected, UploadRefused, expected_in, receive
from connector.failures import Refused, failure_of
from connector.transfer.entry import Denied, NotAdmittedError
from connector.transfer.server import Route
from contracts.errors import CODES
from runtime.upload_tickets import UploadTicket

PATH: Final = re.compile(r"/v1/uploads/([0-9a-f]{32})")
METHODS: Final = frozenset({"POST", "HEAD", "PATCH", "DELETE"})
WRITERS: Final = 8
"""Requests that may send at a time."""
SWEEP: Final = 3600.0
DAY: Final = 86_400.0
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")
Admit = Callable[[str, datetime], UploadTicket]
"""Token and time -> what it admits to. Raises NotAdmittedError."""

log = structlog.get_logger()


class Uploads:
    """The uploads of ``pod``; `routes` are for its door, in whose loop they run."""

    def __init__(self, arrivals: Arrivals, pod: str, admit: Admit) -> None:
        self._arrivals = arrivals
        self._pod = pod
        self._admit = admit
        self._busy: set[str] = set()
        self._hashed: dict[str, Hashed] = {}
        self._pool = ThreadPoolExecutor(WRITERS + 2, thread_name_prefix="upload")

    @property
    def routes(self) -> tuple[Route, ...]:
        return (Route(PATH, METHODS, self.handle),)

    async def __aenter__(self) -> "Uploads":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    async def expire(self, days: float) -> None:
        """Remove what nobody continued for ``days``, now and then; until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._arrivals.expire, days * DAY)
            except OSError as error:
                log.error("uploads_not_swept", error=str(error))
            await asyncio.sleep(SWEEP)

    async def handle(self, request: web.BaseRequest, match: re.Match[str], bearer: str | None) -> web.StreamResponse:
        """Answer one request. Raises Denied without a ticket for this upload."""
        ticket = self._ticket(request, match[1], bearer)
        try:
            match request.method:
                case "POST":
                    return await self._begin(request, ticket)
                case "HEAD":
                    return _standing(await self._find(ticket), 200)
                case "PATCH":
                    return await self._append(request, ticket)
                case _:
                    return await self._remove(ticket)
        except UploadRefused as error:
            log.info("upload_refused", upload=ticket.id, code=error.code, detail=error.detail)
            return error.response()
        except ConnectionError as error:
            log.info("upload_interrupted", upload=ticket.id, why=str(error))
            return web.Response(status=400)  # to nobody, most likely

    def _ticket(self, request: web.BaseRequest, id: str, bearer: str | None) -> UploadTicket:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise Denied(401, "no ticket", {"WWW-Authenticate": "Bearer"})
        try:
            ticket = self._admit(token, datetime.now(UTC))
        except NotAdmittedError as error:
            raise Denied(error.status, str(error)) from None
        if bearer is not None and bearer != ticket.bearer:
            raise Denied(403, f"the upload ticket of {ticket.bearer} in the hands of {bearer}")
        if ticket.pod != self._pod or ticket.id != id:
            raise Denied(403, f"the upload ticket is for {ticket.id} on {ticket.pod}")
        return ticket

    async def _begin(self, request: web.BaseRequest, ticket: UploadTicket) -> web.StreamResponse:
        if not folders.is_name(ticket.name):
            raise UploadRefused("bad_request", "A file's name has letters, digits and ._- only, and no dot first.")
        sha256 = request.headers.get("Imprint-Sha256")
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise UploadRefused("bad_request", "A SHA-256 is 64 lower-case hex digits.")
        with self._hold(ticket.id):
            found = await self._call(self._arrivals.begin, ticket.id, ticket.name, ticket.size, sha256)
            if not found.done and found.offset == found.size == 0:
                found = await self._call(self._finish_empty, found)
        log.info("upload_begun", upload=ticket.id, name=ticket.name, size=ticket.size, offset=found.offset)
        return _standing(found, 201)

    def _finish_empty(self, arrival: Arrival) -> Arrival:
        writer = Writer(self._arrivals, arrival, None)
        try:
            return writer.finish()
        finally:
            writer.close()

    async def _remove(self, ticket: UploadTicket) -> web.StreamResponse:
        with self._hold(ticket.id):
            await self._find(ticket)
            await self._call(self._arrivals.remove, ticket.id)
            self._hashed.pop(ticket.id, None)
        log.info("upload_removed", upload=ticket.id, name=ticket.name)
        return web.Response(status=204)

    async def _find(self, ticket: UploadTicket) -> Arrival:
        found = await self._call(self._arrivals.find, ticket.id)
        if found is None or (found.name, found.size) != (ticket.name, ticket.size):
            raise UploadRefused("upload_not_found", "The pod has no such upload.", "Begin a new one.")
        return found

    async def _append(self, request: web.BaseRequest, ticket: UploadTicket) -> web.StreamResponse:
        offset, expected = _offset(request), expected_in(request)
        with self._hold(ticket.id):
            if len(self._busy) > WRITERS:
                raise UploadRefused(
                    "busy", f"{WRITERS} uploads are sent to this pod already.", "Try again in a minute."
                )
            arrival = await self._find(ticket)
            if offset != arrival.offset:
                raise UploadRefused(
                    "upload_offset", f"It stands at {arrival.offset}.", "HEAD tells it too.", arrival.offset
                )
            length = request.content_length
            if length is not None and length > arrival.size - offset:
                detail = f"{arrival.size - offset} bytes are to come, the body has {length}."
                raise UploadRefused("body_too_large", detail, offset=offset)
            if arrival.done:
                return _standing(arrival, 204)
            if arrival.size - offset > await self._call(self._arrivals.free):
                raise UploadRefused("no_space", "The rest of the file does not fit on the pod.", offset=offset)
            arrival = await self._write(request, arrival, expected)
        return _standing(arrival, 204)

    async def _write(self, request: web.BaseRequest, arrival: Arrival, expected: Expected | None) -> Arrival:
        known = self._hashed.pop(arrival.id, None)
        writer = await self._call(Writer, self._arrivals, arrival, known, atomic=expected is not None)
        done = False
        try:
            try:
                await receive(request.content, writer, expected, self._call)
            except BaseException as error:
                # The sender went away, or the disk is full: what is here is kept. A body that is too long, or that was
                # to have a checksum, counts for nothing.
                whole = expected is not None or (isinstance(error, UploadRefused) and error.code == "body_too_large")
                await asyncio.shield(self._call(writer.undo if whole else writer.settle))
                raise
            if writer.left == 0:
                arrival, done = await self._call(writer.finish), True
                return arrival
            await self._call(writer.settle)
            return msgspec.structs.replace(arrival, offset=writer.offset)
        finally:
            if not done and (hashed := writer.hashed) is not None:
                self._hashed[arrival.id] = hashed  # also of what was cut: it is not read again for the rest
            await asyncio.shield(self._call(writer.close))

    def _hold(self, id: str) -> ExitStack:
        """This request's alone, for the length of a block."""
        if id in self._busy:
            raise UploadRefused("upload_busy", "Another request works on this upload.", "Try again when it has ended.")
        self._busy.add(id)
        stack = ExitStack()
        stack.callback(self._busy.discard, id)
        return stack

    async def _call(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """Do blocking work in a thread; its refusals and the errors of the disk become ours."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **named))
        except Refused as error:
            failure = error.failure
        except OSError as error:
            failure = failure_of(error, "upload")
            log.error("upload_failed", error=str(error))
        code = failure.code if failure.code in CODES else "no_space" if failure.code == "quota_exceeded" else "internal"
        raise UploadRefused(code, failure.text, failure.hint)


def _standing(arrival: Arrival, status: int) -> web.Response:
    headers = {"Upload-Offset": str(arrival.offset), "Upload-Length": str(arrival.size), "Cache-Control": "no-store"}
    if arrival.done:
        headers["Imprint-Sha256"] = arrival.done
    return web.Response(status=status, headers=headers)


def _offset(request: web.BaseRequest) -> int:
    text = request.headers.get("Upload-Offset", "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UploadRefused("bad_request", "Upload-Offset is missing, or is no number.")
    return int(text)
