"""Disk files of a pod that lie in a folder without a descriptor: ``incoming/`` and ``volumes/``."""

import os
from typing import Final, Literal

from connector.backends import folders, locks
from connector.backends.base import SourceDisk
from connector.failures import refused
from contracts.events.from_pods import Vm, VmDisk

STEP: Final = "read"
_MISSING: Final = {
    "incoming": ("file_not_found", "incoming file"),
    "volumes": ("disk_not_found", "volume"),
}


class Loose:
    """The disk files of a folder, each a disk of its own; it is looked at anew each time."""

    def __init__(self, folder: Literal["incoming", "volumes"], root: int) -> None:
        self._missing = _MISSING[folder]
        self.at = folders.ensure_folder(folder, root)

    def close(self) -> None:
        os.close(self.at)

    def listed(self) -> list[Vm]:
        """The files as sources that could be imported; what they are is seen when they are."""
        found = []
        for name in folders.names(self.at):
            if not folders.has_file(name, self.at):
                continue
            try:
                size = os.stat(name, dir_fd=self.at, follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
            disk = VmDisk(role="os", lun=0, format="", size=size)
            locked = locks.holder(locks.lock_of(name), self.at) is not None
            found.append(Vm(name=name, os_type="unknown", power="off", locked=locked, disks=(disk,), kind="disk"))
        return found

    def lock(self, name: str, version: str) -> None:
        self._look_up(name)
        locks.take(locks.lock_of(name), self.at, version)

    def unlock(self, version: str) -> None:
        for name in folders.names(self.at):
            if name.startswith(".") and name.endswith(locks.LOCK):
                locks.release(name, self.at, version)

    def disks(self, name: str) -> list[SourceDisk]:
        self._look_up(name)
        return [SourceDisk(fd=folders.open_file(name, self.at), name=name, role="os", lun=0, declared=None)]

    def written(self, name: str) -> float:
        """When the file was last written to."""
        return folders.written(name, self.at) if folders.has_file(name, self.at) else 0.0

    def delete(self, name: str, version: str) -> bool:
        """Delete the file ``name`` that is locked for ``version``; whether it is gone."""
        lock = locks.lock_of(name)
        if folders.has_file(name, self.at):
            if locks.holder(lock, self.at) != version:
                return False
            folders.remove_file(name, self.at)
            os.fsync(self.at)
        locks.release(lock, self.at, version)
        return True

    def _look_up(self, name: str) -> None:
        if not folders.has_file(name, self.at):
            code, what = self._missing
            raise refused(code, STEP, f"The pod has no {what} {name}")
