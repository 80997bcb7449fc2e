"""One POST to a receiver: looked up once, every address checked, and connected to exactly what was checked.

Not through an HTTP library: those look names up themselves, follow redirects, keep connections to addresses that were
checked long ago, and are several times this service's size in memory.
"""

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import h11

from notifier.domain.address import Address, Network, UnusableError, parse, refusal

MOST_BODY = 4 * 1024
"""Bytes of a response's body that are read before the connection is dropped."""
MOST_HEAD = 16 * 1024
LOOKUPS = 32
"""Names looked up at once; a name server that keeps us waiting must not hold up others' deliveries."""


class PostError(Exception):
    """There was no response; the text is for the webhook's owner."""


@dataclass
class Poster:
    """Posts within ``timeout`` seconds all in all. ``authority_file`` names authorities beside the system's."""

    networks: Sequence[Network] = ()
    timeout: float = 10.0
    authority_file: str = ""
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(LOOKUPS, "lookup"))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.authority_file:
            context.load_verify_locations(Path(self.authority_file))
        return context

    def close(self) -> None:
        """Wait for no look-up that is still under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> int:
        """The status of the response, whatever it is: redirects are not followed.

        Raises:
            PostError: there is no response, or nothing may be posted there.
        """
        try:
            async with asyncio.timeout(self.timeout):
                address = parse(url)
                reader, writer = await self._connect(address, await self._look_up(address))
                try:
                    return await _exchange(reader, writer, address, content, headers)
                finally:
                    writer.transport.abort()
        except TimeoutError:
            raise PostError(f"no answer within {self.timeout:g} s") from None
        except UnusableError as error:
            raise PostError(str(error)) from None
        except h11.RemoteProtocolError as error:
            raise PostError(f"the answer is not HTTP: {error}") from None
        except OSError as error:  # ssl.SSLError and socket.gaierror among them
            raise PostError(f"no connection: {error.strerror or error}") from None

    async def _look_up(self, address: Address) -> list[str]:
        """The addresses behind a host, all of which may be posted to."""
        if address.literal:
            found = [address.host]
        else:
            loop = asyncio.get_running_loop()
            rows = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            )
            found = list(dict.fromkeys(str(row[4][0]) for row in rows))
        for one in found:
            if reason := refusal(one, self.networks):
                raise UnusableError(reason)
        return found

    async def _connect(
        self, address: Address, hosts: Sequence[str]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the first of ``hosts`` that takes one; the certificate must bear the name in the URL."""
        tls = {"ssl": self._tls, "server_hostname": address.host} if address.scheme == "https" else {}
        for number, host in enumerate(hosts, 1):
            try:
                return await asyncio.open_connection(host, address.port, limit=MOST_HEAD, **tls)  # type: ignore[arg-type]
            except ssl.SSLError:
                raise
            except OSError:
                if number == len(hosts):
                    raise
        raise UnusableError("the name has no address")


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    address: Address,
    content: bytes,
    headers: Mapping[str, str],
) -> int:
    """Send the request and read the response's head and a little of its body, so that a receiver can send it off."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MOST_HEAD)
    request = h11.Request(
        method="POST",
        target=address.path,
        headers=[
            ("host", address.authority),
            ("user-agent", "imprint"),
            ("content-type", "application/json"),
            ("content-length", str(len(content))),
            ("connection", "close"),
            *headers.items(),
        ],
    )
    for event in (request, h11.Data(data=content), h11.EndOfMessage()):
        writer.write(http.send(event) or b"")
    await writer.drain()
    status: int | None = None
    read = 0
    while True:
        found = http.next_event()
        if found is h11.NEED_DATA:
            data = await reader.read(MOST_BODY)
            http.receive_data(data)
            read += len(data) if status is not None else 0
        elif isinstance(found, h11.Response):
            status = found.status_code
        elif isinstance(found, h11.InformationalResponse):
            continue
        if status is not None and (read > MOST_BODY or isinstance(found, h11.EndOfMessage | h11.ConnectionClosed)):
            return status
