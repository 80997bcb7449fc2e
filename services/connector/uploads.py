"""Uploads at a pod's door: the gateway sends a file to the pod's incoming folder, in as many pieces as it takes.

``POST`` begins, ``HEAD`` tells how far it is, ``PATCH`` appends, ``DELETE`` forgets; ``/v1/uploads/<id>``. The ticket
says which file of which size it is, so nothing of the URL or of a header becomes a name. A refusal is a small JSON with
a code of `contracts.errors.CODES`.
"""

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec
import structlog
from aiohttp import web

from connector.arriving import Hashed, Writer, checksum
from connector.backends import folders
from connector.backends.arrivals import Arrival, Arrivals
from connector.failures import Refused, failure_of
from connector.transfer.chunks import ALIGN, buffer
from connector.transfer.entry import Denied, NotAdmittedError
from connector.transfer.server import Route
from contracts.errors import CODES
from runtime.upload_tickets import UploadTicket

PATH: Final = re.compile(r"/v1/uploads/([0-9a-f]{32})")
METHODS: Final = frozenset({"POST", "HEAD", "PATCH", "DELETE"})
PIECE: Final = 2 * 1024 * 1024
"""Bytes of a buffer; each request has two, so that one fills while the other is hashed and written."""
WRITERS: Final = 8
"""Requests that may send at a time."""
SILENCE: Final = 60.0
"""Seconds without a byte after which a sender counts as gone."""
LEAST: Final = 1024
"""Bytes a second, over so long, below which one that drips does: it would hold its place for ever."""
SWEEP: Final = 3600.0
DAY: Final = 86_400.0
_SHA256: Final = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")
Admit = Callable[[str, datetime], UploadTicket]
"""Token and time -> what it admits to. Raises NotAdmittedError."""

log = structlog.get_logger()


class _Refusal(Exception):  # noqa: N818
    def __init__(self, code: str, detail: str, hint: str = "", offset: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.hint, self.offset = code, detail, hint, offset

    def response(self) -> web.Response:
        headers = {} if self.offset is None else {"Upload-Offset": str(self.offset)}
        body = msgspec.json.encode({"code": self.code, "detail": self.detail, "hint": self.hint})
        status = CODES[self.code][0]
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)


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
        except _Refusal as error:
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
            raise _Refusal("bad_request", "A file's name has letters, digits and ._- only, and no dot first.")
        sha256 = request.headers.get("Imprint-Sha256")
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise _Refusal("bad_request", "A SHA-256 is 64 lower-case hex digits.")
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
            raise _Refusal("upload_not_found", "The pod has no such upload.", "Begin a new one.")
        return found

    async def _append(self, request: web.BaseRequest, ticket: UploadTicket) -> web.StreamResponse:
        offset, expected = _offset(request), _expected(request)
        with self._hold(ticket.id):
            if len(self._busy) > WRITERS:
                raise _Refusal("busy", f"{WRITERS} uploads are sent to this pod already.", "Try again in a minute.")
            arrival = await self._find(ticket)
            if offset != arrival.offset:
                raise _Refusal("upload_offset", f"It stands at {arrival.offset}.", "HEAD tells it too.", arrival.offset)
            length = request.content_length
            if length is not None and length > arrival.size - offset:
                detail = f"{arrival.size - offset} bytes are to come, the body has {length}."
                raise _Refusal("body_too_large", detail, offset=offset)
            if arrival.done:
                return _standing(arrival, 204)
            if arrival.size - offset > await self._call(self._arrivals.free):
                raise _Refusal("no_space", "The rest of the file does not fit on the pod.", offset=offset)
            arrival = await self._write(request, arrival, expected)
        return _standing(arrival, 204)

    async def _write(self, request: web.BaseRequest, arrival: Arrival, expected: "_Expected | None") -> Arrival:
        known = self._hashed.pop(arrival.id, None)
        writer = await self._call(Writer, self._arrivals, arrival, known, atomic=expected is not None)
        done = False
        try:
            try:
                await self._receive(request.content, writer, expected)
            except BaseException as error:
                # The sender went away, or the disk is full: what is here is kept. A body that is too long, or that was
                # to have a checksum, counts for nothing.
                whole = expected is not None or (isinstance(error, _Refusal) and error.code == "body_too_large")
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

    async def _receive(self, content: Any, writer: Writer, expected: "_Expected | None") -> None:
        """The body into the file. Two buffers take turns; the sender waits while both are full."""
        limit, turn, filled = writer.left, 0, 0
        # The first piece ends on a block of the file, so that the others begin on one.
        room = PIECE - writer.offset % ALIGN
        broken: ConnectionError | None = None
        writing: asyncio.Task[None] | None = None
        with ExitStack() as memory:
            buffers = [memory.enter_context(buffer(PIECE)) for _ in range(2)]
            try:
                async for data in _pieces(content):
                    limit -= len(data)
                    if limit < 0:
                        raise _Refusal("body_too_large", "The body is longer than what was to come.")
                    if expected is not None:
                        expected.hash.update(data)
                    view = memoryview(data)
                    while view:
                        some = min(len(view), room - filled)
                        buffers[turn][filled : filled + some] = view[:some]
                        view, filled = view[some:], filled + some
                        if filled == room:
                            if writing is not None:
                                await asyncio.shield(writing)  # it goes on in its thread, whatever becomes of us
                            writing = asyncio.create_task(self._call(writer.write, buffers[turn][:filled]))
                            turn, filled, room = 1 - turn, 0, PIECE
            except ConnectionError as error:
                broken = error
            finally:
                if writing is not None:  # it uses the memory; a failure of it is raised below
                    await asyncio.wait({writing})
            if writing is not None:
                writing.result()
            if filled:
                await self._call(writer.write, buffers[turn][:filled])
        if broken is not None:
            raise broken
        if expected is not None and expected.hash.digest() != expected.digest:
            raise _Refusal("checksum_mismatch", "The body does not have its checksum.", "Send it again.")

    def _hold(self, id: str) -> ExitStack:
        """This request's alone, for the length of a block."""
        if id in self._busy:
            raise _Refusal("upload_busy", "Another request works on this upload.", "Try again when it has ended.")
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
        raise _Refusal(code, failure.text, failure.hint)


class _Expected:
    """The checksum of a request's body."""

    def __init__(self, hash: Any, digest: bytes) -> None:
        self.hash, self.digest = hash, digest


async def _pieces(content: Any) -> AsyncIterator[bytes]:
    """A body as it comes. Raises ConnectionError when the sender is gone before its end."""
    clock, came, waited = asyncio.get_running_loop().time, 0, 0.0
    try:
        while True:
            begun = clock()
            async with asyncio.timeout(SILENCE):
                data: bytes = await content.readany()
            if not data:
                return
            came, waited = came + len(data), waited + clock() - begun
            if waited > SILENCE:
                if came < LEAST * waited:
                    raise ConnectionResetError("the sender drips")
                came, waited = 0, 0.0
            yield data
    except TimeoutError:
        raise ConnectionResetError("the sender is silent") from None
    except web.RequestPayloadError:
        raise ConnectionResetError("the sender left") from None


def _standing(arrival: Arrival, status: int) -> web.Response:
    headers = {"Upload-Offset": str(arrival.offset), "Upload-Length": str(arrival.size), "Cache-Control": "no-store"}
    if arrival.done:
        headers["Imprint-Sha256"] = arrival.done
    return web.Response(status=status, headers=headers)


def _offset(request: web.BaseRequest) -> int:
    text = request.headers.get("Upload-Offset", "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise _Refusal("bad_request", "Upload-Offset is missing, or is no number.")
    return int(text)


def _expected(request: web.BaseRequest) -> _Expected | None:
    header = request.headers.get("Upload-Checksum")
    if header is None:
        return None
    name, _, text = header.partition(" ")
    hash = checksum(name)
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        digest = b""
    if hash is None or len(digest) != hash.digest_size:
        raise _Refusal("bad_request", "Upload-Checksum is `sha1` or `sha256`, a space, and the digest in base64.")
    return _Expected(hash, digest)
