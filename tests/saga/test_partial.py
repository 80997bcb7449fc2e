"""Pods that cannot take a copy: the version is partly there, and a republish after the repair touches only them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.events import from_pods, hub, to_pods
from contracts.manifest import CHUNK
from harness.house import house
from harness.site import Site
from saga.disks import raw

FIRST, SECOND, THIRD = PODS = ("pod-1", "pod-2", "pod-3")


def break_down(site: Site) -> None:
    """Take the pod's only datastore away."""
    site.datastore.rename(site.root / "elsewhere")


def repair(site: Site) -> None:
    (site.root / "elsewhere").rename(site.datastore)


def states(copies: dict[str, Any]) -> dict[str, str]:
    return {pod: copy.state for pod, copy in copies.items()}


async def test_a_republish_after_one_pod_failed_touches_only_its_copy(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(12))
        version = await home.imported()
        break_down(home.site(THIRD))
        job, version = await home.published("1.0.0")
        assert (job.state, version.state) == ("PARTIAL", "PARTIALLY_AVAILABLE")
        assert (version.copies.available, version.copies.failed) == (2, 1)
        before = await home.copies(version.id)
        assert states(before) == {FIRST: "AVAILABLE", SECOND: "AVAILABLE", THIRD: "FAILED"}
        failure = before[THIRD].failure
        assert failure is not None
        assert (failure.code, failure.retry) == ("datastore_not_found", False)
        assert failure.hint
        assert before[THIRD].attempt == 1  # trying again unchanged cannot help
        assert (await home.version("latest")).number == "1.0.0"
        assert (await home.version("latest", pod=THIRD)).code == "no_latest_on_pod"
        files = {pod: stamps(home.site(pod), version.id) for pod in (FIRST, SECOND)}
        await home.quiet()
        heard = len(home.record.said)

        repair(home.site(THIRD))
        job, version = await home.published("1.0.0", again=True)
        assert (job.state, version.state) == ("SUCCESS", "AVAILABLE")
        await home.quiet()
        assert home.site(THIRD).holds(version.id, version.manifest)
        after = await home.copies(version.id)
        assert states(after) == dict.fromkeys(PODS, "AVAILABLE")
        for pod in (FIRST, SECOND):
            assert stamps(home.site(pod), version.id) == files[pod], pod
            assert (after[pod].attempt, after[pod].bytes_network) == (before[pod].attempt, before[pod].bytes_network)
        said = [one.event for one in home.record.said[heard:]]
        asked = [event.pod for event in said if isinstance(event, to_pods.CopyRequested)]
        assert asked == [THIRD]
        reported = [event.copy for event in said if isinstance(event, from_pods.CopyFinalised)]
        assert reported == [after[THIRD].id]
        planned = {event.pod: event.state for event in said if isinstance(event, hub.CopyPlanned)}
        assert planned == {FIRST: "AVAILABLE", SECOND: "AVAILABLE", THIRD: "PENDING"}


async def test_when_every_copy_fails_the_version_has_failed_and_a_republish_makes_it_available(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(4))
        await home.imported()
        for pod in (SECOND, THIRD):
            break_down(home.site(pod))
        job, version = await home.published("1.0.0", pods=(SECOND, THIRD))
        assert (job.state, version.state) == ("FAILURE", "FAILED")
        assert job.failure is not None
        assert job.failure.code == "all_copies_failed"
        assert version.manifest is not None  # it was the publish that failed, not the version
        assert (await home.version("latest")).code == "no_latest"
        for pod in (SECOND, THIRD):
            repair(home.site(pod))
        job, version = await home.published("1.0.0", pods=(SECOND, THIRD), again=True)
        assert (job.state, version.state, version.failure) == ("SUCCESS", "AVAILABLE", None)
        for pod in (SECOND, THIRD):
            assert home.site(pod).holds(version.id, version.manifest), pod
        assert (await home.version("latest")).number == "1.0.0"


@pytest.fixture
def tiny_datastore(tmp_path: Path) -> Iterator[Site]:
    """A pod with a datastore of 2 MiB."""
    site = Site(tmp_path / "pods" / THIRD)
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(site.datastore)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield site
    subprocess.run(["umount", "--lazy", str(site.datastore)], check=True)


@pytest.mark.needs_root
async def test_a_pod_whose_datastore_is_full_is_tried_again_then_given_up_until_there_is_room(
    nats_url: str, tmp_path: Path, tiny_datastore: Site
) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(14))
        await home.imported()
        ballast = tiny_datastore.datastore / "ballast"
        ballast.write_bytes(bytes(12 * CHUNK))
        _, version = await home.published("1.0.0")
        assert version.state == "PARTIALLY_AVAILABLE"
        copy = (await home.copies(version.id))[THIRD]
        assert copy.failure is not None
        assert (copy.state, copy.failure.code, copy.attempt) == ("FAILED", "no_space", 3)
        assert [failure.code for failure in copy.history] == ["no_space"] * 3
        assert len(home.record.of(hub.CopyDelayed, version=version.id)) == 2

        ballast.unlink()
        _, version = await home.published("1.0.0", again=True)
        assert version.state == "AVAILABLE"
        assert tiny_datastore.holds(version.id, version.manifest)
        await home.quiet()
        assert tiny_datastore.staging() == []


async def test_a_pod_that_is_repaired_between_two_attempts_needs_no_republish(nats_url: str, tmp_path: Path) -> None:
    slow = {"replicator": {"retry_backoff": "0.4", "retry_attempts": 20}}
    async with house(nats_url, tmp_path, more=slow) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        spoil(home.site(FIRST), version.id)
        accepted = await home.publish("1.0.0", pods=(SECOND,))
        delayed = await home.record.expect(hub.CopyDelayed, version=version.id)
        assert delayed.event.failure.code == "digest_mismatch"
        spoil(home.site(FIRST), version.id)
        job = await home.job(accepted)
        assert job.state == "SUCCESS"
        assert home.site(SECOND).holds(version.id, version.manifest)


async def test_spoiled_bytes_of_a_holder_reach_no_library(nats_url: str, tmp_path: Path) -> None:
    once = {"replicator": {"retry_attempts": 1}}  # in each attempt the two wait for what the other might still get
    async with house(nats_url, tmp_path, more=once) as home:
        home.site(FIRST).vm("golden", raw(6))
        version = await home.imported()
        spoil(home.site(FIRST), version.id)
        job, version = await home.published("1.0.0", pods=(SECOND, THIRD))
        assert (job.state, version.state) == ("FAILURE", "FAILED")
        copies = await home.copies(version.id)
        assert {copy.failure.code for copy in copies.values() if copy.failure} == {"digest_mismatch"}
        assert home.record.of(from_pods.CopyFinalised, version=version.id) == []
        for pod in (SECOND, THIRD):
            assert home.site(pod).items() == [], pod


async def test_any_pod_that_has_a_version_serves_it_when_its_source_is_gone(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path) as home:
        home.site(FIRST).vm("golden", raw(6))
        version = await home.imported()
        await home.published("1.0.0", pods=(SECOND,))
        spoil(home.site(FIRST), version.id)
        _, version = await home.published("1.0.0", pods=(THIRD,), again=True)
        assert version.state == "AVAILABLE"
        assert home.site(THIRD).holds(version.id, version.manifest)


def spoil(site: Site, version: str) -> None:
    """Turn one bit of a disk in the library; once more, and it is right again."""
    path = site.disk(version, 0)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(3 * CHUNK + 5)
        (byte,) = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def stamps(site: Site, version: str) -> list[tuple[int, int]]:
    """What tells a file that was written again from one that was not."""
    folder = site.disk(version, 0).parent
    return sorted((path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.glob("disk-*"))
