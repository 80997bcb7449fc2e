"""Disks that fail and processes that die: a version on a source pod, imports and copies of it in child processes."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from pods import Pod

from connector.backends.directory import DirectoryBackend
from connector.domain.tasks import Copy, Import
from contracts.events.to_pods import Holder
from contracts.manifest import Manifest
from faults.work import Order, Outcome

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
PATIENCE = 60.0
"""Seconds after which a child counts as hanging."""


def tracing() -> str:
    """Why strace cannot be used here; empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"ptrace is not permitted: {tried.stderr.strip()[:100]}"


@dataclass
class Scene:
    """A source pod with a version of one disk, and a target pod; both folders, nothing runs in the target."""

    source: Pod
    target: Path
    content: bytes
    version: str
    manifest: Manifest

    def copy(self, address: str = "") -> Copy:
        """The task to copy the version to the target."""
        holder = Holder(pod=self.source.name, address=address or self.source.address)
        return self._pod().copy_task(self.version, self.manifest, holders=(holder,))

    def importing(self) -> Import:
        """The task to import the same content at the target, from a file there."""
        pod = self._pod()
        return pod.import_task(pod.file("disk", self.content))

    def unpacking(self) -> Import:
        """The task to import the same content at the target, from a file there that came compressed."""
        pod = self._pod()
        return pod.import_task(pod.file("disk", gzip.compress(self.content, 1)), plugins=("image_decompression",))

    def _pod(self) -> Pod:
        pod = Pod(self.target.name, self.target, self.source.hub)
        pod.backend.close()
        return pod

    def child(
        self, task: Import | Copy, *, wrap: Sequence[str] = (), rate: int | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """A child that carries the task out in the target's folder, its order given."""
        paths = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
        child = subprocess.Popen(
            [*wrap, sys.executable, "-m", "faults.work"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths, **environment},
            start_new_session=True,
        )
        assert child.stdin is not None
        child.stdin.write(msgspec.json.encode(Order(pod=str(self.target), task=task, rate=rate)))
        child.stdin.close()
        child.stdin = None
        return child

    def done(self, task: Import | Copy, *, wrap: Sequence[str] = (), **environment: str) -> Outcome:
        """Carry the task out in a child; its outcome. Fails when it does not say any."""
        said, errors = self.child(task, wrap=wrap, **environment).communicate(timeout=PATIENCE)
        assert said, errors.decode()[-2000:]
        return msgspec.json.decode(said, type=Outcome)

    def killed(self, task: Import | Copy, *, wrap: Sequence[str] = (), **environment: str) -> bool:
        """Carry the task out in a child that is to die meanwhile; whether it did, and did not finish first."""
        child = self.child(task, wrap=wrap, **environment)
        said, errors = child.communicate(timeout=PATIENCE)
        assert child.returncode in (0, 137, -signal.SIGKILL), errors.decode()[-2000:]
        return child.returncode != 0 and not said

    def visible(self) -> list[str]:
        """What a connector that starts now sees in the target's library."""
        backend = DirectoryBackend(self.target)
        try:
            return [placed.item.version for placed in backend.items()]
        finally:
            backend.close()

    def holds(self, version: str) -> bool:
        """Whether the target's library has the version, with every byte of its disk."""
        (found,) = self.target.glob(f"datastores/main/items/{version}/disk-0.raw")
        return found.read_bytes() == self.content

    def left(self) -> list[str]:
        """What lies in the target's staging folder, and locks."""
        found = [*self.target.glob("datastores/main/staging/*"), *self.target.glob("incoming/.*")]
        return sorted(str(path.relative_to(self.target)) for path in found)

    def staged(self) -> Path:
        """The file of the disk in the target's staging folder."""
        return self.target / "datastores/main/staging" / self.version / "disk-0.raw"


def scene(folder: Path, content: bytes, source: Pod, name: str) -> Scene:
    """A version with ``content`` imported at ``source`` from the file ``name``, and an empty target."""
    task = source.import_task(source.file(name, content))
    manifest = source.prepare(task).manifest
    target = folder / "target"
    for part in ("vms", "incoming", "datastores/main"):
        (target / part).mkdir(parents=True, exist_ok=True)
    return Scene(source, target, content, task.version, manifest)


CALLS = {"write": "pwrite64", "sync": "fsync", "rename": "/^rename", "make folder": "/^mkdir", "reserve": "fallocate",
         "truncate": "ftruncate", "change mode": "/^fchmodat"}  # fmt: skip
"""System calls that change a disk, as strace knows them."""


def failing(call: str, error: str, when: str) -> list[str]:
    """strace that lets the ``when``-th of a kind of call (``3``; ``2+``: all from there on) fail."""
    return ["strace", "--seccomp-bpf", *_injecting(call, f"error={error}:when={when}")]


def dying(call: str, when: int) -> list[str]:
    """strace that kills the process with the ``when``-th of a kind of call.

    Without --seccomp-bpf, under which strace (6.1) does not inject signals into all calls.
    """
    return ["strace", *_injecting(call, f"signal=KILL:when={when}")]


def _injecting(call: str, what: str) -> list[str]:
    name = CALLS[call]
    return ["-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={name}:{what}"]


@contextmanager
def tmpfs(at: Path, size: int, *options: str) -> Iterator[None]:
    """A small file system of its own at ``at``."""
    settings = ",".join([f"size={size}", *options])
    subprocess.run(["mount", "-t", "tmpfs", "-o", settings, "tmpfs", str(at)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def resized(at: Path, size: str) -> None:
    """Give the `tmpfs` at ``at`` another size, and perhaps further options."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(at)], check=True)


class Relay:
    """A relay in front of a door that counts what passes, in a process of its own."""

    def __init__(self, address: str) -> None:
        port = address.rsplit(":", 1)[1]
        command = [sys.executable, "-m", "bench.data_relay", port]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._said, self._orders = self._process.stdout, self._process.stdin
        self.address = f"http://127.0.0.1:{json.loads(self._said.readline())['port']}"

    def received(self) -> int:
        """Bytes that came from the door since the last time."""
        self._orders.write("\n")
        self._orders.flush()
        return int(json.loads(self._said.readline())[1])

    def close(self) -> None:
        self._orders.close()
        self._process.wait(10)
        self._said.close()
