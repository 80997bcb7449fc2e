"""Pools of a whole connector on a real server: what is asked over the bus is there, is told, and is kept."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bus import Bus, bus
from pods import Hub, Pod
from pooled import ASSIGNMENT, Published, described, left, log_on, published, seat, wanting

from connector.agent import connector
from connector.backends.pools import DirectoryPools
from connector.pools import keeper
from connector.settings import ConnectorSettings
from contracts.desktops import Wanted
from contracts.events.from_pods import AssignmentReported
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn, CopyWithdrawn
from harness.wait import until

CONTENT = os.urandom(700_000)


class Site:
    """A pod with two versions, and the hub's side of its bus."""

    def __init__(self, said: Bus, pod: Pod, folder: Path) -> None:
        self.bus = said
        self.pod = pod
        self.one = published(pod, CONTENT, "one")
        self.two = published(pod, CONTENT[::-1], "two")
        self._folder = folder

    @asynccontextmanager
    async def running(self, url: str) -> AsyncIterator[None]:
        settings = ConnectorSettings(
            data=str(self._folder / "data"),
            nats_url=url,
            pod=self.pod.name,
            root=str(self.pod.folder),
            ticket_key_file=str(self.pod.hub.public),
            manifest_key_file=str(self.pod.hub.manifest_key),
            pool_interval=0.1,
        )
        async with connector(settings):
            yield

    async def ask(self, wanted: Wanted, attempt: int = 1) -> None:
        await self.bus.say(
            AssignmentRequested(pod=self.pod.name, assignment=wanted.assignment, attempt=attempt, wanted=wanted)
        )

    async def take(self, attempt: int, *, force: bool = False) -> None:
        await self.bus.say(AssignmentWithdrawn(pod=self.pod.name, assignment=ASSIGNMENT, attempt=attempt, force=force))

    async def told(self, state: str, **fields: Any) -> AssignmentReported:
        return await self.bus.expect(AssignmentReported, self.pod.name, state=state, **fields)

    def reports(self) -> list[AssignmentReported]:
        return [event for _, event in self.bus.heard if isinstance(event, AssignmentReported)]


@pytest.fixture
async def site(nats_url: str, hub: Hub, tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        said = await stack.enter_async_context(bus(nats_url, hub, "pod-1"))
        pod = Pod("pod-1", tmp_path / "pod-1", hub)
        stack.callback(pod.backend.close)
        yield Site(said, pod, tmp_path)


async def test_a_pool_is_made_updated_used_and_removed(site: Site, nats_url: str) -> None:
    async with site.running(nats_url):
        await site.ask(wanting(site.one))
        for state in ("VALIDATING", "UPDATING"):
            assert (await site.told(state, attempt=1)).version == ""
        made = await site.told("IN_SYNC", attempt=1)
        assert (made.version, [s.state for s in made.seats]) == (site.one.version, ["READY", "READY"])
        log_on(site.pod, "ada")
        used = await site.told("IN_SYNC", attempt=1)
        assert [s.user for s in used.seats] == ["ada", ""]

        await site.ask(wanting(site.two), 2)
        assert (await site.told("VALIDATING", attempt=2)).version == site.one.version
        waiting = await site.told("UPDATING", attempt=2, version=site.two.version)
        assert [s.version for s in waiting.seats] == [site.one.version, site.two.version]
        log_on(site.pod, None)
        done = await site.told("IN_SYNC", attempt=2)
        assert (done.version, described(site.pod)["version"]) == (site.two.version, site.two.version)

        await site.take(3)
        gone = await site.told("REMOVED", attempt=3)
        assert (gone.seats, gone.version) == ((), "")
        assert not seat(site.pod).parent.exists()
        await until(lambda: left(site.pod) == [])


async def test_the_same_word_again_is_answered_and_costs_nothing(site: Site, nats_url: str) -> None:
    async with site.running(nats_url):
        await site.ask(wanting(site.one))
        made = await site.told("IN_SYNC")
        inode = (seat(site.pod) / "desktop.json").stat().st_ino
        await site.ask(wanting(site.one))
        assert await site.told("IN_SYNC") == made
        assert (seat(site.pod) / "desktop.json").stat().st_ino == inode
    async with site.running(nats_url):
        log_on(site.pod, "ada")
        assert (await site.told("IN_SYNC")).seats[0].user == "ada"
        assert (seat(site.pod) / "desktop.json").stat().st_ino == inode


async def test_a_failed_update_is_told_once_and_the_way_back_is_taken_when_it_is_asked_for(
    site: Site, nats_url: str
) -> None:
    missing = Published("0" * 32, site.two.manifest, f"{'0' * 32}_pod-1_0")
    async with site.running(nats_url):
        await site.ask(wanting(site.one))
        await site.told("IN_SYNC", attempt=1)
        await site.ask(wanting(missing), 2)
        failed = await site.told("UPDATE_FAILED", attempt=2)
        assert failed.failure is not None
        assert (failed.failure.code, failed.version) == ("version_missing", site.one.version)
        log_on(site.pod, "ada")
        assert (await site.told("UPDATE_FAILED", attempt=2)).failure == failed.failure
        await site.ask(wanting(site.one), 3)
        back = await site.told("IN_SYNC", attempt=3)
        assert [s.version for s in back.seats] == [site.one.version] * 2


async def test_a_seat_that_goes_missing_is_made_again(site: Site, nats_url: str) -> None:
    async with site.running(nats_url):
        await site.ask(wanting(site.one))
        await site.told("IN_SYNC")
        shutil.rmtree(seat(site.pod))
        assert [s.state for s in (await site.told("UPDATING", version=site.one.version)).seats] == ["CREATING", "READY"]
        await site.told("IN_SYNC")
        assert described(site.pod)["version"] == site.one.version


async def test_a_word_while_another_is_worked_on_stops_that(
    site: Site, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    begun, stage, go = asyncio.Event(), DirectoryPools.stage, asyncio.Event()

    def slow(pools: DirectoryPools, original: Any, desktop: Any) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result(10)
        stage(pools, original, desktop)

    monkeypatch.setattr(DirectoryPools, "stage", slow)
    async with site.running(nats_url):
        await site.ask(wanting(site.one, seats=5))
        await asyncio.wait_for(begun.wait(), 10)
        await site.ask(wanting(site.two, seats=1), 2)
        await site.told("VALIDATING", attempt=2)
        go.set()
        assert len((await site.told("IN_SYNC", attempt=2)).seats) == 1
        assert not any(report.attempt == 1 and report.state == "IN_SYNC" for report in site.reports())
        assert described(site.pod)["version"] == site.two.version


async def test_f14_last_use_alone_is_told_from_time_to_time(
    site: Site, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site.running(nats_url):
        await site.ask(wanting(site.one))
        await site.told("IN_SYNC")
        log_on(site.pod, "ada", last_used="2026-01-01T00:00:00Z")
        await site.told("IN_SYNC")
        log_on(site.pod, "ada", last_used="2026-01-01T00:01:00Z")
        await asyncio.sleep(0.5)
        assert all(report.state != "IN_SYNC" for report in site.reports())
        monkeypatch.setattr(keeper, "USE", 0.0)
        last = (await site.told("IN_SYNC")).seats[0].last_used
        assert last is not None
        assert last.minute == 1


async def test_a_copy_is_dropped_while_seats_still_need_its_bytes(site: Site, nats_url: str) -> None:
    placed = site.pod.backend.held(site.one.version)[0]
    site.pod.backend.note(msgspec.structs.replace(placed.item, source=False), placed.datastore)
    async with site.running(nats_url):
        await site.ask(wanting(site.one))
        await site.told("IN_SYNC")
        await site.bus.say(CopyWithdrawn(pod="pod-1", copy=site.one.copy, version=site.one.version, attempt=1))
        await until(lambda: site.pod.backend.find(site.one.version) is None)
        (disk,) = described(site.pod)["disks"]
        if disk["base"]:
            assert (seat(site.pod) / disk["base"]).resolve().read_bytes() == CONTENT
        await site.ask(wanting(site.two), 2)
        await site.told("IN_SYNC", attempt=2)
        await until(lambda: not any(site.one.version in name for name in left(site.pod)))


async def test_a_wish_that_nothing_can_be_made_of_disturbs_no_other_pool(site: Site, nats_url: str) -> None:
    async with site.running(nats_url):
        for assignment in ("..", "x_y", "b" * 32):
            wanted = wanting(site.one, assignment=assignment)
            await site.bus.client.jetstream().publish(
                f"to.pod.pod-1.assignment.requested.{assignment.strip('.') or 'x'}",
                json.dumps(
                    {
                        "type": "assignment.requested.v1",
                        "pod": "pod-1",
                        "assignment": assignment,
                        "attempt": 1,
                        "wanted": msgspec.to_builtins(wanted),
                    }
                ).encode(),
                headers={"Nats-Msg-Id": assignment},
            )
        await site.told("IN_SYNC", assignment="b" * 32)
        refused = await site.told("UPDATE_FAILED", assignment="x_y")
        assert refused.failure is not None
        await site.bus.say(AssignmentWithdrawn(pod="pod-1", assignment="x_y", attempt=2))
        await site.told("REMOVED", assignment="x_y")
        assert sorted(path.name for path in (site.pod.folder / "pools").iterdir()) == ["b" * 32]
