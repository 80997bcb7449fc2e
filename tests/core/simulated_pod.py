"""A pod as the simulation has it: what a connector does with its messages, without bytes, disks or a clock.

It knows the rules that both sides rely on: a request of an older attempt is stale; one of the attempt under way is a
repetition; a withdrawal takes back its attempt and older ones, and what comes later is not touched by it.
"""

import hashlib
import random
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import (
    CopyContinued,
    CopyCorrupted,
    CopyDropped,
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
    CopyPaused,
    CopyRequested,
    CopyWithdrawn,
    InventoryRequested,
    SourceDiscarded,
    SourceReleased,
    SourceRequested,
)
from contracts.inventory import SECTIONS, root_of, section_of
from contracts.manifest import Disk, Manifest
from core.driver import START

INTERVAL = 25.0
DISK = Disk(role="os", lun=0, format="raw", size=4096, virtual_size=4096, root="a" * 64, sha256="b" * 64)
FILES = (FileDigest(lun=0, format="raw", size=4096, root="a" * 64),)
WRONG = "f" * 64
TICKET = 400.0
"""Seconds for which a ticket lives here."""
LASTING = 20
"""The attempt from which on nothing rots any more: a history has to end."""
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
    wipe: float = 0.0
    """What it finalised disappears, and only its inventory tells."""
    revive: float = 0.0
    """What it dropped is there again some time later: it was restored from an old disk."""
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


@dataclass(frozen=True)
class Mishap:
    """Something that happens to what a pod holds of a copy and that it does not tell: ``item`` is there from now on,
    None if nothing is."""

    copy: str
    attempt: int
    item: "Item | None"


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
    paused: dict[str, int] = field(default_factory=dict)
    noticed: set[str] = field(default_factory=set)
    """Its own copies that it ever found to be rotten."""
    wiped: set[str] = field(default_factory=set)
    """Its own copies that ever disappeared."""

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
            case CopyWithdrawn():
                return self._drop(body)
            case CopyPaused(copy=copy, attempt=attempt):
                self.paused[copy] = max(attempt, self.paused.get(copy, 0))
                return []
            case CopyExtended():
                return []  # the ticket opens doors that are not modelled here
            case InventoryRequested():
                return [Say(0.1, self._inventory(body))]
        raise AssertionError(f"{body} is not for a pod")

    def says(self, say: Say) -> Any | None:
        """The report when its time came, or None when the attempt was overtaken; a good end enters the library."""
        body = say.body
        if isinstance(body, Mishap):
            self._befall(body)
            return None
        if say.echo:
            return body if (body.copy, body.attempt, body.digest) in self.spoken else None
        if isinstance(body, CopyCorrupted) and say.copy:
            return self._notice(say)
        if say.copy:
            alive = say.boot == self.boot and self.attempts.get(say.copy) == say.attempt
            if not alive or not self._stands(say.copy) or self.paused.get(say.copy, 0) >= say.attempt:
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

    def partial(self, copy: str) -> bool:
        """Whether something of an unfinished attempt may lie on its disk."""
        if copy not in self.requests or copy in self.library or not self._stands(copy):
            return False
        return all((of, attempt) != (copy, self.attempts[copy]) for of, attempt, _ in self.spoken)

    def _notice(self, say: Say) -> Any | None:
        """Bytes of an item turned out wrong, if it is still there and still that of the attempt."""
        item = self.library.get(say.copy)
        if item is None or item.attempt != say.attempt or item.digest != say.body.digest:
            return None
        item.rotten = True
        self.noticed.add(say.copy)
        return say.body

    def _drop(self, words: CopyWithdrawn) -> list[Say]:
        copy, attempt = words.copy, words.attempt
        if attempt < self.attempts.get(copy, 0):
            return []  # late: another attempt was begun since
        self.withdrawn[copy] = max(attempt, self.withdrawn.get(copy, 0))
        item = self.library.pop(copy, None)
        gone = Say(0.1, CopyDropped(copy=copy, version=words.version, attempt=attempt))
        if item is None or item.rotten or not self._chance(self.temper.revive):
            return [gone]
        return [gone, Say(self.rng.uniform(60, 300), Mishap(copy, item.attempt, item))]

    def _befall(self, mishap: Mishap) -> None:
        """An item disappears, or one that was dropped is back as if nothing had been."""
        copy, item = mishap.copy, self.library.get(mishap.copy)
        if mishap.item is None:
            if item is not None and item.attempt == mishap.attempt:
                del self.library[copy]
                self.wiped.add(copy)
        elif item is None and self.attempts.get(copy) == mishap.attempt:
            self.library[copy] = mishap.item
            self.withdrawn[copy] = mishap.attempt - 1

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
        if asked.attempt < known or asked.attempt <= gone or asked.attempt <= self.paused.get(asked.copy, 0):
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
        rots = [self._rot(asked, later)] if self._chance(self.temper.rot) and asked.attempt < LASTING else []
        rots += [replace(one, delay=one.delay + 30) for one in rots if self._chance(self.temper.repeat)]
        rots += [replace(end, delay=later + 15, echo=True) for _ in rots if self._chance(self.temper.repeat)]
        if asked.version not in self.prepared and self._chance(self.temper.wipe):
            rots.append(Say(later + 60, Mishap(asked.copy, asked.attempt, None)))
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

    def _items(self) -> list[LibraryItem]:
        """One item for each copy; that of the source pod is the version's source too."""
        found = [
            LibraryItem(
                version=copy.split("_")[0], datastore="store", digest=item.digest, size=4096,
                state="CORRUPT" if item.rotten else "INTACT", copies=(copy,),
                source=copy.split("_")[0] in self.prepared,
            )
            for copy, item in sorted(self.library.items())
        ]  # fmt: skip
        held = {item.version for item in found}
        sources = [
            LibraryItem(version=version, datastore="store", digest=manifest.digest, size=4096, source=True)
            for version, manifest in sorted(self.prepared.items())
            if version not in held
        ]
        return found + sources

    def _sections(self) -> tuple[str, ...]:
        entries: dict[int, list[LibraryItem]] = {}
        for item in self._items():
            entries.setdefault(section_of(item.version), []).append(item)
        return tuple(
            hashlib.sha256(msgspec.json.encode(entries[section])).hexdigest()[:16] if section in entries else "0" * 16
            for section in range(SECTIONS)
        )

    def _root(self) -> str:
        return root_of(self._sections())

    def _inventory(self, asked: InventoryRequested) -> InventoryReported:
        sections = self._sections()
        known = asked.known if asked.root and len(asked.known) == SECTIONS else ("",) * SECTIONS
        changed = tuple(section for section in range(SECTIONS) if sections[section] != known[section])
        items = tuple(item for item in self._items() if section_of(item.version) in changed)
        return InventoryReported(
            root=root_of(sections), page=0, pages=1, vms=(), items=items, sections=sections, changed=changed
        )

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability
