"""Pods for tests: a folder with VMs and a library, its backend, and its door with real tickets."""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector.admission import Tickets
from connector.backends.base import Placed
from connector.backends.directory import DirectoryBackend
from connector.copying import LiveGrant, Made, Parts, make
from connector.domain.tasks import Copy, Import
from connector.failures import Cancel
from connector.importing import Prepared, prepare
from connector.progress import Meter
from connector.transfer.identity import Identity
from connector.transfer.receiving import Receiving
from connector.transfer.server import Door
from connector.transfer.shelf import LibraryShelf, Shelves
from connector.transfer.throttle import Throttle, Throttles
from connector.transfer.wire import Wire
from contracts.events.to_pods import Holder
from contracts.manifest import Manifest, Source
from contracts.names import copy_id
from contracts.views import Progress
from runtime.ids import new_id
from runtime.signing import PrivateKey
from runtime.tickets import Signer, Ticket
from runtime.vouching import vouched

GIB = 1024**3


class Hub:
    """The hub's keys, tickets signed with one of them and manifests signed with the other."""

    def __init__(self, folder: Path) -> None:
        self._signer = Signer.open(folder / "hub.key")
        self.public = folder / "hub.key.pub"
        self._vouching = PrivateKey.open(folder / "manifest.key")
        self.manifest_key = folder / "manifest.key.pub"

    def vouched(self, version: str, manifest: Manifest) -> Manifest:
        """The manifest as the hub sends it; one that says that it is signed already stays as it is."""
        return manifest if manifest.signature else vouched(version, manifest, self._vouching)

    def ticket(
        self, manifest: Manifest, *, pod: str = "pod-x", seconds: float = 600, roots: tuple[str, ...] = ()
    ) -> str:
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        named = roots or tuple(disk.root for disk in manifest.disks)
        return self._signer.sign(Ticket(pod=pod, version="v", roots=named, expires=expires))


class Counted:
    """The limit on what a door sends, counting the bytes that it lets through."""

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self.sent = 0

    def delay(self, size: int) -> float:
        self.sent += size
        return self._throttle.delay(size)


@dataclass
class Pod:
    """A pod without a message bus: tasks are carried out by calling what the runner calls."""

    name: str
    folder: Path
    hub: Hub
    address: str = ""
    said: list[Progress] = field(default_factory=list)
    identity: Identity | None = None
    wire: Wire = field(default_factory=lambda: Wire("plain"))
    throttles: Throttles = field(default_factory=Throttles)
    receiving: Receiving = field(default_factory=Receiving)

    def __post_init__(self) -> None:
        for part in ("vms", "incoming", "datastores/main"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.backend = DirectoryBackend(self.folder)
        self.door = Counted(self.throttles.send)

    def vm(self, name: str = "golden", *, data: bytes | None = None, os_disk: bytes = b"\1" * 300_000) -> Source:
        """A VM with an OS disk and perhaps a data disk."""
        folder = self.folder / "vms" / name
        folder.mkdir()
        disks = [{"file": "os.raw", "format": "raw", "role": "os", "lun": 0}]
        (folder / "os.raw").write_bytes(os_disk)
        if data is not None:
            disks.insert(0, {"file": "data.raw", "format": "raw", "role": "data", "lun": 3})
            (folder / "data.raw").write_bytes(data)
        descriptor = {"name": name, "os_type": "linux", "power": "off", "disks": disks}
        (folder / "vm.json").write_text(json.dumps(descriptor))
        return Source(pod=self.name, kind="vm", name=name)

    def file(self, name: str, content: bytes) -> Source:
        (self.folder / "incoming" / name).write_bytes(content)
        return Source(pod=self.name, kind="file", name=name)

    def meter(self) -> Meter:
        return Meter("id", "version", self.said.append)

    def import_task(self, source: Source, **more: object) -> Import:
        fields = {
            "version": new_id(),
            "saga": "",
            "image": "image",
            "tenant": "tenant",
            "attempt": 1,
            "mode": "clone",
            "file_type": None,
            "datastore": None,
        } | more
        return Import(source=source, **fields)  # type: ignore[arg-type]

    def prepare(self, task: Import, cancel: Cancel | None = None) -> Prepared:
        return prepare(self.backend, task, 1 << 41, self.meter(), cancel or Cancel())

    def copy_task(
        self, version: str, manifest: Manifest, *holders: "Pod", peers: Sequence["Pod"] = (), **more: object
    ) -> Copy:
        fields = {
            "copy": copy_id(version, self.name, 0),
            "saga": "",
            "image": "image",
            "tenant": "tenant",
            "attempt": 1,
            "ticket": self.hub.ticket(manifest, pod=self.name),
            "holders": tuple(Holder(pod=pod.name, address=pod.address) for pod in holders)
            + tuple(Holder(pod=pod.name, address=pod.address, complete=False) for pod in peers if pod is not self),
            "datastore": None,
        } | more
        return Copy(version=version, manifest=self.hub.vouched(version, manifest), **fields)  # type: ignore[arg-type]

    def copy(
        self,
        task: Copy,
        cancel: Cancel | None = None,
        grant: LiveGrant | None = None,
        *,
        threads: int = 2,
        readback: bool = False,
        avoid: Collection[str] = (),
        capabilities: tuple[str, ...] = (),
    ) -> Made:
        parts = Parts(
            pod=self.name,
            identity=self.identity,
            wire=self.wire,
            throttles=self.throttles,
            receiving=self.receiving,
            threads=threads,
            readback=readback,
            capabilities=capabilities,
        )
        return make(self.backend, task, self.meter(), cancel or Cancel(), lambda _: None, parts, grant, avoid)

    def disk(self, placed: Placed | None, lun: int = 0) -> Path:
        """The path of a disk in the library."""
        assert placed is not None
        (disk,) = (disk for disk in placed.item.manifest.disks if disk.lun == lun)
        name = f"disk-{lun}.{disk.format}"
        return self.folder / "datastores" / placed.datastore / "items" / placed.item.version / name

    def leftovers(self) -> list[str]:
        """What lies in any staging folder, and locks."""
        found = [*self.folder.glob("datastores/*/staging/*"), *self.folder.glob("vms/*/.lock*")]
        found += self.folder.glob("incoming/.*")
        return sorted(str(path.relative_to(self.folder)) for path in found)


@contextmanager
def served(pod: Pod) -> Iterator[Pod]:
    """The pod with its door open."""
    shelf = Shelves(LibraryShelf(pod.backend), pod.receiving)
    door = Door(shelf, Tickets(pod.hub.public), "127.0.0.1", 0, pod.identity, pod.door)
    pod.address = f"{'https' if pod.identity else 'http'}://127.0.0.1:{door.open()}"
    try:
        yield pod
    finally:
        door.close()


def sparse(path: Path, size: int, *pieces: tuple[int, bytes]) -> None:
    """A file of ``size`` bytes that is all hole except for ``pieces`` (offset, content)."""
    with path.open("wb") as file:
        os.truncate(file.fileno(), size)
        for offset, content in pieces:
            file.seek(offset)
            file.write(content)


def allocated(path: Path) -> int:
    return path.stat().st_blocks * 512
