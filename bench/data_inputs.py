"""What the data bench works on: real disks with a real file system, made without a network and kept for later runs.

``old`` is a partitioned disk with ext4 full of this machine's own files; ``new`` is the same disk after files in it
were replaced, added and deleted in place. Both as raw, qcow2 and dynamic VHD; the new qcow2 once patched in place and
once rewritten by ``qemu-img convert``. And the old one's files on disks of 64 and 128 GiB.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from blake3 import blake3

from bench import data_files
from contracts.manifest import CHUNK

MIB, GIB = 1024**2, 1024**3
VERSION = 6
"""Of the way in which inputs are made: another one makes them anew."""
START = MIB
"""Where the partition begins."""
SLICE = MIB
BLOCK = 4096
"""Of the file system."""


class Scale(msgspec.Struct, frozen=True):
    """How large the disks are: ``disk`` and the two ``sparse`` ones as a guest sees them, ``files`` in them."""

    name: str
    disk: int
    files: int
    sparse: int
    huge: int
    room: int
    """Bytes that the whole bench needs on its disk."""


FULL = Scale("full", 8 * GIB, int(2.2 * GIB), 64 * GIB, 128 * GIB, 48 * GIB)
QUICK = Scale("quick", 192 * MIB, 40 * MIB, GIB, 2 * GIB, 2 * GIB)


class Input(msgspec.Struct, frozen=True):
    """A disk file: its size, the bytes it takes on disk, and its `fingerprint`."""

    file: str
    format: str
    size: int
    used: int
    fingerprint: str


class Inputs(msgspec.Struct, frozen=True):
    """All inputs by name, and what the patch changed: chunks that differ, of the new disk's chunks with data; and the
    blocks of 4 KiB in them that really differ."""

    version: int
    inputs: dict[str, Input]
    changed: int
    blocks: int
    data: int


@dataclass(frozen=True)
class Cache:
    """The inputs and the folder that they lie in."""

    folder: Path
    known: Inputs

    def path(self, name: str) -> Path:
        return self.folder / self.known.inputs[name].file

    def __getitem__(self, name: str) -> Input:
        return self.known.inputs[name]


def inputs(folder: Path, scale: Scale) -> Cache:
    """The inputs of a scale in ``folder``, made when they are not there."""
    at = folder / scale.name
    described = at / "inputs.json"
    if described.exists():
        known = msgspec.json.decode(described.read_bytes(), type=Inputs)
        if known.version == VERSION:
            return Cache(at, known)
    shutil.rmtree(at, ignore_errors=True)
    at.mkdir(parents=True, mode=0o700)
    made = _make(at, scale)
    described.write_bytes(msgspec.json.format(msgspec.json.encode(made)))
    return Cache(at, made)


def _make(at: Path, scale: Scale) -> Inputs:
    tree, spare = at / "tree", at / "spare"
    _say(f"making inputs in {at} (kept for the next run)")
    reserve = scale.files // 8
    taken = 0
    for number, (files, shift) in enumerate(data_files.enough(scale.files + reserve)):
        taken += data_files.copy(files, shift, (tree if taken < scale.files else spare) / f"{number:05}")
    for name, size in (("old", scale.disk), ("sparse", scale.sparse), ("huge", scale.huge)):
        _disk(at / f"{name}.raw", size, tree)
    _run("cp", at / "old.raw", at / "new.raw")
    _patch(at / "new.raw", tree, spare, scale)
    _convert(at / "old.raw", "raw", at / "old.qcow2", "qcow2")
    _convert(at / "old.raw", "raw", at / "old.vhd", "vpc", "-o", "force_size=on")
    changed = list(_changed(at / "old.raw", at / "new.raw"))
    for format, file in (("qcow2", "qcow2"), ("vpc", "vhd")):
        _run("cp", at / f"old.{file}", at / f"new.{file}")
        _write_in_place(at / "new.raw", changed, format, at / f"new.{file}", at / "run")
        _run("qemu-img", "compare", "-f", "raw", "-F", format, at / "new.raw", at / f"new.{file}")
    # A rewrite lays clusters out as the guest's disk has them; the file patched in place has new ones at its end.
    _convert(at / "new.qcow2", "qcow2", at / "new-rewritten.qcow2", "qcow2")
    shutil.rmtree(tree)
    shutil.rmtree(spare)
    found = {path.stem if path.suffix == ".raw" else path.name: _described(path) for path in sorted(at.glob("*.*"))}
    data = sum(any(some) for _, some in chunks(at / "new.raw"))
    return Inputs(VERSION, found, len(changed), sum(blocks for _, _, blocks in changed), data)


def _disk(path: Path, size: int, tree: Path) -> None:
    """A disk of one partition with ext4, and ``tree`` in it."""
    with path.open("wb") as file:
        file.truncate(size)
        file.write(_boot_record(size))
    blocks = (size - START) // BLOCK
    seed = "6c6f6f6b-6174-4d79-8000-766572736f6e"
    settings = f"offset={START},nodiscard,lazy_itable_init=1,hash_seed={seed},root_owner=0:0"
    _run(
        "mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-m", "1", "-U", "6c6f6f6b-6174-4d79-8000-696d7072696e",
        "-E", settings, "-d", tree, path, str(blocks),
    )  # fmt: skip


def _boot_record(size: int) -> bytes:
    sector = bytearray(512)
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", START // 512, (size - START) // 512)
    sector[440:444] = b"impr"
    sector[446:462] = entry
    sector[510:] = b"\x55\xaa"
    return bytes(sector)


def _patch(disk: Path, tree: Path, spare: Path, scale: Scale) -> None:
    """What an upgrade does: the files of some folders are replaced by others, some folders go, some are new; and here
    and there a single file is replaced, as logs and caches are.

    debugfs does it inside the file system without a mount, so that nobody has to be root; blocks come from where ext4's
    allocator finds them.
    """
    old = sorted(tree.iterdir(), key=lambda folder: blake3(folder.name.encode()).digest())
    new = sorted(spare.iterdir())
    commands: list[str] = []
    for share, out, into in ((30, True, True), (200, True, False), (200, False, True)):
        changed = 0
        while changed < scale.files // share:
            if out:
                gone = old.pop()
                commands += [f"rm /{gone.name}/{file.name}" for file in sorted(gone.iterdir())]
            name = gone.name if out else f"new-{len(new):05}"
            if into:
                come = new.pop()
                commands += [] if out else ["cd /", f"mkdir {name}"]
                commands += [f"cd /{name}", *(f"write {file} {file.name}" for file in sorted(come.iterdir()))]
            changed += sum(file.stat().st_size for file in (come if into else gone).iterdir())
    single = sorted(file for folder in new for file in folder.iterdir())
    changed = 0
    while changed < scale.files // 72:
        gone, come = sorted(old.pop().iterdir())[0], single.pop()
        commands += [f"cd /{gone.parent.name}", f"rm {gone.name}", f"write {come} {gone.name}"]
        changed += come.stat().st_size
    said = subprocess.run(
        [tool("debugfs"), "-w", "-f", "/dev/stdin", f"{disk}?offset={START}"],
        input="\n".join(commands), text=True, check=True, capture_output=True,
    )  # fmt: skip
    if len(said.stderr.splitlines()) > 1:  # its own version is all that it says there
        raise RuntimeError(f"debugfs: {said.stderr[:500]}")
    _check(disk)


def _check(disk: Path) -> None:
    """The file system is sound: what the patch made is what a real one would be."""
    subprocess.run([tool("e2fsck"), "-fn", f"{disk}?offset={START}"], check=True, capture_output=True)


def _convert(source: Path, was: str, target: Path, format: str, *options: str) -> None:
    _run("qemu-img", "convert", "-f", was, "-O", format, *options, source, target)


def _write_in_place(source: Path, runs: list[tuple[int, int, int]], format: str, target: Path, run: Path) -> None:
    """Write ranges of the raw disk into the container as its hypervisor would: known clusters stay where they are."""
    with source.open("rb") as file:
        commands = []
        for offset, length, _ in runs:
            file.seek(offset)
            piece = run.with_suffix(f".{offset}")
            piece.write_bytes(file.read(length))
            commands.append(f"write -q -s {piece} {offset} {length}")
    try:
        said = subprocess.run(
            [tool("qemu-io"), "-f", format, str(target)], input="\n".join(commands), text=True, check=True,
            capture_output=True,
        )  # fmt: skip
        if "fail" in said.stdout + said.stderr or "rror" in said.stdout + said.stderr:
            raise RuntimeError(f"qemu-io: {said.stdout[-300:]} {said.stderr[-300:]}")
    finally:
        for piece in run.parent.glob(f"{run.name}.*"):
            piece.unlink()


def extents(path: Path) -> Iterator[tuple[int, int]]:
    """Begin and end of the ranges of a file that are no holes."""
    with path.open("rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            try:
                begin = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # only hole is left
                return
            at = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            yield begin, at


def slices(path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and content of whole `SLICE`s in which the file has data."""
    done = 0
    with path.open("rb") as file:
        for begin, end in extents(path):
            for at in range(max(done, begin // SLICE * SLICE), end, SLICE):
                yield at, os.pread(file.fileno(), SLICE, at)
                done = at + SLICE


def chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """Offset and content of the file's 64 KiB chunks, those in large holes left out."""
    for offset, data in slices(path):
        for at in range(0, len(data), CHUNK):
            yield offset + at, data[at : at + CHUNK]


def fingerprint(path: Path) -> str:
    """A digest of a file's size and content, whatever of it are holes; BLAKE3 over its slices that are not all zero."""
    found = blake3(str(path.stat().st_size).encode())
    zeros = bytes(SLICE)
    for offset, data in slices(path):
        if data != zeros[: len(data)]:
            found.update(offset.to_bytes(8))
            found.update(data)
    return found.hexdigest()


def _changed(old: Path, new: Path) -> Iterator[tuple[int, int, int]]:
    """Offset and length of each chunk of ``new`` that differs from ``old``, and how many of its blocks do."""
    places = sorted({offset for path in (old, new) for offset, _ in chunks(path)})
    with old.open("rb") as before, new.open("rb") as after:
        for offset in places:
            was, now = (os.pread(file.fileno(), CHUNK, offset) for file in (before, after))
            if was != now:
                blocks = sum(was[at : at + BLOCK] != now[at : at + BLOCK] for at in range(0, CHUNK, BLOCK))
                yield offset, len(now), blocks


def _described(path: Path) -> Input:
    status = path.stat()
    return Input(path.name, path.suffix[1:], status.st_size, status.st_blocks * 512, fingerprint(path))


def tool(name: str) -> str:
    """The path of a system tool. Raises RuntimeError when the machine does not have it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed (qemu-utils, e2fsprogs)")
    return found


def _run(name: str, *arguments: str | Path) -> None:
    done = subprocess.run([tool(name), *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} {arguments}: {done.stderr[-500:]}")


def _say(text: str) -> None:
    print(text, flush=True)
