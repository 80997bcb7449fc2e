"""Containers and the grid: raw, qcow2 and VHD of the same disk are cut into the same chunks."""

import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import disk_images as images
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pods import Pod, sparse

from connector.failures import Cancel
from connector.formats import Recognised, inspect
from connector.transfer import index as indexes
from connector.transfer.build import build
from connector.transfer.grid import Grid
from connector.transfer.index import Index
from contracts.manifest import CHUNK, Blocks, Disk

MIB = 1024 * 1024
BLOCK = 2 * MIB
Pods = Callable[..., Pod]

needs_qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


def recognised(path: Path) -> Recognised:
    fd = os.open(path, os.O_RDONLY)
    try:
        return inspect(fd, None)
    finally:
        os.close(fd)


def indexed(path: Path) -> tuple[Recognised, Index]:
    """What a file is, and its index."""
    found = recognised(path)
    data, fd = os.open(path, os.O_RDONLY), os.open(f"{path}.index", os.O_RDWR | os.O_CREAT)
    size = os.fstat(data).st_size
    built = build(data, Grid(size, None if found.grid == "file" else found.grid), fd, None, lambda _: None, Cancel())
    os.close(data)
    disk = Disk(
        role="os", lun=0, format=found.format, size=size, virtual_size=found.virtual_size, root=built.root,
        sha256=built.sha256, grid=found.grid,
    )  # fmt: skip
    return found, indexes.verified(fd, disk)


def chunks(index: Index) -> set[bytes]:
    """The digests of the whole chunks: the short ones are a container's own."""
    return {
        digest
        for chunk, digest in enumerate(index.digests(0, index.chunks))
        if digest is not None and index.grid.length(chunk) == CHUNK
    }


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A disk of which some blocks are full, some half, some empty, some repeated."""
    chance = random.Random(5)
    content = bytearray(61 * MIB)
    content[: MIB + 512] = images.mbr()[:512] + chance.randbytes(MIB)
    for at, length in ((3, 5 * MIB + 4096), (20, BLOCK), (31, 9 * MIB - 512), (60, 1000)):
        content[at * MIB : at * MIB + length] = chance.randbytes(length)
    content[45 * MIB : 46 * MIB] = content[3 * MIB : 4 * MIB]
    path = tmp_path / "disk.raw"
    path.write_bytes(content)
    return path


@needs_qemu
def test_raw_qcow2_and_vhd_of_the_same_disk_share_its_chunks(raw: Path, tmp_path: Path) -> None:
    qcow2, vhd, fixed = tmp_path / "disk.qcow2", tmp_path / "disk.vhd", tmp_path / "fixed.vhd"
    qemu_img("convert", "-f", "raw", "-O", "qcow2", raw, qcow2)
    qemu_img("convert", "-f", "raw", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", raw, vhd)
    qemu_img("convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", raw, fixed)
    wanted = chunks(indexed(raw)[1])
    assert len(wanted) > 250
    for path in (qcow2, vhd, fixed):
        found, index = indexed(path)
        assert wanted <= chunks(index), path
        assert len(chunks(index) - wanted) <= 6, path  # the container's own tables
        assert found.warnings == ()
        assert (found.grid == "file") == (path != vhd)


@needs_qemu
def test_blocks_of_a_vhd_may_have_been_allocated_in_any_order(raw: Path, tmp_path: Path) -> None:
    vhd = tmp_path / "disk.vhd"
    qemu_img("create", "-f", "vpc", "-o", "subformat=dynamic,force_size=on", vhd, "61M")
    content = raw.read_bytes()
    used = [at for at in range(0, len(content), BLOCK) if any(content[at : at + BLOCK])]
    random.Random(3).shuffle(used)
    for at in used:
        part = tmp_path / "part"
        part.write_bytes(content[at : at + BLOCK])
        write = f"write -s {part} {at} {part.stat().st_size}"
        subprocess.run(["qemu-io", "-f", "vpc", "-c", write, str(vhd)], check=True, capture_output=True)
    found, index = indexed(vhd)
    assert isinstance(found.grid, Blocks)
    assert chunks(indexed(raw)[1]) <= chunks(index)


@needs_qemu
def test_a_compressed_qcow2_and_one_with_other_clusters_are_named_in_warnings(raw: Path, tmp_path: Path) -> None:
    for options, word in (("-c", "compressed"), ("-ocluster_size=512", "0.5 KiB"), ("-ocluster_size=1M", "1024 KiB")):
        path = tmp_path / "disk.qcow2"
        qemu_img("convert", "-f", "raw", "-O", "qcow2", options, raw, path)
        (warning,) = recognised(path).warnings
        assert word in warning
        assert "qcow2" in warning


def test_warnings_reach_the_one_who_imports(pods: Pods) -> None:
    pod = pods("pod-1")
    made = pod.prepare(pod.import_task(pod.file("odd.vhd", scattered())))
    assert any("odd.vhd" in warning and "VHD" in warning for warning in made.warnings)
    assert made.manifest.disks[0].grid == "file"


def test_a_copy_of_a_vhd_starts_from_a_raw_disk_of_the_same_content(pods: Pods) -> None:
    one, two = pods("pod-1"), pods("pod-2")
    payload = random.Random(1).randbytes(2 * BLOCK)
    for name, content in (("disk.raw", payload), ("disk.vhd", vhd_at(2048, 512, payload))):
        task = one.import_task(one.file(name, content))
        made = two.copy(two.copy_task(task.version, one.prepare(task).manifest, one))
        assert two.disk(made.placed).read_bytes() == content
    assert made.placed.item.manifest.disks[0].grid == Blocks(begin=2048, lead=512, block=BLOCK)
    assert made.reused == len(payload)
    assert made.network < 100_000


MEASURED = """
import os, sys
from connector.failures import Cancel
from connector.transfer.build import build
from connector.transfer.grid import Grid

path, index = sys.argv[1:]
source, size = os.open(path, os.O_RDONLY), os.path.getsize(path)
built = build(source, Grid(size), os.open(index, os.O_RDWR | os.O_CREAT, 0o600), None, lambda _: None, Cancel())
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(built.sha256, peak)
"""


@pytest.mark.slow
@pytest.mark.parametrize("gibibytes", [1, 8])
def test_a_sparse_disk_is_indexed_in_little_memory_whatever_its_size(gibibytes: int, tmp_path: Path) -> None:
    path, index = tmp_path / "disk", tmp_path / "index"
    size = gibibytes * 1024**3
    pieces = [(at, random.Random(at).randbytes(3 * CHUNK)) for at in range(0, size, size // 50)]
    sparse(path, size, *((at, content[: size - at]) for at, content in pieces))
    done = subprocess.run([sys.executable, "-c", MEASURED, path, index], check=True, capture_output=True, text=True)
    sha256, kibibytes = done.stdout.split()
    with path.open("rb") as file:
        assert sha256 == hashlib.file_digest(file, "sha256").hexdigest()
    assert int(kibibytes) < 100 * 1024
    assert index.stat().st_size < 51 * (2 * 44 + 4 * 32) + 100


# --- dynamic VHDs by hand: where their blocks lie -------------------------------------------------------------------


def vhd_with(offsets: list[int], payload: bytes = b"", end: int | None = None) -> bytes:
    """A dynamic VHD whose blocks' bitmaps lie at ``offsets``, in the order of the table."""
    image = bytearray(images.dynamic_vhd(size=max(2, len(offsets)) * BLOCK, blocks=0))
    footer, image = image[-512:], image[:-512]
    image = image.ljust(end or max(offsets) + 512 + BLOCK, b"\0")
    for number, offset in enumerate(offsets):
        struct.pack_into(">I", image, 1536 + 4 * number, offset // 512)
        image[offset : offset + 512] = b"\xff" * 512
        content = payload[number * BLOCK : (number + 1) * BLOCK] or bytes([number + 1]) * BLOCK
        image[offset + 512 : offset + 512 + BLOCK] = content
    return bytes(image) + footer


def vhd_at(begin: int, lead: int, payload: bytes) -> bytes:
    """A dynamic VHD with blocks of ``payload``, the last 512 bytes of each lead being its bitmap."""
    count = len(payload) // BLOCK
    return vhd_with([begin + number * (lead + BLOCK) + lead - 512 for number in range(count)], payload)


def scattered() -> bytes:
    return vhd_with([4096, 4096 + 512 + BLOCK + 512, 4096 + 2 * (512 + BLOCK) + 2048])


UNIT = 512 + BLOCK
LAYOUTS = {
    "one block": ([2048], (2048, 512)),
    "neighbours": ([2048, 2048 + UNIT], (2048, 512)),
    "in another order": ([2048 + 2 * UNIT, 2048, 2048 + UNIT], (2048, 512)),
    "with one missing between": ([2048, 2048 + 2 * UNIT], (2048, 512)),
    "with payloads on 4 KiB": ([3584 + 4096 + n * (4096 + BLOCK) for n in range(3)], (4096, 4096)),
    "with a lead of a chunk": ([CHUNK * 2 - 512 + n * (CHUNK + BLOCK) for n in range(2)], (CHUNK, CHUNK)),
    "with a longer lead": ([CHUNK * 2 + n * (CHUNK + 512 + BLOCK) for n in range(2)], None),
    "at uneven distances": ([4096, 4096 + UNIT + 512, 4096 + 2 * UNIT + 2048], None),
    "over one another": ([4096, 4096 + BLOCK], None),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_grid_of_a_vhd_follows_from_where_its_blocks_lie(layout: str, tmp_path: Path) -> None:
    offsets, expected = LAYOUTS[layout]
    path = tmp_path / "disk.vhd"
    path.write_bytes(vhd_with(offsets))
    found = recognised(path)
    if expected is None:
        assert found.grid == "file"
        assert "qemu-img convert" in found.warnings[0]
    else:
        begin, lead = expected
        assert found.grid == Blocks(begin=begin, lead=lead, block=BLOCK)
        assert found.warnings == ()
        grid = Grid(path.stat().st_size, found.grid)
        for offset in offsets:
            assert grid.begin(grid.chunk_at(offset + 512)) == offset + 512


def test_a_vhd_without_blocks_is_cut_from_its_beginning_and_no_warning_is_due(tmp_path: Path) -> None:
    path = tmp_path / "disk.vhd"
    path.write_bytes(images.dynamic_vhd(blocks=0))
    assert recognised(path) == Recognised("vhd", 4 * MIB)


@given(places=st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True), lead=st.sampled_from((512, 4096)))
@settings(max_examples=15, deadline=None)
def test_wherever_blocks_lie_at_even_distances_each_payload_begins_a_chunk(
    places: list[int], lead: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    offsets = [8192 + lead - 512 + place * (lead + BLOCK) for place in places]
    path = tmp_path_factory.mktemp("vhd") / "disk.vhd"
    head = bytearray(images.dynamic_vhd(size=len(offsets) * BLOCK, blocks=0))
    for number, offset in enumerate(offsets):
        struct.pack_into(">I", head, 1536 + 4 * number, offset // 512)
    with path.open("wb") as file:
        file.write(head[:-512])
        file.seek(max(offsets) + 512 + BLOCK)
        file.write(head[-512:])
    found = recognised(path)
    assert isinstance(found.grid, Blocks)
    grid = Grid(path.stat().st_size, found.grid)
    for offset in offsets:
        assert grid.begin(grid.chunk_at(offset + 512)) == offset + 512
