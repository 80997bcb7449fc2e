"""Clients that leave their answers lying are cut off, and what they leave is bounded; and what anybody may ask for
at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from api.house import client_of
from gateway import http as protocol
from gateway import openapi
from gateway.server import Gateway
from harness.wait import until

LARGE = 8 * 1024 * 1024
"""Bytes of an answer: more than the system takes in for somebody who does not read."""


@asynccontextmanager
async def asking(door: Gateway, times: int = 1) -> AsyncIterator[asyncio.StreamWriter]:
    """A connection that asks for the API's description, and does not read it."""
    address = urlsplit(door.url)
    _, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * times)
    try:
        yield writer
    finally:
        writer.transport.abort()


@pytest.fixture(autouse=True)
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why connections were cut, one after the other; and the description is large."""
    monkeypatch.setattr(openapi, "document", lambda: b"x" * LARGE)
    found: list[str] = []
    cut = protocol.Connection.cut

    def noted(self: protocol.Connection, reason: str) -> None:
        found.append(reason)
        cut(self, reason)

    monkeypatch.setattr(protocol.Connection, "cut", noted)
    return found


async def test_f17_who_takes_nothing_of_an_answer_is_cut_off(
    door: Gateway, monkeypatch: pytest.MonkeyPatch, cuts: list[str]
) -> None:
    monkeypatch.setattr(protocol, "TAKING", 0.1)
    async with asking(door):
        await until(lambda: cuts == ["the client takes nothing"])


async def test_f17_who_takes_an_answer_slowly_gets_all_of_it(
    door: Gateway, monkeypatch: pytest.MonkeyPatch, cuts: list[str]
) -> None:
    monkeypatch.setattr(protocol, "TAKING", 0.5)
    monkeypatch.setattr(protocol, "LEAST", 1024)
    taken = 0
    async with client_of(door, None) as client, client.stream("GET", "/openapi.json") as answer:
        async for part in answer.aiter_raw(LARGE // 8):
            taken += len(part)
            await asyncio.sleep(0.1)
    assert (taken, cuts) == (LARGE, [])


async def test_f17_of_many_who_leave_their_answers_those_who_did_so_first_are_cut_off(
    door: Gateway, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, cuts: list[str]
) -> None:
    monkeypatch.setattr(protocol, "HELD", LARGE)
    async with asking(door), asking(door, 3), asking(door, 3):
        await until(lambda: len(cuts) >= 2)
        assert set(cuts) == {"all answers that lie are too much"}
        assert (await http.get("/v1/pods")).status_code == 200


async def test_f17_what_takes_long_to_make_is_made_once_however_many_ask(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    monkeypatch.setattr(openapi, "document", lambda: made.append(None) or b"{}")
    answers = await asyncio.gather(*(http.get("/openapi.json") for _ in range(30)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(made) == 1
