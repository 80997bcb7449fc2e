"""The default backend: a pod is a folder. VMs, incoming files and datastores are folders in it."""

import errno
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from connector.backends import folders
from connector.backends.arrivals import Arrivals
from connector.backends.base import Checked, Corrupt, Item, Placed, SourceDisk, Staging
from connector.backends.library import Library
from connector.backends.sources import Sources
from connector.backends.staging import DirectoryStaging
from connector.transfer.seeds import Seed
from contracts.events.from_pods import Datastore, Vm
from contracts.manifest import Disk, Source

_FICLONE: Final = 0x40049409
_CANNOT: Final = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.ETXTBSY)


class DirectoryBackend:
    """A pod in the folder ``root``; see `connector.backends.base.Backend`."""

    hypervisor = "directory"
    family = "directory"
    formats: tuple[str, ...] = ("raw", "qcow2", "vhd")

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with folders.folder(str(root.resolve())) as at:
            self._sources = Sources(at)
            self._library = Library(at)

    @property
    def arrivals(self) -> Arrivals:
        return self._sources.arrivals

    def close(self) -> None:
        self._sources.close()
        self._library.close()

    def vms(self) -> list[Vm]:
        return self._sources.vms()

    def datastores(self) -> list[Datastore]:
        return self._library.datastores()

    def items(self) -> list[Placed]:
        return self._library.items()

    def lock(self, source: Source, version: str) -> None:
        self._sources.lock(source, version)

    def unlock(self, version: str) -> None:
        self._sources.unlock(version)

    def disks(self, source: Source) -> list[SourceDisk]:
        return self._sources.disks(source)

    def delete_source(self, source: Source, version: str) -> bool:
        return self._sources.delete(source, version)

    def stage(self, version: str, datastore: str | None) -> Staging:
        return self._library.stage(version, datastore)

    def clone(self, source: int, staging: Staging, name: str) -> bool:
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=staging.folder)
        try:
            fcntl.ioctl(fd, _FICLONE, source)
            os.fsync(fd)
        except OSError as error:
            if error.errno in _CANNOT:
                return False
            raise
        finally:
            os.close(fd)
        return True

    def find(self, version: str) -> Placed | None:
        return self._library.find(version)

    def finalise(self, staging: Staging, item: Item) -> Placed:
        if not isinstance(staging, DirectoryStaging):
            raise TypeError("this staging folder is another backend's")
        return self._library.finalise(staging, item)

    def note(self, item: Item) -> Placed:
        return self._library.note(item)

    def remove(self, version: str) -> None:
        self._library.remove(version)

    def abandon(self, version: str) -> None:
        self._library.abandon(version)

    def sweep(self, keep: Sequence[str]) -> None:
        self._library.sweep(keep)

    def folder(self, version: str) -> int | None:
        return self._library.folder(version)

    def checked(self, folder: int) -> Checked:
        return self._library.checked(folder)

    def note_checked(self, folder: int, checked: Checked) -> None:
        self._library.note_checked(folder, checked)

    def quarantine(self, version: str, folder: int, corrupt: Corrupt) -> Placed | None:
        return self._library.quarantine(version, folder, corrupt)

    def doubt(self, version: str) -> None:
        self._library.doubt(version)

    def doubted(self) -> frozenset[str]:
        return self._library.doubted()

    def trust(self, version: str) -> None:
        self._library.trust(version)

    def seeds(self, item: Item, disk: Disk) -> list[Seed]:
        return self._library.seeds(item, disk)

    def open(self, root: str) -> tuple[int, int] | None:
        return self._library.open(root)
