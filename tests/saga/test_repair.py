"""Bytes that change at rest: found by the pod, lost to the hub, made anew from another pod, and counted again."""

import pytest

from contracts.events import from_pods, hub, to_pods
from contracts.manifest import CHUNK
from contracts.requests import GetJob
from harness.asking import ACTOR
from harness.house import House
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def scrub(home: House, pod: str) -> None:
    """Let the pod check its copies within a second."""
    home.more[pod] = {"scrub_days": 1 / 86_400}
    await home.stop(pod)
    await home.start(pod)


@pytest.mark.parametrize("pod", ["pod-2", "pod-1"], ids=["a target", "the source"])
async def test_a_rotten_copy_is_repaired_from_the_others_and_the_version_is_whole_again(home: House, pod: str) -> None:
    name = f"rotten-{pod}"
    home.site("pod-1").vm(name, raw(20))
    version = await home.imported(f"default/{name}", name=name)
    job, _ = await home.published("1.0.0", f"default/{name}")
    await home.quiet()
    home.site(pod).rot(version.id, 7 * CHUNK + 100)
    await scrub(home, pod)
    found = await home.record.expect(from_pods.CopyCorrupted, pod=pod, version=version.id)
    assert (found.event.chunks, found.event.failure.code) == (1, "bit_rot")
    lost = await home.record.expect(hub.CopyLost, pod=pod, version=version.id)
    assert (lost.event.state, lost.saga) == ("CORRUPT", job.id)
    again = await home.record.expect(to_pods.CopyRequested, pod=pod, version=version.id, attempt=2)
    assert pod not in {holder.pod for holder in again.event.holders}
    back = await home.record.expect(hub.CopyAvailable, pod=pod, version=version.id, attempt=2)
    assert CHUNK <= back.event.bytes_network < 3 * CHUNK, "one chunk was wrong, and one chunk travels"
    lowered = await home.record.expect(hub.VersionPartiallyAvailable, version=version.id)
    assert (lowered.event.available, lowered.event.failed) == (2, 1)
    await home.record.until(lambda: len(home.record.of(hub.VersionAvailable, version=version.id)) == 2)
    assert home.site(pod).holds(version.id, version.manifest)
    after = await home.ask(GetJob(actor=ACTOR, job=job.id))
    assert (after.state, after.copies) == (job.state, job.copies), "what is over stays over"
    copies = await home.copies(version.id)
    assert {one: copy.state for one, copy in copies.items()} == dict.fromkeys(("pod-1", "pod-2", "pod-3"), "AVAILABLE")
    assert [failure.code for failure in copies[pod].history] == ["bit_rot"]
