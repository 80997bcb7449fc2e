"""A pod as the simulation has it: what a connector does with its messages, without bytes, disks or a clock.

It knows the rules that both sides rely on: a request of an older attempt is stale; one of the attempt under way is a
repetition; a withdrawal takes back its attempt and older ones, and what comes later is not touched by it.
"""

import random
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import (
    CopyContinued,
    CopyCorrupted,
    CopyFinalised,
    CopyRejected,
    CopyTransferred,
    Datastore,
    FileDigest,
    InventoryReported,
    LibraryItem,
    PodAnnounced,
    PodReported,
    SourceDeleted,
    SourcePrepared,
    SourceRejected,
    SourceStarted,
)
from contracts.events.to_pods import (
    CopyExtended,
    CopyRequested,
    CopyWithdrawn,
    InventoryRequested,
    SourceDiscarded,
    SourceReleased,
    SourceRequested,
)
from contracts.manifest import Disk, Manifest
from core.driver import START

INTERVAL = 25.0
DISK = Disk(role="os", lun=0, format="raw", size=4096, virtual_size=4096, root="a" * 64, sha256="b" * 64)
FILES = (FileDigest(lun=0, format="raw", size=4096, root="a" * 64),)
WRONG = "f" * 64
TICKET = 400.0
"""Seconds for which a ticket lives here."""
ROT = Failure(code="bit_rot", step="scrub", text="bytes at rest changed", retry=True)


@dataclass(frozen=True)
class Temper:
    """How likely a pod is to do what; all zero is a pod on which everything works."""

    reject: float = 0.0
    """An attempt fails and may be tried again."""
    refuse: float = 0.0
    """An attempt, or a source, fails for good."""
    corrupt: float = 0.0
    """An attempt ends with other bytes than asked for, and the pod does not notice."""
    hang: float = 0.0
    """Nothing more is heard of an attempt, or of a source, until the pod starts anew."""
    slow: float = 0.0
    """An attempt takes longer than a publish may."""
    vanish: float = 0.0
    """The pod is away for a while."""
    forge: float = 0.0
    """It also says that another pod's copy is finished, or corrupt."""
    rot: float = 0.0
    """What it finalised changes at rest, and the pod notices some time later."""
    repeat: float = 0.0
    """It says what it said again, under another id."""


@dataclass(frozen=True)
class Say:
    """Something to report after ``delay`` seconds.

    What a task for a copy says is said only if its ``attempt`` still stands by then, and the task did not die with the
    ``boot`` that began it. An ``echo`` repeats late what was said before, whatever came of it since.
    """

    delay: float
    body: Any
    copy: str = ""
    attempt: int = 0
    boot: int = 0
    echo: bool = False


@dataclass
class Item:
    """What the library holds for a copy."""

    attempt: int
    digest: str
    rotten: bool = False


@dataclass
class SimulatedPod:
    """The state of a connector. ``held`` waits until it is in touch again."""

    name: str
    temper: Temper
    rng: random.Random
    boot: int = 1
    online: bool = True
    attempts: dict[str, int] = field(default_factory=dict)
    withdrawn: dict[str, int] = field(default_factory=dict)
    requests: dict[str, CopyRequested] = field(default_factory=dict)
    library: dict[str, Item] = field(default_factory=dict)
    prepared: dict[str, Manifest] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)
    spoken: set[tuple[str, int, str]] = field(default_factory=set)
    """(copy, attempt, digest) of every *finalised* it said about its own copies, with the right files."""
    noticed: set[str] = field(default_factory=set)
    """Its own copies that it ever found to be rotten."""

    def announced(self) -> PodAnnounced:
        return PodAnnounced(
            boot=str(self.boot), address=f"http://{self.name}:9000", hypervisor="directory", family="kvm",
            connector_version="1", formats=("raw",), labels={}, interval=INTERVAL,
            datastores=(Datastore(name="store", capacity=2**40, free=2**39),),
        )  # fmt: skip

    def reported(self) -> PodReported:
        return PodReported(boot=str(self.boot), root=self._root(), datastores=(), dead_letters=0)

    def restart(self) -> list[Say]:
        """A new start: what was under way is taken up again, by calmer hands."""
        self.boot += 1
        self.temper = replace(self.temper, hang=0.0, slow=0.0)
        open_ = [copy for copy in self.requests if copy not in self.library and self._stands(copy)]
        return [say for copy in open_ for say in self._attempt(self.requests[copy])]

    def hear(self, body: Any) -> list[Say]:
        """What the connector will report because of a message from the hub."""
        match body:
            case SourceRequested():
                return self._prepare(body)
            case SourceReleased(version=version):
                return [Say(0.1, SourceDeleted(version=version))]
            case SourceDiscarded(version=version):
                self.prepared.pop(version, None)
                return []
            case CopyRequested():
                return self._copy(body)
            case CopyWithdrawn(copy=copy, attempt=attempt):
                self.withdrawn[copy] = max(attempt, self.withdrawn.get(copy, 0))
                if copy in self.library and self.library[copy].attempt <= attempt:
                    del self.library[copy]
                return []
            case CopyExtended():
                return []  # the ticket opens doors that are not modelled here
            case InventoryRequested():
                return [Say(0.1, self._inventory())]
        raise AssertionError(f"{body} is not for a pod")

    def says(self, say: Say) -> Any | None:
        """The report when its time came, or None when the attempt was overtaken; a good end enters the library."""
        body = say.body
        if say.echo:
            return body if (body.copy, body.attempt, body.digest) in self.spoken else None
        if isinstance(body, CopyCorrupted) and say.copy:
            return self._notice(say)
        if say.copy:
            alive = say.boot == self.boot and self.attempts.get(say.copy) == say.attempt
            if not alive or not self._stands(say.copy):
                return None
        if isinstance(body, CopyFinalised) and say.copy:
            self.library[say.copy] = Item(say.attempt, body.digest)
            if body.files == FILES:
                self.spoken.add((body.copy, body.attempt, body.digest))
        return body

    def holds(self, copy: str, digest: str) -> bool:
        """Whether the library has the right bytes for a copy."""
        item = self.library.get(copy)
        return item is not None and item.digest == digest and not item.rotten

    def _notice(self, say: Say) -> Any | None:
        """Bytes of an item turned out wrong, if it is still there and still that of the attempt."""
        item = self.library.get(say.copy)
        if item is None or item.attempt != say.attempt or item.digest != say.body.digest:
            return None
        item.rotten = True
        self.noticed.add(say.copy)
        return say.body

    def _stands(self, copy: str) -> bool:
        return self.attempts[copy] > self.withdrawn.get(copy, 0)

    def _prepare(self, asked: SourceRequested) -> list[Say]:
        if asked.version in self.sources:
            return []
        self.sources.add(asked.version)
        started = Say(self.rng.uniform(0.1, 2), SourceStarted(version=asked.version, attempt=asked.attempt))
        if self._chance(self.temper.hang):
            return [started]
        later = started.delay + self.rng.uniform(0.1, 20)
        if self._chance(self.temper.refuse):
            failure = Failure(code="vm_not_found", step="inspect", text="no such VM")
            return [started, Say(later, SourceRejected(version=asked.version, attempt=asked.attempt, failure=failure))]
        manifest = Manifest(disks=(DISK,), source=asked.source, created=START)
        self.prepared[asked.version] = manifest
        prepared = SourcePrepared(version=asked.version, attempt=asked.attempt, manifest=manifest, datastore="store")
        return [started, Say(later, prepared)]

    def _copy(self, asked: CopyRequested) -> list[Say]:
        known, gone = self.attempts.get(asked.copy, 0), self.withdrawn.get(asked.copy, 0)
        if asked.attempt < known or asked.attempt <= gone:
            return []
        self.requests[asked.copy] = asked
        if asked.attempt == known:
            done = (asked.copy, asked.attempt, asked.manifest.digest) in self.spoken
            return [self._end(asked, 0.1)] if done and self.holds(asked.copy, asked.manifest.digest) else []
        self.attempts[asked.copy] = asked.attempt
        if self.holds(asked.copy, asked.manifest.digest):
            return [self._end(asked, 0.1)]
        self.library.pop(asked.copy, None)
        return self._attempt(asked)

    def _attempt(self, asked: CopyRequested) -> list[Say]:
        delay = self.rng.uniform(0.5, 60) + (600 if self._chance(self.temper.slow) else 0)
        if self._chance(self.temper.hang):
            return []
        goes_on = CopyContinued(copy=asked.copy, version=asked.version, attempt=asked.attempt)
        asks = [
            Say(later, goes_on, asked.copy, asked.attempt, self.boot)
            for later in (TICKET / 2, TICKET)
            if later < delay  # in time, although the word may take half a minute and more to arrive
        ]
        for chance, retry in ((self.temper.reject, True), (self.temper.refuse, False)):
            if self._chance(chance):
                failure = Failure(code="io_error", step="write", text="the disk said no", retry=retry)
                rejected = CopyRejected(copy=asked.copy, version=asked.version, attempt=asked.attempt, failure=failure)
                # Begun again by a restart, an attempt that was given up for good may succeed after all.
                after_all = [self._end(asked, delay + 30)] if not retry and self._chance(self.temper.repeat) else []
                return [*asks, Say(delay, rejected, asked.copy, asked.attempt, self.boot), *after_all]
        moved = CopyTransferred(
            copy=asked.copy, version=asked.version, attempt=asked.attempt, digest=asked.manifest.digest,
            bytes_network=4096, bytes_reused=0,
        )  # fmt: skip
        end = self._end(asked, delay + 1)
        if self._chance(self.temper.corrupt):
            wrong: list[dict[str, Any]] = [{"digest": WRONG}, {"files": ()}]
            end = replace(end, body=msgspec.structs.replace(end.body, **self.rng.choice(wrong)))
        forged = []
        if self._chance(self.temper.forge):
            other = asked.copy.replace(self.name, f"pod-{self.rng.randint(1, 3)}")
            if other != asked.copy:
                rot = msgspec.structs.replace(self._rot(asked, 0).body, copy=other)
                forged = [
                    Say(delay / 2, msgspec.structs.replace(self._end(asked, 0).body, copy=other)),
                    Say(delay * 2, rot),
                ]
        again = [replace(end, delay=end.delay + 20)] if self._chance(self.temper.repeat) else []
        later = end.delay + self.rng.uniform(200, 400)  # by then all words about the end have arrived
        rots = [self._rot(asked, later)] if self._chance(self.temper.rot) else []
        rots += [replace(one, delay=one.delay + 30) for one in rots if self._chance(self.temper.repeat)]
        rots += [replace(end, delay=later + 15, echo=True) for _ in rots if self._chance(self.temper.repeat)]
        moves = Say(delay, moved, asked.copy, asked.attempt, self.boot)
        return [*asks, moves, end, *again, *forged, *rots]

    def _rot(self, asked: CopyRequested, delay: float) -> Say:
        corrupted = CopyCorrupted(
            copy=asked.copy, version=asked.version, digest=asked.manifest.digest, chunks=1, failure=ROT
        )
        return Say(delay, corrupted, asked.copy, asked.attempt, self.boot)

    def _end(self, asked: CopyRequested, delay: float) -> Say:
        finalised = CopyFinalised(
            copy=asked.copy, version=asked.version, attempt=asked.attempt, digest=asked.manifest.digest,
            item=f"item-{asked.attempt}", datastore="store", files=FILES, bytes_network=4096, bytes_reused=0,
        )  # fmt: skip
        return Say(delay, finalised, asked.copy, asked.attempt, self.boot)

    def _root(self) -> str:
        return (
            "/".join(f"{copy}:{item.attempt}:{item.rotten}" for copy, item in sorted(self.library.items()))[-100:]
            or "empty"
        )

    def _inventory(self) -> InventoryReported:
        items = tuple(
            LibraryItem(
                version=copy.split("_")[0],
                datastore="store",
                digest=item.digest,
                size=4096,
                state="CORRUPT" if item.rotten else "INTACT",
            )
            for copy, item in sorted(self.library.items())
        )
        return InventoryReported(root=self._root(), page=0, pages=1, vms=(), items=items)

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability
