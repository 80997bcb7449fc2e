"""Snapshots in a pod's folder, ``snapshots/<name>/``: the disks of a VM as they were, with its descriptor.

One that an import makes has a mark of it: should the import fail or be given up, the snapshot goes with it. It comes
about in ``.new-<version>`` and gets its name by one rename.
"""

import os
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from connector.backends import descriptor, folders
from connector.backends.machines import Machines
from connector.backends.reflink import copied
from connector.failures import Refused, refused

STEP: Final = "snapshot"
RESERVE: Final = 1024 * 1024
"""Bytes that stay free for descriptors."""
_MARK: Final = ".import"
_NEW: Final = ".new-"

_Look = tuple[int, int, int, int]


class _Mark(msgspec.Struct, frozen=True):
    """The import that made a snapshot, and the states of the disk files that it was made from."""

    version: str
    looks: tuple[_Look, ...]


_decode = msgspec.json.Decoder(_Mark).decode


class Snapshots(Machines):
    """The snapshots of a pod, and how they are made."""

    def __init__(self, root: int) -> None:
        super().__init__("snapshot", root)

    def check(self, name: str, version: str) -> None:
        """Raises Refused (``snapshot_exists``) when there is something of this name that ``version`` did not make."""
        if name in folders.names(self._at) and self._maker(name) != version:
            raise refused("snapshot_exists", STEP, f"The pod has a snapshot {name} already")

    def make(self, vm: int, machine: descriptor.Machine, name: str, version: str, check: Callable[[], None]) -> None:
        """Make a snapshot of the VM in the open folder ``vm``; one that ``version`` made of the same state stays.

        ``check`` is called now and then, and may raise. Raises Refused (``snapshot_exists``, ``no_space``), OSError.
        """
        self.check(name, version)
        disks = descriptor.opened(machine.ordered, vm)
        try:
            looks = tuple(_look(disk.fd) for disk in disks)
            mark = self._mark(name)
            if mark is not None and mark.looks == looks:
                return
            self._check_space(sum(os.fstat(disk.fd).st_blocks * 512 for disk in disks))
            folders.remove_tree(f"{_NEW}{version}", self._at)
            new = folders.ensure_folder(f"{_NEW}{version}", self._at)
            try:
                for disk in disks:
                    check()
                    copied(disk.fd, new, disk.name)
                folders.write(_MARK, new, msgspec.json.encode(_Mark(version, looks)))
                described = msgspec.structs.replace(machine, name=name)
                folders.write(descriptor.FILE, new, msgspec.json.encode(described))
            finally:
                os.close(new)
            if tuple(_look(disk.fd) for disk in disks) != looks:
                raise refused("file_changed", STEP, "The VM's disks were written to meanwhile", retry=True)
            folders.remove_tree(name, self._at)
            os.rename(f"{_NEW}{version}", name, src_dir_fd=self._at, dst_dir_fd=self._at)
            os.fsync(self._at)
        finally:
            for disk in disks:
                os.close(disk.fd)

    def drop(self, version: str) -> None:
        """Remove what an import that came to nothing made."""
        folders.remove_tree(f"{_NEW}{version}", self._at)
        for name in folders.folders(self._at):
            if self._maker(name) == version:
                doomed = f"{_NEW}{version}"
                os.rename(name, doomed, src_dir_fd=self._at, dst_dir_fd=self._at)
                os.fsync(self._at)
                folders.remove_tree(doomed, self._at)

    def sweep(self, keep: Collection[str]) -> None:
        """Remove what crashes left of snapshots for versions other than ``keep``."""
        for name in folders.names(self._at):
            if name.startswith(_NEW) and name.removeprefix(_NEW) not in keep:
                folders.remove_tree(name, self._at)

    def _maker(self, name: str) -> str | None:
        mark = self._mark(name)
        return None if mark is None else mark.version

    def _mark(self, name: str) -> _Mark | None:
        try:
            with folders.folder(name, self._at) as at:
                return _decode(folders.read(_MARK, at))
        except (Refused, OSError, *folders.UNREADABLE):
            return None

    def _check_space(self, needed: int) -> None:
        space = os.fstatvfs(self._at)
        free = space.f_bavail * space.f_frsize
        if needed + RESERVE > free:
            raise refused("no_space", STEP, f"{needed} bytes are needed for the snapshot and {free} are free")


def _look(fd: int) -> _Look:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
