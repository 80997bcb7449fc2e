"""The gate: what passes, and with which code everything else is refused."""

import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

import disk_images as images
import pytest
from disk_images import CLUSTER

from connector.failures import Refused
from connector.formats import Recognised, gate, inspect

needs_qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


def passed(path: Path, declared: str | None = None, **more: int) -> Recognised:
    fd = os.open(path, os.O_RDONLY)
    try:
        return inspect(fd, declared, **more)
    finally:
        os.close(fd)


def code(path: Path, declared: str | None = None) -> str:
    with pytest.raises(Refused) as refusal:
        passed(path, declared)
    assert refusal.value.failure.step == "inspect"
    assert refusal.value.failure.text
    return refusal.value.failure.code


@pytest.fixture
def file(tmp_path: Path):
    def write(content: bytes) -> Path:
        path = tmp_path / "disk"
        path.write_bytes(content)
        return path

    return write


PASSES = {
    "raw": (b"\x42" * 8192, "raw", 8192),
    "raw of one byte": (b"x", "raw", 1),
    "raw with partitions": (images.mbr(), "raw", 512 + 1024 * 1024),
    "raw of odd length": (b"\x07" * 70_001, "raw", 70_001),
    "qcow2": (images.qcow2(), "qcow2", 10 * CLUSTER),
    "qcow2 version 2": (images.qcow2(version=2), "qcow2", 10 * CLUSTER),
    "qcow2 left open by its VM": (images.qcow2(incompatible=1), "qcow2", 10 * CLUSTER),
    "qcow2 without data": (images.qcow2(data_clusters=0), "qcow2", 10 * CLUSTER),
    "fixed VHD": (images.fixed_vhd(), "vhd", 4096),
    "dynamic VHD": (images.dynamic_vhd(), "vhd", 4 * 1024 * 1024),
    "dynamic VHD without blocks": (images.dynamic_vhd(blocks=0), "vhd", 4 * 1024 * 1024),
}


@pytest.mark.parametrize("declare", [False, True], ids=["undeclared", "declared"])
@pytest.mark.parametrize("name", PASSES)
def test_an_importable_file_passes_with_its_format_and_virtual_size(name: str, declare: bool, file) -> None:
    content, format, virtual_size = PASSES[name]
    found = passed(file(content), format if declare else None)
    assert (found.format, found.virtual_size) == (format, virtual_size)
    assert found.warnings == ()


REFUSED = {
    "empty": (b"", None, "file_empty"),
    "empty, declared": (b"", "qcow2", "file_empty"),
    "raw declared qcow2": (b"\x42" * 8192, "qcow2", "format_mismatch"),
    "raw declared vhd": (b"\x42" * 8192, "vhd", "format_mismatch"),
    "qcow2 declared raw": (images.qcow2(), "raw", "format_mismatch"),
    "fixed VHD declared raw": (images.fixed_vhd(), "raw", "format_mismatch"),
    "dynamic VHD declared qcow2": (images.dynamic_vhd(), "qcow2", "format_mismatch"),
    "declared as something else": (b"\x42" * 8192, "vmdk", "format_unknown"),
    "qcow2 of 60 bytes": (images.qcow2()[:60], None, "file_truncated"),
    "qcow2 of 60 bytes declared raw": (images.qcow2()[:60], "raw", "file_truncated"),
    "qcow2 cut in its header": (images.qcow2()[:90], None, "file_truncated"),
    "qcow2 cut before L1": (images.qcow2()[: 3 * CLUSTER], None, "file_truncated"),
    "qcow2 cut before L2": (images.qcow2()[: 4 * CLUSTER], None, "file_truncated"),
    "qcow2 cut before its last cluster": (images.qcow2()[:-CLUSTER], None, "file_truncated"),
    "qcow2 with L1 beyond the end": (images.qcow2(l1_offset=1 << 40), None, "file_truncated"),
    "qcow2 with refcounts beyond the end": (images.qcow2(refcount_offset=1 << 50), None, "file_truncated"),
    "qcow2 with a backing file": (images.qcow2(backing="/etc/passwd"), None, "backing_file"),
    "qcow2 version 2 with a backing file": (images.qcow2(version=2, backing="base"), None, "backing_file"),
    "qcow2 with a data file": (images.qcow2(incompatible=4), None, "external_data_file"),
    "qcow2 with an unknown feature": (images.qcow2(incompatible=1 << 40), None, "format_unsafe"),
    "qcow2 with extended L2": (images.qcow2(incompatible=16), None, "format_unsafe"),
    "qcow2 marked corrupt": (images.qcow2(incompatible=2), None, "format_unsafe"),
    "qcow2 that is encrypted": (images.qcow2(crypt=2), None, "format_unsafe"),
    "qcow2 version 9": (images.qcow2(version=9), None, "format_unsafe"),
    "qcow2 with clusters of 256 bytes": (images.qcow2(cluster_bits=8), None, "format_unsafe"),
    "qcow2 with an L1 table of 4 GiB": (images.qcow2(l1_size=1 << 29), None, "format_unsafe"),
    "qcow2 that is larger than its L1 table": (images.qcow2(virtual_size=1 << 40), None, "format_unsafe"),
    "qcow2 of no size": (images.qcow2(virtual_size=0), None, "virtual_size"),
    "qcow2 of 60 TiB": (images.qcow2(virtual_size=60 << 40), None, "virtual_size"),
    "qcow2 of more than 2^63": (images.qcow2(virtual_size=(1 << 63) + 5), None, "virtual_size"),
    "qcow2 that is a partition table too": (
        images.qcow2()[:510] + b"\x55\xaa" + images.qcow2()[512:],
        None,
        "format_unsafe",
    ),
    "VHD of which another is the parent": (images.dynamic_vhd(kind=4), None, "backing_file"),
    "VHD of an unknown type": (images.fixed_vhd(kind=5), None, "format_unsafe"),
    "dynamic VHD without its end": (images.dynamic_vhd()[:-512], None, "file_truncated"),
    "dynamic VHD without a block": (images.dynamic_vhd(blocks=2)[: -1024 * 1024 - 512], None, "file_truncated"),
    "fixed VHD that claims more": (images.fixed_vhd(claimed=1 << 30), None, "file_truncated"),
    "fixed VHD of 60 TiB": (images.fixed_vhd(claimed=60 << 40), None, "file_truncated"),
    "VHD with a wrong checksum": (images.fixed_vhd()[:-1] + b"\x01", None, "format_unsafe"),
    "VMDK": (b"KDMV" + bytes(4096), None, "format_unknown"),
    "VMDK of ESX": (b"COWD" + bytes(4096), "raw", "format_unknown"),
    "VMDK descriptor": (b'# Disk DescriptorFile\nversion=1\nRW 1 FLAT "/etc/passwd" 0\n', "raw", "format_unknown"),
    "VMDK descriptor with a byte that is no ASCII": (
        b'# Disk DescriptorFile\nversion=1\n# \xff\nRW 1 FLAT "/etc/passwd" 0\n',
        "raw",
        "format_unknown",
    ),
    "VMDK descriptor padded with NUL": (
        b'# Disk DescriptorFile\nversion=1\nRW 1 FLAT "/etc/passwd" 0\n'.ljust(512, b"\0"),
        "raw",
        "format_unknown",
    ),
    "VMDK descriptor behind a comment": (b"# hello\n\n  \nversion=1\n" + bytes(512), "raw", "format_unknown"),
    "VDI": (images.vdi(), None, "format_unknown"),
    "VHDX": (b"vhdxfile" + bytes(300 * 1024), None, "format_unknown"),
    "QED": (b"QED\0" + bytes(4096), None, "format_unknown"),
    "LUKS": (b"LUKS\xba\xbe\0\x01" + bytes(4096), None, "format_unknown"),
    "LUKS2 declared raw": (b"LUKS\xba\xbe\0\x02" + bytes(4096), "raw", "format_unknown"),
    "ISO": (images.iso(), None, "format_unknown"),
    "ISO declared raw": (images.iso(), "raw", "format_unknown"),
    "gzip": (b"\x1f\x8b\x08" + bytes(4096), None, "format_unknown"),
    "OVA": (bytes(257) + b"ustar\x0000" + bytes(4096), None, "format_unknown"),
    "DMG": (bytes(4096) + b"koly".ljust(512, b"\0"), None, "format_unknown"),
    "partition table without partitions": (bytes(510) + b"\x55\xaa" + bytes(4096), None, "format_unsafe"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_everything_else_is_refused_with_its_code(name: str, file) -> None:
    content, declared, expected = REFUSED[name]
    assert code(file(content), declared) == expected


def test_a_refusal_names_what_the_file_is(file) -> None:
    with pytest.raises(Refused, match="VDI"):
        passed(file(images.vdi()))


def test_a_file_over_the_limit_of_the_pod_is_refused(file) -> None:
    path = file(b"\1" * 4096)
    assert passed(path, max_virtual_size=4096).virtual_size == 4096
    with pytest.raises(Refused, match="virtual_size"):
        passed(path, max_virtual_size=4095)


def test_a_sparse_raw_disk_over_the_default_limit_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.touch()
    os.truncate(path, gate.MAX_VIRTUAL_SIZE + 1)
    assert code(path) == "virtual_size"


def test_many_l1_entries_for_one_table_cost_no_more_than_the_file_is_long(file, monkeypatch) -> None:
    image = bytearray(images.qcow2(virtual_size=10 * CLUSTER, l1_size=CLUSTER // 8))
    l1 = 3 * CLUSTER
    image[l1 : l1 + CLUSTER] = struct.pack(">Q", 4 * CLUSTER) * (CLUSTER // 8)
    read = 0
    pread = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        nonlocal read
        data = pread(fd, size, offset)
        read += len(data)
        return data

    monkeypatch.setattr(os, "pread", counted)
    passed(file(bytes(image)))
    assert read < 3 * len(image)


@pytest.mark.parametrize("kind", ["qcow2", "dynamic_vhd", "fixed_vhd", "mbr"])
def test_any_mutation_of_a_header_passes_or_is_refused_and_nothing_else(kind: str, file) -> None:
    original = getattr(images, kind)()
    chance = random.Random(kind)
    outcomes = set()
    for _ in range(150):
        image = bytearray(original)
        for _ in range(chance.randint(1, 6)):
            at = chance.choice((chance.randrange(600), len(image) - 1 - chance.randrange(512)))
            image[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        if chance.random() < 0.1:
            del image[chance.randrange(len(image)) :]
        try:
            found = passed(file(bytes(image)))
            outcomes.add("passed")
            assert 0 < found.virtual_size <= gate.MAX_VIRTUAL_SIZE
        except Refused as refusal:
            outcomes.add(refusal.failure.code)
    assert len(outcomes) > 1


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


@needs_qemu
def test_what_qemu_img_makes_is_recognised(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(images.mbr(os.urandom(3 * 1024 * 1024)).ljust(64 * 1024 * 1024, b"\0"))
    for format, options, expected in (
        ("qcow2", ("-o", "compat=1.1"), "qcow2"),
        ("qcow2", ("-o", "compat=0.10"), "qcow2"),
        ("qcow2", ("-c",), "qcow2"),
        ("qcow2", ("-o", "cluster_size=512"), "qcow2"),
        ("qcow2", ("-o", "preallocation=metadata"), "qcow2"),
        ("qcow2", ("-o", "lazy_refcounts=on"), "qcow2"),
        ("vpc", ("-o", "subformat=dynamic,force_size=on"), "vhd"),
        ("vpc", ("-o", "subformat=fixed,force_size=on"), "vhd"),
    ):
        made = tmp_path / f"made-{format}"
        qemu_img("convert", "-f", "raw", "-O", format, *options, raw, made)
        found = passed(made, expected)
        assert (found.format, found.virtual_size) == (expected, 64 * 1024 * 1024), (format, options)
        made.unlink()


@needs_qemu
def test_what_qemu_img_makes_and_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    base, raw = tmp_path / "base", tmp_path / "raw"
    raw.write_bytes(os.urandom(1024 * 1024))
    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, base)
    overlay = tmp_path / "overlay"
    qemu_img("create", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay)
    assert code(overlay) == "backing_file"
    external = tmp_path / "external"
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path / 'data'}", external, "1M")
    assert code(external) == "external_data_file"
    extended = tmp_path / "extended"
    qemu_img("create", "-f", "qcow2", "-o", "extended_l2=on,cluster_size=128k", extended, "1M")
    assert code(extended) == "format_unsafe"
    for format in ("vmdk", "vdi", "vhdx", "qed", "parallels"):
        other = tmp_path / format
        qemu_img("convert", "-f", "raw", "-O", format, raw, other)
        assert code(other) == "format_unknown", format
        assert code(other, "raw") == "format_unknown", format


@needs_qemu
def test_a_qcow2_cut_off_anywhere_is_truncated(tmp_path: Path) -> None:
    raw, whole, cut = tmp_path / "raw", tmp_path / "whole", tmp_path / "cut"
    raw.write_bytes(os.urandom(5 * 1024 * 1024))
    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, whole)
    content = whole.read_bytes()
    for length in (70, 4096, CLUSTER, 3 * CLUSTER, len(content) // 2, len(content) - CLUSTER):
        cut.write_bytes(content[:length])
        assert code(cut) == "file_truncated", length
