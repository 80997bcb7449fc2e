"""The body of a request that sends a part of an upload: checked, and written while its next piece comes."""

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Coroutine
from contextlib import ExitStack
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from connector.arriving import Writer, checksum
from connector.transfer.chunks import ALIGN, buffer
from contracts.errors import CODES

PIECE: Final = 2 * 1024 * 1024
"""Bytes of a buffer; each request has two, so that one fills while the other is hashed and written."""
SILENCE: Final = 60.0
"""Seconds without a byte after which a sender counts as gone."""
LEAST: Final = 1024
"""Bytes a second, over so long, below which one that drips does: it would hold its place for ever."""


class Call(Protocol):
    """Do blocking work in a thread."""

    def __call__(self, work: Any, /, *args: Any, **named: Any) -> Coroutine[Any, Any, Any]: ...


class UploadRefused(Exception):  # noqa: N818
    """A request cannot be carried out: a code of `contracts.errors.CODES`, and where the upload stands."""

    def __init__(self, code: str, detail: str, hint: str = "", offset: int | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.hint, self.offset = code, detail, hint, offset

    def response(self) -> web.Response:
        headers = {} if self.offset is None else {"Upload-Offset": str(self.offset)}
        body = msgspec.json.encode({"code": self.code, "detail": self.detail, "hint": self.hint})
        status = CODES[self.code][0]
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)


class Expected:
    """The checksum of a request's body."""

    def __init__(self, hash: Any, digest: bytes) -> None:
        self.hash, self.digest = hash, digest


async def receive(content: Any, writer: Writer, expected: Expected | None, call: Call) -> None:
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
                    raise UploadRefused("body_too_large", "The body is longer than what was to come.")
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
                        writing = asyncio.create_task(call(writer.write, buffers[turn][:filled]))
                        turn, filled, room = 1 - turn, 0, PIECE
        except ConnectionError as error:
            broken = error
        finally:
            if writing is not None:  # it uses the memory; a failure of it is raised below
                await asyncio.wait({writing})
        if writing is not None:
            writing.result()
        if filled:
            await call(writer.write, buffers[turn][:filled])
    if broken is not None:
        raise broken
    if expected is not None and expected.hash.digest() != expected.digest:
        raise UploadRefused("checksum_mismatch", "The body does not have its checksum.", "Send it again.")


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


def expected_in(request: web.BaseRequest) -> Expected | None:
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
        raise UploadRefused("bad_request", "Upload-Checksum is `sha1` or `sha256`, a space, and the digest in base64.")
    return Expected(hash, digest)
