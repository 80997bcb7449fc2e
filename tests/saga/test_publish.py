"""Publishing a version: what lies on every pod, when it counts as available, and what had to travel."""

import asyncio
import os
from pathlib import Path

import pytest

from contracts.errors import Problem
from contracts.events import from_pods, hub, to_pods
from contracts.manifest import CHUNK
from harness.house import House
from saga.disks import qcow2_of, raw, sparse_raw

pytestmark = pytest.mark.asyncio(loop_scope="module")

PODS = ("pod-1", "pod-2", "pod-3")


async def test_a_published_version_is_bit_identical_on_every_pod(home: House, tmp_path: Path) -> None:
    home.site("pod-1").vm("mixed", qcow2_of(raw(20), tmp_path), sparse_raw(30, seed=3), formats=("qcow2", "raw"))
    version = await home.imported("default/mixed", name="mixed")
    assert version.manifest is not None
    assert [disk.format for disk in version.manifest.disks] == ["qcow2", "raw"]
    job, version = await home.published("1.0.0", "default/mixed")
    assert (job.state, version.state) == ("SUCCESS", "AVAILABLE")
    assert (version.copies.wanted, version.copies.available) == (3, 3)
    assert version.manifest is not None
    copies = await home.copies(version.id)
    assert {pod: copy.state for pod, copy in copies.items()} == dict.fromkeys(PODS, "AVAILABLE")
    assert {copy.digest for copy in copies.values()} == {version.manifest.digest}
    await home.quiet()
    for pod in PODS:
        assert home.site(pod).holds(version.id, version.manifest), pod
        assert home.site(pod).staging() == [], pod
    assert copies["pod-1"].bytes_network == 0  # it has been there since the import
    for pod in PODS[1:]:
        moved = copies[pod].bytes_network
        assert 49 * CHUNK < moved < version.manifest.size, pod  # holes do not travel


async def test_a_version_is_available_only_after_every_connectors_own_word(home: House) -> None:
    home.site("pod-1").vm("ordered", raw(8))
    version = await home.imported("default/ordered", name="ordered")
    job, _ = await home.published("1.0.0", "default/ordered")
    await home.quiet()
    (available,) = home.record.of(hub.VersionAvailable, version=version.id)
    (replicating,) = home.record.of(hub.VersionReplicating, version=version.id)
    words = {}
    for pod in PODS:
        (finalised,) = home.record.of(from_pods.CopyFinalised, pod=pod, version=version.id)
        (counted,) = [said for said in home.record.of(hub.CopyAvailable, version=version.id) if said.event.pod == pod]
        assert counted.cause == finalised.id, pod
        assert finalised.at <= counted.at <= available.at, pod
        assert replicating.seq < available.seq
        assert counted.seq < available.seq, pod
        words[counted.id] = pod
    assert available.cause in words  # the last copy is what made it so
    assert len(home.record.of(hub.CopyAvailable, version=version.id)) == 3
    assert {said.saga for said in home.record.of(hub.CopyAvailable, version=version.id)} == {job.id}


async def test_the_second_version_moves_only_the_chunks_that_changed(home: House) -> None:
    site = home.site("pod-1")
    site.vm("grown", raw(64), raw(32, seed=2))
    await home.imported("default/grown", name="grown")
    await home.published("1.0.0", "default/grown")
    for chunk in (3, 4, 40):
        site.change("grown", 0, chunk * CHUNK + 100, os.urandom(50))
    second = await home.imported("default/grown", name="grown")
    assert second.number == "1.1.0"
    _, second = await home.published("1.1.0", "default/grown")
    assert second.state == "AVAILABLE"
    assert second.manifest is not None
    for pod, copy in (await home.copies(second.id)).items():
        assert home.site(pod).holds(second.id, second.manifest), pod
        index = 96 * 32 + 2 * 64  # a digest for each chunk of both disks, and their headers
        changed = 0 if pod == "pod-1" else 3 * CHUNK
        assert changed <= copy.bytes_network <= changed + index, pod
        assert copy.bytes_reused == second.manifest.size - changed, pod


async def test_latest_is_the_highest_published_number_in_all_and_on_a_pod(home: House) -> None:
    image = "default/latest"
    home.site("pod-1").vm("latest", raw(2))
    for _ in range(3):
        await home.imported(image, name="latest")
    await home.imported(image, name="latest", number="1.10.0")
    none = await home.version("latest", image)
    assert isinstance(none, Problem)
    assert none.code == "no_latest"

    await home.published("1.2.0", image, pods=("pod-1", "pod-2"))
    await home.published("1.10.0", image, pods=("pod-1",))
    await home.published("1.1.0", image, pods=("pod-3",))
    found = {pod: (await home.version("latest", image, pod=pod)).number for pod in PODS}
    assert found == {"pod-1": "1.10.0", "pod-2": "1.2.0", "pod-3": "1.1.0"}
    assert (await home.version("latest", image)).number == "1.10.0"
    unknown = await home.version("latest", image, pod="pod-9")
    assert isinstance(unknown, Problem)
    assert unknown.code == "pod_not_found"
    home.site("pod-1").vm("hidden", raw(2))
    await home.imported("default/hidden", name="hidden")
    await home.published("1.0.0", "default/hidden", pods=("pod-2",))
    nowhere = await home.version("latest", "default/hidden", pod="pod-3")
    assert isinstance(nowhere, Problem)
    assert nowhere.code == "no_latest_on_pod"


async def test_versions_published_together_all_become_available(home: House) -> None:
    images = [f"default/crowd-{n}" for n in range(4)]
    for n, image in enumerate(images):
        home.site("pod-2").vm(f"crowd-{n}", raw(6, seed=n))
        await home.imported(image, pod="pod-2", name=f"crowd-{n}")
    ended = await asyncio.gather(*(home.published("1.0.0", image) for image in images))
    for _, version in ended:
        assert version.state == "AVAILABLE"
        for pod in PODS:
            assert home.site(pod).holds(version.id, version.manifest), (version.name, pod)


async def test_a_publish_to_some_pods_leaves_the_others_alone_until_a_republish_names_them(home: House) -> None:
    home.site("pod-3").vm("some", raw(4))
    await home.imported("default/some", pod="pod-3", name="some")
    _, version = await home.published("1.0.0", "default/some", pods=("pod-1",))
    assert (version.state, version.copies.wanted) == ("AVAILABLE", 1)
    assert version.id not in home.site("pod-2").items()
    _, version = await home.published("1.0.0", "default/some", pods=("pod-2",), again=True)
    assert (version.state, version.copies.wanted, version.copies.available) == ("AVAILABLE", 2, 2)
    assert home.site("pod-2").holds(version.id, version.manifest)


async def test_a_republish_of_what_is_available_everywhere_asks_no_pod_for_anything(home: House) -> None:
    home.site("pod-1").vm("calm", raw(4))
    version = await home.imported("default/calm", name="calm")
    await home.published("1.0.0", "default/calm")
    before = await home.copies(version.id)
    job, version = await home.published("1.0.0", "default/calm", again=True)
    assert (job.state, version.state) == ("SUCCESS", "AVAILABLE")
    await home.quiet()
    assert len(home.record.of(to_pods.CopyRequested, version=version.id)) == 3
    assert len(home.record.of(hub.CopyAvailable, version=version.id)) == 3
    after = await home.copies(version.id)
    assert {pod: (copy.attempt, copy.bytes_network) for pod, copy in after.items()} == {
        pod: (copy.attempt, copy.bytes_network) for pod, copy in before.items()
    }


async def test_a_publish_while_one_is_under_way_is_refused(home: House) -> None:
    home.site("pod-1").vm("busy", raw(4))
    version = await home.imported("default/busy", name="busy")
    first, second = await asyncio.gather(home.publish("1.0.0", "default/busy"), home.publish("1.0.0", "default/busy"))
    assert isinstance(second, Problem)
    assert (second.code, second.data["state"]) == ("version_not_ready", "PUBLISHING")
    await home.job(first)
    await home.quiet()
    assert len(home.record.of(hub.VersionPublishRequested, version=version.id)) == 1
