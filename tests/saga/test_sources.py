"""Versions from every kind of source, on real pods: what comes of it in the catalog and in the pod's folder."""

import base64
import gzip
import json
import lzma
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from contracts.errors import Problem
from contracts.events import Speaker, from_pods, hub, to_pods
from contracts.keeping import Quota
from contracts.preparation import Signature
from contracts.requests import (
    CreateGallery,
    GetGallery,
    GetImage,
    GetTimeline,
    ImportVersion,
    Origin,
    RegisterImage,
    SetCertificate,
)
from contracts.views import CertificateView, GalleryView, ImageView, JobView, VersionView
from harness.asking import ACTOR
from harness.digests import sha256_of
from harness.house import House
from harness.signers import Signer
from harness.site import Site
from runtime.ids import new_id
from saga.disks import raw

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(home: House) -> AsyncIterator[Site]:
    found = home.site("pod-1")
    for name in ("volumes", "snapshots", "templates"):
        (found.root / name).mkdir(exist_ok=True)
    yield found


def machine(site: Site, name: str, *disks: bytes, of: str = "vms", **said: Any) -> None:
    """A VM, or a snapshot or a template, that says something of itself."""
    site.vm(name, *disks)
    folder = site.root / "vms" / name
    described = json.loads((folder / "vm.json").read_text()) | said
    (folder / "vm.json").write_text(json.dumps(described))
    if of != "vms":
        folder.rename(site.root / of / name)


async def derived(home: House, origin: str, into: str, **more: Any) -> VersionView:
    """A version made from version 1.0.0 of another image."""
    command = ImportVersion(
        id=new_id(), actor=ACTOR, image=into, create=True, origin=Origin(image=origin, number="1.0.0", **more)
    )
    accepted = await home.ask(command)
    job = await home.job(accepted)
    assert job.state == "SUCCESS", job
    version = await home.version(accepted.number, into)
    assert isinstance(version, VersionView)
    return version


async def failed(home: House, image: str, **more: Any) -> JobView:
    """The job of an import that the pod refuses; nothing of it is left there."""
    site = home.site("pod-1")
    before = site.files()
    job = await home.job(await home.import_(image, **more))
    assert job.state == "FAILURE", job
    await home.quiet()
    assert site.files() == before
    return job


@pytest.mark.parametrize("kind", ["disk", "snapshot", "template"])
async def test_b8_what_lies_on_the_pod_becomes_a_version_and_stays(home: House, site: Site, kind: str) -> None:
    content = raw(4, seed=3)
    if kind == "disk":
        (site.root / "volumes" / "vol").write_bytes(content)
    else:
        machine(site, kind, content, raw(2, seed=4), of=f"{kind}s")
    before = site.files()
    version = await home.imported(f"default/from-{kind}", kind=kind, name="vol" if kind == "disk" else kind)
    assert version.manifest is not None
    assert version.manifest.disks[0].sha256 == sha256_of(content)
    await home.quiet()
    assert site.holds(version.id, version.manifest)
    assert before.items() <= site.files().items()
    assert [file for file in site.files() if ".lock" in file] == []


async def test_b8_a_version_of_another_gallery_is_independent_and_moves_no_bytes_between_pods(
    home: House, site: Site
) -> None:
    site.vm("parent", raw(6, seed=7))
    parent = await home.imported("tools/parent", name="parent")
    child = await derived(home, "tools/parent", "copies/child")
    assert child.manifest is not None
    assert parent.manifest is not None
    assert (child.parent, child.digest) == (parent.id, parent.digest)
    assert child.manifest.source.kind == "version"
    job, _ = await home.published("1.0.0", "copies/child", pods=("pod-2",))
    assert job.state == "SUCCESS"
    assert home.site("pod-2").holds(child.id, child.manifest)
    assert home.site("pod-2").items().count(parent.id) == 0


async def test_b8_a_pod_with_a_copy_makes_a_version_from_it(home: House, site: Site) -> None:
    site.vm("roaming", raw(5, seed=8))
    await home.imported("default/roaming", name="roaming")
    await home.published("1.0.0", "default/roaming", pods=("pod-1", "pod-3"))
    child = await derived(home, "default/roaming", "default/elsewhere", pod="pod-3")
    assert child.source.pod == "pod-3"
    assert home.site("pod-3").holds(child.id, child.manifest)


async def test_b2_a_clone_with_a_snapshot_leaves_the_vm_and_a_snapshot_that_can_be_imported(
    home: House, site: Site
) -> None:
    content = raw(4, seed=9)
    site.vm("kept", content)
    version = await home.imported("default/kept", name="kept", snapshot=True, snapshot_name="kept-before")
    assert any("no backup" in text for text in version.warnings)
    assert site.has_vm("kept")
    assert (site.root / "snapshots" / "kept-before" / "disk0.raw").read_bytes() == content
    again = await home.imported("default/kept", kind="snapshot", name="kept-before")
    assert again.digest == version.digest
    job = await failed(home, "default/kept", name="kept", snapshot=True, snapshot_name="kept-before")
    assert job.failure is not None
    assert job.failure.code == "snapshot_exists"


async def test_a5_h3_a_vm_that_is_not_what_the_image_says_is_refused_by_its_pod(home: House, site: Site) -> None:
    machine(site, "nvme", raw(2), capabilities=["nvme"])
    machine(site, "windows", raw(2), os_type="windows")
    for vm, code in (("nvme", "feature_missing"), ("windows", "os_mismatch")):
        job = await failed(home, f"default/not-{vm}", name=vm)
        assert job.failure is not None
        assert (job.failure.code, bool(job.failure.hint)) == (code, True)


async def test_b4_a_source_of_another_file_type_than_the_desktop_kind_takes_is_refused(home: House, site: Site) -> None:
    site.vm("plain", raw(2))
    await home.command(RegisterImage, name="thin", desktop_kind="TCI")
    job = await failed(home, "default/thin", name="plain")
    assert job.failure is not None
    assert job.failure.code == "file_type_mismatch"
    assert "qcow2" in job.failure.text
    refused = await home.import_("default/thin", name="plain", file_type="raw")
    assert isinstance(refused, Problem)
    assert refused.code == "file_type_mismatch"


async def test_i3_quotas_are_counted_before_a_byte_moves_and_given_back(home: House, site: Site) -> None:
    content = random.Random(5).randbytes(300_000)
    (site.root / "volumes" / "small").write_bytes(content)
    (site.root / "volumes" / "large").write_bytes(content * 2)
    made = await home.command(CreateGallery, name="narrow", quota=Quota(versions=2, bytes=500_000))
    assert isinstance(made, GalleryView), made
    version = await home.imported("narrow/image", kind="disk", name="small")
    assert version.size == len(content)
    job = await failed(home, "narrow/image", kind="disk", name="large")
    assert job.failure is not None
    assert job.failure.code == "quota_exceeded"
    view = await home.ask(GetGallery(actor=ACTOR, gallery="narrow"))
    assert isinstance(view, GalleryView), view
    assert (view.usage.versions, view.usage.bytes) == (1, len(content))


async def test_the_size_is_told_before_the_content(home: House, site: Site) -> None:
    site.vm("measured", raw(3))
    accepted = await home.import_("default/measured", name="measured")
    await home.job(accepted)
    (inspected,) = home.record.of(from_pods.SourceInspected, version=accepted.version)
    (prepared,) = home.record.of(from_pods.SourcePrepared, version=accepted.version)
    assert inspected.event.size == prepared.event.manifest.size
    assert len(home.record.of(to_pods.SourceRequested, version=accepted.version)) == 1
    assert len(home.record.of(hub.VersionStarted, version=accepted.version)) == 1


async def test_b13_a_compressed_file_goes_through_its_plugins_in_their_order(home: House, site: Site) -> None:
    home.more[Speaker.CATALOG] = {
        "import_plugins": "image_decompression,inject_image_metadata",
        "inject_metadata": "site=berlin",
    }
    await home.stop(Speaker.CATALOG)
    await home.start(Speaker.CATALOG)
    content = raw(12, seed=21)
    site.file("packed.img.gz", gzip.compress(content))
    accepted = await home.import_("default/packed", kind="file", name="packed.img.gz", mode="convert")
    job = await home.job(accepted)
    assert job.state == "SUCCESS", job
    version = await home.version(accepted.number, "default/packed")
    assert isinstance(version, VersionView), version
    assert version.manifest is not None
    assert version.manifest.disks[0].sha256 == sha256_of(content)
    image = await home.ask(GetImage(actor=ACTOR, image="default/packed"))
    assert isinstance(image, ImageView), image
    assert image.details.properties == {"site": "berlin"}
    timeline = await home.ask(GetTimeline(actor=ACTOR, job=accepted.job))
    steps = [entry.event for entry in timeline.items if "stepped" in entry.event or "deployed" in entry.event]
    assert steps == ["source.stepped.v1", "version.stepped.v1", "version.deployed.v1"]
    await home.quiet()
    assert site.holds(version.id, version.manifest)
    assert not any("packed.img.gz" in name for name in site.files()), "a convert deletes what it came from"
    _, published = await home.published(version.number, "default/packed", pods=("pod-2",))
    assert home.site("pod-2").holds(published.id, published.manifest)


async def test_b13_a_compressed_file_that_is_cut_off_leaves_nothing(home: House, site: Site) -> None:
    site.file("cut.xz", lzma.compress(raw(12, seed=22))[:-20])
    job = await failed(home, "default/cut", kind="file", name="cut.xz", plugins=("image_decompression",))
    assert job.failure is not None
    assert (job.failure.code, bool(job.failure.hint)) == ("decompression_failed", True)


async def test_b14_only_what_was_signed_becomes_a_version(home: House, site: Site) -> None:
    signer, content = Signer(), raw(4, seed=23)
    kept = await home.command(SetCertificate, name="vendor", pem=signer.pem)
    assert isinstance(kept, CertificateView), kept
    site.file("signed.raw", content)
    value = base64.b64encode(signer.sign(content)).decode()
    signature = Signature(value=value, key_type="ECC_SECP384R1", certificate="vendor")
    version = await home.imported("default/signed", kind="file", name="signed.raw", signature=signature)
    assert version.signature == signature
    site.file("other.raw", raw(4, seed=24))
    job = await failed(home, "default/signed", kind="file", name="other.raw", signature=signature, mode="convert")
    assert job.failure is not None
    assert job.failure.code == "image_signature_invalid"
    assert home.record.of(hub.VersionDeployed, version=job.version) == []
    refused = await home.publish(job.number, "default/signed")
    assert isinstance(refused, Problem)
    again = await home.imported("default/signed", kind="file", name="signed.raw", signature=signature)
    assert again.number == job.number, "the number is free again"
