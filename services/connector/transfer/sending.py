"""Bytes of a file on their way to a reader, a piece at a time, so that a slow one costs little and is noticed.

Without TLS the kernel sends the file. With TLS each piece is read, encrypted and handed to the kernel whole before the
next is read: a reader that stands still holds one piece of memory.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from connector.transfer.callers import Caller, abort

PIECE: Final = 1024 * 1024
ENCRYPTED: Final = 128 * 1024
"""Bytes of a piece with TLS: larger ones are no faster, and one is held for each slow reader."""
CROWD: Final = 16
"""Readers, with each so many of whom a piece with TLS becomes smaller: 500 stay cheap, a few are served fast."""
FIRST: Final = 64 * 1024
"""Bytes of the first piece where there is a limit; the next are larger while it does not bind."""
SMALLEST: Final = 16 * 1024
BRISK: Final = 0.25
SLUGGISH: Final = 1.0
"""Seconds of a piece's delay by the limit, below and above which the next one is larger and smaller: a reader must not
take a pause for the end."""
STALL: Final = 15.0
"""Seconds without a byte taken after which a reader is cut, whoever waits."""
LEAST: Final = 4 * 1024
"""Bytes a second that a reader must take, whoever waits."""
UNSENT: Final = 512 * 1024
"""Bytes that the kernel keeps for a reader beyond what is on its way."""


class Throttle(Protocol):
    """A limit on bytes a second."""

    def delay(self, size: int) -> float:
        """Take ``size`` bytes; the seconds after which they are due."""


class Gate:
    """Open while the kernel has taken everything that was written; `lost` opens it for good."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._lost = False

    def pause(self) -> None:
        if not self._lost:
            self._open.clear()

    def resume(self) -> None:
        self._open.set()

    def lost(self) -> None:
        self._lost = True
        self._open.set()

    async def wait(self) -> None:
        """Others have their turn first. Raises ConnectionResetError when the connection is lost."""
        await asyncio.sleep(0)
        await self._open.wait()
        if self._lost:
            raise ConnectionResetError("the other side left")


class Sender:
    """Sends one answer over ``transport``, whose ``gate`` closes while anything written waits for the kernel.

    ``readers`` is how many are served at this time. Its methods raise ConnectionError when the reader left or did not
    take the bytes.
    """

    def __init__(
        self, transport: asyncio.WriteTransport, gate: Gate, caller: Caller, throttle: Throttle | None, readers: int
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._caller = caller
        self._throttle = throttle
        self._loop = asyncio.get_running_loop()
        self._encrypted = transport.get_extra_info("sslcontext") is not None
        self._largest = max(ENCRYPTED // (1 + readers // CROWD), SMALLEST) if self._encrypted else PIECE
        self._size = self._largest if throttle is None else min(FIRST, self._largest)

    async def file(self, fd: int, begin: int, end: int) -> None:
        """Send a range of a file. Raises OSError when it ends early; the connection is cut then."""
        at = begin
        if self._encrypted:
            os.posix_fadvise(fd, begin, end - begin, os.POSIX_FADV_WILLNEED)
            while at < end:
                size = min(self._size, end - at)
                async with self._piece(size):
                    size = self._encrypt(fd, size, at)
                    await self._gate.wait()
                self._check(size)
                at += size
            return
        with os.fdopen(fd, "rb", closefd=False) as file:
            while at < end:
                size = min(self._size, end - at)
                async with self._piece(size):
                    size = await self._loop.sendfile(self._transport, file, at, size)
                self._check(size)
                at += size

    async def memory(self, view: memoryview) -> None:
        """Send bytes that are in memory."""
        at = 0
        while at < len(view):
            size = min(self._size, len(view) - at)
            async with self._piece(size):
                self._transport.write(view[at : at + size])
                await self._gate.wait()
            at += size

    def _encrypt(self, fd: int, size: int, at: int) -> int:
        """Bytes read and written; the plain ones are gone when it returns, and not kept for a slow reader."""
        piece = os.pread(fd, size, at)
        self._transport.write(piece)
        return len(piece)

    def _check(self, size: int) -> None:
        if not size:
            abort(self._transport)  # the length is promised: only a cut says that this is not it
            raise OSError("the file ends early")

    @asynccontextmanager
    async def _piece(self, size: int) -> AsyncIterator[None]:
        """Around the sending of a piece: as fast as is allowed, and only as long as anybody takes it."""
        if self._throttle is not None:
            delay = self._throttle.delay(size)
            if delay > SLUGGISH:
                self._size = max(self._size // 2, SMALLEST)
            elif delay < BRISK:
                self._size = min(self._size * 2, self._largest)
            if delay > 0:
                await asyncio.sleep(delay)
        self._caller.taking.begin(self._loop.time())
        try:
            async with asyncio.timeout(STALL + size / LEAST) as self._caller.sending:
                yield
        except TimeoutError:
            abort(self._transport)
            raise ConnectionResetError("the answer was not taken in time") from None
        finally:
            self._caller.sending = None
            self._caller.taking.end(size, self._loop.time())
