"""Whose turn it is: publishes of a tenant wait for each other, urgent ones first, none before its time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.errors import Problem
from contracts.events import hub, to_pods
from contracts.requests import CancelPublish
from contracts.terms import Terms
from harness.house import house
from saga.disks import raw

FIRST, SECOND, THIRD = PODS = ("pod-1", "pod-2", "pod-3")


async def test_the_publish_after_the_last_slot_is_queued_with_a_position_and_an_urgent_one_goes_first(
    nats_url: str, tmp_path: Path
) -> None:
    more: dict[str, dict[str, Any]] = {"replicator": {"tenant_publishes": 1}}
    async with house(nats_url, tmp_path, more=more) as home:
        images = {name: f"default/{name}" for name in ("busy", "later", "sooner")}
        versions = {}
        for name, image in images.items():
            home.site(FIRST).vm(name, raw(6))
            versions[name] = await home.imported(image, name=name)
        await home.stop(THIRD)  # the hub takes it for connected still, so the first publish stays under way
        await home.publish("1.0.0", images["busy"], pods=(THIRD,))
        await home.record.expect(to_pods.CopyRequested, pod=THIRD)
        later = await home.publish("1.0.0", images["later"], pods=(SECOND,))
        sooner = await home.publish("1.0.0", images["sooner"], pods=(SECOND,), terms=Terms(priority="urgent"))
        await home.quiet()
        standing = {name: await home.placement(version.id) for name, version in versions.items()}
        assert {name: (one.state, one.position) for name, one in standing.items()} == {
            "busy": ("RUNNING", None),
            "later": ("QUEUED", 2),
            "sooner": ("QUEUED", 1),
        }
        assert home.record.of(to_pods.CopyRequested, pod=SECOND) == []
        await home.command(CancelPublish, image=images["busy"], number="1.0.0")
        for accepted in (later, sooner):
            assert (await home.job(accepted)).state == "SUCCESS"
        order = [one.event.version for one in home.record.of(hub.CopyStarted, pod=SECOND)]
        assert order == [versions["sooner"].id, versions["later"].id]


async def test_a_publish_begins_not_before_its_time_and_one_that_cannot_be_in_time_is_refused_clearly(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(6))
        version = await home.imported()
        begin = datetime.now(UTC) + timedelta(seconds=1)
        accepted = await home.publish("1.0.0", terms=Terms(not_before=begin))
        assert (await home.record.until(lambda: _waiting(home, version.id))).state == "WAITING"
        assert (await home.job(accepted)).state == "SUCCESS"
        assert all(one.at >= begin for one in home.record.of(to_pods.CopyRequested, version=version.id))

        second = await home.imported()
        late = datetime.now(UTC) + timedelta(hours=2)
        refused = await home.publish(second.number, terms=Terms(not_before=late), deadline=60.0)
        assert isinstance(refused, Problem), "it could not begin before its deadline"


async def _waiting(home: Any, version: str) -> Any:
    found = await home.placement(version)
    return None if isinstance(found, Problem) else found
