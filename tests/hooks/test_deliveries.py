"""Webhooks against real receivers, with the real server: signed, repeated, bounded, in order, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.requests import Redeliver, UpdateHook
from contracts.requests import TestHook as PostTest
from harness.wait import until
from hooks.house import VERSION, House, house
from hooks.receiver import receiving, signature
from notifier.couriers import HEADS
from runtime.store import Reader


@pytest.fixture
async def at_home(nats_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house(nats_url, tmp_path) as found:
        yield found


async def test_an_event_arrives_signed_with_its_id_and_its_words(at_home: House) -> None:
    async with receiving() as receiver, at_home.notifier():
        hook = await at_home.hook(receiver.url())
        id = await at_home.started()
        await until(lambda: receiver.got)
        ((headers, body),) = receiver.got
        assert hook.secret is not None
        assert headers["webhook-signature"] == signature(hook.secret, headers, body)
        assert headers["webhook-id"] == id
        assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
        assert (headers["content-type"], headers["host"]) == ("application/json", f"127.0.0.1:{receiver.port}")
        (said,) = receiver.bodies
        assert (said["id"], said["type"], said["data"]["pod"]) == (id, "copy.started.v1", "pod-1")
        assert datetime.fromisoformat(said["time"]).tzinfo is not None
        await until(lambda: at_home.deliveries(hook, "DELIVERED"))
        (delivery,) = await at_home.deliveries(hook)
        assert (delivery.status, delivery.attempts, delivery.error) == (200, 1, "")


async def test_what_fails_is_repeated_under_the_same_id_until_it_is_taken(at_home: House) -> None:
    async with receiving(answers=[500, 404, 302, 429]) as receiver, at_home.notifier():
        hook = await at_home.hook(receiver.url())
        id = await at_home.started()
        await until(lambda: at_home.deliveries(hook, "DELIVERED"))
        assert [headers["webhook-id"] for headers, _ in receiver.got] == [id] * 5
        (delivery,) = await at_home.deliveries(hook)
        assert (delivery.attempts, delivery.status) == (5, 200)
        view = await at_home.look(hook)
        assert (view.pending, view.dead, view.failing) == (0, 0, None)


async def test_a_receiver_that_never_takes_it_leaves_a_dead_letter_which_is_redelivered_on_command(
    at_home: House,
) -> None:
    async with receiving(usual=503) as receiver, at_home.notifier(hook_give_up=0.2):
        hook = await at_home.hook(receiver.url())
        for attempt in range(3):
            await at_home.started(attempt=attempt)
        await until(lambda: _count(at_home, hook, "DEAD", 3))
        view = await at_home.look(hook)
        assert (view.pending, view.dead, view.failing is not None) == (0, 3, True)
        dead = await at_home.deliveries(hook, "DEAD")
        assert {one.error for one in dead} == {"the receiver answered 503"}
        receiver.usual, receiver.got[:] = 200, []
        await at_home.command(Redeliver, hook=hook.id, delivery=dead[0].id)
        await until(lambda: _count(at_home, hook, "DELIVERED", 1))
        await at_home.command(Redeliver, hook=hook.id)
        await until(lambda: _count(at_home, hook, "DELIVERED", 3))
        assert len(receiver.got) == 3
        assert (await at_home.look(hook)).dead == 0


async def test_gone_suspends_the_hook_until_its_owner_resumes_it(at_home: House) -> None:
    async with receiving(answers=[410]) as receiver, at_home.notifier():
        hook = await at_home.hook(receiver.url())
        await at_home.started()
        await until(lambda: _count(at_home, hook, "DEAD", 1))
        assert (await at_home.look(hook)).suspended
        await at_home.started(attempt=2)
        await at_home.command(UpdateHook, hook=hook.id, suspended=False)
        await at_home.command(PostTest, hook=hook.id)
        await until(lambda: _count(at_home, hook, "DELIVERED", 1))
        assert receiver.bodies[-1]["type"] == "hook.tested.v1"
        assert len(await at_home.deliveries(hook)) == 2, "while it was suspended nothing was kept"


async def test_a_slow_receiver_does_not_hold_up_another(at_home: House) -> None:
    async with receiving() as slow, receiving() as quick, at_home.notifier():
        slow.hold.clear()
        await at_home.hook(slow.url())
        await at_home.hook(quick.url())
        for pod in range(40):
            await at_home.started(f"pod-{pod}")
        await until(lambda: len(quick.got) == 40)
        assert slow.got == []
        slow.hold.set()
        await until(lambda: len(slow.got) == 40)


async def test_events_about_one_copy_arrive_in_order_whatever_fails(at_home: House) -> None:
    refused: dict[str, int] = {}

    def refuse(body: dict[str, str]) -> int | None:
        """Every second one of each copy fails twice."""
        data = body["data"]
        if data["attempt"] % 2 and refused.get(body["id"], 0) < 2:  # type: ignore[index, operator]
            refused[body["id"]] = refused.get(body["id"], 0) + 1
            return 422
        return None

    async with receiving(refuse=refuse) as receiver, at_home.notifier():
        hook = await at_home.hook(receiver.url())
        for attempt in range(6):
            for pod in ("pod-1", "pod-2", "pod-3"):
                await at_home.started(pod, attempt)
        await until(lambda: _count(at_home, hook, "DELIVERED", 18))
        taken: dict[str, list[int]] = {}
        for body in receiver.bodies:
            taken.setdefault(body["data"]["pod"], []).append(body["data"]["attempt"])
        assert {pod: list(dict.fromkeys(attempts)) for pod, attempts in taken.items()} == {
            f"pod-{n}": [0, 1, 2, 3, 4, 5] for n in (1, 2, 3)
        }


async def test_while_an_older_one_waits_for_its_next_try_the_store_is_left_in_peace(
    at_home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving(answers=[422]) as receiver, at_home.notifier(hook_backoff="0.5") as running:
        looks = 0
        rows = type(running.reader).rows

        async def counted(reader: Reader, sql: str, params: Any = ()) -> list[tuple[Any, ...]]:
            nonlocal looks
            looks += sql == HEADS
            return await rows(reader, sql, params)

        hook = await at_home.hook(receiver.url())
        for attempt in range(2):
            await at_home.started("pod-1", attempt)
        await until(lambda: receiver.got)
        monkeypatch.setattr(type(running.reader), "rows", counted)
        await until(lambda: _count(at_home, hook, "DELIVERED", 2))
        assert looks < 20


async def test_deliveries_under_way_when_the_process_dies_come_again(at_home: House) -> None:
    async with receiving() as receiver:
        receiver.hold.clear()
        async with at_home.notifier():
            hook = await at_home.hook(receiver.url())
            ids = [await at_home.started(f"pod-{pod}") for pod in range(5)]
            await until(lambda: receiver.knocks == 5)
        assert receiver.got == []
        receiver.hold.set()
        async with at_home.notifier():
            await until(lambda: _count(at_home, hook, "DELIVERED", 5))
        assert {headers["webhook-id"] for headers, _ in receiver.got} == set(ids)


async def test_what_was_heard_while_nothing_was_posted_is_posted_later(at_home: House) -> None:
    async with receiving() as receiver:
        async with at_home.notifier(posting=False):
            hook = await at_home.hook(receiver.url())
            await at_home.started()
            await until(lambda: _count(at_home, hook, "PENDING", 1))
        async with at_home.notifier():
            await until(lambda: receiver.got)


async def test_more_than_may_wait_is_given_up_oldest_first_and_listed(at_home: House) -> None:
    async with receiving(usual=500) as receiver, at_home.notifier(max_pending=10, hook_backoff="600"):
        hook = await at_home.hook(receiver.url())
        for pod in range(25):
            await at_home.started(f"pod-{pod}")
        await until(lambda: _count(at_home, hook, "DEAD", 15))
        await until(lambda: _count(at_home, hook, "PENDING", 10))
        dead = await at_home.deliveries(hook, "DEAD")
        assert {one.error for one in dead} == {"more than 10 deliveries waited for this webhook"}
        oldest = min(one.id for one in await at_home.deliveries(hook, "PENDING"))
        assert all(one.id < oldest for one in dead)
        view = await at_home.look(hook)
        assert (view.pending, view.dead) == (10, 15)


async def test_what_ended_long_ago_is_forgotten(at_home: House) -> None:
    async with receiving(answers=[410]) as receiver:
        async with at_home.notifier():
            hook = await at_home.hook(receiver.url())
            await at_home.started()
            await until(lambda: _count(at_home, hook, "DEAD", 1))
            await at_home.command(UpdateHook, hook=hook.id, suspended=False)
            await at_home.started(attempt=2)
            await until(lambda: _count(at_home, hook, "DELIVERED", 1))
        async with at_home.notifier(delivered_seconds=0.001):
            await until(lambda: _count(at_home, hook, "DELIVERED", 0))
            assert (await at_home.look(hook)).dead == 1
        async with at_home.notifier(dead_seconds=0.001):
            await until(lambda: _count(at_home, hook, "DEAD", 0))
            assert (await at_home.look(hook)).dead == 0


async def test_a_thousand_copies_reach_a_hook_once_each(at_home: House) -> None:
    async with receiving() as receiver, at_home.notifier():
        hook = await at_home.hook(receiver.url())
        ids = await asyncio.gather(*[at_home.started(f"pod-{pod}") for pod in range(1000)])
        await until(lambda: len(receiver.got) >= 1000, timeout=60)
        await until(lambda: _idle(at_home, hook))
        assert sorted(headers["webhook-id"] for headers, _ in receiver.got) == sorted(ids)
        assert {body["data"]["version"] for body in receiver.bodies} == {VERSION}


async def _idle(at_home: House, hook: object) -> bool:
    return (await at_home.look(hook)).pending == 0  # type: ignore[arg-type]


async def _count(at_home: House, hook: object, state: str, count: int) -> bool:
    return len(await at_home.deliveries(hook, state)) == count  # type: ignore[arg-type]
