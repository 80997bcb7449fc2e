"""Machines in a pod's folder: ``vms/<name>/``, ``snapshots/<name>/`` and ``templates/<name>/``, each with a descriptor.

A VM is locked while it is imported. Snapshots and templates are kept for more than one version: they are only read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from connector.backends import descriptor, folders, locks
from connector.backends.base import SourceDisk
from connector.domain.capture import Traits
from connector.failures import refused
from contracts.events.from_pods import Vm
from contracts.manifest import Source

STEP: Final = "read"
_MISSING: Final = {"vm": "vm_not_found", "snapshot": "snapshot_not_found", "template": "template_not_found"}


class Machines:
    """The machines of one kind; their folder is looked at anew each time."""

    def __init__(self, kind: Literal["vm", "snapshot", "template"], root: int) -> None:
        self._kind: Literal["vm", "snapshot", "template"] = kind
        self._at = folders.ensure_folder(f"{kind}s", root)

    def close(self) -> None:
        os.close(self._at)

    def listed(self) -> list[Vm]:
        return [
            descriptor.unknown(name, self._kind)
            if at is None
            else descriptor.listed(name, at, self._kind, locked=locks.holder(locks.LOCK, at) is not None)
            for name, at in self._each()
        ]

    def lock(self, name: str, version: str) -> None:
        with self.folder(name) as at:
            if self._kind == "vm":
                locks.take(locks.LOCK, at, version)

    def unlock(self, version: str) -> None:
        if self._kind == "vm":
            for _, at in self._each():
                if at is not None:
                    locks.release(locks.LOCK, at, version)

    def traits(self, name: str) -> Traits:
        with self.folder(name) as at:
            return descriptor.read(name, at).traits

    def disks(self, source: Source) -> list[SourceDisk]:
        with self.folder(source.name) as at:
            machine = descriptor.read(source.name, at)
            if self._kind == "vm" and machine.power != "off":
                # A folder knows no snapshots: the disks of a VM that runs would be read torn.
                raise refused("vm_running", STEP, f"VM {source.name} is {machine.power}")
            wanted = [disk for disk in machine.ordered if disk.role == "os" or source.disks == "all"]
            return descriptor.opened(wanted, at)

    def written(self, name: str) -> float:
        """When a machine was last written to: its disks, its descriptor, whatever is in its folder but the lock."""
        if not folders.has_folder(name, self._at):
            return 0.0
        with folders.folder(name, self._at) as at:
            return max((folders.written(one, at) for one in folders.names(at) if one != locks.LOCK), default=0.0)

    def delete(self, name: str, version: str) -> bool:
        """Delete the VM ``name`` that is locked for ``version``; whether it is gone."""
        doomed = f".deleted-{version}"
        if folders.has_folder(name, self._at):
            with folders.folder(name, self._at) as at:
                ours = locks.holder(locks.LOCK, at) == version
            if ours:
                # Renamed first: a VM is never seen half deleted, and after a crash it is clear what was meant.
                os.rename(name, doomed, src_dir_fd=self._at, dst_dir_fd=self._at)
                os.fsync(self._at)
            elif doomed not in folders.names(self._at):
                return False
        folders.remove_tree(doomed, self._at)
        os.fsync(self._at)
        return True

    @contextmanager
    def folder(self, name: str) -> Iterator[int]:
        """The open folder of a machine. Raises Refused: there is none of this name."""
        if not folders.has_folder(name, self._at):
            raise refused(_MISSING[self._kind], STEP, f"The pod has no {self._kind} {name}")
        with folders.folder(name, self._at) as at:
            yield at

    def _each(self) -> Iterator[tuple[str, int | None]]:
        """Every machine with its open folder, none for one that nobody lets us look into; one that goes away meanwhile
        is left out."""
        for name in folders.folders(self._at):
            try:
                at = folders.open_folder(name, self._at)
            except FileNotFoundError:
                continue
            except PermissionError:
                yield name, None
                continue
            try:
                yield name, at
            finally:
                os.close(at)
