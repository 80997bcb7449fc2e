"""Who believes whom: pods by their certificates at each other's doors, the hub by its signature on what is copied."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from contracts import codec, topology
from contracts.errors import Failure
from contracts.events import from_pods, to_pods
from contracts.manifest import CHUNK, Manifest
from contracts.names import copy_id
from harness.house import House, house
from runtime.ids import new_id
from saga.disks import raw

FIRST, SECOND, THIRD = ("pod-1", "pod-2", "pod-3")


def address(home: House, pod: str) -> str:
    """Where a pod said last that its door is."""
    said = home.record.of(from_pods.PodAnnounced, pod=pod)[-1]
    assert isinstance(said.event, from_pods.PodAnnounced)
    return said.event.address


# --- certificates -----------------------------------------------------------------------------------------------------


async def test_a_version_goes_from_pod_to_pod_over_https(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=2) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        job, version = await home.published("1.0.0")
        assert job.state == "SUCCESS"
        assert home.site(SECOND).holds(version.id, version.manifest)
        assert all(address(home, pod).startswith("https://") for pod in (FIRST, SECOND))
        (done,) = home.record.of(from_pods.CopyFinalised, pod=SECOND)
        assert done.event.bytes_network > 0


async def test_a_pod_with_another_authoritys_certificate_is_not_served_and_serves_nobody(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path) as home:
        await home.stop(THIRD)
        home.more[THIRD] = home.identity(THIRD, "another authority")
        await home.start(THIRD)
        home.site(FIRST).vm("golden", raw(4))
        home.site(THIRD).vm("foreign", raw(4, seed=2))

        version = await home.imported()
        await home.published("1.0.0")
        copies = await home.copies(version.id)
        assert {pod: copy.state for pod, copy in copies.items()} == {
            FIRST: "AVAILABLE",
            SECOND: "AVAILABLE",
            THIRD: "FAILED",
        }
        assert copies[THIRD].failure is not None
        assert copies[THIRD].failure.code == "source_refused"
        assert home.site(THIRD).items() == []

        theirs = await home.imported("default/foreign", pod=THIRD, name="foreign")
        await home.published("1.0.0", "default/foreign")
        copies = await home.copies(theirs.id)
        assert {pod: copy.state for pod, copy in copies.items()} == {
            FIRST: "FAILED",
            SECOND: "FAILED",
            THIRD: "AVAILABLE",
        }
        assert home.site(FIRST).items() == home.site(SECOND).items() == [version.id]


async def test_a_restarted_pod_is_where_it_was(nats_url: str, tmp_path: Path) -> None:
    async with house(nats_url, tmp_path, pods=1) as home:
        before = address(home, FIRST)
        said = len(home.record.of(from_pods.PodAnnounced))
        await home.stop(FIRST)
        await home.start(FIRST)
        await home.record.until(lambda: len(home.record.of(from_pods.PodAnnounced)) > said)
        assert address(home, FIRST) == before


# --- the hub's signature ----------------------------------------------------------------------------------------------


def other_bytes(good: Manifest) -> Manifest:
    """The manifest of a version, with digests of the forger's choice."""
    disk = msgspec.structs.replace(good.disks[0], root="b" * 64, sha256="c" * 64)
    return msgspec.structs.replace(good, disks=(disk,))


def unsigned(good: Manifest) -> Manifest:
    return msgspec.structs.replace(other_bytes(good), signature="")


async def refusal(home: House, version: str, manifest: Manifest) -> Failure:
    """Ask pod-2 for a copy as only the replicator may, with all else right; how the pod refuses it."""
    copy = copy_id(version, SECOND, 0)
    asked = to_pods.CopyRequested(
        pod=SECOND,
        copy=copy,
        version=version,
        image="0" * 32,
        tenant="default",
        attempt=9,
        manifest=manifest,
        holders=(to_pods.Holder(pod=FIRST, address=address(home, FIRST)),),
        ticket=home.ticket(SECOND, version, manifest),
    )
    now = datetime.now(UTC)
    headers = codec.headers(type(asked), id=new_id(), at=now, speaker="replicator", saga=new_id(), cause=new_id())
    await home.client.jetstream().publish(topology.subject(asked), codec.encode(asked), headers=headers)
    said = await home.record.expect(from_pods.CopyRejected, copy=copy, attempt=9)
    assert isinstance(said.event, from_pods.CopyRejected)
    return said.event.failure


@pytest.mark.parametrize("forge", [other_bytes, unsigned])
async def test_a_forged_manifest_makes_no_copy_though_the_bus_asks_for_it(
    nats_url: str, tmp_path: Path, forge: Callable[[Manifest], Manifest]
) -> None:
    async with house(nats_url, tmp_path, pods=2) as home:
        home.site(FIRST).vm("golden", raw(4))
        version = await home.imported()
        assert version.manifest is not None
        failure = await refusal(home, version.id, forge(version.manifest))
        assert (failure.code, failure.retry) == ("signature_invalid", False)
        assert home.site(SECOND).items() == home.site(SECOND).staging() == []


async def test_the_signed_content_of_an_older_version_makes_no_copy_of_a_newer_one(
    nats_url: str, tmp_path: Path
) -> None:
    async with house(nats_url, tmp_path, pods=2) as home:
        home.site(FIRST).vm("golden", raw(4))
        old = await home.imported()
        home.site(FIRST).change("golden", 0, CHUNK, b"patched")
        new = await home.imported()
        assert old.manifest is not None
        assert old.manifest.signature
        failure = await refusal(home, new.id, old.manifest)
        assert failure.code == "signature_invalid"
        assert home.site(SECOND).items() == []
