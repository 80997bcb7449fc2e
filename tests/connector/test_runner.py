"""The runner: what is wanted is under way, what is not wanted stops, and every outcome is handed back once."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, Held, copies_on, running
from pods import Pod

from connector import carrying, messages, tasks
from connector.domain.tasks import Copy, Discard, Release, Withdraw
from harness.wait import until

Pods = Callable[..., Pod]


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1")


async def test_an_import_is_carried_out_and_handed_back(pod: Pod) -> None:
    async with running(Desk(pod)) as desk:
        task = pod.import_task(pod.vm(), saga="saga")
        desk.want(task)
        outcome = await desk.outcome()
        assert isinstance(outcome, messages.ImportDone)
        assert (outcome.version, outcome.attempt, outcome.datastore) == (task.version, 1, "main")
        assert outcome.manifest.disks[0].size == 300_000


async def test_the_size_of_a_source_is_told_and_told_again_while_it_is_read(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, prepare = threading.Event(), carrying.prepare

    def slow(*arguments: Any) -> Any:
        *rest, inspected, stepped = arguments

        def held(size: int) -> None:
            inspected(size)
            go.wait(10)

        return prepare(*rest, held, stepped)

    monkeypatch.setattr(carrying, "prepare", slow)
    async with running(Desk(pod, heartbeat=0.01)) as desk:
        task = pod.import_task(pod.vm(), saga="saga")
        desk.want(task)

        async def several() -> bool:
            return len(desk.inspected) >= 4

        await until(several)
        go.set()
        assert isinstance(await desk.outcome(), messages.ImportDone)
        told = messages.ImportInspected(version=task.version, attempt=1, size=300_000)
        assert set(desk.inspected) == {told}
    after = len(desk.inspected)
    await asyncio.sleep(0.05)
    assert len(desk.inspected) == after


async def test_b15_an_import_is_said_to_have_begun_when_its_turn_comes_and_not_while_it_waits(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, prepare = threading.Event(), carrying.prepare

    def slow(*arguments: Any) -> Any:
        go.wait(10)
        return prepare(*arguments)

    monkeypatch.setattr(carrying, "prepare", slow)
    async with running(Desk(pod, imports=1)) as desk:
        tasks = [pod.import_task(pod.vm(name), saga="saga") for name in ("one", "two")]
        first, second = sorted(tasks, key=lambda task: task.version)
        desk.want(second, first)

        async def begun() -> bool:
            return bool(desk.begun)

        await until(begun)
        assert [one.version for one in desk.begun] == [first.version]
        go.set()
        assert {(await desk.outcome()).version for _ in tasks} == {first.version, second.version}
        assert [one.version for one in desk.begun] == [first.version, second.version]


async def test_a_refused_import_is_handed_back_with_its_reason_and_leaves_nothing(pod: Pod) -> None:
    async with running(Desk(pod)) as desk:
        desk.want(pod.import_task(pod.file("empty", b""), saga="saga"))
        outcome = await desk.outcome()
        assert isinstance(outcome, messages.ImportRejected)
        assert outcome.failure.code == "file_empty"
        assert pod.leftovers() == []


async def test_a_defect_is_handed_back_as_internal(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(carrying, "prepare", broken)
    async with running(Desk(pod)) as desk:
        desk.want(pod.import_task(pod.vm(), saga="saga"))
        outcome = await desk.outcome()
        assert isinstance(outcome, messages.ImportRejected)
        assert (outcome.failure.code, outcome.failure.retry) == ("internal", True)


async def test_a_copy_says_that_it_arrived_and_then_that_it_is_done(pods: Pods, pod: Pod) -> None:
    two = pods("pod-2")
    source = pod.import_task(pod.file("disk", os.urandom(100_000)))
    manifest = pod.prepare(source).manifest
    async with running(Desk(two)) as desk:
        task = two.copy_task(source.version, manifest, pod, saga="saga")
        desk.want(task)
        arrived, done = await desk.outcome(), await desk.outcome()
        assert isinstance(arrived, messages.CopyArrived)
        assert isinstance(done, messages.CopyDone)
        assert (done.digest, done.bytes_network, done.bytes_reused) == (
            manifest.digest,
            arrived.bytes_network,
            arrived.bytes_reused,
        )
        assert [file.root for file in done.files] == [manifest.disks[0].root]


async def test_a_copy_that_failed_keeps_what_it_has_unless_the_failure_is_for_good(pods: Pods, pod: Pod) -> None:
    two = pods("pod-2")
    source = pod.import_task(pod.file("disk", os.urandom(100_000)))
    manifest = pod.prepare(source).manifest
    async with running(Desk(two)) as desk:
        desk.want(two.copy_task(source.version, manifest, saga="saga"))
        outcome = await desk.outcome()
        assert isinstance(outcome, messages.CopyRejected)
        assert outcome.failure.code == "source_unreachable"
        assert two.leftovers() == [f"datastores/main/staging/{source.version}"]
        desk.want(two.copy_task(source.version, manifest, saga="saga", datastore="absent"))
        outcome = await desk.outcome()
        assert isinstance(outcome, messages.CopyRejected)
        assert outcome.failure.code == "datastore_not_found"
        assert two.leftovers() == []


@pytest.fixture
def copies(pod: Pod) -> list[Copy]:
    return copies_on(pod)


async def test_no_more_copies_run_at_once_than_the_setting_says(
    pod: Pod, copies: list[Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    monkeypatch.setattr(carrying, "make", held)
    async with running(Desk(pod, copies=2)) as desk:
        desk.want(*copies)
        assert {await held.next(), await held.next()} == {copies[0].copy, copies[1].copy}
        held.go.set()
        for _ in copies:
            await desk.outcome()
        assert held.most == 2
        assert desk.changes >= 3


async def test_work_that_is_no_longer_wanted_stops_and_the_newer_word_is_carried_out(
    pod: Pod, copies: list[Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    monkeypatch.setattr(carrying, "make", held)
    async with running(Desk(pod)) as desk:
        copy = copies[0]
        desk.want(copy)
        await held.next()
        desk.want(Withdraw(version=copy.version, saga="saga", copy=copy.copy, attempt=1))
        outcome = await desk.outcome()
        assert isinstance(outcome, messages.Removed)
        assert held.cancelled == [copy.copy]


async def test_two_tasks_of_one_version_never_run_at_once(
    pod: Pod, copies: list[Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    monkeypatch.setattr(carrying, "make", held)
    async with running(Desk(pod)) as desk:
        copy = copies[0]
        desk.want(copy)
        await held.next()
        desk.want(Discard(version=copy.version, saga="saga"))
        held.go.set()
        assert [type(await desk.outcome()) for _ in range(2)] == [messages.CopyRejected, messages.Removed]


async def test_stopping_cancels_what_runs_and_leaves_the_tasks_for_the_next_start(
    pod: Pod, copies: list[Copy], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    monkeypatch.setattr(carrying, "make", held)
    async with running(Desk(pod)) as desk:
        desk.want(copies[0])
        await held.next()
    assert held.cancelled == [copies[0].copy]
    assert list(desk.tasks) == [copies[0].copy]
    assert desk.outcomes.empty()


async def test_an_outcome_that_could_not_be_handed_back_is_worked_out_again(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "AGAIN", (0.01,))
    async with running(Desk(pod)) as desk:
        desk.fail = 2
        desk.want(pod.import_task(pod.vm(), saga="saga"))
        assert isinstance(await desk.outcome(), messages.ImportDone)


async def test_a_removal_that_failed_is_tried_again_until_it_works(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN", (0.01,))
    source = pod.vm()
    task = pod.import_task(source, mode="convert")
    pod.prepare(task)
    delete, failures = pod.backend.delete_source, [1, 2]

    def flaky(*arguments: Any) -> bool:
        if failures:
            raise OSError(5, f"Input/output error {failures.pop()}")
        return delete(*arguments)

    monkeypatch.setattr(pod.backend, "delete_source", flaky)
    async with running(Desk(pod)) as desk:
        desk.want(Release(version=task.version, saga="saga", source=source))
        outcome = await desk.outcome()
        assert isinstance(outcome, messages.Released)
        assert outcome.kept == ""
        assert not failures


async def test_what_was_unfinished_at_the_last_stop_is_begun_at_start(pod: Pod, tmp_path: Path) -> None:
    desk = Desk(pod)
    task = pod.import_task(pod.vm(), saga="saga")
    desk.tasks[task.version] = task
    trash = pod.folder / "datastores/main/staging/.trash-x"
    trash.mkdir(parents=True)
    async with running(desk):
        assert isinstance(await desk.outcome(), messages.ImportDone)
        assert not trash.exists()
