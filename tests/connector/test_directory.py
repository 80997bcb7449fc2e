"""The directory backend: nothing is led astray, locks hold, and an item is there whole or not at all."""

import json
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from pods import Pod

from connector.backends.base import Item, data_name, index_name
from connector.backends.directory import DirectoryBackend
from connector.backends.staging import STALE
from connector.failures import Refused
from connector.presence import look
from contracts.manifest import Source
from runtime.ids import new_id

Pods = Callable[..., Pod]


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1", door=False)


def failed(pod: Pod, source: Source, **more: object) -> str:
    """The code with which the import of ``source`` is refused."""
    task = pod.import_task(source, **more)
    with pytest.raises(Refused) as refusal:
        pod.prepare(task)
    pod.backend.unlock(task.version)
    assert refusal.value.failure.text
    return refusal.value.failure.code


def describe(pod: Pod, name: str, descriptor: object) -> Source:
    folder = pod.folder / "vms" / name
    folder.mkdir(exist_ok=True)
    text = descriptor if isinstance(descriptor, bytes) else json.dumps(descriptor).encode()
    (folder / "vm.json").write_bytes(text)
    (folder / "a.raw").write_bytes(b"a" * 600)
    (folder / "b.raw").write_bytes(b"b" * 600)
    return Source(pod=pod.name, kind="vm", name=name)


def disk(**more: object) -> dict[str, object]:
    return {"file": "a.raw", "format": "raw", "role": "os", "lun": 0} | more


def test_vms_are_listed_with_their_disks_the_os_disk_first(pod: Pod) -> None:
    pod.vm("golden", os_disk=b"\1" * 100, data=b"\2" * 50)
    pod.vm("second")
    pod.backend.lock(Source(pod=pod.name, kind="vm", name="second"), new_id())
    golden, second = pod.backend.vms()
    assert (golden.name, golden.os_type, golden.power, golden.locked) == ("golden", "linux", "off", False)
    assert [(disk.role, disk.lun, disk.format, disk.size) for disk in golden.disks] == [
        ("os", 0, "raw", 100),
        ("data", 3, "raw", 50),
    ]
    assert second.locked


def test_a_vm_with_an_unusable_descriptor_is_listed_without_disks_and_hides_no_other(pod: Pod) -> None:
    pod.vm("good")
    describe(pod, "broken", b"{")
    (pod.folder / "vms" / "empty").mkdir()
    (pod.folder / "vms" / "a-file").write_bytes(b"x")
    (pod.folder / "vms" / "link").symlink_to(pod.folder / "vms" / "good")
    (pod.folder / "vms" / ".hidden").mkdir()
    assert [(vm.name, len(vm.disks)) for vm in pod.backend.vms()] == [("broken", 0), ("empty", 0), ("good", 1)]


DESCRIPTORS = {
    "no JSON": b"\xff\xfe",
    "too deep": b"[" * 100_000,
    "too large": b" " * 2_000_000,
    "a list": [],
    "no disks": {"name": "vm", "disks": []},
    "no OS disk": {"name": "vm", "disks": [disk(role="data")]},
    "two OS disks": {"name": "vm", "disks": [disk(), disk(file="b.raw", lun=1)]},
    "one lun twice": {"name": "vm", "disks": [disk(), disk(file="b.raw", role="data")]},
    "one file twice": {"name": "vm", "disks": [disk(), disk(lun=1, role="data")]},
    "a lun over 63": {"name": "vm", "disks": [disk(lun=64)]},
    "a path for a file": {"name": "vm", "disks": [disk(file="../golden/os.raw")]},
    "an absolute path": {"name": "vm", "disks": [disk(file="/etc/passwd")]},
    "a file name with NUL": {"name": "vm", "disks": [disk(file="a\0b")]},
    "another name": {"name": "other", "disks": [disk()]},
}


@pytest.mark.parametrize("case", DESCRIPTORS)
def test_a_descriptor_that_cannot_be_used_is_vm_invalid(case: str, pod: Pod) -> None:
    assert failed(pod, describe(pod, "vm", DESCRIPTORS[case])) == "vm_invalid"


def test_a_name_that_is_not_in_the_listing_is_not_found_whatever_it_points_at(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "vm").mkdir()
    pod.file("disk", b"x")
    pod.vm("golden")
    (pod.folder / "incoming" / "folder").mkdir()
    for name in (
        "absent",
        "..",
        ".",
        "",
        "../secret",
        "../../vm",
        "/etc/passwd",
        "golden/",
        "a\0b",
        "x" * 300,
        "folder",
    ):
        source = Source(pod=pod.name, kind="vm", name=name)
        assert failed(pod, source) == "vm_not_found", name
        assert failed(pod, msgspec.structs.replace(source, kind="file")) == "file_not_found", name


def test_names_of_the_listing_are_names_as_the_contract_has_them(pod: Pod) -> None:
    for name in ("ok.raw", "-dash", "with space", "trailing.", "ünicode", "x" * 81):
        (pod.folder / "incoming" / name).write_bytes(b"x" * 600)
    assert pod.prepare(pod.import_task(Source(pod=pod.name, kind="file", name="ok.raw"))).manifest.size == 600
    for name in ("-dash", "with space", "trailing.", "ünicode", "x" * 81):
        assert failed(pod, Source(pod=pod.name, kind="file", name=name)) == "file_not_found", name


def test_links_devices_fifos_and_sockets_are_unreadable_and_hold_nobody_up(pod: Pod, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret" * 100)
    incoming = pod.folder / "incoming"
    (incoming / "link").symlink_to(secret)
    (incoming / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(incoming / "fifo")
    names = ["link", "dangling", "fifo"]
    here = os.getcwd()
    os.chdir(incoming)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        os.chdir(here)
        names.append("socket")
        if os.geteuid() == 0:
            os.mknod(incoming / "device", 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
            names.append("device")
        for name in names:
            assert failed(pod, Source(pod=pod.name, kind="file", name=name)) == "file_unreadable", name


def test_a_vms_disk_that_is_a_link_or_missing_is_refused(pod: Pod) -> None:
    source = describe(pod, "vm", {"name": "vm", "disks": [disk()]})
    path = pod.folder / "vms" / "vm" / "a.raw"
    path.unlink()
    assert failed(pod, source) == "file_not_found"
    path.symlink_to("/etc/passwd")
    assert failed(pod, source) == "file_unreadable"


def test_a_lock_is_held_for_one_version_and_taken_again_by_the_same(pod: Pod) -> None:
    mine, other = new_id(), new_id()
    for source in (pod.vm("golden"), pod.file("disk", b"x")):
        pod.backend.lock(source, mine)
        pod.backend.lock(source, mine)
        with pytest.raises(Refused, match=f"vm_locked.*{mine}"):
            pod.backend.lock(source, other)
        pod.backend.unlock(other)
        with pytest.raises(Refused, match="vm_locked"):
            pod.backend.lock(source, other)
    pod.backend.unlock(mine)
    for source in (Source(pod=pod.name, kind="vm", name="golden"), Source(pod=pod.name, kind="file", name="disk")):
        pod.backend.lock(source, other)
    pod.backend.unlock(other)
    assert pod.leftovers() == []


def test_something_that_is_no_lock_of_ours_locks_too(pod: Pod) -> None:
    source = pod.vm("golden")
    (pod.folder / "vms/golden/.lock").symlink_to("/etc/passwd")
    assert failed(pod, source) == "vm_locked"


def test_a_source_is_deleted_only_while_it_is_locked_for_the_version(pod: Pod) -> None:
    mine, other = new_id(), new_id()
    for source, path in ((pod.vm("golden"), "vms/golden"), (pod.file("disk", b"x"), "incoming/disk")):
        assert not pod.backend.delete_source(source, mine)
        pod.backend.lock(source, other)
        assert not pod.backend.delete_source(source, mine)
        assert (pod.folder / path).exists()
        assert pod.backend.delete_source(source, other)
        assert not (pod.folder / path).exists()
        assert pod.backend.delete_source(source, other)
    assert pod.leftovers() == []


def test_deleting_a_vm_goes_on_after_a_crash_and_spares_what_has_its_name_now(pod: Pod) -> None:
    version = new_id()
    source = pod.vm("golden")
    os.rename(pod.folder / "vms/golden", pod.folder / f"vms/.deleted-{version}")
    os.mkdir(pod.folder / "vms/golden")
    assert pod.backend.delete_source(source, version)
    assert sorted(path.name for path in (pod.folder / "vms").iterdir()) == ["golden"]


def staged(pod: Pod, content: bytes = b"content") -> tuple[str, Item]:
    """A version that was imported, as what it would be: its id and its item."""
    task = pod.import_task(pod.file(f"file-{new_id()}", content))
    pod.prepare(task)
    placed = pod.backend.find(task.version)
    assert placed is not None
    return task.version, placed.item


def test_an_item_is_visible_only_when_all_of_it_is_there(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    rename = os.rename

    def watched(old: str, new: str, **more: int) -> None:
        if len(new) == 32:
            seen.append(pod.backend.items())
        rename(old, new, **more)

    monkeypatch.setattr(os, "rename", watched)
    version, _ = staged(pod)
    assert seen == [[]]
    placed = pod.backend.find(version)
    assert placed is not None
    assert placed.intact
    names = sorted(path.name for path in pod.disk(placed).parent.iterdir())
    assert names == ["disk-0.index", "disk-0.raw", "item.json"]


def test_everything_is_synced_before_the_rename_and_the_folders_after_it(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(fd: int) -> None:
        calls.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        fsync(fd)

    def renamed(old: str, new: str, **more: int) -> None:
        calls.append(f"{old} -> {new}")
        rename(old, new, **more)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    version, _ = staged(pod)
    at = calls.index(f"{version} -> {version}")
    assert {"disk-0.raw", "disk-0.index", ".item.json.new", version} <= set(calls[:at])
    assert calls[at + 1 : at + 3] == ["items", "staging"]


def test_an_item_with_an_index_of_another_form_or_length_is_not_intact(pod: Pod) -> None:
    pod.prepare(pod.import_task(pod.file("disk", b"\1" * 70_000)))
    (made,) = pod.backend.items()
    root = made.item.manifest.disks[0].root
    index = pod.disk(made).with_name(index_name(0))
    good = index.read_bytes()
    index.chmod(0o600)
    for content in (good[:8] + b"\0\0\0\1" + good[12:], good[:-1], good + b"x", good[:20], b""):
        index.write_bytes(content)
        (placed,) = pod.backend.items()
        assert not placed.intact
        assert pod.backend.open(root) is None
    index.write_bytes(good)
    assert pod.backend.items()[0].intact


def test_an_item_with_a_file_missing_or_cut_is_not_intact_and_not_reported(pod: Pod) -> None:
    version, _ = staged(pod)
    assert [item.version for item in look(pod.backend)[0].items] == [version]
    path = pod.disk(pod.backend.find(version))
    path.chmod(0o600)
    os.truncate(path, 3)
    placed = pod.backend.find(version)
    assert placed is not None
    assert not placed.intact
    assert look(pod.backend)[0].items == ()
    path.unlink()
    assert look(pod.backend)[0].items == ()


@pytest.mark.parametrize("damaged", ["{", '{"x":' + "[" * 100_000])
def test_an_item_whose_description_is_damaged_is_left_out_and_hides_no_other(pod: Pod, damaged: str) -> None:
    good, _ = staged(pod)
    bad, _ = staged(pod)
    folder = pod.disk(pod.backend.find(bad)).parent
    (folder / "item.json").chmod(0o600)
    (folder / "item.json").write_text(damaged)
    (folder.parent / "stray").mkdir()
    moved = folder.parent / new_id()
    os.symlink(folder.parent / good, moved)
    assert [placed.item.version for placed in pod.backend.items()] == [good]
    assert pod.backend.find(bad) is None


def test_staging_goes_where_it_is_asked_or_where_most_is_free(pod: Pod) -> None:
    (pod.folder / "datastores/second").mkdir()
    version = new_id()
    with pytest.raises(Refused, match="datastore_not_found"):
        pod.backend.stage(version, "third")
    for name in ("..", "../..", "", "main/"):
        with pytest.raises(Refused, match="datastore_not_found"):
            pod.backend.stage(version, name)
    first = pod.backend.stage(version, "second")
    assert first.datastore == "second"
    first.close()
    again = pod.backend.stage(version, None)
    assert again.datastore == "second"  # where an earlier try left something
    again.close()
    moved = pod.backend.stage(version, "main")
    assert moved.datastore == "main"
    moved.close()
    assert pod.leftovers() == [f"datastores/main/staging/{version}"]
    pod.backend.abandon(version)
    assert pod.leftovers() == []


def test_a_pod_without_a_datastore_takes_nothing(tmp_path: Path) -> None:
    backend = DirectoryBackend(tmp_path / "bare")
    with pytest.raises(Refused, match="datastore_not_found"):
        backend.stage(new_id(), None)
    backend.close()


@pytest.mark.parametrize("version", ["", ".", "..", "../x", "a/b", "a" * 65, "a\0b", ".hidden"])
def test_a_version_that_is_no_id_never_becomes_a_path(version: str, pod: Pod) -> None:
    for call in (pod.backend.find, pod.backend.remove, pod.backend.abandon, lambda v: pod.backend.stage(v, None)):
        with pytest.raises(Refused, match="internal"):
            call(version)
    assert pod.leftovers() == []


def test_removing_a_version_touches_no_other(pod: Pod) -> None:
    one, _ = staged(pod, b"one")
    two, _ = staged(pod, b"two")
    pod.backend.remove(one)
    pod.backend.remove(one)
    assert pod.backend.find(one) is None
    placed = pod.backend.find(two)
    assert placed is not None
    assert placed.intact
    assert pod.leftovers() == []


def test_at_start_trash_and_stale_staging_are_swept_and_what_tasks_want_is_kept(pod: Pod) -> None:
    wanted, fresh, stale = new_id(), new_id(), new_id()
    staging = pod.folder / "datastores/main/staging"
    for name in (wanted, fresh, stale, f".trash-{stale}-1"):
        (staging / name).mkdir(parents=True)
        (staging / name / "disk-0.raw").write_bytes(b"x")
    for name in (wanted, stale):
        os.utime(staging / name, (0, os.stat(staging).st_mtime - STALE - 1))
    pod.backend.sweep([wanted])
    assert sorted(path.name for path in staging.iterdir()) == sorted([wanted, fresh])


def test_a_link_in_a_version_that_is_removed_is_not_followed(pod: Pod, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    version, _ = staged(pod)
    (pod.disk(pod.backend.find(version)).parent / "link").symlink_to(precious)
    pod.backend.remove(version)
    assert (precious / "file").exists()


def test_disks_are_named_by_lun_and_format() -> None:
    assert data_name(3, "qcow2") == "disk-3.qcow2"
    assert index_name(3) == "disk-3.index"


def test_threads_that_list_at_the_same_time_all_see_everything(pod: Pod) -> None:
    for number in range(30):
        pod.vm(f"vm-{number:02}", os_disk=b"x")
    with ThreadPoolExecutor(4) as pool:
        listings = [pool.submit(lambda: (pod.backend.vms(), pod.backend.datastores())) for _ in range(40)]
        for listing in listings:
            vms, datastores = listing.result()
            assert [vm.name for vm in vms] == [f"vm-{number:02}" for number in range(30)]
            assert [store.name for store in datastores] == ["main"]
