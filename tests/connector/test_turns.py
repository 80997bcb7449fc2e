"""Which task the runner begins when, and what stops: priorities, pauses, withdrawals beside other replicas."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from desk import Desk, Held, copies_on, running
from pods import Pod

from connector import carrying, messages
from connector.domain.tasks import Copy, Paused, Withdraw
from contracts.names import copy_id
from contracts.terms import Priority
from harness.wait import until

MIB = 1024 * 1024
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
Pods = Callable[..., Pod]


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1")


@pytest.fixture
def copies(pod: Pod) -> list[Copy]:
    return copies_on(pod)


@pytest.fixture
async def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """Copies that go on until they are let go."""
    found = Held()
    monkeypatch.setattr(carrying, "make", found)
    return found


def turn(copy: Copy, priority: Priority, minute: int) -> Copy:
    return msgspec.structs.replace(copy, priority=priority, at=NOON + timedelta(minutes=minute))


async def test_of_those_that_wait_the_most_urgent_begins_first_and_then_the_oldest(
    pod: Pod, copies: list[Copy], held: Held
) -> None:
    first, *others = copies
    low, normal, older = turn(others[0], "low", 0), turn(others[1], "normal", 2), turn(others[2], "normal", 1)
    async with running(Desk(pod, copies=1)) as desk:
        desk.want(first)
        await held.next()
        desk.want(low, normal, older)
        desk.want(turn(low, "urgent", 3))  # asked for again with another priority
        held.go.set()
        begun = [await held.next() for _ in others]
    assert begun == [low.copy, older.copy, normal.copy]


async def test_another_priority_does_not_disturb_a_copy_that_runs(pod: Pod, copies: list[Copy], held: Held) -> None:
    async with running(Desk(pod)) as desk:
        desk.want(copies[0])
        await held.next()
        desk.want(turn(copies[0], "urgent", 9))
        desk.want(copies[1])
        await held.next()
        assert held.cancelled == []


async def test_a_paused_copy_stops_without_a_word_keeps_its_bytes_and_does_not_begin_again(
    pods: Pods, pod: Pod
) -> None:
    two = pods("pod-2")
    content = os.urandom(24 * MIB)
    source = pod.import_task(pod.file("disk", content))
    manifest = pod.prepare(source).manifest
    pod.throttles.send.rate = 8 * MIB
    task = two.copy_task(source.version, manifest, pod, saga="saga")
    async with running(Desk(two)) as desk:
        desk.want(task)
        await until(lambda: desk.said and desk.said[-1].bytes_network > 4 * MIB)
        desk.want(Paused(version=task.version, saga="saga", copy=task.copy, attempt=1))
        await asyncio.wait_for(_quiet(desk), 5)
        received = desk.said[-1].bytes_network
        assert desk.outcomes.empty()
        assert two.leftovers() == [f"datastores/main/staging/{task.version}"]
        pod.throttles.send.rate = None
        desk.want(msgspec.structs.replace(task, attempt=2))
        while not isinstance(done := await desk.outcome(), messages.CopyDone):
            assert isinstance(done, messages.CopyArrived)
        assert done.bytes_from == {"pod-1": done.bytes_network}
        assert received + done.bytes_network < len(content) + 8 * MIB  # at most one range for each stream again
    assert two.disk(two.backend.find(task.version)).read_bytes() == content


async def _quiet(desk: Desk) -> None:
    await until(lambda: not desk.runner.busy)


async def test_a_paused_copy_keeps_its_bytes_over_a_restart_however_long_it_is_paused(pod: Pod) -> None:
    desk = Desk(pod)
    kept, forgotten = "a" * 32, "b" * 32
    for version in (kept, forgotten):
        staging = pod.folder / "datastores/main/staging" / version
        staging.mkdir(parents=True)
        os.utime(staging, (0, 0))
    desk.tasks[copy_id(kept, "pod-1", 0)] = Paused(version=kept, saga="saga", copy=copy_id(kept, "pod-1", 0), attempt=1)
    async with running(desk):
        await until(lambda: pod.leftovers() == [f"datastores/main/staging/{kept}"])


async def test_a_withdrawal_during_the_transfer_stops_it_and_frees_what_it_took(pods: Pods, pod: Pod) -> None:
    two = pods("pod-2")
    source = pod.import_task(pod.file("disk", os.urandom(24 * MIB)))
    manifest = pod.prepare(source).manifest
    pod.throttles.send.rate = 2 * MIB
    task = two.copy_task(source.version, manifest, pod, saga="saga")
    async with running(Desk(two)) as desk:
        desk.want(task)
        await until(lambda: desk.said and desk.said[-1].bytes_network > MIB)
        desk.want(Withdraw(version=task.version, saga="saga", copy=task.copy, attempt=1))
        assert isinstance(await asyncio.wait_for(desk.outcomes.get(), 5), messages.Removed)
        assert two.leftovers() == []
        assert two.backend.held(task.version) == []


async def test_taking_back_one_replica_does_not_wait_for_another_that_is_being_made(
    pod: Pod, copies: list[Copy], held: Held
) -> None:
    made = copies[0]
    other = msgspec.structs.replace(made, copy=copy_id(made.version, "pod-1", 1), replica=1, datastore="main")
    async with running(Desk(pod)) as desk:
        desk.want(other)
        await held.next()
        desk.want(made)  # a copy does: it may take its bytes from the first
        desk.want(Withdraw(version=made.version, saga="saga", copy=made.copy, attempt=1))
        assert isinstance(await desk.outcome(), messages.Removed)
        assert held.cancelled == []
        assert held.now == 1


async def test_replicas_that_are_asked_for_at_once_find_a_datastore_each(pods: Pods, pod: Pod) -> None:
    two = pods("pod-2")
    for name in ("alpha", "beta"):
        (two.folder / "datastores" / name).mkdir()
    source = pod.import_task(pod.file("disk", b"x" * 200_000))
    manifest = pod.prepare(source).manifest
    wanted = [
        two.copy_task(
            source.version, manifest, pod, saga="saga", copy=copy_id(source.version, "pod-2", number), replica=number,
            datastore=name,
        )
        for number, name in enumerate((None, "alpha", "main"))
    ]  # fmt: skip
    async with running(Desk(two)) as desk:
        desk.want(*wanted)
        done = []
        while len(done) < 3:
            outcome = await desk.outcome()
            assert isinstance(outcome, messages.CopyArrived | messages.CopyDone)
            if isinstance(outcome, messages.CopyDone):
                done.append(outcome)
    assert [one.datastore for one in sorted(done, key=lambda one: one.copy)] == ["beta", "alpha", "main"]
    assert [one.bytes_network > 0 for one in sorted(done, key=lambda one: one.copy)] == [True, False, False]
