"""The runner under the operator's limits, and with tickets that end: what runs goes on, waits, or asks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from desk import Desk, Held, copies_on, running
from pods import Pod

from connector import carrying, messages, tasks
from connector.copying import LiveGrant
from connector.domain.tasks import Copy
from connector.progress import WAITING
from contracts.events.to_pods import Holder
from contracts.limits import Window
from harness.wait import until

Pods = Callable[..., Pod]
NIGHT = (Window(begin="22:00", end="06:00"),)


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
    monkeypatch.setattr(tasks, "HOURS", 0.02)
    return found


async def test_the_limits_say_how_many_copies_run_and_a_change_counts_at_once(
    pod: Pod, copies: list[Copy], held: Held
) -> None:
    async with running(Desk(pod, copies=1)) as desk:
        desk.want(*copies)
        await held.next()
        desk.limit(copies=3)
        await held.next()
        await held.next()
        assert held.now == 3
        desk.limit()
        held.go.set()
        for _ in copies:
            await desk.outcome()


async def test_limits_are_in_force_from_the_first_task_on(pod: Pod, copies: list[Copy], held: Held) -> None:
    desk = Desk(pod, copies=1)
    desk.limit(copies=2, receive=1_000_000)
    desk.want(*copies)
    async with running(desk):
        await held.next()
        await held.next()
        assert desk.runner.limits.throttles.receive.rate == 1_000_000
        assert desk.runner.busy


async def test_outside_its_hours_no_copy_begins_and_what_waits_says_so(
    pod: Pod, copies: list[Copy], held: Held
) -> None:
    desk = Desk(pod)
    desk.limit(windows=NIGHT)
    async with running(desk):
        desk.want(copies[0])
        await until(lambda: desk.said)
        assert held.started.empty()
        word = desk.said[-1]
        assert (word.id, word.step, word.bytes_done) == (copies[0].copy, WAITING, 0)
        assert word.bytes_total == copies[0].manifest.size
        desk.time = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)  # nobody wakes the runner: it looks at the clock
        assert await held.next() == copies[0].copy


async def test_a_copy_that_runs_when_its_hours_end_waits_and_says_so_and_is_not_begun_anew(
    pod: Pod, copies: list[Copy], held: Held
) -> None:
    desk = Desk(pod)
    desk.limit(windows=(Window(begin="11:00", end="13:00"),))
    async with running(desk):
        desk.want(copies[0])
        await held.next()
        desk.time += timedelta(hours=2)
        await until(lambda: desk.said and desk.said[-1].step == WAITING)
        desk.time -= timedelta(hours=2)
        await until(lambda: desk.said[-1].step != WAITING)
        assert held.started.empty()
        assert held.cancelled == []


async def test_an_import_knows_no_hours(pod: Pod) -> None:
    desk = Desk(pod)
    desk.limit(windows=NIGHT)
    async with running(desk):
        desk.want(pod.import_task(pod.vm(), saga="saga"))
        assert isinstance(await desk.outcome(), messages.ImportDone)


async def test_a_time_zone_that_this_machine_does_not_know_leaves_the_earlier_limits_in_force(
    pod: Pod, copies: list[Copy], held: Held
) -> None:
    desk = Desk(pod)
    desk.limit(receive=1_000_000, copies=1)
    async with running(desk):
        await until(lambda: desk.runner.limits.throttles.receive.rate)
        desk.limit(receive=9_000_000, copies=2, timezone="Mars/Olympus")
        desk.want(*copies)
        await held.next()
        assert desk.runner.limits.throttles.receive.rate == 1_000_000
        assert desk.runner.limits.current.copies == held.most == 1


def renewed(copy: Copy, expires: datetime, ticket: str = "fresh") -> Copy:
    holders = (Holder(pod="pod-7", address="http://h:7", complete=False),)
    return msgspec.structs.replace(copy, ticket=ticket, ticket_expires=expires, holders=holders)


async def test_a_renewed_ticket_reaches_the_copy_that_runs(pod: Pod, copies: list[Copy], held: Held) -> None:
    async with running(Desk(pod)) as desk:
        desk.want(copies[0])
        await held.next()
        grant = held.grants[copies[0].copy]
        assert isinstance(grant, LiveGrant)
        assert (grant.ticket, grant.holders) == (copies[0].ticket, copies[0].holders)
        fresh = renewed(copies[0], datetime.now(UTC) + timedelta(hours=1))
        desk.want(fresh)
        await until(lambda: grant.ticket == "fresh")
        assert grant.holders == fresh.holders
        assert held.started.empty()
        assert held.cancelled == []
        desk.want(msgspec.structs.replace(fresh, attempt=2))
        await until(lambda: held.cancelled)


@pytest.mark.parametrize("paused", [False, True], ids=["running", "outside its hours"])
async def test_a_copy_asks_for_another_ticket_until_one_comes(
    pod: Pod, copies: list[Copy], held: Held, paused: bool
) -> None:
    desk = Desk(pod)
    if paused:
        desk.limit(windows=NIGHT)
    async with running(desk):
        copy = msgspec.structs.replace(copies[0], ticket_expires=datetime.now(UTC) + timedelta(seconds=1))
        desk.want(copy)
        for _ in range(2):
            asked = await desk.outcome()
            assert asked == messages.CopyContinued(copy=copy.copy, version=copy.version, attempt=1)
        desk.want(renewed(copy, datetime.now(UTC) + timedelta(hours=1)))
        desk.time = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
        await held.next()
        await until(lambda: held.grants[copy.copy].ticket == "fresh")
