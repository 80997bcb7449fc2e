"""``python -m bench.data_pod``: one pod of the data bench, its two doors open, told what to do by lines of JSON.

It calls what a connector's runner calls, so that what is timed is the work: from the order to the finalised item.
"""

import os
import resource
import sys
import time
from pathlib import Path

import msgspec

from connector import copying
from connector.admission import Tickets
from connector.backends.directory import DirectoryBackend
from connector.domain.tasks import Copy, Import
from connector.failures import Cancel
from connector.formats.gate import MAX_VIRTUAL_SIZE
from connector.importing import prepare
from connector.progress import Meter
from connector.transfer.identity import Identity
from connector.transfer.receiving import Receiving
from connector.transfer.server import Door
from connector.transfer.shelf import LibraryShelf, Shelves
from connector.transfer.throttle import Throttles
from connector.transfer.wire import Setting, Wire
from contracts.events.to_pods import Holder
from contracts.manifest import Format, Manifest, Source
from contracts.names import copy_id
from runtime import logs
from runtime.settings import Settings

TENANT = IMAGE = "bench"


class Setup(msgspec.Struct, tag="setup"):
    """The first line: who this pod is. ``identity`` is the certificate, its key and the authority."""

    name: str
    folder: str
    key: str
    identity: tuple[str, str, str]


class Take(msgspec.Struct, tag="import"):
    """Import a file of ``incoming``."""

    version: str
    file: str
    format: Format


class Make(msgspec.Struct, tag="copy"):
    """Make a copy."""

    version: str
    manifest: Manifest
    holders: tuple[Holder, ...]
    ticket: str
    tls: bool
    wire: Setting


class Drop(msgspec.Struct, tag="drop"):
    """Remove an item."""

    version: str


class Done(msgspec.Struct, kw_only=True):
    """What an order took; seconds and bytes. Of `Setup` it says the addresses of the doors."""

    wall: float = 0.0
    cpu: float = 0.0
    network: int = 0
    reused: int = 0
    manifest: Manifest | None = None
    http: str = ""
    https: str = ""


class Pod:
    """The pod's parts, made as `connector.agent` makes them."""

    def __init__(self, setup: Setup) -> None:
        self.name = setup.name
        self.backend = DirectoryBackend(Path(setup.folder))
        self.identity = Identity.open(*map(Path, setup.identity))
        self.receiving = Receiving()
        self.throttles = Throttles()
        shelf = Shelves(LibraryShelf(self.backend), self.receiving)
        check = Tickets(Path(setup.key))
        self.http = Door(shelf, check, "127.0.0.1", 0)
        self.https = Door(shelf, check, "127.0.0.1", 0, identity=self.identity, throttle=self.throttles.send)

    def open(self) -> Done:
        return Done(http=f"http://127.0.0.1:{self.http.open()}", https=f"https://127.0.0.1:{self.https.open()}")

    def close(self) -> None:
        self.http.close()
        self.https.close()
        self.backend.close()

    def take(self, order: Take) -> Manifest:
        task = Import(
            version=order.version,
            saga="",
            image=IMAGE,
            tenant=TENANT,
            attempt=1,
            source=Source(pod=self.name, kind="file", name=order.file),
            mode="clone",
            file_type=order.format,
            datastore=None,
        )
        return prepare(self.backend, task, MAX_VIRTUAL_SIZE, _meter(order.version), Cancel()).manifest

    def make(self, order: Make) -> copying.Made:
        task = Copy(
            version=order.version,
            saga="",
            copy=copy_id(order.version, self.name, 0),
            image=IMAGE,
            tenant=TENANT,
            attempt=1,
            manifest=order.manifest,
            holders=order.holders,
            ticket=order.ticket,
            datastore=None,
        )
        parts = copying.Parts(
            pod=self.name,
            identity=self.identity if order.tls else None,
            wire=Wire(order.wire),
            throttles=self.throttles,
            receiving=self.receiving,
        )
        return copying.make(self.backend, task, _meter(task.copy), Cancel(), lambda _: None, parts)


def _meter(id: str) -> Meter:
    return Meter(id, id, lambda _: None)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def perform(pod: Pod, order: Take | Make | Drop) -> Done:
    """Carry an order out, and say what it took."""
    cpu, start = _cpu(), time.perf_counter()
    match order:
        case Take():
            manifest = pod.take(order)
            return Done(wall=time.perf_counter() - start, cpu=_cpu() - cpu, manifest=manifest)
        case Make():
            made = pod.make(order)
            wall = time.perf_counter() - start
            return Done(wall=wall, cpu=_cpu() - cpu, network=made.network, reused=made.reused)
        case Drop():
            pod.backend.remove(order.version)
            return Done()


def main() -> None:
    """Serve orders until stdin ends."""
    decode = msgspec.json.Decoder(Setup | Take | Make | Drop).decode
    setup = decode(sys.stdin.readline())
    if not isinstance(setup, Setup):
        raise TypeError("the first line is the setup")
    logs.configure(Settings(data=setup.folder, log_level="warning"), {"pod": setup.name}, sys.stderr)
    pod = Pod(setup)
    _say(pod.open())
    try:
        for line in sys.stdin:
            order = decode(line)
            if isinstance(order, Setup):
                raise TypeError("the pod is set up already")
            _say(perform(pod, order))
    finally:
        pod.close()


def _say(done: Done) -> None:
    os.write(1, msgspec.json.encode(done) + b"\n")


if __name__ == "__main__":
    main()
