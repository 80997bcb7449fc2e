"""The default backend: a pod is a folder. VMs, incoming files and datastores are folders in it."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from connector.backends import folders, reflink
from connector.backends.arrivals import Arrivals
from connector.backends.base import Checked, Corrupt, Item, Placed, SourceDisk, Spot, Staging
from connector.backends.datastores import Datastores
from connector.backends.library import Library
from connector.backends.pools import DirectoryPools
from connector.backends.serving import Serving
from connector.backends.shelf import Shelf
from connector.backends.sources import Sources
from connector.backends.staging import DirectoryStaging, Stagings
from connector.backends.versions import Versions
from connector.domain.capture import Traits
from connector.transfer.seeds import Seed
from contracts.events.from_pods import Datastore, Vm
from contracts.manifest import Disk, Source


class DirectoryBackend:
    """A pod in the folder ``root``; see `connector.backends.base.Backend`. ``disk_types`` tells of datastores what
    their disks are."""

    hypervisor = "directory"
    family = "directory"
    formats: tuple[str, ...] = ("raw", "qcow2", "vhd")
    virtual_limit: int | None = None

    def __init__(self, root: Path, disk_types: Mapping[str, str] | None = None) -> None:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with folders.folder(str(root.resolve())) as at:
            self._sources = Sources(at)
            self._datastores = Datastores(at, disk_types or {})
            shelf = Shelf()
            self._library = Library(self._datastores, shelf)
            self._pools = DirectoryPools(at, self._datastores, self._library)
        self._versions = Versions(self._library)
        self._stagings = Stagings(self._datastores)
        self._serving = Serving(self._datastores, self._library, shelf)

    @property
    def arrivals(self) -> Arrivals:
        return self._sources.arrivals

    @property
    def pools(self) -> DirectoryPools:
        return self._pools

    def close(self) -> None:
        self._pools.close()
        self._sources.close()
        self._datastores.close()

    def vms(self) -> list[Vm]:
        return self._sources.listed()

    def datastores(self) -> list[Datastore]:
        return self._datastores.listed()

    def items(self) -> list[Placed]:
        return self._library.items()

    def lock(self, source: Source, version: str) -> None:
        if source.kind == "version":
            self._versions.look_up(source.name)
        else:
            self._sources.lock(source, version)

    def unlock(self, version: str) -> None:
        self._sources.unlock(version)

    def traits(self, source: Source) -> Traits:
        return self._versions.traits(source.name) if source.kind == "version" else self._sources.traits(source)

    def disks(self, source: Source) -> list[SourceDisk]:
        return self._versions.disks(source) if source.kind == "version" else self._sources.disks(source)

    def check_snapshot(self, name: str, version: str) -> None:
        self._sources.check_snapshot(name, version)

    def snapshot(self, source: Source, name: str, version: str, check: Callable[[], None]) -> None:
        self._sources.snapshot(source, name, version, check)

    def drop_snapshot(self, version: str) -> None:
        self._sources.drop_snapshot(version)

    def written(self, source: Source) -> float:
        return self._sources.written(source)

    def delete_source(self, source: Source, version: str) -> bool:
        return self._sources.delete(source, version)

    def stage(self, version: str, datastore: str | None, *, replica: int = 0, avoid: Collection[str] = ()) -> Staging:
        return self._stagings.stage(version, datastore, replica, avoid)

    def clone(self, source: int, staging: Staging, name: str) -> bool:
        return reflink.share(source, staging.folder, name)

    def find(self, version: str, datastore: str | None = None) -> Placed | None:
        return self._library.find(version, datastore)

    def held(self, version: str) -> list[Placed]:
        return self._library.held(version)

    def finalise(self, staging: Staging, item: Item) -> Placed:
        if not isinstance(staging, DirectoryStaging):
            raise TypeError("this staging folder is another backend's")
        return self._library.finalise(staging, item)

    def note(self, item: Item, datastore: str) -> Placed:
        return self._library.note(item, datastore)

    def remove(self, version: str, datastore: str | None = None) -> None:
        self._library.remove(version, datastore)

    def abandon(self, version: str, *, replica: int = 0) -> None:
        self._stagings.abandon(version, replica)

    def sweep(self, keep: Collection[str]) -> None:
        self._stagings.sweep(keep)
        self._sources.sweep(keep)

    def folder(self, version: str, datastore: str | None = None) -> int | None:
        return self._library.folder(version, datastore)

    def checked(self, folder: int) -> Checked:
        return self._library.checked(folder)

    def note_checked(self, folder: int, checked: Checked) -> None:
        self._library.note_checked(folder, checked)

    def quarantine(self, version: str, folder: int, corrupt: Corrupt) -> Placed | None:
        return self._library.quarantine(version, folder, corrupt)

    def doubt(self, spot: Spot) -> None:
        self._library.doubt(spot)

    def doubted(self) -> frozenset[Spot]:
        return self._library.doubted()

    def trust(self, spot: Spot) -> None:
        self._library.trust(spot)

    def seeds(self, item: Item, disk: Disk) -> list[Seed]:
        return self._serving.seeds(item, disk)

    def open(self, root: str) -> tuple[int, int] | None:
        return self._serving.open(root)
