"""Pods that are not there when something is asked of them, or not there any more."""

from pathlib import Path
from typing import Any

from contracts.events import from_pods, hub, to_pods
from harness.house import House, house
from saga.disks import raw

FIRST, SECOND, THIRD, FOURTH = ("pod-1", "pod-2", "pod-3", "pod-4")
OFTEN: dict[str, dict[str, Any]] = {THIRD: {"report_interval": 0.5}}
"""A pod that reports twice a second counts as gone after one and a half."""


async def gone(home: House, pod: str) -> None:
    """Stop a connector, and wait until the hub has noticed."""
    before = len(home.record.of(hub.PodDisconnected))
    await home.stop(pod)
    await home.record.until(lambda: len(home.record.of(hub.PodDisconnected)) > before)


def heard_about(home: House, pod: str, version: str) -> list[str]:
    """Everything said about the copy on a pod."""
    copy = f"{version}_{pod}_0"
    return [type(said.event).__name__ for said in home.record.said if getattr(said.event, "copy", "") == copy]


async def test_a_pod_that_is_offline_at_the_publish_is_pending_and_served_when_it_returns(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, more=OFTEN) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        await gone(home, THIRD)
        accepted = await home.publish("1.0.0")
        for pod in (FIRST, SECOND):
            await home.record.expect(hub.CopyAvailable, version=version.id, pod=pod)
        await home.quiet()
        copy = (await home.copies(version.id))[THIRD]
        assert (copy.state, copy.attempt) == ("PENDING", 0)
        assert (await home.version("1.0.0")).state == "REPLICATING"
        assert home.record.of(to_pods.CopyRequested, version=version.id, pod=THIRD) == []

        await home.start(THIRD)
        job = await home.job(accepted)
        assert job.state == "SUCCESS"
        assert home.site(THIRD).holds(version.id, version.manifest)
        assert (await home.copies(version.id))[THIRD].attempt == 1


async def test_a_pod_that_stays_away_is_given_up_at_the_deadline_and_comes_back_to_nothing_until_a_republish(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, more=OFTEN) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        await gone(home, THIRD)
        job, version = await home.published("1.0.0", deadline=1.0)
        assert (job.state, version.state) == ("PARTIAL", "PARTIALLY_AVAILABLE")
        copy = (await home.copies(version.id))[THIRD]
        assert copy.failure is not None
        assert (copy.state, copy.failure.code, copy.attempt) == ("FAILED", "pod_offline", 0)
        assert (version.copies.available, version.copies.failed) == (2, 1)

        heard = heard_about(home, THIRD, version.id)
        await home.start(THIRD)
        await home.quiet()
        assert heard_about(home, THIRD, version.id) == heard
        assert home.site(THIRD).items() == home.site(THIRD).staging() == []

        job, version = await home.published("1.0.0", again=True)
        assert (job.state, version.state) == ("SUCCESS", "AVAILABLE")
        assert home.site(THIRD).holds(version.id, version.manifest)


async def test_a_pod_that_falls_silent_during_its_copy_is_asked_again_when_it_returns(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, more=OFTEN) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        await home.stop(THIRD)  # the hub takes it for connected still
        accepted = await home.publish("1.0.0")
        await home.record.expect(to_pods.CopyRequested, version=version.id, pod=THIRD)
        await home.record.expect(hub.PodDisconnected)
        assert (await home.copies(version.id))[THIRD].state == "REPLICATING"
        await home.start(THIRD)
        assert (await home.job(accepted)).state == "SUCCESS"
        await home.quiet()
        copy = (await home.copies(version.id))[THIRD]
        assert (copy.state, copy.attempt) == ("AVAILABLE", 1)
        assert home.site(THIRD).holds(version.id, version.manifest)
        assert len(home.record.of(hub.CopyAvailable, version=version.id, copy=copy.id)) == 1


async def test_a_copy_that_was_asked_for_and_is_overdue_is_taken_back(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        await home.stop(THIRD)
        job, version = await home.published("1.0.0", deadline=1.0)
        assert (job.state, version.state) == ("PARTIAL", "PARTIALLY_AVAILABLE")
        copy = (await home.copies(version.id))[THIRD]
        assert copy.failure is not None
        assert (copy.state, copy.failure.code) == ("FAILED", "deadline_exceeded")

        await home.start(THIRD)  # it finds the request, and after it the word that takes it back
        await home.quiet()
        assert home.site(THIRD).items() == home.site(THIRD).staging() == []
        assert (await home.copies(version.id))[THIRD].state == "FAILED"
        assert (await home.version("1.0.0")).state == "PARTIALLY_AVAILABLE"
        _, version = await home.published("1.0.0", again=True)
        assert version.state == "AVAILABLE"
        assert home.site(THIRD).holds(version.id, version.manifest)


async def test_a_pod_that_joins_after_the_publish_gets_nothing_until_a_republish(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        await home.published("1.0.0")
        before = await home.copies(version.id)
        await home.start(FOURTH)
        await home.quiet()
        assert set(await home.copies(version.id)) == {FIRST, SECOND, THIRD}
        assert home.site(FOURTH).items() == []
        assert (await home.version("latest", pod=FOURTH)).code == "no_latest_on_pod"

        _, version = await home.published("1.0.0", again=True)
        assert (version.state, version.copies.wanted) == ("AVAILABLE", 4)
        assert home.site(FOURTH).holds(version.id, version.manifest)
        after = await home.copies(version.id)
        assert {pod: after[pod].attempt for pod in before} == {pod: copy.attempt for pod, copy in before.items()}


async def test_an_import_whose_pod_stays_away_fails_at_its_deadline_and_leaves_nothing_when_it_returns(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=1, more={"catalog": {"import_deadline": 0.8}}) as home:
        site = home.site(FIRST)
        site.vm("golden", raw(4))
        await home.quiet()
        before = site.files()
        await home.stop(FIRST)
        accepted = await home.import_(mode="convert")
        job = await home.job(accepted)
        assert job.state == "FAILURE"
        assert job.failure is not None
        assert job.failure.code == "deadline_exceeded"
        assert (await home.version("1.0.0")).state == "FAILED"

        await home.start(FIRST)
        await home.quiet()
        assert site.files() == before
        assert home.record.of(from_pods.SourceDeleted) == []
        version = await home.imported()
        assert (version.number, version.state) == ("1.0.0", "DEPLOYMENT_DONE")
        assert site.items() == [version.id]


async def test_a_converted_vm_stays_for_as_long_as_the_catalog_does_not_know_of_the_version(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=1) as home:
        site = home.site(FIRST)
        site.vm("golden", raw(4))
        await home.stop(FIRST)
        accepted = await home.import_(mode="convert")
        await home.record.expect(to_pods.SourceRequested, version=accepted.version)
        await home.stop("catalog")
        await home.start(FIRST)
        prepared = await home.record.expect(from_pods.SourcePrepared, version=accepted.version)
        await home.quiet()
        assert site.holds(accepted.version, prepared.event.manifest)
        assert site.has_vm("golden")
        assert site.locks() == ["vms/golden/.lock"]  # nobody else may take it meanwhile

        await home.start("catalog")
        assert (await home.job(accepted)).state == "SUCCESS"
        deleted = await home.record.expect(from_pods.SourceDeleted, version=accepted.version)
        (deployed,) = home.record.of(hub.VersionDeployed, version=accepted.version)
        (released,) = home.record.of(to_pods.SourceReleased, version=accepted.version)
        assert deployed.cause == released.cause == prepared.id
        assert prepared.at <= released.at <= deleted.at
        assert not site.has_vm("golden")
        assert site.holds(accepted.version, prepared.event.manifest)
