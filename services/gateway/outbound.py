"""The gateway's way through pods' doors: HTTP/1.1 with streamed bodies in both directions, nothing kept.

What is sent waits for the pod to take it, what is received for the client: no body is ever here as a whole.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import h11
import structlog

from contracts.names import door_host

CONNECT = 5.0
"""Seconds to connect and shake hands."""
SILENCE = 60.0
"""Seconds without a byte, or in which none is taken, after which a pod counts as gone."""
READ = 256 * 1024
HEAD = 16 * 1024

Stamp = tuple[tuple[int, int, int], ...]

log = structlog.get_logger()


class DoorError(Exception):
    """A pod's door cannot be reached, broke off, or did not speak HTTP."""


class Identity:
    """The gateway's certificate: certificate, key and authority, read again when they change."""

    def __init__(self, certificate: Path, key: Path, authority: Path) -> None:
        self._files = (certificate, key, authority)
        self._stamp, self._context = self._read()

    def client(self) -> ssl.SSLContext:
        """For a connection to a door; what is in the files is taken when it fits together, else what was before."""
        try:
            if self._look() != self._stamp:
                self._stamp, self._context = self._read()
        except OSError as error:  # an SSLError is one
            log.error("identity_not_renewed", error=str(error))
        return self._context

    def _look(self) -> Stamp:
        stats = [path.stat() for path in self._files]
        return tuple((stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in stats)

    def _read(self) -> tuple[Stamp, ssl.SSLContext]:
        certificate, key, authority = self._files
        stamp = self._look()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key, password=_no_password)
        context.load_verify_locations(authority)
        return stamp, context


def _no_password() -> str:
    """Instead of a prompt on the terminal, which would hang the gateway."""
    raise OSError("the private key has a password")


class Line:
    """A connection to a pod's door, for one request after the other. Every method raises DoorError."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD)

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: AsyncIterator[bytes] | None = None
    ) -> h11.Response:
        """Send a request; the head of its answer, which may come before all of the body is sent.

        An error that ``body`` raises is raised here.
        """
        if self._http.our_state is h11.DONE:
            with self._broken():
                self._http.start_next_cycle()
        named = {"Host": self._host, **headers}
        with self._broken():
            await self._send(h11.Request(method=method, target=path, headers=list(named.items())))
        answering = asyncio.create_task(self._answer())
        sending = asyncio.create_task(self._body(body))
        try:
            await asyncio.wait({answering, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and (error := sending.exception()) is not None:
                if isinstance(error, DoorError):
                    # It may have said why before it hung up.
                    with suppress(DoorError):
                        return await answering
                raise error
            return await answering
        finally:
            for task in (answering, sending):
                task.cancel()
            await asyncio.gather(answering, sending, return_exceptions=True)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body of the answer."""
        while True:
            event = await self._next()
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return
            else:
                raise DoorError("its answer ended early")

    async def whole(self, most: int) -> bytes:
        """The body of the answer; more than ``most`` bytes are an error."""
        found = bytearray()
        async for piece in self.pieces():
            found += piece
            if len(found) > most:
                raise DoorError("its answer is too long")
        return bytes(found)

    async def close(self) -> None:
        """Hang up at once: what was not taken by now is not wanted."""
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _body(self, body: AsyncIterator[bytes] | None) -> None:
        if body is not None:
            async for piece in body:
                with self._broken():
                    await self._send(h11.Data(data=piece))
        with self._broken():
            await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.Event) -> None:
        for data in self._http.send_with_data_passthrough(event) or ():
            if data:
                self._writer.write(data)
        async with asyncio.timeout(SILENCE):
            await self._writer.drain()

    async def _answer(self) -> h11.Response:
        while True:
            # Nobody says when: a pod that makes a large upload durable takes its time.
            event = await self._next(patience=10 * SILENCE)
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise DoorError("it hung up")

    async def _next(self, patience: float = SILENCE) -> object:
        with self._broken():
            while (event := self._http.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(patience):
                    self._http.receive_data(await self._reader.read(READ))
            return event

    def _broken(self) -> "_Broken":
        return _Broken()


class _Broken:
    """What goes wrong on the line within the block is a DoorError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, TimeoutError):
            raise DoorError("it is silent") from None
        if isinstance(error, OSError | h11.ProtocolError):
            raise DoorError(str(error) or type(error).__name__) from None


class Doors:
    """The doors of all pods. With an ``identity`` they are HTTPS, and each must prove to be the pod that is meant."""

    def __init__(self, identity: Identity | None = None) -> None:
        self._identity = identity

    @asynccontextmanager
    async def line(self, pod: str, address: str) -> AsyncIterator[Line]:
        """A connection to the door of ``pod`` for the length of a block. Raises DoorError."""
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise DoorError("its address is none") from None
        secure = parts.scheme == "https"
        if secure and self._identity is None:
            raise DoorError("it asks for a certificate, and the gateway has none")
        if self._identity is not None and not secure:
            # Whoever says so may be anybody, and gets neither a ticket nor a file.
            raise DoorError("it has no certificate to show")
        context = self._identity.client() if self._identity is not None else None
        port = port or (443 if secure else 80)
        with _Broken():
            async with asyncio.timeout(CONNECT):
                reader, writer = await asyncio.open_connection(
                    host, port, limit=READ, ssl=context, server_hostname=door_host(pod) if context else None
                )
        line = Line(parts.netloc, reader, writer)
        try:
            yield line
        finally:
            await line.close()
