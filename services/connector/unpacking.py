"""The import plug-in *image_decompression*: a disk file that came compressed is unpacked into the staging folder.

What is unpacked is noted there with what the packed file looked like: after a crash it is taken over if that still
looks the same, and what is there without its note is half done and goes. The unpacked file becomes the version's disk
as it is: nothing is copied twice (features.md B13).
"""

import os
from typing import Final

import msgspec

from connector import notes
from connector.backends import folders
from connector.backends.base import SourceDisk, Staging
from connector.failures import Cancel, Refused, refused
from connector.formats.packed import PIECE, PackedError, Packing, content, packing
from connector.progress import Meter
from connector.room import RESERVE
from connector.transfer.chunks import ZEROS
from contracts.manifest import CHUNK, SourceKind

STEP: Final = "unpack"
KINDS: Final[frozenset[SourceKind]] = frozenset({"file", "upload"})
"""What may come compressed: the disks of anything else are in use as they are."""


class _Done(msgspec.Struct, frozen=True):
    """From which state of the packed file it was unpacked, and to how many bytes."""

    source: notes.Look
    size: int


def most_bytes(max_virtual_size: int) -> int:
    """Bytes of the largest file that can hold a disk of ``max_virtual_size``: containers have tables of their own."""
    return max_virtual_size + max_virtual_size // 256 + 1024 * 1024


def unpacked(
    disk: SourceDisk, staging: Staging, max_virtual_size: int, room: int | None, meter: Meter, cancel: Cancel
) -> SourceDisk:
    """The disk as it is when it is not compressed, else another in its place, whose ``fd`` is the caller's to close.

    Raises:
        Refused: ``decompression_failed``; ``virtual_size``, ``quota_exceeded`` or ``no_space`` before more is written
            than a disk, the quotas or the datastore may have; ``file_changed``.
        Cancelled: ``cancel`` was set.
        OSError: reading or writing failed.
    """
    kind = None if disk.staged else packing(disk.fd)
    if kind is None:
        return disk
    name, before = _name(disk), notes.look(disk)
    if (done := _read(disk, staging)) is None or not _lies_there(name, done.size, staging):
        forget(disk, staging)
        size = _unpack(disk, kind, name, staging, _Bounds(staging, max_virtual_size, room, disk.name), meter, cancel)
        if notes.look(disk) != before:
            raise refused("file_changed", STEP, f"{disk.name} was written to while it was unpacked", retry=True)
        folders.write(_note(disk), staging.folder, msgspec.json.encode(_Done(before, size)))
    fd = folders.open_file(name, staging.folder)
    return msgspec.structs.replace(disk, fd=fd, staged=name)


def forget(disk: SourceDisk, staging: Staging) -> None:
    """Remove what `unpacked` left in the staging folder; what the version was made of it stays."""
    folders.remove_file(_note(disk), staging.folder)
    folders.remove_file(_name(disk), staging.folder)


class _Bounds:
    """How large an unpacked file may become."""

    def __init__(self, staging: Staging, max_virtual_size: int, room: int | None, name: str) -> None:
        self._staging = staging
        self._most = most_bytes(max_virtual_size)
        self._limit, self._room, self._name = max_virtual_size, room, name

    def check(self, size: int) -> None:
        """Raises Refused when ``size`` bytes are too many whatever they are."""
        if size > self._most:
            hint = f"The limit is {self._limit} bytes."
            raise refused("virtual_size", STEP, f"{self._name} is unpacked to more than {self._most} bytes", hint=hint)
        if self._room is not None and size > self._room:
            raise refused(
                "quota_exceeded",
                STEP,
                f"{self._name} is unpacked to more than the {max(self._room, 0)} bytes that the quotas leave",
                hint="Delete versions that are not needed, or have the quota raised.",
            )

    def check_space(self, size: int) -> None:
        """Raises Refused when the datastore has no room for ``size`` more bytes."""
        free = self._staging.free()
        if size + RESERVE > free:
            text = f"{self._name} does not fit, unpacked, on datastore {self._staging.datastore}"
            raise refused("no_space", STEP, f"{text}: {free} bytes are free", retry=True)


def _unpack(
    disk: SourceDisk, kind: Packing, name: str, staging: Staging, bounds: _Bounds, meter: Meter, cancel: Cancel
) -> int:
    """Write the content of a packed file, holes as holes; durable on return, but for its name. Its size in bytes."""
    meter.begin(STEP, os.fstat(disk.fd).st_size)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=staging.folder)
    size, pending = 0, bytearray()

    def read(some: int) -> None:
        cancel.check()
        meter.add(done=some)

    try:
        for piece in content(disk.fd, kind, read):
            cancel.check()
            pending += piece
            bounds.check(size + len(pending))
            if len(pending) >= PIECE:
                whole = len(pending) // CHUNK * CHUNK
                _write(fd, bytes(pending[:whole]), size, bounds)
                del pending[:whole]
                size += whole
        _write(fd, bytes(pending), size, bounds)
        size += len(pending)
        os.ftruncate(fd, size)
        os.fsync(fd)
    except PackedError as error:
        raise refused("decompression_failed", STEP, f"{disk.name} ({kind}) cannot be unpacked: {error}") from None
    finally:
        os.close(fd)
    meter.end()
    return size


def _write(fd: int, data: bytes, offset: int, bounds: _Bounds) -> None:
    """Write those chunks of ``data`` that are not all zero: what is not written is a hole."""
    begin = 0
    while begin < len(data):
        end = begin
        while end < len(data) and not _zero(data[end : end + CHUNK]):
            end = min(end + CHUNK, len(data))
        if end > begin:
            bounds.check_space(end - begin)
            view = memoryview(data)[begin:end]
            while view:
                written = os.pwrite(fd, view, offset + end - len(view))
                view = view[written:]
        begin = min(end + CHUNK, len(data))  # what stopped it is a chunk of zeros, or the end


def _zero(chunk: bytes) -> bool:
    return chunk == ZEROS[: len(chunk)]


def _read(disk: SourceDisk, staging: Staging) -> _Done | None:
    """The note of an earlier try about this very state of the packed file."""
    try:
        done = msgspec.json.decode(folders.read(_note(disk), staging.folder), type=_Done)
    except (Refused, *folders.UNREADABLE):
        return None
    return done if done.source == notes.look(disk) else None


def _lies_there(name: str, size: int, staging: Staging) -> bool:
    try:
        return os.stat(name, dir_fd=staging.folder, follow_symlinks=False).st_size == size
    except FileNotFoundError:
        return False


def _name(disk: SourceDisk) -> str:
    return f"unpacked-{disk.lun}"


def _note(disk: SourceDisk) -> str:
    return f"unpacked-{disk.lun}.json"
