"""The live stream when clients are slow or many, when the door closes, and when the broker goes away."""

import asyncio
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from api.backend import TOKEN, Backend, backend
from api.house import client_of
from api.listening import Listener, Message, Speaker, ids, listen, speaker
from contracts.topology import STREAM_BY_NAME
from gateway import sse, subscriber
from gateway.server import Gateway, gateway
from gateway.settings import GatewaySettings
from harness.nats import NatsServer
from harness.wait import until
from runtime.topology import stream_config

BEARER = {"Authorization": f"Bearer {TOKEN}"}


async def test_a_client_that_is_too_slow_is_dropped_and_can_resume(
    door: Gateway, http: httpx.AsyncClient, say: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "QUEUE", 8)
    async with listen(http) as listener:
        [client] = door.door.hub._attached
        held = asyncio.Event()
        take = client.take

        async def slow(patience: float) -> bytes:
            await held.wait()
            return await take(patience)

        monkeypatch.setattr(client, "take", slow)
        first = await say.started()  # is taken by the call that waits already
        await listener.take(1)
        for _ in range(20):
            await say.started()
        await until(lambda: client.ended)
        held.set()
        assert await listener.next() is not None
        while await listener.next() is not None:
            pass
        assert listener.comments[-1].startswith("too slow")
        resume = listener.last_id
    assert first <= int(resume) < 21
    async with listen(http, last_id=resume) as listener:
        assert ids(await listener.take(21 - int(resume))) == list(range(int(resume) + 1, 22))


async def test_a_client_that_takes_nothing_at_all_is_cut_off(
    door: Gateway, say: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "SEND", 0.3)
    address = urlsplit(door.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        head = f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: {BEARER['Authorization']}\r\n\r\n"
        client.sendall(head.encode())
        await until(lambda: door.door.hub._attached)
        body = b'{"type":"pod.connected.v1","more":"' + b"x" * 50_000 + b'"}'
        for _ in range(300):
            await say._js.publish("event.pod.connected.x", body)
            if not door.door.hub._subscribers:
                break
        await until(lambda: not door.door.hub._subscribers)
        assert client.recv(1) == b"H", "what came before the cut is there"


async def test_silence_is_filled_with_comments(
    http: httpx.AsyncClient, say: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sse.EventStream.__init__.__defaults__", (0.05,))
    async with listen(http) as listener:
        waiting = asyncio.create_task(listener.next())
        await until(lambda: listener.comments.count("heartbeat") >= 2)
        assert listener.last_id == "0"
        await say.started()
        message = await waiting
    assert message is not None
    assert message.event == "copy.started.v1"


async def test_a_heartbeat_tells_how_far_the_stream_is_also_when_nothing_passed_the_filter(
    http: httpx.AsyncClient, say: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sse.EventStream.__init__.__defaults__", (0.05,))
    async with listen(http, "?type=pod.*") as listener:
        waiting = asyncio.create_task(listener.next())
        sequence = await say.started()
        await until(lambda: listener.last_id == str(sequence))
        assert not waiting.done()
        waiting.cancel()


async def test_a_client_that_leaves_frees_its_place(door: Gateway, http: httpx.AsyncClient, say: Speaker) -> None:
    async with listen(http):
        assert len(door.door.hub._subscribers) == 1
    await until(lambda: not door.door.hub._subscribers)


async def test_more_clients_than_there_are_places_are_told_to_come_back(
    settings: GatewaySettings, services: Backend
) -> None:
    small = msgspec.structs.replace(settings, max_streams=1)
    async with gateway(small) as door, client_of(door) as http:
        async with listen(http):
            response = await http.get("/v1/events")
        assert (response.status_code, response.json()["code"]) == (503, "busy")
        assert response.headers["retry-after"] == "2"


async def test_closing_the_door_ends_the_streams_first(settings: GatewaySettings, services: Backend) -> None:
    async with httpx.AsyncClient(headers=BEARER, trust_env=False) as http:
        async with gateway(settings) as door:
            http.base_url = httpx.URL(door.url)
            entered = listen(http)
            listener = await entered.__aenter__()
            closing = asyncio.create_task(_drain(listener))
        await closing
        await entered.__aexit__(None, None, None)
    assert listener.comments[-1].startswith("closing")


async def _drain(listener: Listener) -> None:
    while await listener.next() is not None:
        pass


@pytest.mark.parametrize("how", ["crash", "stop"])
async def test_a_broker_that_comes_back_leaves_no_gap_in_an_open_stream(
    nats_server: NatsServer, tmp_path: Path, how: str
) -> None:
    async with speaker(nats_server.url) as say:
        await say._js.add_stream(stream_config(STREAM_BY_NAME["EVENTS"]))
        for _ in range(3):
            await say.started()
    here = GatewaySettings(data=str(tmp_path / "gateway"), nats_url=nats_server.url, port=0, plain_http=True)
    async with gateway(here) as door, backend(here.nats_url, "sharing"), client_of(door, timeout=60) as http:
        async with listen(http, "?after=1") as listener:
            assert ids(await listener.take(2)) == [2, 3]
            if how == "crash":
                nats_server.kill()
            else:
                nats_server.stop()
            assert door.door.hub.position == 3
            nats_server.start()
            async with speaker(nats_server.url) as say:
                say._count = 10
                for _ in range(3):
                    await say.started()
                assert ids(await listener.take(3)) == [4, 5, 6]
        await until(lambda: door.door.hub.live)


async def test_a_door_that_opens_before_the_stream_exists_begins_when_it_does(
    settings: GatewaySettings, nats_url: str
) -> None:
    async with gateway(settings) as door, client_of(door, timeout=30) as http:
        assert not door.door.hub.live
        async with backend(nats_url, "catalog", "sharing"), speaker(nats_url) as say:
            opening = asyncio.create_task(_first(http))
            await until(lambda: door.door.hub._subscribers)
            await say._js.add_stream(stream_config(STREAM_BY_NAME["EVENTS"]))
            await until(lambda: door.door.hub._attached)
            await say.started()
            assert (await opening).event == "copy.started.v1"


async def _first(http: httpx.AsyncClient) -> Message:
    async with listen(http) as listener:
        [message] = await listener.take(1)
        return message
