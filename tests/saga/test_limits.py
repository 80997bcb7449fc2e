"""The operator's limits on their way to a connector, and copies that outlast their tickets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from contracts.events import from_pods, hub, to_pods
from contracts.limits import Limits, Window
from contracts.requests import GetPod, SetPodLimits, command_id
from contracts.views import PodView, Progress
from harness.asking import ACTOR
from harness.house import House, house
from runtime.ids import new_id
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")


SLOW = Limits(receive=16 * 1024)
"""Under these a copy takes long enough to be met under way."""


async def limit(home: House, pod: str, limits: Limits) -> PodView:
    """Set the limits of a pod, which must succeed."""
    view = await home.ask(SetPodLimits(actor=ACTOR, id=command_id(ACTOR, new_id()), pod=pod, limits=limits))
    assert isinstance(view, PodView), view
    return view


def closed() -> Limits:
    """Limits under which no copy moves for hours to come."""
    now = datetime.now(UTC)
    begin, end = now + timedelta(hours=6), now + timedelta(hours=7)
    return Limits(windows=(Window(begin=f"{begin:%H:%M}", end=f"{end:%H:%M}"),))


@asynccontextmanager
async def progress_of(home: House, pod: str) -> AsyncIterator[asyncio.Queue[Progress]]:
    """What a pod tells of its work while the block runs."""
    words: asyncio.Queue[Progress] = asyncio.Queue()

    async def take(message: object) -> None:
        await words.put(msgspec.json.decode(message.data, type=Progress))  # type: ignore[attr-defined]

    heard = await home.client.subscribe(f"progress.pod.{pod}.*", cb=take)
    await home.client.flush()
    try:
        yield words
    finally:
        await heard.unsubscribe()


async def test_i8_outside_its_hours_a_pod_is_asked_for_nothing_and_receives_once_they_are_lifted(home: House) -> None:
    view = await limit(home, "pod-2", closed())
    told = await home.record.expect(to_pods.LimitsChanged, pod="pod-2", revision=view.limits_revision)
    assert told.event.limits == view.limits
    home.site("pod-1").vm("patient", raw(12, seed=701))
    version = await home.imported("default/patient", name="patient")
    accepted = await home.publish("1.0.0", "default/patient")
    await home.record.expect(hub.CopyAvailable, pod="pod-3", version=version.id)
    copy = (await home.copies(version.id))["pod-2"]
    assert (copy.state, copy.reason) == ("PENDING", "window")
    assert home.record.of(to_pods.CopyRequested, pod="pod-2", version=version.id) == []
    await limit(home, "pod-2", Limits())
    assert (await home.job(accepted)).state == "SUCCESS"
    assert home.site("pod-2").holds(version.id, version.manifest)


async def test_a_copy_under_way_when_its_pods_hours_end_waits_and_says_so_and_goes_on(home: House) -> None:
    await limit(home, "pod-2", SLOW)
    home.site("pod-1").vm("slow", raw(12, seed=702))
    version = await home.imported("default/slow", name="slow")
    async with progress_of(home, "pod-2") as words:
        accepted = await home.publish("1.0.0", "default/slow")
        async with asyncio.timeout(20):
            while ((word := await words.get()).version, word.bytes_total) != (version.id, version.manifest.size):
                pass
            await limit(home, "pod-2", closed())
            waiting = ("waiting", version.id, version.manifest.size)
            while ((word := await words.get()).step, word.version, word.bytes_total) != waiting:
                pass
    await home.record.expect(hub.CopyAvailable, pod="pod-3", version=version.id)
    assert (await home.copies(version.id))["pod-2"].state == "REPLICATING"
    await limit(home, "pod-2", Limits())
    assert (await home.job(accepted)).state == "SUCCESS"
    assert home.site("pod-2").holds(version.id, version.manifest)


async def test_limits_outlive_a_restart_of_the_connector_and_of_the_hub(home: House) -> None:
    wanted = Limits(receive=50_000_000, copies=3)
    view = await limit(home, "pod-3", wanted)
    await home.quiet()
    await home.stop("pod-3", "replicator")
    before = len(home.record.of(to_pods.LimitsChanged, pod="pod-3"))
    await home.start("replicator", "pod-3")
    await home.record.until(lambda: len(home.record.of(to_pods.LimitsChanged, pod="pod-3")) > before)
    found = await home.ask(GetPod(actor=ACTOR, pod="pod-3"))
    assert (found.limits, found.limits_revision) == (wanted, view.limits_revision)
    await home.quiet()
    (kept,) = [body for (kind, _), body in (await home.documents("pod-3")).items() if kind == "limits"]
    assert msgspec.json.decode(kept)["limits"]["receive"] == 50_000_000


async def test_a_copy_that_outlasts_its_ticket_is_given_others(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=2, more={"replicator": {"ticket_seconds": 2.0}}) as home:
        await limit(home, "pod-2", SLOW)
        home.site("pod-1").vm("long", raw(12, seed=703))
        version = await home.imported("default/long", name="long")
        accepted = await home.publish("1.0.0", "default/long")
        first = await home.record.expect(to_pods.CopyRequested, pod="pod-2", version=version.id)
        await limit(home, "pod-2", closed())
        extended = await home.record.until(lambda: home.record.of(to_pods.CopyExtended, pod="pod-2")[1:])
        assert len({first.event.ticket, *(said.event.ticket for said in extended)}) == len(extended) + 1
        assert all(said.event.ticket_expires > first.event.ticket_expires for said in extended)
        asked = home.record.of(from_pods.CopyContinued, pod="pod-2")
        assert {said.event.attempt for said in asked} == {1}
        await limit(home, "pod-2", Limits())
        assert (await home.job(accepted)).state == "SUCCESS"
        assert (await home.copies(version.id))["pod-2"].attempt == 1
        assert home.site("pod-2").holds(version.id, version.manifest)
