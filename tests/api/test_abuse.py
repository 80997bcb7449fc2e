"""Abuse of a real door: it stays small, it says what is wrong, it never fails, and others are served meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from api import views
from api.abusing import ADDRESSES, BEARER, FILES, MIB, Abused, Stream, answer, p99, request, spoilt
from api.backend import backend
from api.conftest import SERVICES, add_streams
from api.processes import address, process
from contracts import requests as contract
from contracts.requests import CreateHook, UpdateHook
from notifier.domain.hook import Hook, unusable

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

LARGEST = 256 * MIB
"""What the door may take at most, whatever is done to it."""
GIANT = 10 * 1024 * MIB
FLOOR = 0.25
"""Seconds that a loaded machine may take for an answer without any abuse."""
ASKED = 200
"""Answers by which it is judged how others are served."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def abused(module_nats: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Abused]:
    """A door of its own process that stands for all of it."""
    folder = tmp_path_factory.mktemp("abused") / "door"
    async with AsyncExitStack() as stack:
        await add_streams(module_nats)
        services = await stack.enter_async_context(backend(module_nats, *SERVICES))
        running = await stack.enter_async_context(process(folder, module_nats, IMPRINT_LOG_LEVEL="ERROR"))
        found = Abused(await address(folder), running.pid, services)
        await found.say(request("GET", "/openapi.json") + b"\r\n")  # takes a while the first time
        assert running.stderr is not None
        reading = asyncio.create_task(running.stderr.read())
        yield found
        assert running.returncode is None, "it lives"
        running.terminate()
        said = await reading
        assert b"Traceback" not in said, said.decode()[:4000]
        assert await running.wait() == 0


@pytest_asyncio.fixture(loop_scope="module")
async def door(abused: Abused) -> AsyncIterator[Abused]:
    """The door, which is as small after each abuse as it must be."""
    abused.services.reset()
    yield abused
    assert abused.peak() <= LARGEST
    assert (await abused.say(request("GET", "/v1/pods") + b"\r\n"))[0] == 200


async def served(door: Abused, quiet: float) -> None:
    """Somebody else is served about as soon as without all that."""
    assert p99(await door.bystander(ASKED)) <= 2 * quiet + FLOOR


async def alone(door: Abused) -> float:
    """What somebody waits where nobody else is: at most, for 99 of 100 answers."""
    return p99(await door.bystander(ASKED))


@pytest.mark.parametrize("path", ["/v1/images", "/v1/uploads", "/v1/nothing", "/health/live"])
@pytest.mark.parametrize("how", ["declared", "chunked", "without a token"])
async def test_f17_a_body_of_10_gib_is_refused_before_it_is_there(door: Abused, path: str, how: str) -> None:
    bearer = b"" if how == "without a token" else BEARER
    length = b"Transfer-Encoding: chunked" if how == "chunked" else b"Content-Length: %d" % GIANT
    head = request("POST", path, b"Content-Type: application/json", length, bearer=bearer)
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n" if how == "chunked" else b" " * 0x10000

    async def send(stream: Stream) -> tuple[int, int]:
        reader, writer = stream
        writer.write(head + b"\r\n")
        hearing, sent = asyncio.create_task(answer(reader)), 0
        while not hearing.done() and sent < GIANT:
            try:
                writer.write(chunk)
                await writer.drain()
            except ConnectionError:
                break
            sent += len(chunk)
            await asyncio.sleep(0)
        return (await hearing)[0], sent

    expected = 401 if how == "without a token" and path != "/health/live" else 413
    async with door.connections(8) as streams:
        found = await asyncio.gather(*map(send, streams))
    assert {status for status, _ in found} <= {expected, 0}, "who goes on sending may be cut off before he hears why"
    if how != "chunked":
        assert (await door.say(head + b"\r\n"))[0] == expected
    assert max(sent for _, sent in found) <= 32 * MIB, "what the system takes in, and no more"


async def test_f17_a_hundred_thousand_headers_are_no_head(door: Abused) -> None:
    head = request("GET", "/v1/pods") + b"".join(b"X-%d: y\r\n" % one for one in range(100_000))
    quiet = await alone(door)

    async def send(stream: Stream) -> int:
        reader, writer = stream
        writer.write(head + b"\r\n")
        return (await answer(reader))[0]

    async with door.connections(50) as streams:
        found, _ = await asyncio.gather(asyncio.gather(*map(send, streams)), served(door, quiet))
    assert set(found) <= {400, 0}


@pytest.mark.parametrize("slow", ["head", "body", "reading", "reading a stream"])
async def test_f17_five_hundred_slow_clients_keep_nobody_else_waiting(door: Abused, slow: str) -> None:
    quiet = await alone(door)
    started = {
        "head": request("GET", "/v1/pods"),
        "body": request("POST", "/v1/images", b"Content-Type: application/json", b"Content-Length: 1000") + b"\r\n{",
        "reading": b"".join([request("GET", "/openapi.json", bearer=b"") + b"\r\n"] * 3),
        "reading a stream": request("GET", "/v1/events?after=0") + b"\r\n",
    }[slow]
    async with door.connections(500) as streams:
        for reader, writer in streams:
            if slow.startswith("reading"):
                writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(started)
            assert reader is not None

        async def drip() -> None:
            while True:
                for _, writer in streams:
                    if not slow.startswith("reading"):
                        writer.write(b"x")
                await asyncio.sleep(1)

        dripping = asyncio.create_task(drip())
        try:
            await served(door, quiet)
        finally:
            dripping.cancel()


async def test_f14_guessing_tokens_from_many_connections_gets_nowhere_and_stops_nobody(door: Abused) -> None:
    quiet = await alone(door)
    over = asyncio.Event()
    statuses: dict[int, int] = {}

    async def guess(number: int) -> None:
        stream = await door.connect()
        count = 0
        while not over.is_set():
            count += 1
            bearer = b"Authorization: Bearer imprint_%d-%d\r\n" % (number, count)
            stream[1].write(request("GET", "/v1/pods", bearer=bearer) + b"\r\n")
            status, body = await answer(stream[0])
            statuses[status] = statuses.get(status, 0) + 1
            if status == 429:
                assert json.loads(body)["code"] == "too_many_attempts"
            stream[1].transport.abort()
            stream = await door.connect()
            await asyncio.sleep(0.25)
        stream[1].transport.abort()

    guessing = [asyncio.create_task(guess(number)) for number in range(100)]
    try:
        await served(door, quiet)
    finally:
        over.set()
        await asyncio.gather(*guessing)
    assert set(statuses) <= {401, 429, 0}
    assert statuses[429] > statuses.get(401, 0), "soon it is only told to wait"
    assert len(door.services.identified) <= sum(statuses.values()) + ASKED


async def _described(door: Abused) -> dict[str, dict[str, Any]]:
    _, body = await door.say(request("GET", "/openapi.json") + b"\r\n")
    return json.loads(body)["paths"]  # type: ignore[no-any-return]


async def _all(awaited: list[Awaitable[Any]], at_once: int = 16) -> list[Any]:
    room = asyncio.Semaphore(at_once)

    async def one(found: Awaitable[Any]) -> Any:
        async with room:
            return await found

    return await asyncio.gather(*map(one, awaited))


async def test_f17_a_path_that_names_nothing_is_refused_on_every_route_and_asks_nobody(door: Abused) -> None:
    asked = []
    for path, methods in (await _described(door)).items():
        for method in methods:
            name = method.upper()
            empty = b"Content-Length: 0" if name == "GET" else b"Content-Length: 2\r\nContent-Type: application/json"
            asked += [
                (name, spoiled, request(name, spoiled, empty) + (b"\r\n" if name == "GET" else b"\r\n{}"))
                for spoiled in spoilt(path, len(asked))
            ]
    found = await _all([door.say(text) for *_, text in asked])
    wrong = [
        (method, path, status, body[:200])
        for (method, path, _), (status, body) in zip(asked, found, strict=True)
        if not 400 <= status < 500
    ]
    assert wrong == []
    assert len(found) > 1000
    assert door.services.asked == []


@pytest.mark.parametrize("kind", [CreateHook, UpdateHook])
async def test_f18_no_webhook_leads_inside(door: Abused, kind: type[contract.Request]) -> None:
    taken = []

    def decide(command: Any) -> msgspec.Struct:
        hook = Hook(tenant="default", url=command.url, events=("copy.*",), created=views.AT)
        problem = unusable(hook, ())
        if problem is None:
            taken.append(command.url)
        return problem or contract.Done()

    door.services.answers[kind] = decide
    method, path = ("POST", "/v1/webhooks") if kind is CreateHook else ("PATCH", f"/v1/webhooks/{'a' * 32}")
    statuses = {}
    for url in ADDRESSES:
        body = json.dumps({"url": url}).encode()
        head = request(method, path, b"Content-Type: application/json", b"Content-Length: %d" % len(body))
        statuses[url], _ = await door.say(head + b"\r\n" + body)
    assert [url for url, status in statuses.items() if not 400 <= status < 500] == []
    assert taken == []


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/v1/images", (), {"name": "<evil>"}),
        ("/v1/images", (), {"gallery": "<evil>", "name": "x"}),
        ("/v1/galleries", (), {"name": "<evil>"}),
        ("/v1/uploads", (b"Upload-Length: 1",), {"pod": "pod-1", "name": "<evil>"}),
        ("/v1/uploads", (b"Upload-Length: 1",), {"pod": "<evil>", "name": "x"}),
        ("/v1/images/default%2Fdebian/versions", (), {"source": {"pod": "<evil>", "name": "x"}}),
        ("/v1/images/default%2Fdebian/versions/1.0.0/publish", (), {"targets": {"kind": "list", "pods": ["<evil>"]}}),
        (
            "/v1/assignments",
            (),
            {
                "name": "x",
                "image": "default/debian",
                "number": "1.0.0",
                "pods": ["<evil>"],
                "customisation": {"host_name": "desk-{n}"},
            },
        ),
    ],
)
async def test_f17_a_name_that_leads_elsewhere_is_refused_in_a_body_too(
    door: Abused, path: str, headers: tuple[bytes, ...], body: dict[str, Any]
) -> None:
    found = {}
    for name in (*FILES, "pod-1"):
        text = json.dumps(body).replace('"<evil>"', json.dumps(name)).encode()
        length = b"Content-Length: %d" % len(text)
        head = request("POST", path, b"Content-Type: application/json", length, *headers)
        found[name], _ = await door.say(head + b"\r\n" + text)
    del found["pod-1"]
    assert [name for name, status in found.items() if not 400 <= status < 500] == []
    assert len(door.services.asked) == 1, "nobody is asked, but for the one name that is one"
