"""What only the pod can know: the job fails with a code, and nothing is left but its record."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contracts.events import hub
from harness.house import House
from harness.site import Site
from saga.disks import foreign, huge, raw, truncated, with_backing_file, with_data_file

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Bad:
    """A source that cannot become a version: how it is put there, what is asked, and what is answered."""

    name: str
    code: str
    put: Callable[[Site, str, Path], None] = lambda site, name, folder: None
    asked: dict[str, Any] = field(default_factory=dict)


def file(content: Callable[[Path], bytes]) -> Callable[[Site, str, Path], None]:
    return lambda site, name, folder: site.file(name, content(folder))


def vm(*disks: Callable[[Path], bytes], formats: tuple[str, ...] = ()) -> Callable[[Site, str, Path], None]:
    return lambda site, name, folder: site.vm(name, *(disk(folder) for disk in disks), formats=formats)


def broken_descriptor(site: Site, name: str, _: Path) -> None:
    site.vm(name, raw(2))
    (site.root / "vms" / name / "vm.json").write_text('{"name": "another"}')


def missing_disk(site: Site, name: str, _: Path) -> None:
    site.vm(name, raw(2), raw(2))
    (site.root / "vms" / name / "disk1.raw").unlink()


def link(site: Site, name: str, folder: Path) -> None:
    (folder / "secret").write_bytes(raw(2))
    (site.root / "incoming" / name).symlink_to(folder / "secret")


def pipe(site: Site, name: str, _: Path) -> None:
    os.mkfifo(site.root / "incoming" / name)


FILE = {"kind": "file"}
BAD = [
    Bad("no-such-vm", "vm_not_found"),
    Bad("no-such-file", "file_not_found", asked=FILE),
    Bad("missing-disk", "file_not_found", missing_disk),
    Bad("broken-descriptor", "vm_invalid", broken_descriptor),
    Bad("empty-file", "file_empty", file(lambda _: b""), FILE),
    Bad("truncated-file", "file_truncated", file(lambda _: truncated()), FILE),
    Bad("foreign-file", "format_unknown", file(lambda _: foreign()), FILE),
    Bad("link", "file_unreadable", link, FILE),
    Bad("pipe", "file_unreadable", pipe, FILE),
    Bad("backing-file", "backing_file", file(with_backing_file), FILE),
    Bad("data-file", "external_data_file", file(with_data_file), FILE),
    Bad("declared-raw", "format_mismatch", file(with_backing_file), FILE | {"file_type": "raw"}),
    Bad("declared-qcow2", "format_mismatch", file(lambda _: raw(2)), FILE | {"file_type": "qcow2"}),
    Bad("vm-declares-qcow2", "format_mismatch", vm(lambda _: raw(2), formats=("qcow2",))),
    Bad("huge", "virtual_size", file(lambda _: huge()), FILE),
    Bad("no-such-datastore", "datastore_not_found", vm(lambda _: raw(2)), {"datastore": "elsewhere"}),
    Bad("bad-data-disk", "backing_file", vm(lambda _: raw(9), with_backing_file, formats=("raw", "qcow2"))),
    Bad("bad-convert", "external_data_file", vm(with_data_file, formats=("qcow2",)), {"mode": "convert"}),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
async def test_a_source_that_the_pod_refuses_leaves_nothing_and_its_number_is_free_again(
    home: House, bad: Bad, tmp_path: Path
) -> None:
    site, image = home.site("pod-1"), f"default/{bad.name}"
    bad.put(site, bad.name, tmp_path)
    before = site.files()
    accepted = await home.import_(image, name=bad.name, **bad.asked)
    job = await home.job(accepted)
    assert job.state == "FAILURE"
    assert job.failure is not None
    assert job.failure.code == bad.code, job.failure
    assert job.failure.text
    assert job.failure.hint
    version = await home.version(accepted.number, image)
    assert (version.state, version.failure, version.manifest) == ("FAILED", job.failure, None)
    await home.quiet()
    assert site.files() == before  # no staging, no item, no lock, and the source as it was

    site.vm(f"good-{bad.name}", raw(2))
    good = await home.imported(image, name=f"good-{bad.name}")
    assert (good.number, good.state) == ("1.0.0", "DEPLOYMENT_DONE")
    assert good.id != version.id


async def test_an_image_whose_first_import_failed_has_failed_until_another_succeeds(home: House) -> None:
    accepted = await home.import_("default/first", name="nobody")
    await home.job(accepted)
    await home.record.expect(hub.ImageFailed, image=accepted.image)
    home.site("pod-1").vm("somebody", raw(2))
    await home.imported("default/first", name="somebody")
    await home.record.expect(hub.ImageAvailable, image=accepted.image)


async def test_b16_a_vm_that_is_in_use_is_refused_and_stays_locked_for_whoever_has_it(home: House) -> None:
    site = home.site("pod-1")
    site.vm("taken", raw(2))
    lock = site.root / "vms" / "taken" / ".lock"
    lock.write_text("somebody-else")
    job = await home.job(await home.import_("default/taken", name="taken", mode="convert"))
    assert job.failure is not None
    assert job.failure.code == "vm_locked"
    await home.quiet()
    assert lock.read_text() == "somebody-else"
    assert "vms/taken/disk0.raw" in site.files()
