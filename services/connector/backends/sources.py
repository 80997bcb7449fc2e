"""What a pod in a folder can be imported from: ``vms/``, ``snapshots/``, ``templates/``, ``volumes/``, ``incoming/``.

Versions are in the library (`connector.backends.library`), and URLs and bundles are refused by the hub.
"""

from collections.abc import Callable, Collection
from typing import Final

from connector.backends import descriptor
from connector.backends.arrivals import Arrivals
from connector.backends.base import SourceDisk
from connector.backends.loose import Loose
from connector.backends.machines import Machines
from connector.backends.snapshots import Snapshots
from connector.domain.capture import Traits
from connector.failures import Refused, refused
from contracts.events.from_pods import Vm
from contracts.manifest import Source

STEP: Final = "read"


class Sources:
    """The sources of a pod."""

    def __init__(self, root: int) -> None:
        self._vms = Machines("vm", root)
        self._snapshots = Snapshots(root)
        self._templates = Machines("template", root)
        self._incoming = Loose("incoming", root)
        self._volumes = Loose("volumes", root)
        self.arrivals = Arrivals(self._incoming.at)

    def close(self) -> None:
        for one in (self._vms, self._snapshots, self._templates, self._incoming, self._volumes):
            one.close()

    def listed(self) -> list[Vm]:
        machines = [one for kind in (self._vms, self._snapshots, self._templates) for one in kind.listed()]
        return [*machines, *self._volumes.listed()]

    def lock(self, source: Source, version: str) -> None:
        if (machines := self._machines(source)) is not None:
            machines.lock(source.name, version)
        else:
            loose, name = self._file(source)
            loose.lock(name, version)

    def unlock(self, version: str) -> None:
        for one in (self._vms, self._incoming, self._volumes):
            one.unlock(version)

    def traits(self, source: Source) -> Traits:
        machines = self._machines(source)
        return Traits() if machines is None else machines.traits(source.name)

    def disks(self, source: Source) -> list[SourceDisk]:
        if (machines := self._machines(source)) is not None:
            return machines.disks(source)
        loose, name = self._file(source)
        return loose.disks(name)

    def written(self, source: Source) -> float:
        if (machines := self._machines(source)) is not None:
            return machines.written(source.name)
        try:
            loose, name = self._file(source)
        except Refused:
            return 0.0
        return loose.written(name)

    def delete(self, source: Source, version: str) -> bool:
        if source.kind == "vm":
            return self._vms.delete(source.name, version)
        if source.kind not in ("file", "upload"):
            return False
        try:
            loose, name = self._file(source)
        except Refused:
            return False
        return loose.delete(name, version)

    def check_snapshot(self, name: str, version: str) -> None:
        self._snapshots.check(name, version)

    def snapshot(self, source: Source, name: str, version: str, check: Callable[[], None]) -> None:
        with self._vms.folder(source.name) as at:
            self._snapshots.make(at, descriptor.read(source.name, at), name, version, check)

    def drop_snapshot(self, version: str) -> None:
        self._snapshots.drop(version)

    def sweep(self, keep: Collection[str]) -> None:
        self._snapshots.sweep(keep)

    def _machines(self, source: Source) -> Machines | None:
        match source.kind:
            case "vm":
                return self._vms
            case "snapshot":
                return self._snapshots
            case "template":
                return self._templates
        return None

    def _file(self, source: Source) -> tuple[Loose, str]:
        """The folder and the name of a disk file. Raises Refused: no such upload, or nothing that is a disk file."""
        match source.kind:
            case "file":
                return self._incoming, source.name
            case "disk":
                return self._volumes, source.name
            case "upload":
                landed = self.arrivals.landed(source.name)
                if landed is None:
                    raise refused("upload_not_found", STEP, f"The pod has no finished upload {source.name}")
                return self._incoming, landed.name
        raise refused("format_unknown", STEP, f"A source of kind {source.kind} cannot be read here")
