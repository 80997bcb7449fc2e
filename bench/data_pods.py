"""Our side of the data bench: pods as processes, the hub's tickets, and what a copy took."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import msgspec

from bench.data_pod import Done, Drop, Make, Setup, Take
from connector.transfer.wire import Setting
from contracts.events.to_pods import Holder
from contracts.manifest import Format, Manifest
from imprint.local.authority import CERTIFICATE, DOOR_CERTIFICATE, DOOR_KEY, Authority
from runtime.tickets import Signer, Ticket

HOURS = timedelta(hours=3)


@dataclass(frozen=True)
class Version:
    """A version on its source: its id, its manifest, and its disk's file."""

    id: str
    manifest: Manifest
    path: Path


class Pod:
    """A pod in its own process."""

    def __init__(self, name: str, folder: Path, hub: "Hub") -> None:
        self.name = name
        self.folder = folder
        self._hub = hub
        for part in ("incoming", "datastores/main"):
            (folder / part).mkdir(parents=True)
        command = [sys.executable, "-m", "bench.data_pod"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addresses = self._ask(Setup(name, str(folder), str(hub.public), hub.identity(name)))

    def holder(self, *, tls: bool = True, complete: bool = True, address: str = "") -> Holder:
        """This pod as others are told of it."""
        own = self.addresses.https if tls else self.addresses.http
        return Holder(pod=self.name, address=address or own, complete=complete)

    def take(self, version: str, file: str, format: Format) -> tuple[Version, Done]:
        """Import a file that lies in the pod's incoming folder."""
        done = self._ask(Take(version, file, format))
        if done.manifest is None:
            raise RuntimeError("the pod said no manifest")
        return Version(version, done.manifest, self.disk(version)), done

    def begin(self, version: Version, holders: Sequence[Holder], *, tls: bool = True, wire: Setting = "auto") -> None:
        """Order a copy; `end` waits for it."""
        ticket = self._hub.ticket(version, self.name)
        self._tell(Make(version.id, version.manifest, tuple(holders), ticket, tls, wire))

    def end(self) -> Done:
        """What the order begun last took. Raises RuntimeError when it failed."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} failed: see above")
        return msgspec.json.decode(line, type=Done)

    def copy(self, version: Version, holders: Sequence[Holder], *, tls: bool = True, wire: Setting = "auto") -> Done:
        """Make a copy."""
        self.begin(version, holders, tls=tls, wire=wire)
        return self.end()

    def drop(self, version: str) -> None:
        self._ask(Drop(version))

    def disk(self, version: str) -> Path:
        """The file of the version's disk in the library."""
        (found,) = (self.folder / "datastores/main/items" / version).glob("disk-0.[!i]*")
        return found

    def holds(self, version: str) -> bool:
        """Whether the version is in the library."""
        return (self.folder / "datastores/main/items" / version).exists()

    def index(self, version: str) -> Path:
        (found,) = (self.folder / "datastores/main/items" / version).glob("*.index")
        return found

    def peak(self) -> float:
        """MiB of the process's largest resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def close(self) -> None:
        """End the process by the end of its orders."""
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()
        self._process.wait(30)

    def _ask(self, order: Setup | Take | Drop) -> Done:
        self._tell(order)
        return self.end()

    def _tell(self, order: Setup | Take | Make | Drop) -> None:
        pipe: IO[bytes] | None = self._process.stdin
        assert pipe is not None
        pipe.write(msgspec.json.encode(order) + b"\n")
        pipe.flush()


class Hub:
    """What the hub gives to pods: tickets and certificates; and the pods."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signer = Signer.open(folder / "hub.key")
        self.public = folder / "hub.key.pub"
        self._authority = Authority.open(folder / "authority")
        self._stack = ExitStack()

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["Hub"]:
        """The hub of a bench; its pods end with it."""
        folder.mkdir(parents=True)
        hub = cls(folder)
        with hub._stack:
            yield hub

    def pod(self, name: str) -> Pod:
        """A new pod, running."""
        pod = Pod(name, self._folder / name, self)
        self._stack.callback(pod.close)
        return pod

    def ticket(self, version: Version, pod: str) -> str:
        roots = tuple(disk.root for disk in version.manifest.disks)
        return self._signer.sign(Ticket(pod=pod, version=version.id, roots=roots, expires=datetime.now(UTC) + HOURS))

    def identity(self, pod: str) -> tuple[str, str, str]:
        """The files of a pod's certificate, its key and the authority."""
        at = self._folder / "identities" / pod
        at.mkdir(parents=True)
        self._authority.enrol(at, pod)
        return str(at / DOOR_CERTIFICATE), str(at / DOOR_KEY), str(at / CERTIFICATE)
