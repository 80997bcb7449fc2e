"""The demo's disks and its own eyes."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from cli.responder import copy, disk, version
from contracts.views import CopyView, VersionView
from imprint.__main__ import main
from imprint.story import disks, filesystem, readback, tools
from imprint.story.machine import Machine

CHUNK = disks.CHUNK
needs_ext4 = pytest.mark.skipif(tools.find("debugfs") is None, reason="e2fsprogs is not installed")
needs_qemu = pytest.mark.skipif(tools.find("qemu-io") is None, reason="qemu-utils is not installed")


def chunks(path: Path) -> list[bytes]:
    """The digests of a file's chunks."""
    data = path.read_bytes()
    return [hashlib.sha256(data[at : at + CHUNK]).digest() for at in range(0, len(data), CHUNK)]


def sparse(path: Path) -> Path:
    """A file of 100 chunks of data behind a hole of 100, with a hole of 100 at its end."""
    with path.open("wb") as file:
        file.seek(100 * CHUNK)
        file.write(b"".join(bytes([number + 1]) * CHUNK for number in range(100)))
        file.truncate(300 * CHUNK)
    return path


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (b"QFI\xfb" + bytes(600), "qcow2"),
        (bytes(512) + b"conectix" + bytes(504), "vhd"),
        (bytes(1024), "raw"),
        (b"", "raw"),
        (b"QFI", "raw"),
    ],
)
def test_a_disk_is_recognised_by_its_bytes(tmp_path: Path, content: bytes, format: str) -> None:
    path = tmp_path / "disk"
    path.write_bytes(content)
    assert disks.recognise(path) == format


def test_a_duplicate_has_the_same_bytes_and_the_same_holes(tmp_path: Path) -> None:
    source, target = sparse(tmp_path / "a"), tmp_path / "b"
    disks.duplicate(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert disks.held(target) <= 101 * CHUNK


def test_a_change_of_a_raw_disk_touches_a_few_percent_of_its_data_and_no_hole(tmp_path: Path) -> None:
    path = sparse(tmp_path / "a")
    before = chunks(path)
    assert disks.change(path, "raw", 0.03) == 3 * CHUNK
    differing = [at for at, (old, new) in enumerate(zip(before, chunks(path), strict=True)) if old != new]
    assert len(differing) == 3
    assert all(100 <= at < 200 for at in differing)
    assert disks.held(path) <= 101 * CHUNK


@needs_qemu
def test_a_change_of_a_qcow2_disk_changes_what_a_guest_sees(tmp_path: Path) -> None:
    raw, qcow2, after = sparse(tmp_path / "a"), tmp_path / "a.qcow2", tmp_path / "after"
    disks.to_qcow2(raw, qcow2)
    changed = disks.change(qcow2, "qcow2", 0.03)
    tools.run([tools.need("qemu-img", ""), "convert", "-f", "qcow2", "-O", "raw", str(qcow2), str(after)])
    differing = [at for at, (old, new) in enumerate(zip(chunks(raw), chunks(after), strict=True)) if old != new]
    assert len(differing) * CHUNK == changed == 3 * CHUNK


@needs_ext4
def test_an_update_replaces_a_few_percent_and_leaves_a_sound_filesystem(tmp_path: Path) -> None:
    tree, image = tmp_path / "tree", tmp_path / "disk"
    (tree / "usr" / "lib").mkdir(parents=True)
    for number in range(50):
        (tree / "usr" / "lib" / f"file-{number}").write_bytes(os.urandom(256 * 1024))
    filesystem.make(tree, image, slack=8 * 1024 * 1024)
    before = chunks(image)
    changed = filesystem.update(tree, image, 0.04)
    assert changed == 2 * 256 * 1024
    new = set(chunks(image)) - set(before)
    assert changed // CHUNK <= len(new) <= 3 * changed // CHUNK
    for path in tree.rglob("file-*"):
        name = path.relative_to(tree)
        shown = subprocess.run(
            [tools.need("debugfs", ""), "-R", f"cat /{name}", str(image)], capture_output=True, check=True
        )
        assert shown.stdout == path.read_bytes(), name


@needs_ext4
def test_the_golden_vm_is_one_that_a_directory_backend_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imprint.story.machine.CONTENT", 4 * 1024 * 1024)
    machine = Machine(tmp_path / "vms", tmp_path / "work", None)
    machine.build()
    descriptor = json.loads((machine.folder / "vm.json").read_text())
    assert [(entry["role"], entry["lun"]) for entry in descriptor["disks"]] == [("os", 0), ("data", 1)]
    for entry in descriptor["disks"]:
        assert disks.recognise(machine.folder / entry["file"]) == entry["format"]
    first = readback.digest(machine.os_disk)
    machine.update()
    assert readback.digest(machine.os_disk) != first


def test_a_users_own_disk_is_only_read(tmp_path: Path) -> None:
    own = sparse(tmp_path / "own.img")
    before = readback.digest(own)
    machine = Machine(tmp_path / "vms", tmp_path / "work", own)
    machine.build()
    assert readback.digest(machine.os_disk) == before
    machine.update()
    assert readback.digest(own) == before
    assert readback.digest(machine.os_disk) != before


def row(tmp_path: Path, content: bytes | None, **state: Any) -> readback.Row:
    """What is read back from a pod with this file."""
    item = tmp_path / "datastores" / "default" / "items" / version()["id"]
    item.mkdir(parents=True)
    if content is not None:
        (item / "disk-0.raw").write_bytes(content)
    one = disk(sha256=hashlib.sha256(b"right").hexdigest())
    manifest = {**version()["manifest"], "disks": [one]}
    views = (msgspec.convert(version(manifest=manifest), VersionView), [msgspec.convert(copy(**state), CopyView)])
    (found,) = readback.read({"pod-1": tmp_path}, [views])
    return found


def test_a_copy_with_the_right_bytes_is_right(tmp_path: Path) -> None:
    assert row(tmp_path, b"right").right


@pytest.mark.parametrize(
    ("content", "state"), [(b"wrong", "AVAILABLE"), (b"", "AVAILABLE"), (None, "AVAILABLE"), (b"right", "FAILED")]
)
def test_other_bytes_no_file_or_another_state_is_not_right(tmp_path: Path, content: bytes | None, state: str) -> None:
    assert not row(tmp_path, content, state=state).right


def test_the_demo_never_removes_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    result = CliRunner().invoke(main, ["demo", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert (tmp_path / "precious").read_text() == "x"


def test_a_program_that_fails_says_what_it_said() -> None:
    with pytest.raises(tools.ToolError, match="sh failed \\(3\\): no luck"):
        tools.run(["/bin/sh", "-c", "echo no luck >&2; exit 3"])
    with pytest.raises(tools.ToolError) as caught:
        tools.need("no-such-program", "no-such-package")
    assert "apt-get install no-such-package" in caught.value.hint
