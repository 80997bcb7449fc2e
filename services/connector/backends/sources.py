"""Sources in a pod's folder: VMs with a descriptor and disk files, incoming files, and their locks.

``vms/<name>/vm.json`` is ``{"name", "os_type", "power", "disks": [{"file", "format", "role", "lun"}]}``. A lock is a
file with the id of the version that the source is being imported for.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final, Literal

import msgspec

from connector.backends import folders
from connector.backends.arrivals import Arrivals
from connector.backends.base import SourceDisk
from connector.failures import Refused, refused
from contracts.events.from_pods import Vm, VmDisk
from contracts.manifest import Lun, Source
from contracts.names import Name

STEP: Final = "read"
LOCK: Final = ".lock"


class _Disk(msgspec.Struct, frozen=True):
    file: Name
    format: str
    role: Literal["os", "data"]
    lun: Lun


class _Descriptor(msgspec.Struct, frozen=True):
    name: Name
    disks: tuple[_Disk, ...]
    os_type: str = "linux"
    power: str = "off"


_decode = msgspec.json.Decoder(_Descriptor).decode


class Sources:
    """The ``vms`` and ``incoming`` folders of a pod; they are looked at anew each time."""

    def __init__(self, root: int) -> None:
        self._vms = folders.ensure_folder("vms", root)
        self._incoming = folders.ensure_folder("incoming", root)
        self.arrivals = Arrivals(self._incoming)

    def close(self) -> None:
        os.close(self._vms)
        os.close(self._incoming)

    def vms(self) -> list[Vm]:
        found = []
        for name, at in self._each_vm():
            locked = _holder(LOCK, at) is not None
            try:
                vm = _descriptor(name, at)
                disks = tuple(_as_disk(disk, at) for disk in _ordered(vm))
            except Refused:
                found.append(Vm(name=name, os_type="unknown", power="unknown", locked=locked, disks=()))
            else:
                found.append(Vm(name=name, os_type=vm.os_type, power=vm.power, locked=locked, disks=disks))
        return found

    def lock(self, source: Source, version: str) -> None:
        if source.kind == "vm":
            with self._vm(source.name) as at:
                _lock(LOCK, at, version)
        else:
            self._listed_file(source.name)
            _lock(_file_lock(source.name), self._incoming, version)

    def unlock(self, version: str) -> None:
        for _, at in self._each_vm():
            _unlock(LOCK, at, version)
        for name in folders.names(self._incoming):
            if name.startswith(".") and name.endswith(LOCK):
                _unlock(name, self._incoming, version)

    def disks(self, source: Source) -> list[SourceDisk]:
        if source.kind == "file":
            self._listed_file(source.name)
            fd = folders.open_file(source.name, self._incoming)
            return [SourceDisk(fd=fd, name=source.name, role="os", lun=0, declared=None)]
        opened: list[SourceDisk] = []
        with self._vm(source.name) as at:
            try:
                vm = _descriptor(source.name, at)
                if vm.power != "off":
                    # A folder knows no snapshots: the disks of a VM that runs would be read torn.
                    raise refused("vm_running", STEP, f"VM {source.name} is {vm.power}")
                for disk in _ordered(vm):
                    if disk.role == "os" or source.disks == "all":
                        fd = folders.open_file(disk.file, at)
                        opened.append(
                            SourceDisk(fd=fd, name=disk.file, role=disk.role, lun=disk.lun, declared=disk.format)
                        )
            except BaseException:
                for open_ in opened:
                    os.close(open_.fd)
                raise
        return opened

    def delete(self, source: Source, version: str) -> bool:
        if source.kind == "file":
            return self._delete_file(source.name, version)
        doomed = f".deleted-{version}"
        if folders.has_folder(source.name, self._vms):
            with folders.folder(source.name, self._vms) as at:
                ours = _holder(LOCK, at) == version
            if ours:
                # Renamed first: a VM is never seen half deleted, and after a crash it is clear what was meant.
                os.rename(source.name, doomed, src_dir_fd=self._vms, dst_dir_fd=self._vms)
                os.fsync(self._vms)
            elif doomed not in folders.names(self._vms):
                return False
        folders.remove_tree(doomed, self._vms)
        os.fsync(self._vms)
        return True

    def _delete_file(self, name: str, version: str) -> bool:
        lock = _file_lock(name)
        if folders.has_file(name, self._incoming):
            if _holder(lock, self._incoming) != version:
                return False
            folders.remove_file(name, self._incoming)
            os.fsync(self._incoming)
        _unlock(lock, self._incoming, version)
        return True

    def _each_vm(self) -> Iterator[tuple[str, int]]:
        """Every VM with its open folder; one that goes away meanwhile is left out."""
        for name in folders.folders(self._vms):
            try:
                at = folders.open_folder(name, self._vms)
            except FileNotFoundError:
                continue
            try:
                yield name, at
            finally:
                os.close(at)

    def _vm(self, name: str) -> AbstractContextManager[int]:
        if not folders.has_folder(name, self._vms):
            raise refused("vm_not_found", STEP, f"The pod has no VM {name}")
        return folders.folder(name, self._vms)

    def _listed_file(self, name: str) -> None:
        if not folders.has_file(name, self._incoming):
            raise refused("file_not_found", STEP, f"The pod has no incoming file {name}")


def _descriptor(name: str, at: int) -> _Descriptor:
    """The descriptor of a VM. Raises Refused: ``vm_invalid``."""
    try:
        vm = _decode(folders.read("vm.json", at))
    except Refused as error:
        raise refused("vm_invalid", STEP, f"{name}: {error.failure.text}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refused("vm_invalid", STEP, f"{name}: vm.json: {str(error)[:200]}") from None
    luns, names = [disk.lun for disk in vm.disks], [disk.file for disk in vm.disks]
    wrong = ""
    if vm.name != name:
        wrong = "it has another name than its folder"
    elif [disk.role for disk in vm.disks].count("os") != 1:
        wrong = "it has not exactly one OS disk"
    elif len(set(luns)) != len(luns) or len(set(names)) != len(names):
        wrong = "two disks have the same lun or file"
    if wrong:
        raise refused("vm_invalid", STEP, f"{name}: {wrong}")
    return vm


def _ordered(vm: _Descriptor) -> list[_Disk]:
    return sorted(vm.disks, key=lambda disk: (disk.role != "os", disk.lun))


def _as_disk(disk: _Disk, at: int) -> VmDisk:
    try:
        size = os.stat(disk.file, dir_fd=at, follow_symlinks=False).st_size
    except FileNotFoundError:
        size = 0
    return VmDisk(role=disk.role, lun=disk.lun, format=disk.format, size=size)


def _file_lock(name: str) -> str:
    return f".{name}{LOCK}"


def _holder(lock: str, at: int) -> str | None:
    try:
        return folders.read(lock, at).decode(errors="replace")
    except Refused as error:
        if error.failure.code == "file_not_found":
            return None
        return ""  # something is there that is no lock of ours: taken


def _lock(lock: str, at: int, version: str) -> None:
    """Take a lock for ``version``. It appears with its content in one step, so a crash leaves no lock of nobody."""
    temporary = f"{lock}-{version}"
    try:
        folders.write(temporary, at, version.encode())
        os.link(temporary, lock, src_dir_fd=at, dst_dir_fd=at)
    except FileExistsError:
        holder = _holder(lock, at)
        if holder != version:
            raise refused(
                "vm_locked",
                "lock",
                f"It is in use for version {holder or 'unknown'}",
                retry=True,
            ) from None
    finally:
        folders.remove_file(temporary, at)
        os.fsync(at)


def _unlock(lock: str, at: int, version: str) -> None:
    if _holder(lock, at) == version:
        folders.remove_file(lock, at)
        os.fsync(at)
