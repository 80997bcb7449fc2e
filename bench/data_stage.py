"""The stage of the data bench: a source pod with every version, and each run made, checked and cleared away again."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import msgspec

from bench import data_peers
from bench.data_inputs import MIB, Cache, extents, fingerprint
from bench.data_peers import Taken
from bench.data_pods import Hub, Pod, Version
from connector.transfer.wire import Setting
from contracts.manifest import Format
from runtime.ids import new_id

Run = Callable[[], Taken]
FORMATS: dict[str, Format] = {"raw": "raw", "qcow2": "qcow2", "vhd": "vhd"}


class Stage:
    """Pods, versions and peers; every run leaves the disk as it found it."""

    def __init__(self, work: Path, cache: Cache, hub: Hub) -> None:
        self.work = work
        self.cache = cache
        self.hub = hub
        self.source = hub.pod("source")
        self.versions: dict[str, Version] = {}
        self._outputs = 0

    # --- what is there -------------------------------------------------------------------------------------------

    def take(self, name: str) -> Taken:
        """Import an input at the source. The cached file then is the library's: it lies on the disk once."""
        version, taken = self.imported(self.source, name)
        link = self.cache.path(name).with_suffix(".link")
        os.link(version.path, link)
        link.replace(self.cache.path(name))
        self.versions[name] = version
        return taken

    def imported(self, pod: Pod, name: str) -> tuple[Version, Taken]:
        """Import an input on a pod, and check what the library has then."""
        incoming = pod.folder / "incoming" / name
        os.link(self.cache.path(name), incoming)
        try:
            version, done = pod.take(new_id(), name, FORMATS[self.cache[name].format])
        finally:
            incoming.unlink()
        self.check(version.path, name)
        return version, Taken(done.wall, done.cpu)

    def check(self, path: Path, name: str) -> None:
        """Raises RuntimeError unless the file at ``path`` has the content of an input."""
        if fingerprint(path) != self.cache[name].fingerprint:
            raise RuntimeError(f"{path} is not what {name} is")
        with path.open("rb") as file:  # reading it took memory that the source's pages need
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def warm(self, *names: str) -> None:
        """Have inputs in the page cache, as all runs find them."""
        for name in names:
            _read(self.cache.path(name))

    # --- runs ----------------------------------------------------------------------------------------------------

    def cp(self, name: str, targets: int = 1) -> Run:
        """``cp`` and sync of an input to so many files at once."""

        def run() -> Taken:
            self.warm(name)
            files = [self._output() for _ in range(targets)]
            taken = data_peers.copied([(self.cache.path(name), file) for file in files])
            for file in files:
                self.check(file, name)
                file.unlink()
            return taken

        return run

    def rsync(self, old: str, new: str) -> Run:
        """rsync of ``new`` into a new file, with ``old`` as the basis."""

        def run() -> Taken:
            self.warm(old, new)
            at = self._output()
            for part, name in (("served", new), ("basis", old)):
                (at / part).mkdir(parents=True)
                os.link(self.cache.path(name), at / part / "disk")
            (at / "target").mkdir()
            with data_peers.rsync_daemon(at, at / "served") as port:
                taken = data_peers.rsynced(port, "disk", at / "basis", at / "target")
            self.check(at / "target/disk", new)
            shutil.rmtree(at)
            return taken

        return run

    def copy(self, pod: Pod, name: str, *, tls: bool = True, wire: Setting = "auto", address: str = "") -> Run:
        """Our copy of a version to one pod, which may hold others."""

        def run() -> Taken:
            version = self.versions[name]
            self.warm(name)
            for held in self.versions.values():
                if pod.holds(held.id):
                    _read(pod.disk(held.id))
            done = pod.copy(version, [self.source.holder(tls=tls, address=address)], tls=tls, wire=wire)
            self._clear(pod, version, name)
            return Taken(done.wall, done.cpu, done.network)

        return run

    def fan(self, pods: Sequence[Pod], name: str, *, wire: Setting = "auto", address: str = "") -> Run:
        """Our copy of a version to several pods at once, each a holder for the others."""

        def run() -> Taken:
            version = self.versions[name]
            self.warm(name)
            with stopwatch() as wall:
                for pod in pods:
                    peers = [other.holder(complete=False) for other in pods if other is not pod]
                    pod.begin(version, [self.source.holder(address=address), *peers], wire=wire)
                done = [pod.end() for pod in pods]
            for pod in pods:
                self._clear(pod, version, name)
            return Taken(wall(), sum(one.cpu for one in done), sum(one.network for one in done))

        return run

    def _clear(self, pod: Pod, version: Version, name: str) -> None:
        self.check(pod.disk(version.id), name)
        pod.drop(version.id)

    def _output(self) -> Path:
        self._outputs += 1
        (self.work / "peers").mkdir(exist_ok=True)
        return self.work / "peers" / f"{self._outputs:05}"


def _read(path: Path) -> None:
    view = memoryview(bytearray(4 * MIB))
    with path.open("rb") as file:
        for begin, end in extents(path):
            for at in range(begin, end, len(view)):
                os.preadv(file.fileno(), [view], at)


class Relay:
    """A counting relay in front of a door, in a process of its own."""

    def __init__(self, address: str) -> None:
        port = address.rsplit(":", 1)[1]
        command = [sys.executable, "-m", "bench.data_relay", port]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        scheme = address.partition(":")[0]
        self.address = f"{scheme}://127.0.0.1:{msgspec.json.decode(self._line())['port']}"

    def counted(self) -> tuple[int, int]:
        """Bytes to the door and from it since the last time."""
        self._pipe(self._process.stdin).write("\n")
        self._pipe(self._process.stdin).flush()
        to_door, from_door = msgspec.json.decode(self._line(), type=tuple[int, int])
        return to_door, from_door

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._pipe(self._process.stdin).close()
        self._process.wait(10)
        self._pipe(self._process.stdout).close()

    def _line(self) -> str:
        return self._pipe(self._process.stdout).readline()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


@contextmanager
def relay(address: str) -> Iterator[Relay]:
    """A relay in front of a door, for the length of a block."""
    running = Relay(address)
    try:
        yield running
    finally:
        running.close()


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Gives a function that tells the seconds which the block took."""
    start = time.perf_counter()
    end: list[float] = []
    try:
        yield lambda: end[0]
    finally:
        end.append(time.perf_counter() - start)


def interleaved(runs: Mapping[str, Run], rounds: int, order: random.Random) -> dict[str, list[Taken]]:
    """Every run once in each round, each round in another order; what they took."""
    taken: dict[str, list[Taken]] = {name: [] for name in runs}
    for round_ in range(rounds):
        names = list(runs)
        order.shuffle(names)
        for name in names:
            os.sync()  # what the run before left to be written is not this one's
            found = runs[name]()
            taken[name].append(found)
            print(
                f"  {round_ + 1}/{rounds} {name}: {found.wall:.2f} s, cpu {found.cpu:.2f} s, {found.wire:,} B",
                flush=True,
            )
    return taken
