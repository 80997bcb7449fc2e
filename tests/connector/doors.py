"""Doors over a few files, without a library behind them, and connections to them."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from blake3 import blake3
from pods import Hub

from connector.admission import Tickets
from connector.failures import Cancel
from connector.transfer.client import Connection
from connector.transfer.holders import HolderFailed
from connector.transfer.identity import Identity
from connector.transfer.server import Door, Route
from connector.transfer.shelf import Opened
from connector.transfer.wire import Wire
from contracts.events.to_pods import Holder
from contracts.manifest import Disk, Manifest, Source
from contracts.names import door_host
from harness.certificates import TestAuthority

INDEX = b"an index, as far as a door is concerned: " + bytes(range(256)) * 20


@dataclass
class FileShelf:
    """Serves files by root; ``held`` is the bitmap of a disk that is still being received."""

    folder: Path
    held: dict[str, bytes] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)

    def add(self, content: bytes) -> Disk:
        root = blake3(content).hexdigest()
        (self.folder / root).write_bytes(content)
        (self.folder / f"{root}.index").write_bytes(INDEX)
        size = len(content)
        disk = Disk(role="os", lun=0, format="raw", size=size, virtual_size=size, root=root, sha256="0" * 64)
        self.disks[root] = disk
        return disk

    def open(self, root: str) -> Opened | None:
        if root not in self.disks:
            return None
        data = os.open(self.folder / root, os.O_RDONLY)
        index = os.open(self.folder / f"{root}.index", os.O_RDONLY)
        held = (lambda: self.held[root]) if root in self.held else None
        return Opened(data, index, self.disks[root].size, held)


@dataclass
class Site:
    """One door with its shelf; ``authority`` is None where it speaks without TLS."""

    shelf: FileShelf
    hub: Hub
    authority: TestAuthority | None
    door: Door
    port: int = 0

    @property
    def holder(self) -> Holder:
        scheme = "https" if self.authority else "http"
        return Holder(pod="pod-1", address=f"{scheme}://127.0.0.1:{self.port}")

    def ticket(self, *disks: Disk, pod: str = "pod-2", seconds: float = 600) -> str:
        source = Source(pod="pod-1", kind="file", name="x")
        return self.hub.ticket(
            Manifest(disks=disks, source=source, created=datetime.now(UTC)), pod=pod, seconds=seconds
        )

    def identity(self, pod: str = "pod-2") -> Identity | None:
        return self.authority.identity(pod) if self.authority else None

    def connection(
        self,
        *disks: Disk,
        pod: str = "pod-2",
        wire: Wire | None = None,
        stop: Cancel | None = None,
        ticket: str | None = None,
    ) -> Connection:
        token = ticket if ticket is not None else self.ticket(*disks, pod=pod)
        return Connection(lambda: token, stop or Cancel(), self.identity(pod), wire)


def site(
    folder: Path,
    hub: Hub,
    authority: TestAuthority | None,
    throttle: object = None,
    routes: Sequence[Route] = (),
) -> Site:
    """A site with its door open; close ``site.door`` afterwards."""
    shelf = FileShelf(folder)
    identity = authority.identity("pod-1") if authority else None
    door = Door(shelf, Tickets(hub.public), "127.0.0.1", 0, identity, throttle, routes)  # type: ignore[arg-type]
    return Site(shelf, hub, authority, door, door.open())


def failure(got: tuple[int, HolderFailed | None]) -> HolderFailed:
    """Of a range that did not come whole."""
    assert got[1] is not None
    return got[1]


class Background:
    """A call in a thread, and what it returned or raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.result: object = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:  # noqa: BLE001 - for the test to look at
            self.error = error

    def join(self) -> "Background":
        self._thread.join(20)
        assert not self._thread.is_alive(), "it hangs"
        return self


HOST = door_host("pod-1")
