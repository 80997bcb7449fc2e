"""One POST, and what a hostile receiver or name server makes of it (reliability F18): only what may be is reached."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from harness.certificates import TestAuthority
from hooks.receiver import receiving
from notifier.posting import Poster, PostError

HERE = (ip_network("127.0.0.1/32"),)
BODY = b'{"id":"1"}'
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """A name server: host -> what it answers at each look-up; the last answer stays."""
    table: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host not in table:
            return real(host, port, *rest, **more)
        answers = table[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return table


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """A server that speaks whatever ``serve`` does; its port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            return
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/",
                                 "http://[::ffff:127.0.0.1]:{port}/", "http://0.0.0.0:{port}/"])  # fmt: skip
async def test_this_machine_is_not_reached_by_any_of_its_names(url: str) -> None:
    async with receiving() as receiver:
        with pytest.raises(PostError, match="not an address of the public internet"):
            await Poster().post(url.format(port=receiver.port), BODY, {})
        assert receiver.knocks == 0


async def test_a_name_with_one_forbidden_address_among_its_addresses_is_not_posted_to(
    names: dict[str, list[list[str]]],
) -> None:
    async with receiving() as receiver:
        names["mixed.example"] = [["127.0.0.1", "169.254.169.254"]]
        with pytest.raises(PostError, match=r"169\.254\.169\.254"):
            await Poster(HERE).post(receiver.url("mixed.example"), BODY, {})
        assert receiver.knocks == 0


async def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_checked(
    names: dict[str, list[list[str]]],
) -> None:
    async with receiving() as receiver:
        names["rebinds.example"] = [["127.0.0.1"], ["127.0.0.2"]]
        assert await Poster(HERE).post(receiver.url("rebinds.example"), BODY, {}) == 200
        ((headers, body),) = receiver.got
        assert (headers["host"], body) == (f"rebinds.example:{receiver.port}", BODY)
        with pytest.raises(PostError, match=r"127\.0\.0\.2"):
            await Poster(HERE).post(receiver.url("rebinds.example"), BODY, {})


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with receiving() as inner:
        async with receiving(usual=307, headers={"location": inner.url()}) as receiver:
            assert await Poster(HERE).post(receiver.url(), BODY, {}) == 307
        assert inner.knocks == 0


async def test_the_second_address_of_a_name_is_tried_when_the_first_takes_no_connection(
    names: dict[str, list[list[str]]],
) -> None:
    async with receiving() as receiver:
        names["two.example"] = [["127.0.0.9", "127.0.0.1"]]
        assert await Poster((ip_network("127.0.0.0/8"),)).post(receiver.url("two.example"), BODY, {}) == 200


async def test_over_tls_the_certificate_must_bear_the_name(names: dict[str, list[list[str]]], tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path)
    certificate, key = authority.files("hooks.example")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    names["hooks.example"] = names["other.example"] = [["127.0.0.1"]]
    async with receiving(tls=context) as receiver:
        poster = Poster(HERE, authority_file=str(authority.path))
        assert await poster.post(receiver.url("hooks.example", "https"), BODY, {}) == 200
        with pytest.raises(PostError, match="certificate"):
            await poster.post(receiver.url("other.example", "https"), BODY, {})
        with pytest.raises(PostError, match="certificate"):
            await Poster(HERE).post(receiver.url("hooks.example", "https"), BODY, {})
        assert receiver.knocks == 1


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    sent = 0

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(BODY)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async with serving(drip) as port:
        assert await Poster(HERE).post(f"http://127.0.0.1:{port}/", BODY, {}) == 200
    assert sent < 64 * 1024 * 1024


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def _dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(BODY)
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    await writer.drain()
    await reader.read(-1)


async def _head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(BODY)
    writer.write(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n")
    await writer.drain()
    await reader.read(-1)


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(BODY)


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (_silence, "no answer within"),
        (_dribble, "no answer within"),
        (_noise, "not HTTP"),
        (_head, "not HTTP"),
        (_hang_up, "not HTTP|no connection"),
    ],
)
async def test_what_is_no_answer_is_a_failed_attempt_and_ends_in_time(serve: Serve, reason: str) -> None:
    async with serving(serve) as port:
        with pytest.raises(PostError, match=reason):
            await Poster(HERE, timeout=0.5).post(f"http://127.0.0.1:{port}/", BODY, {})


async def test_a_name_server_that_keeps_us_waiting_costs_only_this_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    free = threading.Event()
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if host == "slow.example":
            free.wait(30)
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    poster = Poster(HERE, timeout=0.3)
    async with receiving() as receiver:
        with pytest.raises(PostError, match="no answer within"):
            await poster.post("http://slow.example/", BODY, {})
        assert await poster.post(receiver.url(), BODY, {}) == 200
    free.set()
    poster.close()


async def test_nobody_there_is_a_failed_attempt() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(PostError, match="no connection"):
            await Poster(HERE).post(f"http://127.0.0.1:{probe.getsockname()[1]}/", BODY, {})
