"""What every request passes first: host, origin, size, time, and the number of connections; over plain sockets."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from api.backend import TOKEN, Backend
from api.house import client_of
from api.listening import listen, speaker
from gateway.edge import BODY
from gateway.server import Gateway, gateway
from gateway.settings import GatewaySettings

BEARER = f"Authorization: Bearer {TOKEN}\r\n".encode()


@asynccontextmanager
async def connection(door: Gateway) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A plain connection to the door."""
    address = urlsplit(door.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def talk(door: Gateway, request: bytes) -> bytes:
    """What the door says to ``request`` until it closes or is done."""
    async with connection(door) as (reader, writer):
        writer.write(request)
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            return head + await reader.readexactly(int(length.partition(b":")[2]))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:80", "[::1]:8080"])
async def test_the_door_answers_to_its_own_names(http: httpx.AsyncClient, host: str) -> None:
    assert (await http.get("/v1/pods", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "localhost.", "a@localhost"]
)
async def test_a_page_whose_name_was_made_to_resolve_here_gets_nothing(
    http: httpx.AsyncClient, services: Backend, host: str
) -> None:
    response = await http.get("/v1/pods", headers={"host": host})
    assert (response.status_code, response.json()["code"]) == (403, "host_not_allowed")
    assert services.asked == []


async def test_more_names_can_be_allowed(services: Backend, settings: GatewaySettings) -> None:
    named = msgspec.structs.replace(settings, allowed_hosts=" Imprint.example, other.example")
    async with gateway(named) as door, client_of(door) as http:
        assert (await http.get("/v1/pods", headers={"host": "imprint.example:443"})).status_code == 200
        assert (await http.get("/v1/pods", headers={"host": "third.example"})).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_a_page_of_another_origin_may_not_write(
    http: httpx.AsyncClient, services: Backend, headers: dict[str, str]
) -> None:
    response = await http.post("/v1/images", json={"name": "x"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "cross_origin")
    assert services.asked == []


async def test_a_page_of_the_same_origin_may_write(door: Gateway, http: httpx.AsyncClient) -> None:
    headers = {"origin": door.url, "sec-fetch-site": "same-origin"}
    assert (await http.post("/v1/images", json={"name": "x"}, headers=headers)).status_code == 201


async def test_a_body_may_be_as_large_as_the_limit_and_no_larger(http: httpx.AsyncClient, services: Backend) -> None:
    empty = b'{"name":"x"}'
    headers = {"content-type": "application/json"}
    fits = await http.post("/v1/images", content=empty.ljust(BODY), headers=headers)
    assert fits.status_code == 201
    large = await http.post("/v1/images", content=empty.ljust(BODY + 1), headers=headers)
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert len(services.asked) == 1


async def test_a_body_that_hides_its_length_is_counted_as_it_comes(door: Gateway, services: Backend) -> None:
    head = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\n" + BEARER + b"Content-Type: application/json\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await talk(door, head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 5 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"body_too_large" in answer
    assert services.asked == []


async def test_an_announced_giant_is_refused_before_it_is_sent(door: Gateway) -> None:
    head = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\n" + BEARER + b"Content-Type: application/json\r\n"
    answer = await talk(door, head + b"Content-Length: 10000000000\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize(
    "request_",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /v1/pods HTTP/1.1\r\n\r\n",
        b"GET /v1/pods HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
        b"GET /v1/pods HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
    ids=["no request", "no host", "two hosts", "large header", "large path", "negative", "two lengths", "tls"],
)
async def test_what_is_no_proper_request_is_a_problem_too(door: Gateway, request_: bytes) -> None:
    answer = await talk(door, request_)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer
    assert b'"code":"bad_request"' in answer


async def test_a_head_that_never_ends_is_cut_off(services: Backend, settings: GatewaySettings) -> None:
    hasty = msgspec.structs.replace(settings, receive_timeout=0.2)
    async with gateway(hasty) as door:
        assert b"request_timeout" in await talk(door, b"")
        assert b"request_timeout" in await talk(door, b"GET /v1/pods HTTP/1.1\r\nHost: loc")
        async with connection(door) as (reader, writer):
            writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"}")
            writer.write(b"GET /")
            async with asyncio.timeout(20):
                assert b"request_timeout" in await reader.read(-1)


async def test_a_body_that_never_ends_is_cut_off(services: Backend, settings: GatewaySettings) -> None:
    hasty = msgspec.structs.replace(settings, receive_timeout=0.2)
    head = b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\n" + BEARER + b"Content-Length: 20\r\n\r\n{"
    async with gateway(hasty) as door:
        answer = await talk(door, head)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in answer


async def test_an_answer_may_take_longer_than_a_head_may(services: Backend, settings: GatewaySettings) -> None:
    hasty = msgspec.structs.replace(settings, receive_timeout=0.1)
    async with (
        gateway(hasty) as door,
        client_of(door) as http,
        listen(http) as listener,
        speaker(settings.nats_url) as say,
    ):
        assert b"request_timeout" in await talk(door, b"")  # came after the stream: that one has outlived the limit
        await say.started()
        assert len(await listener.take(1)) == 1


async def test_one_connection_too_many_is_turned_away_and_the_others_are_served(
    services: Backend, settings: GatewaySettings
) -> None:
    small = msgspec.structs.replace(settings, max_connections=2)
    async with gateway(small) as door, connection(door), connection(door) as (reader, writer):
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"}")
        answer = await talk(door, b"")
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b'"code":"busy"' in answer
        assert b"retry-after: 2" in answer
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b"}")


async def test_many_slow_clients_do_not_keep_the_door_from_others(door: Gateway, http: httpx.AsyncClient) -> None:
    address = urlsplit(door.url)
    slow = [await asyncio.open_connection(address.hostname, address.port) for _ in range(200)]
    for _, writer in slow:
        writer.write(b"GET /v1/pods HTTP/1.1\r\nHost: local")
    answers = await asyncio.gather(*(http.get("/v1/pods") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    for _, writer in slow:
        writer.close()


async def test_two_requests_in_one_write_are_answered_in_order(door: Gateway) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    two = b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\n" + BEARER + b"Connection: close\r\n\r\n"
    async with connection(door) as (reader, writer):
        writer.write(one + two)
        async with asyncio.timeout(20):
            answer = await reader.read(-1)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404"]
