"""What a pod in a folder can be imported from: each kind of source, what it refuses, and what it leaves behind."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from disk_images import qcow2
from pods import Pod, sparse

from connector.backends import folders
from connector.domain.inventory import inventory, pages
from connector.domain.tasks import Discard, Release
from connector.failures import Cancel, Refused
from connector.importing import prepare
from connector.removing import discard, release
from contracts.events.to_pods import Expected
from contracts.inventory import SECTIONS
from contracts.manifest import Source
from contracts.topology import MAX_MESSAGE
from runtime.ids import new_id

Pods = Callable[..., Pod]
CONTENT = b"\3" * 200_000


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1", door=False)


def machine(pod: Pod, kind: str, name: str = "golden", **said: Any) -> Source:
    """A machine with two disks in the pod's folder of such machines."""
    folder = pod.folder / f"{kind}s" / name
    folder.mkdir(parents=True)
    (folder / "os.raw").write_bytes(CONTENT)
    sparse(folder / "data.raw", 3_000_000, (1_000_000, b"data"))
    disks = [
        {"file": "data.raw", "format": "raw", "role": "data", "lun": 1},
        {"file": "os.raw", "format": "raw", "role": "os", "lun": 0},
    ]
    (folder / "vm.json").write_text(json.dumps({"name": name, "disks": disks, **said}))
    return Source(pod=pod.name, kind=kind, name=name)  # type: ignore[arg-type]


def volume(pod: Pod, name: str = "vol-1", content: bytes = CONTENT) -> Source:
    (pod.folder / "volumes" / name).write_bytes(content)
    return Source(pod=pod.name, kind="disk", name=name)


def uploaded(pod: Pod, name: str = "sent.raw", content: bytes = CONTENT) -> str:
    """A finished upload of this name; its id."""
    id = new_id()
    arrivals = pod.backend.arrivals
    arrival = arrivals.begin(id, name, len(content), None)
    fd = arrivals.open(id)
    try:
        os.pwrite(fd, content, 0)
        os.fsync(fd)
        arrivals.land(arrival, fd, "0" * 64)
    finally:
        os.close(fd)
    return id


def code_of(pod: Pod, source: Source, **more: Any) -> str:
    """The code with which an import of the source is refused, which leaves nothing behind."""
    task = pod.import_task(source, **more)
    with pytest.raises(Refused) as refusal:
        pod.prepare(task)
    discard(pod.backend, Discard(version=task.version, saga=""))
    assert pod.leftovers() == []
    assert pod.backend.items() == []
    assert refusal.value.failure.hint
    return refusal.value.failure.code


@pytest.mark.parametrize("kind", ["vm", "snapshot", "template"])
@pytest.mark.parametrize("disks", ["all", "os"])
def test_b8_machines_of_each_kind_become_versions_whole_or_by_their_os_disk(pod: Pod, kind: str, disks: Any) -> None:
    source = machine(pod, kind)
    source = Source(pod=pod.name, kind=source.kind, name=source.name, disks=disks)
    task = pod.import_task(source)
    made = pod.prepare(task)
    assert [disk.role for disk in made.manifest.disks] == (["os", "data"] if disks == "all" else ["os"])
    assert made.manifest.source == source
    assert pod.disk(pod.backend.find(task.version)).read_bytes() == CONTENT
    assert (pod.folder / f"{kind}s" / "golden" / "os.raw").read_bytes() == CONTENT, "a clone keeps its source"
    assert pod.leftovers() == []


def test_b8_a_volume_becomes_a_version(pod: Pod) -> None:
    task = pod.import_task(volume(pod))
    made = pod.prepare(task)
    assert [(disk.role, disk.lun, disk.size) for disk in made.manifest.disks] == [("os", 0, len(CONTENT))]
    assert pod.leftovers() == []
    assert list((pod.folder / "volumes").iterdir()) == [pod.folder / "volumes" / "vol-1"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_b8_a_finished_upload_becomes_a_version_by_its_id_or_its_name(pod: Pod, by: str) -> None:
    id = uploaded(pod)
    source = Source(pod=pod.name, kind="upload", name=id if by == "id" else "sent.raw")
    task = pod.import_task(source, mode="convert")
    assert pod.prepare(task).manifest.disks[0].size == len(CONTENT)
    assert (pod.folder / "incoming" / "sent.raw").exists(), "it goes only when the hub says so"
    gone = Release(version=task.version, saga="", source=source)
    assert not release(pod.backend, gone)
    assert not (pod.folder / "incoming" / "sent.raw").exists()
    assert not release(pod.backend, gone), "again is fine"


def test_b8_a_version_is_made_from_the_pods_own_item_and_is_independent_of_it(pod: Pod) -> None:
    first = pod.import_task(machine(pod, "vm"))
    origin = pod.prepare(first)
    second = pod.import_task(Source(pod=pod.name, kind="version", name=first.version))
    made = pod.prepare(second)
    assert made.manifest.digest == origin.manifest.digest
    assert made.manifest.source.name == first.version
    discard(pod.backend, Discard(version=first.version, saga=""))
    assert pod.disk(pod.backend.find(second.version)).read_bytes() == CONTENT
    assert pod.backend.find(first.version) is None


def test_b8_bytes_of_a_version_that_changed_at_rest_do_not_become_another_version(pod: Pod) -> None:
    first = pod.import_task(machine(pod, "vm"))
    pod.prepare(first)
    placed = pod.backend.find(first.version)
    assert placed is not None
    path = pod.disk(placed)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"rot")
    second = pod.import_task(Source(pod=pod.name, kind="version", name=first.version))
    with pytest.raises(Refused) as refusal:
        pod.prepare(second)
    assert (refusal.value.failure.code, refusal.value.failure.retry) == ("digest_mismatch", True)
    assert pod.backend.find(second.version) is None
    assert pod.backend.doubted() == {placed.spot}, "it is checked at once"


def test_the_os_disk_of_a_version_becomes_one_of_its_own(pod: Pod) -> None:
    first = pod.import_task(machine(pod, "vm"))
    pod.prepare(first)
    made = pod.prepare(pod.import_task(Source(pod=pod.name, kind="version", name=first.version, disks="os")))
    assert [disk.role for disk in made.manifest.disks] == ["os"]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("vm", "vm_not_found"),
        ("file", "file_not_found"),
        ("disk", "disk_not_found"),
        ("snapshot", "snapshot_not_found"),
        ("template", "template_not_found"),
        ("upload", "upload_not_found"),
        ("version", "version_missing"),
    ],
)
@pytest.mark.parametrize("name", ["absent", "a" * 32, "vm.json"])
def test_a_source_that_is_not_there_is_refused_with_its_own_code(pod: Pod, kind: Any, code: str, name: str) -> None:
    assert code_of(pod, Source(pod=pod.name, kind=kind, name=name)) == code


def test_an_upload_that_is_not_finished_is_none_yet(pod: Pod) -> None:
    id = new_id()
    pod.backend.arrivals.begin(id, "half.raw", 10, None)
    with pytest.raises(Refused) as refusal:
        pod.prepare(pod.import_task(Source(pod=pod.name, kind="upload", name=id)))
    assert refusal.value.failure.code == "upload_not_found"


@pytest.mark.parametrize(
    ("said", "expects", "code"),
    [
        ({"os_type": "windows"}, Expected(os_type="linux"), "os_mismatch"),
        ({"generation": "V2"}, Expected(generation="V1"), "os_mismatch"),
        ({"architecture": "arm64"}, Expected(architecture="x64"), "os_mismatch"),
        ({"os_state": "specialized"}, Expected(os_state="generalized"), "os_mismatch"),
        ({}, Expected(accelerated_network=True), "feature_missing"),
        ({"capabilities": ["nvme"]}, Expected(nvme=False), "feature_missing"),
        ({"security": "Standard"}, Expected(security_type="TrustedLaunch"), "feature_missing"),
        ({}, Expected(formats=("vhd",)), "file_type_mismatch"),
        ({"capabilities": "nvme"}, Expected(), "vm_invalid"),
        ({"capabilities": ["x" * 81]}, Expected(), "vm_invalid"),
    ],
)
@pytest.mark.parametrize("kind", ["vm", "snapshot", "template"])
def test_a5_a_machine_that_is_not_what_the_image_says_is_refused_before_a_byte_moves(
    pod: Pod, kind: str, said: dict[str, Any], expects: Expected, code: str
) -> None:
    assert code_of(pod, machine(pod, kind, **said), expects=expects) == code


def test_a5_a_machine_that_is_what_the_image_says_is_taken(pod: Pod) -> None:
    said = {"os_type": "windows", "os_state": "specialized", "generation": "V2", "architecture": "x64"}
    expects = Expected(**said, accelerated_network=True, nvme=True, hibernate=True, formats=("raw",))  # type: ignore[arg-type]
    source = machine(pod, "vm", **said, capabilities=["accelerated_network", "nvme", "hibernate"])
    prepared = pod.prepare(pod.import_task(source, expects=expects))
    assert [disk.format for disk in prepared.manifest.disks] == ["raw", "raw"]


def test_i3_a_source_that_the_quotas_have_no_room_for_is_refused_before_a_byte_moves(pod: Pod) -> None:
    source = volume(pod)
    assert code_of(pod, source, room=len(CONTENT) - 1) == "quota_exceeded"
    pod.prepare(pod.import_task(source, room=len(CONTENT)))


@pytest.mark.parametrize("kind", ["vm", "disk", "snapshot", "template"])
def test_b5_a_datastore_that_is_not_there_is_refused_before_a_byte_moves(pod: Pod, kind: str) -> None:
    source = volume(pod) if kind == "disk" else machine(pod, kind)
    assert code_of(pod, source, datastore="absent") == "datastore_not_found"


def test_the_size_is_told_once_the_source_passed_and_before_it_is_read(pod: Pod) -> None:
    told: list[tuple[int, list[str]]] = []

    def inspected(size: int) -> None:
        told.append((size, [path.name for path in pod.folder.glob("datastores/*/staging/*/disk-*")]))

    task = pod.import_task(machine(pod, "vm"))
    prepare(pod.backend, task, 1 << 41, pod.meter(), Cancel(), inspected)
    assert told == [(3_000_000 + len(CONTENT), [])]


def test_a_volume_in_use_for_one_version_is_not_imported_for_another(pod: Pod) -> None:
    source = volume(pod)
    pod.backend.lock(source, new_id())
    with pytest.raises(Refused) as refusal:
        pod.prepare(pod.import_task(source))
    assert (refusal.value.failure.code, refusal.value.failure.retry) == ("vm_locked", True)


def test_a_template_serves_several_imports_at_once(pod: Pod) -> None:
    source = machine(pod, "template")
    pod.backend.lock(source, new_id())
    assert pod.prepare(pod.import_task(source)).manifest.disks


def test_b12_a_volume_that_lies_about_itself_does_not_pass_the_gate(pod: Pod) -> None:
    assert code_of(pod, volume(pod, content=qcow2(backing="/etc/passwd"))) == "backing_file"


@pytest.mark.parametrize("kind", ["disk", "snapshot", "template", "version"])
def test_b3_what_is_kept_for_others_is_never_deleted(pod: Pod, kind: Any) -> None:
    source = volume(pod) if kind == "disk" else Source(pod=pod.name, kind=kind, name="golden")
    if kind in ("snapshot", "template"):
        machine(pod, kind)
    before = sorted(path for path in pod.folder.rglob("*") if path.is_file())
    assert not pod.backend.delete_source(source, new_id())
    assert sorted(path for path in pod.folder.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize("change", ["started", "written", "another disk", "replaced"])
def test_b3_a_source_that_was_written_to_after_it_was_read_is_not_deleted(pod: Pod, change: str) -> None:
    source = machine(pod, "vm", power="off")
    if change == "replaced":
        source = pod.file("sent.raw", CONTENT)
    task = pod.import_task(source, mode="convert")
    made = pod.prepare(task)
    folder = pod.folder / "vms" / "golden"
    path = {
        "started": folder / "vm.json",
        "written": folder / "os.raw",
        "another disk": folder / "more.raw",
        "replaced": pod.folder / "incoming" / "sent.raw",
    }[change]
    path.write_bytes(CONTENT[::-1])
    later = made.manifest.created.timestamp() + 1
    os.utime(path, (later, later))
    before = sorted(path for path in (pod.folder / "vms").rglob("*") if path.name != ".lock")
    assert release(pod.backend, Release(version=task.version, saga="", source=source))
    assert sorted((pod.folder / "vms").rglob("*")) == before
    assert pod.leftovers() == [], "it is not locked any more"
    if change == "replaced":
        assert (pod.folder / "incoming" / "sent.raw").read_bytes() == CONTENT[::-1]


def test_what_can_be_imported_is_listed_by_kind(pod: Pod) -> None:
    for kind in ("vm", "snapshot", "template"):
        machine(pod, kind, f"a-{kind}", os_type="linux", capabilities=["nvme"])
    volume(pod)
    listed = {vm.kind: vm for vm in pod.backend.vms()}
    assert sorted(listed) == ["disk", "snapshot", "template", "vm"]
    assert listed["snapshot"].capabilities == ("nvme",)
    assert [disk.size for disk in listed["template"].disks] == [len(CONTENT), 3_000_000]
    assert listed["disk"].disks[0].size == len(CONTENT)


@pytest.mark.parametrize("said", [{"power": "x" * 60_000}, {"os_type": "x" * 60_000}, {"capabilities": ["x"] * 20_000}])
def test_a_machine_that_says_more_of_itself_than_a_message_holds_is_listed_without_it(
    pod: Pod, said: dict[str, Any]
) -> None:
    machine(pod, "vm", **said)
    (listed,) = pod.backend.vms()
    assert (listed.name, listed.power, listed.disks) == ("golden", "unknown", ())
    assert code_of(pod, Source(pod=pod.name, kind="vm", name="golden")) == "vm_invalid"


def test_the_largest_machine_that_can_be_listed_fits_into_a_page(pod: Pod) -> None:
    word = "\x01" * 80
    folder = pod.folder / "vms" / "large"
    folder.mkdir()
    disks = [{"file": f"d{n}", "format": "\x01" * 16, "role": "data" if n else "os", "lun": n} for n in range(64)]
    said = {"name": "large", "os_type": word, "power": word, "capabilities": [word] * 32, "disks": disks}
    (folder / "vm.json").write_text(json.dumps(said))
    found = inventory(pod.backend.vms(), ())
    assert [len(vm.disks) for vm in found.vms] == [64]
    assert max(len(msgspec.json.encode(page)) for page in pages(found, range(SECTIONS))) < MAX_MESSAGE - 4096


@pytest.mark.parametrize("kind", ["vm", "snapshot", "template"])
def test_a_machine_that_nobody_lets_us_look_into_stops_nothing_else(
    pod: Pod, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, closed = machine(pod, kind), machine(pod, kind, "closed")
    opening = folders.open_folder

    def refusing(name: str, at: int | None = None) -> int:
        if name == "closed":
            raise PermissionError(13, "Permission denied")
        return opening(name, at)

    monkeypatch.setattr(folders, "open_folder", refusing)
    assert [(vm.name, len(vm.disks)) for vm in pod.backend.vms()] == [("closed", 0), ("golden", 2)]
    pod.prepare(pod.import_task(source))
    with pytest.raises(PermissionError):
        pod.prepare(pod.import_task(closed))
    assert pod.leftovers() == []


def test_a_link_among_the_volumes_is_not_followed(pod: Pod, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    (pod.folder / "volumes" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(Refused) as refusal:
        pod.prepare(pod.import_task(Source(pod=pod.name, kind="disk", name="link")))
    assert refusal.value.failure.code == "file_unreadable"
