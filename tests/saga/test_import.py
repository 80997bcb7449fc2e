"""Importing a VM or a file: what comes of it on the pod and in the catalog."""

import asyncio
from pathlib import Path

import pytest

from contracts.events import from_pods, hub, to_pods
from contracts.events.from_pods import SourcePrepared
from contracts.requests import GetImage, GetTimeline
from contracts.views import ImageView
from harness.asking import ACTOR
from harness.digests import sha256_of
from harness.house import House
from saga.disks import qcow2_of, raw, sparse_raw

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a2_a_cloned_vm_becomes_version_1_0_0_with_all_its_disks_and_stays_b2(home: House) -> None:
    site, os_disk, data_disk = home.site("pod-1"), raw(5), sparse_raw(4, seed=2)
    site.vm("golden", os_disk, data_disk)
    version = await home.imported("default/whole", name="golden")
    assert version.manifest is not None
    assert (version.state, version.number) == ("DEPLOYMENT_DONE", "1.0.0")
    disks = [(disk.role, disk.lun, disk.format, disk.sha256) for disk in version.manifest.disks]
    assert disks == [("os", 0, "raw", sha256_of(os_disk)), ("data", 1, "raw", sha256_of(data_disk))]
    await home.quiet()
    assert site.holds(version.id, version.manifest)
    assert site.has_vm("golden")
    assert site.locks() == []
    assert site.staging() == []
    image = await home.ask(GetImage(actor=ACTOR, image="default/whole"))
    assert isinstance(image, ImageView)
    assert (image.state, image.latest) == ("AVAILABLE", None)  # a version is latest once it is published


async def test_the_saga_of_an_import_is_told_step_by_step_and_in_order(home: House) -> None:
    home.site("pod-1").vm("told", raw(2))
    accepted = await home.import_("default/told", name="told")
    await home.job(accepted)
    await home.quiet()
    told = [(said.stream, type(said.event)) for said in home.record.saga(accepted.job)]
    assert [kind for stream, kind in told if stream == "EVENTS" and kind is not hub.GalleryCreated] == [
        hub.ImageRegistered,
        hub.VersionRequested,
        hub.VersionStarted,
        hub.VersionDeployed,
        hub.ImageAvailable,
    ]
    assert [kind for stream, kind in told if stream == "TO_PODS"] == [to_pods.SourceRequested]
    assert [kind for stream, kind in told if stream == "FROM_PODS"] == [
        from_pods.SourceStarted,
        from_pods.SourceInspected,
        from_pods.SourcePrepared,
    ]
    timeline = await home.ask(GetTimeline(actor=ACTOR, job=accepted.job))
    assert {entry.id for entry in timeline.items} == {said.id for said in home.record.saga(accepted.job)}
    (deployed,) = home.record.of(hub.VersionDeployed, version=accepted.version)
    (prepared,) = home.record.of(SourcePrepared, version=accepted.version)
    assert deployed.cause == prepared.id


async def test_the_os_disk_alone_can_be_imported(home: House) -> None:
    os_disk = raw(3, seed=4)
    home.site("pod-1").vm("two-disks", os_disk, raw(3, seed=5))
    version = await home.imported("default/os-only", name="two-disks", disks="os")
    assert version.manifest is not None
    assert [(disk.role, disk.sha256) for disk in version.manifest.disks] == [("os", sha256_of(os_disk))]
    assert home.site("pod-1").holds(version.id, version.manifest)


async def test_a_file_is_imported_and_stays(home: House, tmp_path: Path) -> None:
    content = qcow2_of(raw(6), tmp_path)
    home.site("pod-2").file("debian.qcow2", content)
    version = await home.imported("default/file", pod="pod-2", kind="file", name="debian.qcow2", file_type="qcow2")
    assert version.manifest is not None
    (disk,) = version.manifest.disks
    assert (disk.format, disk.sha256) == ("qcow2", sha256_of(content))
    assert home.site("pod-2").holds(version.id, version.manifest)
    assert "incoming/debian.qcow2" in home.site("pod-2").files()
    assert home.site("pod-2").locks() == []


async def test_the_second_import_is_1_1_0_unless_it_asks_for_another_number(home: House) -> None:
    home.site("pod-1").vm("again", raw(2))
    numbers = [(await home.imported("default/again", name="again")).number for _ in range(2)]
    asked = await home.imported("default/again", name="again", number="3.0")
    after = await home.imported("default/again", name="again")
    assert (*numbers, asked.number, after.number) == ("1.0.0", "1.1.0", "3.0.0", "3.1.0")


async def test_imports_of_one_vm_that_come_together_get_a_version_each(home: House) -> None:
    home.site("pod-1").vm("popular", raw(3))
    accepted = [await home.import_("default/popular", name="popular") for _ in range(3)]
    jobs = await asyncio.gather(*(home.job(one) for one in accepted))
    assert [(job.number, job.state) for job in jobs] == [(f"1.{n}.0", "SUCCESS") for n in range(3)]
    await home.quiet()
    assert home.site("pod-1").locks() == []


async def test_a_vm_that_is_converted_goes_and_its_version_stays(home: House) -> None:
    site = home.site("pod-1")
    site.vm("spent", raw(3), raw(2, seed=8))
    version = await home.imported("default/spent", name="spent", mode="convert")
    await home.record.expect(from_pods.SourceDeleted, version=version.id)
    await home.quiet()
    assert not [file for file in site.files() if file.startswith("vms/") and "spent" in file]
    assert site.holds(version.id, version.manifest)
    assert site.locks() == []
