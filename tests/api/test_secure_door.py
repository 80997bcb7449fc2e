"""The door over HTTPS and behind a proxy: what it shows, what it takes for where requests come from, and streams of
those whose token ends."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from api import views
from api.backend import Backend
from api.house import client_of
from api.listening import listen
from contracts import requests as contract
from gateway import sse
from gateway.guessing import BURST
from gateway.server import Gateway, gateway
from gateway.settings import GatewaySettings
from harness.wait import until
from imprint import trust
from imprint.client import Client
from imprint.local import https


@asynccontextmanager
async def secure(settings: GatewaySettings, folder: Path) -> AsyncIterator[Gateway]:
    """A door with a certificate that was made for it."""
    https.make(folder / "authority", folder / "keys")
    files = {
        "https_certificate_file": folder / "keys" / https.CERTIFICATE,
        "https_key_file": folder / "keys" / https.KEY,
    }
    named = {name: str(file) for name, file in files.items()}
    own = msgspec.structs.replace(settings, data=str(folder / "gateway"), plain_http=False, **named)
    async with gateway(own) as door:
        yield door


async def test_over_https_who_trusts_the_certificate_or_its_authority_is_served(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    shown = tmp_path / trust.CERTIFICATE
    async with secure(settings, tmp_path) as door:
        assert door.url.startswith("https://")
        assert (tmp_path / "gateway" / "address").read_text().strip() == door.url
        for context in (trust.pinned(shown), trust.vouched(tmp_path / "keys" / https.TRUST)):
            async with client_of(door, verify=context) as http:
                assert (await http.get("/v1/pods")).status_code == 200
            services.let("token")
            async with Client(door.url, token="token", verify=context) as client:
                assert [pod.name for pod in await client.pods()] == ["pod-1"]
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            async with client_of(door) as http:
                await http.get("/v1/pods")
    assert not shown.exists()


async def test_plain_http_and_silence_on_the_https_port_get_no_answer_and_others_are_served_meanwhile(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    async with secure(settings, tmp_path) as door:
        port = httpx.URL(door.url).port
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(20):
            assert b"HTTP" not in await reader.read(-1)
        async with client_of(door, verify=trust.pinned(tmp_path / trust.CERTIFICATE)) as http:
            assert (await http.get("/v1/pods")).status_code == 200
        for _, one in [*silent, (reader, writer)]:
            one.close()


async def test_large_answers_and_bodies_pass_through_tls_whole(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    services.answers[contract.ListImages] = lambda _: contract.ImagePage(items=(views.image,) * 500)
    large, headers = b'{"name":"x"}'.ljust(200_000), {"content-type": "application/json"}
    async with (
        secure(settings, tmp_path) as door,
        client_of(door, verify=trust.pinned(tmp_path / trust.CERTIFICATE)) as http,
    ):
        assert len((await http.get("/v1/images")).json()["items"]) == 500
        assert (await http.post("/v1/images", content=large, headers=headers)).status_code == 201


async def test_a_certificate_that_does_not_fit_its_key_opens_no_door(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    https.make(tmp_path / "authority", tmp_path / "keys")
    pair = {"https_certificate_file": tmp_path / "keys" / https.CERTIFICATE,
            "https_key_file": tmp_path / "authority" / https.AUTHORITY_KEY}  # fmt: skip
    own = msgspec.structs.replace(settings, plain_http=False, **{name: str(file) for name, file in pair.items()})
    with pytest.raises(ssl.SSLError, match="MISMATCH"):
        async with gateway(own):
            pass


async def guess(http: httpx.AsyncClient, place: str) -> int:
    headers = {"authorization": "Bearer guess", "x-forwarded-for": place}
    return (await http.get("/v1/pods", headers=headers)).status_code


async def test_where_requests_come_from_is_what_a_proxy_says_if_there_is_one(
    services: Backend, settings: GatewaySettings, tmp_path: Path
) -> None:
    behind = msgspec.structs.replace(settings, data=str(tmp_path / "behind"), forwarded_for=True)
    async with gateway(behind) as door, client_of(door, None) as http:
        for number in range(BURST):  # the first address is what the client says of itself
            assert await guess(http, f"198.51.100.{number}, 192.0.2.1") == 401
        assert await guess(http, "192.0.2.1") == 429
        assert await guess(http, "192.0.2.1, 192.0.2.2") == 401
    async with gateway(settings) as door, client_of(door, None) as http:
        for number in range(BURST):
            assert await guess(http, f"192.0.2.{number}") == 401
        assert await guess(http, "192.0.2.99") == 429


async def test_a_stream_ends_soon_after_the_token_of_its_listener(
    services: Backend, door: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "LOOK", 0.1)
    services.let("ann", tenant="acme", name="ann")
    async with client_of(door, "ann") as http, listen(http) as listener:
        services.bearers.clear()
        door.door.identities._known.clear()
        async with asyncio.timeout(10):
            assert await listener.next() is None
        assert listener.comments[-1].startswith("the token")
    await until(lambda: not door.door.hub.clients)
