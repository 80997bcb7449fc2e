"""Services that stop and start again, in order or one at a time."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import Problem
from contracts.events import hub, to_pods
from contracts.requests import Accepted
from harness.house import HUB, house
from saga.disks import raw

PODS = ("pod-1", "pod-2", "pod-3")


async def test_a_repeated_idempotency_key_gets_the_first_answer_also_after_a_restart(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=1) as home:
        home.site("pod-1").vm("golden", raw(2))
        first = await home.import_(key="monday")
        assert isinstance(first, Accepted)
        await home.job(first)
        publish = await home.publish("1.0.0", key="tuesday")
        await home.job(publish)
        await home.quiet()
        said = len(home.record.beatless)
        for _ in range(2):
            assert await home.import_(key="monday") == first
            assert await home.publish("1.0.0", key="tuesday") == publish
            reused = await home.import_(key="monday", number="2.0.0")
            assert isinstance(reused, Problem)
            assert reused.code == "idempotency_key_reused"
            await home.stop("catalog")
            await home.start("catalog")
        await home.quiet()
        assert len(home.record.beatless) == said
        assert (await home.import_(key="wednesday")).number == "1.1.0"


async def test_a_refusal_is_repeated_too(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=1) as home:
        home.site("pod-1").vm("golden", raw(2))
        refused = await home.import_(create=False, key="early")
        assert isinstance(refused, Problem)
        await home.imported()
        assert await home.import_(create=False, key="early") == refused
        await home.stop("catalog")
        await home.start("catalog")
        assert await home.import_(create=False, key="early") == refused


async def test_a_request_waits_for_a_service_that_is_just_being_restarted(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=1) as home:
        home.site("pod-1").vm("golden", raw(2))
        await home.stop("catalog")
        accepted, _ = await asyncio.gather(home.import_(), home.start("catalog"))
        assert (await home.job(accepted)).state == "SUCCESS"


@pytest.mark.parametrize("name", [*HUB, *PODS])
async def test_a_service_that_was_away_while_the_rest_went_on_catches_up(
    nats_url: str, tmp_path: Path, name: str
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site("pod-1").vm("golden", raw(6))
        imported = await home.import_()
        await home.record.expect(to_pods.SourceRequested)
        if name != "catalog":
            await home.job(imported)
        await home.stop(name)
        if name == "catalog":
            await home.start(name)
            await home.job(imported)
        published = await home.publish("1.0.0")
        if name == "catalog":
            await home.record.expect(hub.VersionPublishRequested)
            await home.stop(name)
        for pod in PODS:
            if name not in ("replicator", pod):
                ask = to_pods.CopyRequested
                await home.record.expect(ask, pod=pod)
        await home.start(name)
        assert (await home.job(published)).state == "SUCCESS"
        version = await home.version("1.0.0")
        assert version.state == "AVAILABLE"
        for pod in PODS:
            assert home.site(pod).holds(version.id, version.manifest), pod


async def test_a_publish_that_ended_while_the_replicator_was_away_agrees_with_the_pods_when_it_is_back(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site("pod-1").vm("golden", raw(4))
        await home.imported()
        await home.stop("replicator")
        job, version = await home.published("1.0.0", deadline=0.5)
        assert (job.state, version.state) == ("FAILURE", "FAILED")  # the catalog's own deadline, a little later
        assert job.failure is not None
        assert job.failure.code == "deadline_exceeded"
        await home.start("replicator")
        await home.quiet()
        version = await home.version("1.0.0")
        states = {pod: copy.state for pod, copy in (await home.copies(version.id)).items()}
        made = [pod for pod, state in states.items() if state == "AVAILABLE"]  # quicker than the deadline's word
        assert set(states.values()) <= {"FAILED", "AVAILABLE"}
        assert (version.copies.available, version.copies.failed) == (len(made), 3 - len(made))
        for pod in PODS[1:]:
            assert home.site(pod).items() == ([version.id] if pod in made else []), pod
            assert home.site(pod).staging() == [], pod
        _, version = await home.published("1.0.0", again=True)
        assert version.state == "AVAILABLE"
        for pod in PODS:
            assert home.site(pod).holds(version.id, version.manifest), pod
