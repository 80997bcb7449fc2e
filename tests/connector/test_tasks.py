"""Carrying tasks out: imports, copies and removals, cut off at any point and begun again."""

import errno
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import disk_images as images
import pytest
from pods import Pod

from connector import copying, importing, taking
from connector.domain.tasks import Discard, Release, Withdraw
from connector.failures import Cancel, Cancelled, Refused, failure_of
from connector.removing import discard, release, withdraw
from connector.transfer.grid import Grid
from contracts.errors import CODES, FAILURES
from contracts.manifest import Source
from harness.digests import root_of, sha256_of
from runtime.ids import new_id

MIB = 1024 * 1024
Pods = Callable[..., Pod]


class Killed(BaseException):
    """What stands for kill -9: nothing in the code under test catches it."""


def kill_at(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die at the first crash point ``label``, once."""
    left = [label]

    def crash_at(reached: str) -> None:
        if reached in left:
            left.clear()
            raise Killed

    monkeypatch.setattr(importing, "crash_at", crash_at)
    monkeypatch.setattr(copying, "crash_at", crash_at)


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1")


# --- imports ----------------------------------------------------------------------------------------------------------


def test_a_vm_that_runs_is_refused_because_its_disks_would_be_read_torn(pod: Pod) -> None:
    source = pod.vm(os_disk=b"\1" * 100_000)
    descriptor = pod.folder / "vms/golden/vm.json"
    descriptor.write_text(json.dumps({**json.loads(descriptor.read_text()), "power": "on"}))
    with pytest.raises(Refused, match="vm_running"):
        pod.prepare(pod.import_task(source))


def test_a_source_that_is_written_to_while_it_is_copied_is_refused(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    source = pod.vm(os_disk=b"\1" * 100_000)
    copy = taking._copy

    def copy_and_write(*given: Any) -> Any:
        built = copy(*given)
        with (pod.folder / "vms/golden/os.raw").open("r+b") as file:
            file.write(b"written meanwhile")
        return built

    monkeypatch.setattr(taking, "_copy", copy_and_write)
    with pytest.raises(Refused, match="file_changed"):
        pod.prepare(pod.import_task(source))


def test_a_clone_leaves_the_vm_as_it_was_and_unlocked(pod: Pod) -> None:
    source = pod.vm(os_disk=b"\1" * 100_000, data=b"\2" * 70_000)
    before = {path.name: path.read_bytes() for path in (pod.folder / "vms/golden").iterdir()}
    task = pod.import_task(source)
    prepared = pod.prepare(task)
    assert {path.name: path.read_bytes() for path in (pod.folder / "vms/golden").iterdir()} == before
    os_disk, data = prepared.manifest.disks
    assert (os_disk.role, os_disk.format, os_disk.size, os_disk.virtual_size) == ("os", "raw", 100_000, 100_000)
    assert (data.role, data.lun, data.sha256) == ("data", 3, sha256_of(b"\2" * 70_000))
    assert data.root == root_of(b"\2" * 70_000)
    assert prepared.manifest.source == source
    assert pod.leftovers() == []


def test_the_os_disk_alone_can_be_imported(pod: Pod) -> None:
    source = pod.vm(data=b"\2" * 70_000)
    prepared = pod.prepare(pod.import_task(Source(pod=pod.name, name=source.name, disks="os")))
    assert [disk.role for disk in prepared.manifest.disks] == ["os"]


def test_a_disk_that_is_no_whole_number_of_sectors_gives_a_warning(pod: Pod) -> None:
    assert "512" in pod.prepare(pod.import_task(pod.file("odd", b"x" * 513))).warnings[0]
    assert pod.prepare(pod.import_task(pod.file("even", b"x" * 1024))).warnings == ()


def test_the_declared_type_must_be_that_of_every_disk(pod: Pod) -> None:
    source = pod.vm()
    task = pod.import_task(source, file_type="qcow2")
    with pytest.raises(Refused, match=r"format_mismatch: os\.raw:"):
        pod.prepare(task)
    pod.backend.unlock(task.version)
    descriptor = pod.folder / "vms/golden/vm.json"
    content = json.loads(descriptor.read_text())
    content["disks"][0]["format"] = "qcow2"
    descriptor.write_text(json.dumps(content))
    with pytest.raises(Refused, match="format_mismatch"):
        pod.prepare(pod.import_task(source))


def test_a_vm_that_is_being_imported_is_not_imported_again(pod: Pod) -> None:
    source = pod.vm()
    pod.backend.lock(source, new_id())
    with pytest.raises(Refused, match="vm_locked"):
        pod.prepare(pod.import_task(source))


def test_an_import_that_does_not_fit_is_refused_before_its_first_byte(pod: Pod, monkeypatch) -> None:
    monkeypatch.setattr("connector.backends.staging.DirectoryStaging.free", lambda _: 3 * MIB)
    task = pod.import_task(pod.file("disk", os.urandom(3 * MIB)))
    with pytest.raises(Refused, match="no_space"):
        pod.prepare(task)
    assert not list((pod.folder / f"datastores/main/staging/{task.version}").iterdir())


@pytest.mark.parametrize("label", ["import.copied", "import.renamed"])
@pytest.mark.parametrize("mode", ["clone", "convert"])
def test_an_import_that_was_killed_is_finished_with_the_same_content(
    label: str, mode: str, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = pod.import_task(pod.vm(os_disk=os.urandom(MIB), data=b"\2" * 70_000), mode=mode)
    kill_at(label, monkeypatch)
    with pytest.raises(Killed):
        pod.prepare(task)
    assert (pod.folder / "vms/golden/.lock").exists()
    prepared = pod.prepare(task)
    placed = pod.backend.find(task.version)
    assert placed is not None
    assert prepared.manifest == placed.item.manifest
    for disk in prepared.manifest.disks:
        assert root_of(pod.disk(placed, disk.lun).read_bytes()) == disk.root
    assert pod.leftovers() == ([] if mode == "clone" else ["vms/golden/.lock"])


def test_a_disk_that_was_copied_before_the_kill_is_not_copied_again_unless_its_source_changed(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = pod.import_task(pod.vm(os_disk=os.urandom(MIB), data=b"\2" * 70_000))
    kill_at("import.copied", monkeypatch)
    with pytest.raises(Killed):
        pod.prepare(task)
    (pod.folder / "vms/golden/data.raw").write_bytes(b"\3" * 70_001)
    built: list[int] = []
    build = taking.build

    def counted(source: int, grid: Grid, *more):  # type: ignore[no-untyped-def]
        built.append(grid.size)
        return build(source, grid, *more)

    monkeypatch.setattr(taking, "build", counted)
    prepared = pod.prepare(task)
    assert built == [70_001]
    assert prepared.manifest.disks[1].sha256 == sha256_of(b"\3" * 70_001)


@pytest.mark.parametrize(
    ("swapped", "code"),
    [(images.qcow2(backing="/etc/passwd"), "backing_file"), (images.fixed_vhd(b"x" * 4096), "file_changed")],
)
def test_a_source_that_is_swapped_after_it_passed_the_gate_does_not_get_in(
    swapped: bytes, code: str, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = pod.file("disk", b"\1" * len(swapped))
    check = importing._check_space

    def swap(*arguments: Any) -> None:
        check(*arguments)
        (pod.folder / "incoming/disk").write_bytes(swapped)

    monkeypatch.setattr(importing, "_check_space", swap)
    task = pod.import_task(source)
    with pytest.raises(Refused) as refusal:
        pod.prepare(task)
    assert refusal.value.failure.code == code
    assert pod.backend.find(task.version) is None


def test_a_cancelled_import_stops_and_leaves_the_rest_to_whoever_stopped_it(pod: Pod) -> None:
    cancel = Cancel()
    cancel.set()
    task = pod.import_task(pod.vm())
    with pytest.raises(Cancelled):
        pod.prepare(task, cancel)
    discard(pod.backend, Discard(version=task.version, saga=""))
    assert pod.leftovers() == []


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["copy.fetched", "copy.renamed"])
def test_a_copy_that_was_killed_is_finished_without_fetching_again(
    label: str, pods: Pods, pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = pods("pod-2")
    content = os.urandom(2 * MIB + 5)
    task = pod.import_task(pod.file("disk", content))
    copy = two.copy_task(task.version, pod.prepare(task).manifest, pod)
    kill_at(label, monkeypatch)
    with pytest.raises(Killed):
        two.copy(copy)
    made = two.copy(copy)
    assert made.network == 0
    assert made.reused == len(content)
    assert two.disk(made.placed).read_bytes() == content
    assert made.placed.item.copies == (copy.copy,)


def test_the_source_pods_own_copy_moves_nothing(pod: Pod) -> None:
    task = pod.import_task(pod.vm())
    manifest = pod.prepare(task).manifest
    made = pod.copy(pod.copy_task(task.version, manifest))
    assert (made.network, made.reused) == (0, manifest.size)
    assert made.placed.item.source
    assert len(made.placed.item.copies) == 1


def test_a_copy_that_is_asked_for_again_is_there_at_once(pods: Pods, pod: Pod) -> None:
    two = pods("pod-2")
    task = pod.import_task(pod.file("disk", b"content"))
    manifest = pod.prepare(task).manifest
    two.copy(two.copy_task(task.version, manifest, pod))
    again = two.copy(two.copy_task(task.version, manifest, attempt=2))
    assert again.network == 0
    assert len(again.placed.item.copies) == 1


def test_a_copy_that_lost_a_file_is_made_again(pods: Pods, pod: Pod) -> None:
    two = pods("pod-2")
    content = os.urandom(MIB)
    task = pod.import_task(pod.file("disk", content))
    copy = two.copy_task(task.version, pod.prepare(task).manifest, pod)
    path = two.disk(two.copy(copy).placed)
    path.unlink()
    made = two.copy(copy)
    assert made.network >= len(content)
    assert path.read_bytes() == content
    assert two.leftovers() == []


# --- removals ---------------------------------------------------------------------------------------------------------


def test_withdrawing_the_copy_on_the_source_pod_keeps_the_source(pod: Pod) -> None:
    task = pod.import_task(pod.vm())
    manifest = pod.prepare(task).manifest
    copy = pod.copy_task(task.version, manifest)
    pod.copy(copy)
    for _ in range(2):
        withdraw(pod.backend, Withdraw(version=task.version, saga="", copy=copy.copy, attempt=1))
    placed = pod.backend.find(task.version)
    assert placed is not None
    assert (placed.item.source, placed.item.copies, placed.intact) == (True, (), True)


def test_withdrawing_a_copy_elsewhere_removes_its_bytes_and_no_others(pods: Pods, pod: Pod) -> None:
    two = pods("pod-2")
    copies = []
    for name in ("a", "b"):
        task = pod.import_task(pod.file(name, name.encode()))
        copies.append(two.copy_task(task.version, pod.prepare(task).manifest, pod))
        two.copy(copies[-1])
    gone, kept = copies
    (two.folder / f"datastores/main/staging/{gone.version}").mkdir()
    (two.folder / f"datastores/main/staging/{kept.version}").mkdir()
    for _ in range(2):
        withdraw(two.backend, Withdraw(version=gone.version, saga="", copy=gone.copy, attempt=1))
    assert two.backend.find(gone.version) is None
    assert two.backend.find(kept.version) is not None
    assert two.leftovers() == [f"datastores/main/staging/{kept.version}"]


def test_discarding_an_import_leaves_nothing_of_it_and_the_vm_free(pod: Pod) -> None:
    source = pod.vm()
    task = pod.import_task(source, mode="convert")
    pod.prepare(task)
    for _ in range(2):
        discard(pod.backend, Discard(version=task.version, saga=""))
    assert pod.backend.find(task.version) is None
    assert pod.leftovers() == []
    assert (pod.folder / "vms/golden/os.raw").exists()
    pod.prepare(pod.import_task(source))


def test_discarding_an_import_keeps_a_copy_that_was_published_from_it(pod: Pod) -> None:
    task = pod.import_task(pod.vm())
    pod.copy(pod.copy_task(task.version, pod.prepare(task).manifest))
    discard(pod.backend, Discard(version=task.version, saga=""))
    placed = pod.backend.find(task.version)
    assert placed is not None
    assert not placed.item.source
    assert len(placed.item.copies) == 1


def test_a_released_source_is_deleted_once_its_content_is_in_the_library(pod: Pod) -> None:
    source = pod.vm()
    task = pod.import_task(source, mode="convert")
    pod.prepare(task)
    released = Release(version=task.version, saga="", source=source)
    assert not release(pod.backend, released)
    assert not (pod.folder / "vms/golden").exists()
    assert not release(pod.backend, released)
    pod.vm()  # a new VM of the same name is somebody else's
    assert release(pod.backend, released)
    assert (pod.folder / "vms/golden/os.raw").exists()


def test_a_source_is_kept_when_the_library_lost_the_version(pod: Pod) -> None:
    source = pod.vm()
    task = pod.import_task(source, mode="convert")
    pod.prepare(task)
    path = pod.disk(pod.backend.find(task.version))
    path.chmod(0o600)
    os.truncate(path, 10)
    assert release(pod.backend, Release(version=task.version, saga="", source=source))
    assert (pod.folder / "vms/golden/os.raw").exists()
    assert pod.leftovers() == []


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "retry"),
    [
        (OSError(errno.ENOSPC, "No space"), "no_space", True),
        (OSError(errno.EDQUOT, "Quota"), "quota_exceeded", True),
        (OSError(errno.EIO, "Input/output error"), "io_error", True),
        (OSError(errno.EROFS, "Read-only"), "io_error", True),
        (PermissionError(errno.EACCES, "Denied"), "file_unreadable", False),
        (FileNotFoundError(errno.ENOENT, "Gone"), "file_not_found", True),
        (OSError(errno.EMFILE, "Too many open files"), "io_error", True),
        (OSError("without a number"), "io_error", True),
        (ValueError("a defect"), "internal", True),
        (MemoryError(), "internal", True),
    ],
)
def test_every_error_becomes_a_failure_with_a_code(error: Exception, code: str, retry: bool) -> None:
    failure = failure_of(error, "import")
    assert (failure.code, failure.step, failure.retry) == (code, "import", retry)
    assert code in FAILURES
    assert failure.hint
    assert "a defect" not in failure.text


def test_a_code_that_is_raised_anywhere_is_in_the_table() -> None:
    package = Path(importing.__file__).parent
    found = {
        code
        for path in package.rglob("*.py")
        for code in re.findall(r"""(?:refused\(\s*|code=|HolderFailed\(\s*)"([a-z_]+)\"""", path.read_text())
    }
    assert len(found) > 15
    assert found <= FAILURES.keys() | CODES.keys()


@pytest.fixture
def small(pod: Pod) -> Iterator[Pod]:
    """A pod whose only datastore has 8 MiB."""
    folder = pod.folder / "datastores/main"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], check=True)
    yield pod
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_datastore_that_is_full_refuses_and_one_that_fills_up_meanwhile_fails(
    small: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = small.import_task(small.file("fits", os.urandom(MIB)))
    prepared = small.prepare(fits)
    assert root_of(small.disk(small.backend.find(fits.version)).read_bytes()) == prepared.manifest.disks[0].root
    task = small.import_task(small.file("large", os.urandom(16 * MIB)))
    with pytest.raises(Refused, match="no_space"):
        small.prepare(task)
    monkeypatch.setattr("connector.backends.staging.DirectoryStaging.free", lambda _: 1 << 40)
    with pytest.raises(Refused, match="no_space"):  # when its space is reserved
        small.prepare(task)
    monkeypatch.setattr("connector.transfer.space.reserve", lambda *_: False)
    with pytest.raises(OSError, match="No space") as full:
        small.prepare(task)
    assert failure_of(full.value, "import").code == "no_space"
    discard(small.backend, Discard(version=task.version, saga=""))
    assert small.leftovers() == []
    assert [placed.item.version for placed in small.backend.items()] == [fits.version]
