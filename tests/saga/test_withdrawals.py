"""Taking back what was published: cancelled, unpublished, rolled back; the bytes go, the source stays."""

from pathlib import Path
from typing import Any

from contracts.errors import Problem
from contracts.events import from_pods, hub, to_pods
from contracts.requests import CancelJob, CancelPublish, UnpublishVersion
from contracts.terms import Terms
from harness.asking import IMAGE
from harness.house import House, house
from saga.disks import raw

FIRST, SECOND, THIRD = PODS = ("pod-1", "pod-2", "pod-3")
OFTEN: dict[str, dict[str, Any]] = {THIRD: {"report_interval": 0.5}}


def nothing_left(home: House, pod: str) -> bool:
    return home.site(pod).items() == home.site(pod).staging() == []


async def test_an_unpublished_version_has_no_copies_and_can_be_published_again(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.published("1.0.0")
        job = await home.job(await home.command(UnpublishVersion, image=IMAGE, number="1.0.0"))
        assert job.state == "SUCCESS"
        after = await home.version("1.0.0")
        assert (after.state, after.copies.available) == ("DEPLOYMENT_DONE", 0)
        await home.quiet()
        assert nothing_left(home, SECOND)
        assert nothing_left(home, THIRD)
        assert home.site(FIRST).holds(version.id, version.manifest), "the source stays"
        assert (await home.version("latest")).code == "no_latest"
        _, again = await home.published("1.0.0")
        assert (again.state, again.copies.available) == ("AVAILABLE", 3)
        assert home.site(THIRD).holds(version.id, version.manifest)


async def test_a_pod_that_was_away_during_the_unpublish_drops_its_copy_when_it_returns(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, more=OFTEN) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.published("1.0.0")
        await home.stop(THIRD)
        await home.record.expect(hub.PodDisconnected, pod=THIRD)
        job = await home.job(await home.command(UnpublishVersion, image=IMAGE, number="1.0.0"))
        assert job.state == "SUCCESS", "a pod that is away holds nobody up"
        assert home.site(THIRD).items() == [version.id]
        await home.start(THIRD)
        await home.record.expect(hub.CopyRemoved, version=version.id, pod=THIRD)
        await home.quiet()
        assert nothing_left(home, THIRD)
        assert (await home.version("1.0.0")).state == "DEPLOYMENT_DONE"


async def test_a_cancelled_publish_keeps_what_is_available_and_frees_the_rest(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, more=OFTEN) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        await home.stop(THIRD)  # the hub takes it for connected still, and asks it
        accepted = await home.publish("1.0.0")
        await home.record.expect(to_pods.CopyRequested, version=version.id, pod=THIRD)
        for pod in (FIRST, SECOND):
            await home.record.expect(hub.CopyAvailable, version=version.id, pod=pod)
        assert not isinstance(await home.command(CancelPublish, image=IMAGE, number="1.0.0"), Problem)
        job = await home.job(accepted)
        assert job.state == "CANCELLED"
        after = await home.version("1.0.0")
        assert (after.state, after.copies.available) == ("PARTIALLY_AVAILABLE", 2)
        assert (await home.copies(version.id))[THIRD].state == "CANCELLED"
        again = await home.command(CancelPublish, image=IMAGE, number="1.0.0")
        assert isinstance(again, Problem)
        assert again.code == "not_cancellable"

        await home.start(THIRD)  # it finds the request, and after it the word that takes it back
        await home.quiet()
        assert nothing_left(home, THIRD)
        assert (await home.copies(version.id))[THIRD].state == "CANCELLED"
        assert home.record.of(hub.CopyAvailable, version=version.id, pod=THIRD) == []
        _, again = await home.published("1.0.0", again=True)
        assert (again.state, again.copies.available) == ("AVAILABLE", 3)


async def test_a_job_cancelled_before_any_copy_leaves_the_version_ready_to_publish(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, more=OFTEN) as home:
        home.site(FIRST).vm("golden", raw(8))
        await home.imported()
        await home.stop(THIRD)
        accepted = await home.publish("1.0.0", pods=(THIRD,))
        await home.record.expect(to_pods.CopyRequested, pod=THIRD)
        view = await home.command(CancelJob, job=accepted.job)
        assert view.state in ("CANCELLING", "CANCELLED")
        assert (await home.job(accepted)).state == "CANCELLED"
        assert (await home.version("1.0.0")).state == "DEPLOYMENT_DONE"


async def test_an_all_or_nothing_publish_takes_every_copy_back_when_one_fails_for_good(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(8))
        version = await home.imported()
        home.site(THIRD).datastore.rename(tmp_path / "elsewhere")
        job, after = await home.published("1.0.0", terms=Terms(all_or_nothing=True))
        assert (job.state, after.state) == ("FAILURE", "DEPLOYMENT_DONE")
        assert job.failure is not None
        assert THIRD in job.failure.text
        await home.quiet()
        assert nothing_left(home, SECOND)
        assert home.site(FIRST).holds(version.id, version.manifest)
        assert (await home.version("latest")).code == "no_latest"
        (tmp_path / "elsewhere").rename(home.site(THIRD).datastore)
        job, after = await home.published("1.0.0", terms=Terms(all_or_nothing=True))
        assert (job.state, after.state) == ("SUCCESS", "AVAILABLE")
        assert home.record.of(from_pods.CopyDropped, version=version.id, pod=SECOND)
