"""The live stream to somebody who is no operator: what passes, in what order, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from api import views
from api.backend import Backend
from api.house import client_of
from api.listening import Listener, Speaker, ids, listen
from contracts import requests as contract
from contracts.errors import Problem
from contracts.events import hub
from contracts.requests import See, Seen
from gateway import identity, sse, subscriber
from gateway.server import Gateway
from gateway.sight import SOON
from harness.wait import until
from runtime.bearer import digest

TOKEN = "imprint_of-a-reader"
ALPHA, BETA = "a" * 32, "b" * 32
"""Versions: the reader may know of alpha."""


@dataclass
class Known:
    """What the catalog lets the reader know of."""

    things: set[str] = field(default_factory=lambda: {ALPHA, "pod-1", "pod-2"})
    asked: list[See] = field(default_factory=list)
    away: bool = False

    def see(self, question: See) -> Seen | Problem:
        """Answer as the catalog does."""
        self.asked.append(question)
        if self.away:
            return Problem(code="unavailable", detail="It starts.")
        found: Callable[[Any], Any] = lambda given: tuple(one for one in given if one in self.things)  # noqa: E731
        return Seen(images=found(question.images), versions=found(question.versions), pods=found(question.pods))


@pytest.fixture
def known(services: Backend) -> Known:
    """What the reader may know of; he is of the tenant ``acme``."""
    found = Known()
    services.let(TOKEN, tenant="acme", name="ben", roles=("reader",), principals=("acme", "org:corp"))
    services.answers[See] = found.see
    return found


@pytest.fixture
async def reader(door: Gateway, known: Known) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the reader's."""
    async with client_of(door, TOKEN) as client:
        yield client


async def test_e5_a_reader_hears_of_what_he_may_know_of_in_order(
    reader: httpx.AsyncClient, say: Speaker, known: Known
) -> None:
    async with listen(reader) as listener:
        expected = []
        for round in range(20):
            expected.append(await say.started("pod-1", version=ALPHA))
            await say.started("pod-1", version=BETA)
            await say.started("pod-3", version=ALPHA)
            if round % 5 == 0:
                expected.append(await say.say(hub.GalleryDeleted(gallery="g", tenant="acme", name="n", revision=1)))
                await say.say(hub.GalleryDeleted(gallery="h", tenant="bolt", name="n", revision=1))
        assert ids(await listener.take(len(expected))) == expected
    assert {question.actor.tenant for question in known.asked} == {"acme"}
    assert len(known.asked) <= 4, "what was answered is not asked again for each event"


async def test_e5_a_replay_is_told_as_the_live_stream_is(reader: httpx.AsyncClient, say: Speaker, known: Known) -> None:
    said = [await say.started("pod-1", version=version) for version in (ALPHA, BETA) * 30]
    async with listen(reader, "?after=0") as listener:
        expected = said[::2]
        assert ids(await listener.take(30)) == expected
        expected = [await say.started("pod-2", version=ALPHA)]
        assert ids(await listener.take(1)) == expected


async def test_e5_progress_is_told_to_those_who_know_of_the_version_and_the_pod(
    reader: httpx.AsyncClient, say: Speaker
) -> None:
    async with listen(reader, "?type=progress") as listener:
        await say.progress("pod-1", f"{BETA}_pod-1_0", 1, BETA)
        await say.progress("pod-3", f"{ALPHA}_pod-3_0", 2, ALPHA)
        await say.progress("pod-2", f"{ALPHA}_pod-2_0", 3, ALPHA)
        [message] = await listener.take(1)
    assert (message.data["pod"], message.data["bytes_done"]) == ("pod-2", 3)


async def test_e5_for_whom_a_pod_is_does_not_stand_in_what_tenants_hear(
    reader: httpx.AsyncClient, http: httpx.AsyncClient, say: Speaker
) -> None:
    async with listen(reader) as theirs, listen(http) as ours:
        await say.say(hub.PodConnected(pod="pod-1", tenants=("acme", "bolt"), revision=2), saga="")
        await say.say(hub.PodConnected(pod="pod-3", tenants=("bolt",), revision=2), saga="")
        await say.say(hub.PodConnected(pod="pod-2", revision=2), saga="")
        heard = [message.data["body"] for message in await theirs.take(2)]
        assert [body["pod"] for body in heard] == ["pod-1", "pod-2"]
        assert [body["tenants"] for body in heard] == [[], []]
        [message] = await ours.take(1)
        assert message.data["body"]["tenants"] == ["acme", "bolt"]


async def test_e5_what_is_offered_is_told_to_the_member_and_to_nobody_else(
    reader: httpx.AsyncClient, say: Speaker
) -> None:
    async with listen(reader, "?type=share.*") as listener:
        await say.say(hub.ShareOffered(image=views.IMAGE, member="bolt", owner="other", revision=1))
        mine = await say.say(hub.ShareOffered(image=views.IMAGE, member="org:corp", owner="other", revision=2))
        await say.say(hub.ShareAccepted(image=views.IMAGE, member="bolt", owner="other", revision=3))
        gone = await say.say(hub.ShareRevoked(image=views.IMAGE, member="org:corp", owner="other", revision=4))
        assert ids(await listener.take(2)) == [mine, gone]


async def test_e5_after_a_revocation_it_is_asked_again_what_may_be_heard(
    reader: httpx.AsyncClient, say: Speaker, known: Known
) -> None:
    async with listen(reader) as listener:
        await say.started("pod-1", version=ALPHA)
        await listener.take(1)
        known.things.discard(ALPHA)
        gone = await say.say(hub.ShareRevoked(image=views.IMAGE, member="acme", owner="other", revision=4))
        assert ids(await listener.take(1)) == [gone]
        await say.started("pod-1", version=ALPHA)
        await asyncio.sleep(2 * SOON)
        await say.started("pod-1", version=ALPHA)
        last = await say.say(hub.GalleryDeleted(gallery="g", tenant="acme", name="n", revision=1))
        assert ids(await listener.take(1)) == [last]


async def test_e5_while_nobody_says_what_may_be_heard_nothing_is_told_and_nothing_is_lost(
    reader: httpx.AsyncClient, http: httpx.AsyncClient, say: Speaker, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber, "PAUSE", 0.05)
    monkeypatch.setattr("gateway.sse.EventStream.__init__.__defaults__", (0.1,))
    known.away = True
    async with listen(reader) as listener, listen(http) as another:
        first = await say.started("pod-1", version=ALPHA)
        waiting = asyncio.create_task(listener.take(2))
        assert ids(await another.take(1)) == [first], "others are not held up"
        await until(lambda: len(known.asked) > 2 and listener.comments.count("heartbeat") > 1)
        assert int(listener.last_id) < first, "its place is before what it was not told"
        second = await say.started("pod-2", version=ALPHA)
        known.away = False
        assert ids(await waiting) == [first, second]


async def test_e5_who_may_hear_nothing_still_comes_back_to_where_it_was(
    reader: httpx.AsyncClient, say: Speaker, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sse.EventStream.__init__.__defaults__", (0.1,))
    known.things.clear()
    async with listen(reader) as listener:
        waiting = asyncio.create_task(listener.next())
        last = [await say.started("pod-1", version=ALPHA) for _ in range(5)][-1]
        await until(lambda: listener.last_id == str(last))
        assert not waiting.done()
        waiting.cancel()


async def test_e5_a_role_that_is_taken_away_is_missed_in_streams_that_are_open(
    reader: httpx.AsyncClient, services: Backend, say: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "LOOK", 0.1)
    monkeypatch.setattr("gateway.identity.KEPT", 0.1)
    services.let(TOKEN, tenant="acme", name="ben", roles=("auditor",))
    async with listen(reader) as listener:
        await until(lambda: len(services.identified) > 1)
        await say.started("pod-9", version=BETA)
        await listener.take(1)
        services.let(TOKEN, tenant="acme", name="ben", roles=("reader",))
        seen = len(services.identified)
        await until(lambda: len(services.identified) > seen + 2)
        await say.started("pod-9", version=BETA)
        mine = await say.started("pod-1", version=ALPHA)
        assert ids(await listener.take(1)) == [mine]


@pytest.mark.parametrize("what", ["revoked", "silent"])
async def test_f14_a_stream_ends_with_its_token_and_not_with_a_service_that_is_away(
    reader: httpx.AsyncClient, services: Backend, say: Speaker, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(sse, "LOOK", 0.05)
    monkeypatch.setattr("gateway.identity.KEPT", 0.05)
    away = Problem(code="unavailable", detail="It starts.")
    async with listen(reader) as listener:
        if what == "revoked":
            del services.bearers[digest(TOKEN)]
            assert await listener.next() is None
            assert listener.comments[-1].startswith("the token is not in force any more")
            return
        services.answers[contract.Authenticate] = lambda _: away
        seen = len(services.identified)
        await until(lambda: len(services.identified) > seen + 2)
        await say.started("pod-1", version=ALPHA)
        assert len(await listener.take(1)) == 1
        monkeypatch.setattr(sse, "UNKNOWN", 0.0)
        assert await _end(listener) == "nobody can say who listens; come back with Last-Event-ID"


async def _end(listener: Listener) -> str:
    while await listener.next() is not None:
        pass
    return listener.comments[-1]


def test_f14_a_revoked_token_ends_a_stream_within_five_seconds() -> None:
    assert identity.KEPT + 2 * sse.LOOK <= 5.0
