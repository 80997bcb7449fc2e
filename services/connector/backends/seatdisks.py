"""The disks in a seat's folder: those of the image, and the data disks beside them."""

import os
import re
from typing import Final

from connector.backends import folders, reflink
from connector.backends.base import data_name
from connector.domain.desktop import Desktop, SeatDisk
from connector.failures import refused
from connector.formats import overlay as overlays
from contracts.desktops import DataDisk
from contracts.manifest import Disk

STEP: Final = "pool"
GIB: Final = 1024**3
_DATA: Final = re.compile(r"data-[0-9]{1,2}\.raw")
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def shared(disk: Disk, desktop: Desktop, source: int, at: int) -> SeatDisk | None:
    """The disk of an item as a file that shares its blocks; None where the file system cannot, or where it is to grow
    and its format cannot just be made longer. Raises Refused as `overlay`."""
    size = _size(disk, desktop)
    name = data_name(disk.lun, disk.format)
    if (size != disk.virtual_size and disk.format != "raw") or not reflink.share(source, at, name):
        folders.remove_file(name, at)
        return None
    if size != disk.virtual_size:
        _grow(name, at, size)
    return SeatDisk(role=disk.role, lun=disk.lun, file=name, format=disk.format, size=size)


def overlay(disk: Disk, desktop: Desktop, beneath: str, base: str, at: int) -> SeatDisk:
    """The disk of an item as an overlay of ``base``, a path relative to the seat's folder, read as ``beneath``.

    Raises Refused: ``seat_failed``, when less is asked for than the image has.
    """
    size, name = _size(disk, desktop), data_name(disk.lun, "qcow2")
    fd = os.open(name, _NEW, 0o600, dir_fd=at)
    try:
        overlays.write(fd, size, base, beneath)
    finally:
        os.close(fd)
    return SeatDisk(role=disk.role, lun=disk.lun, file=name, format="qcow2", size=size, base=base, base_format=beneath)


def beneath(disk: Disk, desktop: Desktop, source: int) -> str | None:
    """As what the disk of an item is read beneath an overlay; None where none can show all of it."""
    return overlays.driver(source, disk.format, disk.virtual_size, grows=_size(disk, desktop) > disk.virtual_size)


def copied(disk: Disk, desktop: Desktop, source: int, at: int) -> SeatDisk:
    """The disk of an item as a file of the seat's own: where no overlay can show all of it. Raises Refused as
    `overlay`, and ``pool_unsupported`` when it is to be larger."""
    if _size(disk, desktop) != disk.virtual_size:
        raise refused(
            "pool_unsupported",
            STEP,
            "A disk of this format cannot be made larger",
            hint="Ask for the size of the image's disk, or import it as qcow2.",
        )
    name = data_name(disk.lun, disk.format)
    reflink.copied(source, at, name)
    return SeatDisk(role=disk.role, lun=disk.lun, file=name, format=disk.format, size=disk.virtual_size)


def _size(disk: Disk, desktop: Desktop) -> int:
    """Bytes of the disk as the guest is to see it: the OS disk may be larger than the image's."""
    asked = desktop.shape.disk_gib
    if disk.role != "os" or asked is None:
        return disk.virtual_size
    if asked * GIB < disk.virtual_size:
        raise refused(
            "seat_failed",
            STEP,
            f"The image's disk has {disk.virtual_size} bytes and {asked} GiB are asked for",
            hint="Ask for a disk that is at least as large as the image's.",
        )
    return asked * GIB


# --- data disks beside them -------------------------------------------------------------------------------------------


def check_luns(desktop: Desktop) -> None:
    """Raises Refused: ``seat_failed``, when two disks of the seat have the same lun."""
    luns = [*(disk.lun for disk in desktop.disks), *(disk.lun for disk in desktop.added)]
    twice = sorted({lun for lun in luns if luns.count(lun) > 1})
    if twice:
        raise refused(
            "seat_failed", STEP, f"Two disks have the lun {twice[0]}", hint="Give the data disk a lun that is free."
        )


def added(disk: DataDisk, at: int) -> None:
    """Make an empty data disk, or let one that is there grow; durable on return. Raises Refused: ``seat_failed``, when
    it would have to become smaller."""
    name, size = _data_name(disk.lun), disk.size_gib * GIB
    try:
        now = os.stat(name, dir_fd=at, follow_symlinks=False).st_size
    except FileNotFoundError:
        now = 0
    if now > size:
        raise refused(
            "seat_failed",
            STEP,
            f"The data disk {disk.lun} has {now} bytes and {disk.size_gib} GiB are asked for",
            hint="A data disk can grow, but not become smaller.",
        )
    if now < size:
        _grow(name, at, size)


def keep(before: int, at: int) -> None:
    """Have all data disks of the seat in the open folder ``before`` in ``at`` too.

    No verb takes one from a seat: one that is not wanted is known to a newer database than the hub has now, and holds
    somebody's data.
    """
    for name in folders.names(before):
        if _DATA.fullmatch(name) is not None and folders.has_file(name, before):
            _keep(name, before, at)


def _keep(name: str, before: int, at: int) -> None:
    try:
        os.link(name, name, src_dir_fd=before, dst_dir_fd=at, follow_symlinks=False)
    except OSError as error:
        if error.errno not in reflink.NO_LINKS:
            raise
        source = folders.open_file(name, before)
        try:
            reflink.copied(source, at, name)
        finally:
            os.close(source)


def _grow(name: str, at: int, size: int) -> None:
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    try:
        os.ftruncate(fd, size)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.fsync(at)


def _data_name(lun: int) -> str:
    return f"data-{lun}.raw"
