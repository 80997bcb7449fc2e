"""Following events over a connection that breaks."""

import json
from contextlib import aclosing

import pytest

from cli.conftest import Imprint
from cli.responder import Answer, Gateway, problem
from imprint.client import Client
from imprint.exits import ImprintError, UnreachableError

QUICK = b"retry: 10\n\n"


def event(number: int) -> bytes:
    """An event as it is on the wire."""
    return b'id: %d\nevent: copy.available.v1\ndata: {"n": %d}\n\n' % (number, number)


async def heard(client: Client, count: int, last_id: str = "") -> list[str]:
    """The ids of the first ``count`` events."""
    found = []
    async with aclosing(client.events({"type": "copy"}, last_id)) as events:
        async for one in events:
            found.append(one.id)
            if len(found) == count:
                break
    return found


async def test_a_broken_stream_goes_on_after_the_last_event_seen(gateway: Gateway) -> None:
    gateway.on(
        "GET",
        "/v1/events",
        Answer(chunks=[QUICK, event(1), event(2), b"id: 3\nevent: half"]),
        Answer(),
        problem(503, "unavailable"),
        Answer(chunks=[QUICK, event(3), event(4)]),
    )
    async with Client(gateway.url) as client:
        assert await heard(client, 4) == ["1", "2", "3", "4"]
    assert [asked.headers.get("last-event-id") for asked in gateway.asked] == [None, "2", "2", "2"]
    assert {asked.query["type"] for asked in gateway.asked} == {"copy"}


async def test_a_stream_that_broke_before_its_first_event_goes_on_where_it_began(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/events", Answer(chunks=[QUICK, b"id: 41\n\n"]), Answer(chunks=[event(42)]))
    async with Client(gateway.url) as client:
        assert await heard(client, 1) == ["42"]
    assert gateway.asked[1].headers["last-event-id"] == "41"


async def test_one_can_begin_after_an_event_of_long_ago(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/events", Answer(chunks=[event(8)]))
    async with Client(gateway.url) as client:
        assert await heard(client, 1, last_id="7") == ["8"]
    assert gateway.asked[0].headers["last-event-id"] == "7"


async def test_a_refused_stream_is_not_asked_for_again(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/events", problem(422, "validation_failed"))
    async with Client(gateway.url) as client:
        with pytest.raises(ImprintError, match="validation_failed"):
            await heard(client, 1)
    assert len(gateway.asked) == 1


async def test_a_server_that_stays_away_is_unreachable_in_the_end(gateway: Gateway) -> None:
    gateway.on("GET", "/v1/events", Answer())
    async with Client(gateway.url) as client:
        with pytest.raises(UnreachableError):
            async for _ in client.events({}, patience=0.3):
                pass
    assert len(gateway.asked) > 1


def test_the_command_prints_a_line_for_each_event(gateway: Gateway, imprint: Imprint) -> None:
    gateway.on("GET", "/v1/events", Answer(chunks=[event(1), event(2)]))
    lines = imprint("events", "--count", "2", "--type", "copy.*", "--pod", "pod-1", "-o", "json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "1", "event": "copy.available.v1", "data": {"n": 1}},
        {"id": "2", "event": "copy.available.v1", "data": {"n": 2}},
    ]
    assert gateway.asked[0].query == {"type": "copy.*", "pod": "pod-1"}
    assert imprint("events", "--count", "1").stdout.startswith("copy.available.v1 ")
