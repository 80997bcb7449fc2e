"""Seats on a pod's disk: made from the copy, swapped whole, kept while they are used, and gone without a trace."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import disk_images as images
import msgspec
import pytest
from pods import Pod
from pooled import ASSIGNMENT, Published, described, have, left, log_on, published, seat, wanting, word

from connector.backends import folders, reflink
from connector.backends import pools as pool_folders
from connector.domain.tasks import Withdraw
from connector.failures import Cancel, Cancelled, Refused
from connector.pools import making
from connector.presence import look
from connector.removing import withdraw
from contracts.definition import Capsule, Component, Uefi
from contracts.desktops import Account, Customisation, DataDisk, Endpoint, Shape
from contracts.manifest import Manifest

MIB = 1024 * 1024
GIB = 1024**3
Pods = Callable[..., Pod]
CONTENTS = {
    "raw": os.urandom(3 * MIB + 512) + bytes(2 * MIB),
    "qcow2": images.qcow2(data_clusters=9, body=os.urandom(images.CLUSTER)),
    "vhd": images.dynamic_vhd(),
    "fixed vhd": images.fixed_vhd(os.urandom(MIB)),
}


class Killed(BaseException):
    """What stands for kill -9: nothing in the code under test catches it."""


@pytest.fixture
def pod(pods: Pods) -> Pod:
    return pods("pod-1", door=False)


@pytest.fixture
def one(pod: Pod) -> Published:
    return published(pod, CONTENTS["raw"], "one")


@pytest.fixture
def two(pod: Pod) -> Published:
    return published(pod, CONTENTS["qcow2"], "two")


def kill_at(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die at the first crash point ``label``, once."""
    waiting = [label]

    def crash_at(reached: str) -> None:
        if reached in waiting:
            waiting.clear()
            raise Killed

    monkeypatch.setattr(making, "crash_at", crash_at)


def qemu(*words: str) -> str:
    if shutil.which("qemu-img") is None:
        pytest.skip("there is no qemu-img here")
    return subprocess.run(["qemu-img", *words], check=True, capture_output=True, text=True, timeout=60).stdout


def beginning(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)


def versions(pod: Pod) -> list[str]:
    return [described(pod, path.name)["version"] for path in sorted(seat(pod).parent.iterdir()) if path.is_dir()]


# --- made from the copy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_seat_shows_the_bytes_of_the_copy_and_writing_to_it_changes_no_other(
    pod: Pod, content: bytes, tmp_path: Path
) -> None:
    version = published(pod, content, "disk")
    told = have(pod, wanting(version))
    assert (told.state, told.version) == ("IN_SYNC", version.version)
    assert [(s.name, s.state, s.version) for s in told.seats] == [
        ("desk-1", "READY", version.version),
        ("desk-2", "READY", version.version),
    ]
    item = pod.disk(pod.backend.find(version.version))
    (disk,) = described(pod)["disks"]
    item = pod.disk(pod.backend.find(version.version))
    before, given, other = item.read_bytes(), seat(pod) / disk["file"], seat(pod, "desk-2") / disk["file"]
    if disk["format"] != "qcow2" or not disk["base"]:
        assert given.read_bytes() == before, "no overlay can show all of it"
        return
    info = json.loads(qemu("info", "--output=json", str(given)))
    assert (info["backing-filename"], info["virtual-size"]) == (disk["base"], -(-disk["size"] // 512) * 512)
    qemu("convert", "-f", disk["base_format"], "-O", "raw", str(item), str(tmp_path / "plain"))
    if shutil.which("qemu-io") is not None:
        change = ["qemu-io", "-f", "qcow2", "-c", "write -P 7 0 64k", str(given)]
        subprocess.run(change, check=True, timeout=60, capture_output=True)
        assert item.read_bytes() == before
    qemu("convert", "-f", "qcow2", "-O", "raw", str(other), str(tmp_path / "seen"))
    size = info["virtual-size"]
    assert (tmp_path / "seen").read_bytes() == (tmp_path / "plain").read_bytes()[:size].ljust(size, b"\0")


def test_where_blocks_can_be_shared_a_seat_has_a_file_of_its_own(
    pod: Pod, one: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    def share(source: int, at: int, name: str) -> bool:
        fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=at)
        os.write(fd, os.pread(source, 1 << 30, 0))
        os.close(fd)
        return True

    monkeypatch.setattr(reflink, "share", share)
    assert have(pod, wanting(one, shape=Shape(disk_gib=1))).state == "IN_SYNC"
    (disk,) = described(pod)["disks"]
    assert (disk["file"], disk["format"], disk["base"], disk["size"]) == ("disk-0.raw", "raw", "", GIB)
    assert (seat(pod) / "disk-0.raw").stat().st_size == GIB
    assert beginning(seat(pod) / "disk-0.raw", len(CONTENTS["raw"])) == CONTENTS["raw"]
    assert left(pod) == []


def test_an_os_disk_can_be_larger_than_the_images_and_not_smaller(pod: Pod, two: Published) -> None:
    assert have(pod, wanting(two, shape=Shape(disk_gib=40))).state == "IN_SYNC"
    info = json.loads(qemu("info", "--output=json", str(seat(pod) / "disk-0.qcow2")))
    assert info["virtual-size"] == 40 * GIB
    large = images.qcow2(virtual_size=3 * GIB, l1_size=6)
    told = have(pod, wanting(published(pod, large, "large"), shape=Shape(disk_gib=2)), 2)
    assert told.state == "UPDATE_FAILED"
    assert told.failure is not None
    assert told.failure.code == "seat_failed"
    assert [(s.state, s.version, bool(s.failure)) for s in told.seats] == [
        ("READY", two.version, True),
        ("READY", two.version, False),
    ]
    assert versions(pod) == [two.version] * 2


def test_b9_a_seat_of_a_generalized_image_is_described_with_its_own_host_name_and_no_password(
    pod: Pod, one: Published
) -> None:
    custom = Customisation(host_name="lab-{pod}-{n}", accounts=(Account(name="admin", secret="lab-admin"),))
    have(pod, wanting(one, customisation=custom, shape=Shape(vcpus=2, memory_mib=4096)))
    assert [described(pod, f"desk-{n}")["host_name"] for n in (1, 2)] == ["lab-pod-1-1", "lab-pod-1-2"]
    assert described(pod)["accounts"] == [{"name": "admin", "secret": "lab-admin", "ssh_keys": []}]
    assert (described(pod)["shape"]["vcpus"], described(pod)["number"]) == (2, "1.0.0")
    told = have(pod, wanting(one, customisation=Customisation(host_name="lab{x}")), 2)
    assert told.state == "UPDATE_FAILED"
    assert told.failure is not None
    assert told.failure.code == "seat_failed"
    assert have(pod, wanting(one, customisation=None, os_state="specialized"), 3).state == "IN_SYNC"
    assert described(pod)["host_name"] == ""


def test_h7_the_uefi_keys_of_a_version_go_with_it_to_each_seat(pod: Pod, one: Published) -> None:
    uefi = Uefi(signature_templates=("MicrosoftWindowsTemplate",), pk="cGs=", db=("ZGI=",))
    have(pod, wanting(one, uefi=uefi))
    assert msgspec.convert(described(pod)["uefi"], Uefi) == uefi


def test_g2_a_capsule_deployed_on_two_pods_gives_the_same_result(pods: Pods) -> None:
    capsule = Capsule(
        components=(
            Component(name="app", version="2", sha256="c" * 64, depends_on=("lib",)),
            Component(name="lib", version="1", sha256="d" * 64),
        ),
        install="./install",
        remove="./remove",
        health_check="./check",
    )
    seen = []
    for name in ("pod-1", "pod-2"):
        pod = pods(name, door=False)
        version = published(pod, CONTENTS["raw"], "capsule")
        assert have(pod, wanting(version, capsule=capsule)).state == "IN_SYNC"
        seen.append((seat(pod) / "capsule.json").read_bytes())
        assert (seat(pod, "desk-2") / "capsule.json").read_bytes() == seen[-1]
    assert seen[0] == seen[1]
    assert msgspec.json.decode(seen[0], type=Capsule) == capsule


def test_without_an_intact_copy_of_the_content_nothing_is_made(pod: Pod, one: Published) -> None:
    source_only = pod.import_task(pod.file("source", b"s" * 5000))
    manifest = pod.prepare(source_only).manifest
    for version in (
        Published("0" * 32, one.manifest, one.copy),
        Published(one.version, Manifest(disks=(), source=one.manifest.source, created=one.manifest.created), one.copy),
        Published(source_only.version, manifest, f"{source_only.version}_pod-1_0"),
    ):
        told = have(pod, wanting(version))
        assert told.state == "UPDATE_FAILED"
        assert told.failure is not None
        assert (told.failure.code, told.failure.retry) == ("version_missing", True)
        assert [(s.state, s.version) for s in told.seats] == [("PENDING", "")] * 2
    assert not (pod.folder / "pools" / ASSIGNMENT).exists()


@pytest.mark.parametrize("name", ["..", "a/b", "", "x" * 65, ".hidden"])
def test_a_pool_with_a_name_that_leads_elsewhere_is_refused(pod: Pod, one: Published, name: str) -> None:
    with pytest.raises(Refused):
        pod.backend.pools.seats(name)
    with pytest.raises(Refused):
        pod.backend.pools.drop(name)


# --- data disks -------------------------------------------------------------------------------------------------------


def test_a_data_disk_is_added_at_once_and_keeps_its_content_through_updates(
    pod: Pod, one: Published, two: Published
) -> None:
    have(pod, wanting(one))
    log_on(pod, "ada")
    assert have(pod, wanting(one, disks=(DataDisk(lun=5, size_gib=1),)), 2).state == "IN_SYNC"
    disk = seat(pod) / "data-5.raw"
    assert (disk.stat().st_size, disk.stat().st_blocks) == (GIB, 0)
    with disk.open("r+b") as file:
        file.write(b"mine")
    log_on(pod, None)
    assert have(pod, wanting(two, disks=(DataDisk(lun=5, size_gib=2),), rebuild=1), 3).state == "IN_SYNC"
    assert versions(pod) == [two.version] * 2
    assert (disk.stat().st_size, beginning(disk, 4)) == (2 * GIB, b"mine")
    assert disk.stat().st_nlink == 1
    told = have(pod, wanting(two, disks=(DataDisk(lun=5, size_gib=1),), rebuild=1), 4)
    assert (told.state, disk.stat().st_size) == ("UPDATE_FAILED", 2 * GIB)


@pytest.mark.parametrize("rebuild", [0, 1])
def test_a_data_disk_that_an_older_database_of_the_hub_does_not_know_is_kept_and_not_attached(
    pod: Pod, one: Published, rebuild: int
) -> None:
    disks = (DataDisk(lun=5, size_gib=1),)
    have(pod, wanting(one, disks=disks))
    with (seat(pod) / "data-5.raw").open("r+b") as file:
        file.write(b"mine")
    assert have(pod, wanting(one, rebuild=rebuild), 2).state == "IN_SYNC"
    assert described(pod)["added"] == []
    assert have(pod, wanting(one, disks=disks, rebuild=rebuild), 3).state == "IN_SYNC"
    assert [disk["lun"] for disk in described(pod)["added"]] == [5]
    assert beginning(seat(pod) / "data-5.raw", 4) == b"mine"


def test_a_data_disk_at_the_lun_of_a_disk_of_the_image_is_refused(pod: Pod) -> None:
    task = pod.import_task(pod.vm(os_disk=b"\1" * 4096, data=b"\2" * 4096))
    manifest = pod.prepare(task).manifest
    pod.copy(pod.copy_task(task.version, manifest))
    version = Published(task.version, manifest, f"{task.version}_pod-1_0")
    told = have(pod, wanting(version, disks=(DataDisk(lun=3, size_gib=1),)))
    assert told.failure is not None
    assert (told.state, told.failure.code) == ("UPDATE_FAILED", "seat_failed")
    assert [s.state for s in told.seats] == ["FAILED", "PENDING"]
    assert left(pod) == []
    assert have(pod, wanting(version, disks=(DataDisk(lun=4, size_gib=1),)), 2).state == "IN_SYNC"
    assert [disk["lun"] for disk in described(pod)["disks"]] == [0, 3]


# --- updates ----------------------------------------------------------------------------------------------------------


def test_an_update_makes_every_seat_anew_and_leaves_nothing_behind(pod: Pod, one: Published, two: Published) -> None:
    have(pod, wanting(one))
    log_on(pod, None, last_used=datetime(2026, 1, 1, tzinfo=UTC))
    (seat(pod) / "endpoint.json").write_text("{}")
    told = have(pod, wanting(two), 2)
    assert (told.state, told.version) == ("IN_SYNC", two.version)
    assert [(s.version, s.last_used) for s in told.seats] == [(two.version, None)] * 2
    assert left(pod) == [f"datastores/main/bases/{two.version}"]
    inode = (seat(pod) / "desktop.json").stat().st_ino
    assert have(pod, wanting(two), 2).state == "IN_SYNC"
    assert (seat(pod) / "desktop.json").stat().st_ino == inode
    assert have(pod, wanting(two, rebuild=1), 3).state == "IN_SYNC"
    assert (seat(pod) / "desktop.json").stat().st_ino != inode


def test_an_update_that_cannot_be_made_whole_changes_no_seat(
    pod: Pod, one: Published, two: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(pod, wanting(one))
    stage, calls = pod.backend.pools.stage, []

    def full(original: Any, desktop: Any) -> None:
        calls.append(desktop.name)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        stage(original, desktop)

    monkeypatch.setattr(pod.backend.pools, "stage", full)
    told = have(pod, wanting(two), 2)
    assert told.failure is not None
    assert (told.state, told.version, told.failure.code) == ("UPDATE_FAILED", one.version, "no_space")
    assert versions(pod) == [one.version] * 2
    assert left(pod) == [f"datastores/main/bases/{one.version}"]
    monkeypatch.undo()
    again = have(pod, wanting(two), 2, failure=told.failure)
    assert (again.state, versions(pod)) == ("UPDATE_FAILED", [one.version] * 2)
    assert have(pod, wanting(one), 3).state == "IN_SYNC"
    assert have(pod, wanting(two), 4).state == "IN_SYNC"


def test_f13_a_seat_in_use_waits_for_its_user_unless_it_is_forced(pod: Pod, one: Published, two: Published) -> None:
    have(pod, wanting(one))
    log_on(pod, "ada")
    told = have(pod, wanting(two), 2)
    assert (told.state, told.version) == ("UPDATING", two.version)
    assert [(s.version, s.user) for s in told.seats] == [(one.version, "ada"), (two.version, "")]
    assert have(pod, wanting(two, seats=0), 3).seats[0].user == "ada"
    assert have(pod, wanting(two), 4).state == "UPDATING"
    log_on(pod, "")
    assert have(pod, wanting(two), 4).state == "IN_SYNC"
    log_on(pod, "bob")
    assert have(pod, wanting(one, logoff="force"), 5).state == "IN_SYNC"
    assert versions(pod) == [one.version] * 2


@pytest.mark.parametrize("exchange", [True, False])
def test_somebody_who_logs_on_in_the_moment_of_the_swap_keeps_the_seat(
    pod: Pod, one: Published, two: Published, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    have(pod, wanting(one))
    asked = pool_folders.seatfiles.user

    def comes(name: str, at: int) -> str:
        if name == "desk-1":
            found = asked(name, at)
            log_on(pod, "ada")
            return found
        return asked(name, at)

    monkeypatch.setattr(pool_folders.seatfiles, "user", comes)
    if not exchange:
        monkeypatch.setattr(folders, "swap", lambda *_: False)
    told = have(pod, wanting(two), 2)
    assert (told.state, versions(pod)) == ("UPDATING", [one.version, two.version])
    assert [name for name in left(pod) if "pools" in name] == []
    log_on(pod, None)
    have(pod, wanting(two, seats=0), 3)
    assert (seat(pod).exists(), seat(pod, "desk-2").exists()) == (True, False)
    monkeypatch.undo()
    log_on(pod, None)
    assert have(pod, wanting(two, seats=0), 3).state == "IN_SYNC"
    assert not seat(pod).exists()


@pytest.mark.parametrize("label", ["pool.staged", "pool.put"])
@pytest.mark.parametrize("exchange", [True, False])
def test_an_update_killed_anywhere_is_finished_by_the_next_start(
    pod: Pod, one: Published, two: Published, monkeypatch: pytest.MonkeyPatch, label: str, exchange: bool
) -> None:
    have(pod, wanting(one, disks=(DataDisk(lun=5, size_gib=1),)))
    if not exchange:
        monkeypatch.setattr(folders, "swap", lambda *_: False)
    kill_at(label, monkeypatch)
    with pytest.raises(Killed):
        have(pod, wanting(two, disks=(DataDisk(lun=5, size_gib=1),)), 2)
    assert have(pod, wanting(two, disks=(DataDisk(lun=5, size_gib=1),)), 2).state == "IN_SYNC"
    assert versions(pod) == [two.version] * 2
    assert left(pod) == [f"datastores/main/bases/{two.version}"]
    assert (seat(pod) / "data-5.raw").stat().st_nlink == 1


@pytest.mark.parametrize("exchange", [True, False])
def test_an_update_killed_at_any_call_that_changes_the_disk_is_finished_and_loses_no_data_disk(
    pod: Pod, one: Published, two: Published, monkeypatch: pytest.MonkeyPatch, exchange: bool
) -> None:
    disks = (DataDisk(lun=5, size_gib=1),)
    if not exchange:
        monkeypatch.setattr(folders, "swap", lambda *_: False)
    have(pod, wanting(one, disks=disks))
    with (seat(pod) / "data-5.raw").open("r+b") as file:
        file.write(b"mine")
    counted = {"left": -1}

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            counted["left"] -= 1
            if counted["left"] == 0:
                raise Killed
            return call(*given, **named)

        return called

    for name in ("rename", "fsync", "link", "unlink", "mkdir", "ftruncate", "rmdir"):
        monkeypatch.setattr(os, name, dying(getattr(os, name)))
    versions_in_turn = [two, one]
    for n in range(1, 200):
        wanted = wanting(versions_in_turn[n % 2], disks=disks, rebuild=n)
        counted["left"] = n
        try:
            assert have(pod, wanted, n).state == "IN_SYNC"
            break
        except Killed:
            pass
        finally:
            counted["left"] = -1
        assert have(pod, wanted, n).state == "IN_SYNC"
        assert [name for name in left(pod) if "pools" in name] == []
        assert versions(pod) == [wanted.version] * 2
        assert beginning(seat(pod) / "data-5.raw", 4) == b"mine"
        assert (seat(pod) / "data-5.raw").stat().st_nlink == 1
    assert 20 < n < 199


def test_a_swap_killed_between_its_two_renames_is_taken_back(pod: Pod, one: Published) -> None:
    have(pod, wanting(one))
    os.rename(seat(pod), seat(pod, ".old-desk-1"))
    pod.backend.pools.settle()
    assert left(pod) == [f"datastores/main/bases/{one.version}", f"pools/{ASSIGNMENT}/.old-desk-1"]
    log_on(pod, "ada", ".old-desk-1")
    assert have(pod, wanting(one), 1).seats[0].user == "ada"
    assert left(pod) == [f"datastores/main/bases/{one.version}"]


def test_what_is_cancelled_is_begun_again(pod: Pod, one: Published) -> None:
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        making.bring(pod.backend.pools, ASSIGNMENT, word(wanting(one)), pod.name, cancel)
    assert have(pod, wanting(one)).state == "IN_SYNC"


def test_a_seat_that_is_lost_or_damaged_is_made_again(pod: Pod, one: Published) -> None:
    have(pod, wanting(one))
    shutil.rmtree(seat(pod))
    (seat(pod, "desk-2") / "desktop.json").write_text("{")
    pod.backend.pools.settle()
    assert left(pod) == [f"datastores/main/bases/{one.version}"], "a base is kept while nobody knows who needs it"
    found = making.look(pod.backend.pools, ASSIGNMENT, word(wanting(one)), pod.name)
    assert (found.work, [s.state for s in found.told.seats]) == (True, ["CREATING", "CREATING"])
    assert have(pod, wanting(one)).state == "IN_SYNC"
    assert versions(pod) == [one.version] * 2


def test_a_seat_without_its_disk_is_told_and_made_anew_only_when_a_rebuild_is_asked_for(
    pod: Pod, one: Published
) -> None:
    have(pod, wanting(one))
    (seat(pod) / described(pod)["disks"][0]["file"]).unlink()
    told = have(pod, wanting(one))
    assert [(s.state, bool(s.failure)) for s in told.seats] == [("FAILED", True), ("READY", False)]
    assert [s.state for s in have(pod, wanting(one, rebuild=1), 2).seats] == ["READY", "READY"]
    away = pod.folder / "datastores" / "main"
    if described(pod)["disks"][0]["base"]:
        away.rename(pod.folder / "away")
        assert [s.state for s in have(pod, wanting(one, rebuild=1), 2).seats] == ["FAILED", "FAILED"]
        (pod.folder / "away").rename(away)
        assert [s.state for s in have(pod, wanting(one, rebuild=1), 2).seats] == ["READY", "READY"]


# --- bases ------------------------------------------------------------------------------------------------------------


def test_a_withdrawn_copy_counts_as_gone_while_seats_go_on_with_its_bytes(
    pod: Pod, one: Published, two: Published, tmp_path: Path
) -> None:
    have(pod, wanting(one))
    item = pod.disk(pod.backend.find(one.version))
    pod.backend.note(msgspec.structs.replace(pod.backend.held(one.version)[0].item, source=False), "main")
    withdraw(pod.backend, Withdraw(version=one.version, saga="", copy=one.copy, attempt=1))
    assert not item.exists()
    assert one.version not in str(look(pod.backend))
    told = have(pod, wanting(one))
    assert (told.state, told.seats[0].version) == ("IN_SYNC", one.version)
    qemu("convert", "-f", "qcow2", "-O", "raw", str(seat(pod) / "disk-0.qcow2"), str(tmp_path / "read"))
    assert (tmp_path / "read").read_bytes() == CONTENTS["raw"]
    more = have(pod, wanting(one, seats=3), 2)
    assert more.failure is not None
    assert (more.failure.code, [s.state for s in more.seats]) == ("version_missing", ["READY", "READY", "PENDING"])
    have(pod, wanting(two), 3)
    assert left(pod) == [f"datastores/main/bases/{two.version}"]


def test_the_base_of_an_item_that_was_repaired_becomes_the_repaired_one(pod: Pod, one: Published) -> None:
    have(pod, wanting(one))
    item = pod.disk(pod.backend.find(one.version))
    base = pod.folder / "datastores/main/bases" / one.version / "disk-0.raw"
    assert base.samefile(item)
    shutil.copyfile(item, item.with_name("new"))
    os.replace(item.with_name("new"), item)
    assert not base.samefile(item)
    pod.backend.pools.settle()
    assert base.samefile(item)


def test_where_there_are_no_hard_links_a_base_is_a_copy_and_data_disks_are_copied(
    pod: Pod, one: Published, two: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    disks = (DataDisk(lun=5, size_gib=1),)
    assert have(pod, wanting(one, disks=disks)).state == "IN_SYNC"
    base = pod.folder / "datastores/main/bases" / one.version / "disk-0.raw"
    assert base.read_bytes() == CONTENTS["raw"]
    status = base.stat()
    assert have(pod, wanting(one, disks=disks, seats=3), 2).state == "IN_SYNC"
    assert base.stat().st_ino == status.st_ino
    with (seat(pod) / "data-5.raw").open("r+b") as file:
        file.seek(MIB)
        file.write(b"mine")
    assert have(pod, wanting(two, disks=disks), 3).state == "IN_SYNC"
    kept = seat(pod) / "data-5.raw"
    assert (kept.stat().st_size, kept.stat().st_blocks < 100) == (GIB, True)
    assert beginning(kept, MIB + 4)[MIB:] == b"mine"


# --- who uses them ----------------------------------------------------------------------------------------------------


def test_f14_the_user_and_the_last_use_of_each_seat_are_told(pod: Pod, one: Published) -> None:
    have(pod, wanting(one))
    log_on(pod, "ada", last_used="2026-01-01T10:00:00+02:00")
    log_on(pod, None, "desk-2", last_used="2026-01-01T10:00:00")
    used, free = have(pod, wanting(one)).seats
    assert (used.user, used.last_used) == ("ada", datetime(2026, 1, 1, 8, tzinfo=UTC))
    assert (free.user, free.last_used) == ("", datetime(2026, 1, 1, 10, tzinfo=UTC))


@pytest.mark.parametrize("text", ["{", '{"user": 5}', "\xff", "[" * 100_000])
def test_a_seat_whose_session_cannot_be_read_is_taken_for_one_in_use(
    pod: Pod, one: Published, two: Published, text: str
) -> None:
    have(pod, wanting(one))
    (seat(pod) / "session.json").write_text(text, encoding="latin-1")
    told = have(pod, wanting(two), 2)
    assert (told.state, told.seats[0].user, told.seats[0].version) == ("UPDATING", "unknown", one.version)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00"])
def test_a_last_use_that_no_clock_can_show_is_none(pod: Pod, one: Published, moment: str) -> None:
    have(pod, wanting(one))
    log_on(pod, "ada", last_used=moment)
    told = have(pod, wanting(one))
    assert (told.state, told.seats[0].user, told.seats[0].last_used) == ("IN_SYNC", "ada", None)


@pytest.mark.parametrize("file", ["a\0b", "x" * 300, "desktop.json/disk", "/proc/self/mem/1"])
def test_a_seat_that_says_it_needs_a_file_that_cannot_be_is_one_without_its_disk(
    pod: Pod, one: Published, file: str
) -> None:
    have(pod, wanting(one))
    said = described(pod)
    said["disks"][0]["file"] = file
    (seat(pod) / "desktop.json").write_text(json.dumps(said))
    told = have(pod, wanting(one))
    assert (told.state, [s.state for s in told.seats]) == ("IN_SYNC", ["FAILED", "READY"])
    assert told.seats[0].failure.isprintable()
    assert [s.state for s in have(pod, wanting(one, rebuild=1), 2).seats] == ["READY", "READY"]


@pytest.mark.parametrize("field", ["version", "former", "model"])
def test_a_seat_that_says_more_of_itself_than_can_be_told_is_made_again(pod: Pod, one: Published, field: str) -> None:
    have(pod, wanting(one))
    (seat(pod) / "desktop.json").write_text(json.dumps(described(pod) | {field: "x" * 100_000}))
    told = have(pod, wanting(one))
    assert (told.state, [s.state for s in told.seats]) == ("IN_SYNC", ["READY", "READY"])
    assert len(described(pod)[field]) < 100


@pytest.mark.parametrize("name", [".new-desk-1", ".gone-desk-1", ".old-desk-1", ".new-x"])
@pytest.mark.parametrize("kind", ["file", "link", "fifo"])
def test_what_lies_in_the_way_of_a_pool_and_is_no_folder_is_removed_and_not_followed(
    pod: Pod, one: Published, two: Published, tmp_path: Path, name: str, kind: str
) -> None:
    have(pod, wanting(one))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_bytes(b"mine")
    there = seat(pod).parent / name
    make: dict[str, Callable[[], Any]] = {
        "file": lambda: there.write_bytes(b"1"),
        "link": lambda: there.symlink_to(outside),
        "fifo": lambda: os.mkfifo(there),
    }
    make[kind]()
    assert have(pod, wanting(two), 2).state == "IN_SYNC"
    assert not os.path.lexists(there)
    assert (outside / "mine").read_bytes() == b"mine"


def test_a_users_name_is_told_without_control_characters_and_in_bounds(pod: Pod, one: Published) -> None:
    have(pod, wanting(one))
    log_on(pod, "a\x1b[31m\n" + "b" * 500)
    user = have(pod, wanting(one)).seats[0].user
    assert user == "a?[31m?" + "b" * 121


# --- endpoints --------------------------------------------------------------------------------------------------------


def test_an_endpoint_receives_installs_and_restarts_and_until_then_runs_what_it_ran(
    pod: Pod, one: Published, two: Published
) -> None:
    endpoints = (Endpoint(name="box-1", model="C200"), Endpoint(name="box-2", model="C100"))
    voi: dict[str, Any] = {"kind": "endpoint", "seats": 0, "endpoints": endpoints, "models": ("C200",)}
    found = making.look(pod.backend.pools, ASSIGNMENT, word(wanting(one, **voi)), pod.name)
    assert [(s.state, s.model) for s in found.told.seats] == [("UNFINISHED", "C200"), ("SKIPPED", "C100")]
    told = have(pod, wanting(one, **voi))
    assert [(s.name, s.state, s.version) for s in told.seats] == [
        ("box-1", "WAITING_INSTALL", ""),
        ("box-2", "SKIPPED", ""),
    ]
    assert (told.state, told.version) == ("IN_SYNC", one.version)
    assert not seat(pod, "box-2").exists()
    said = seat(pod, "box-1") / "endpoint.json"
    for state, seen in (("installed", "WAITING_RESTART"), ("restarted", "COMPLETED"), ("?", "WAITING_INSTALL")):
        said.write_text(json.dumps({"state": state, "version": one.version}))
        assert have(pod, wanting(one, **voi)).seats[0].state == seen
    said.write_text(json.dumps({"state": "restarted"}))
    assert have(pod, wanting(one, **voi)).seats[0].version == one.version
    told = have(pod, wanting(two, **voi), 2)
    assert (told.seats[0].state, told.seats[0].version) == ("WAITING_INSTALL", one.version)
    said.write_text(json.dumps({"state": "restarted", "version": one.version}))
    assert have(pod, wanting(two, **voi), 2).seats[0].state == "WAITING_INSTALL", "a word about the former version"
    said.write_text(json.dumps({"state": "restarted", "version": two.version}))
    (told_seat, _) = have(pod, wanting(two, **voi), 2).seats
    assert (told_seat.state, told_seat.version) == ("COMPLETED", two.version)


def test_an_endpoint_that_is_offered_it_no_more_keeps_what_it_has(pod: Pod, one: Published, two: Published) -> None:
    endpoints = (Endpoint(name="box-1", model="C200"),)
    voi: dict[str, Any] = {"kind": "endpoint", "seats": 0, "endpoints": endpoints}
    have(pod, wanting(one, **voi))
    told = have(pod, wanting(two, models=("C100",), **voi), 2)
    assert (told.state, told.seats[0].state) == ("IN_SYNC", "SKIPPED")
    assert described(pod, "box-1")["version"] == one.version


# --- removal ----------------------------------------------------------------------------------------------------------


def test_a_pool_goes_with_all_it_had_but_not_from_under_its_users(pod: Pod, one: Published) -> None:
    have(pod, wanting(one))
    log_on(pod, "ada")
    told = have(pod, None, 2)
    assert (told.state, [s.user for s in told.seats]) == ("UPDATING", ["ada"])
    assert (seat(pod).exists(), seat(pod, "desk-2").exists()) == (True, False)
    told = have(pod, None, 3, force=True)
    assert (told.state, told.seats, told.attempt) == ("REMOVED", (), 3)
    assert not seat(pod).parent.exists()
    assert left(pod) == []
    assert have(pod, None, 4).state == "REMOVED"


def test_a_removal_killed_on_the_way_is_finished(pod: Pod, one: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    have(pod, wanting(one))
    kill_at("pool.removed", monkeypatch)
    with pytest.raises(Killed):
        have(pod, None, 2)
    assert have(pod, None, 2).state == "REMOVED"
    assert not seat(pod).parent.exists()
