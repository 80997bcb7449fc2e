"""A placement: the desired state of a version, where it is to be and under which terms, and who may serve it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import FileDigest
from contracts.manifest import Manifest
from contracts.terms import Targets, Terms

HOLDERS_KNOWN = 16
"""Pods with an AVAILABLE copy that a placement remembers: enough to choose from, and no list of 2,000."""


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted of a version. ``digest`` is the manifest's, kept so that it is not hashed for every copy.

    ``publication`` is the latest publish, ``saga`` its job, ``began`` its time, ``planned`` how many copies carry its
    number; ``heard`` is the latest one that was asked for, refused ones too. ``wanted`` counts the copies of the
    desired state, the ``skipped`` ones too; ``replicas`` are wanted on each pod where the terms say nothing else.
    WITHDRAWN: nothing is wanted any more, which is remembered for ever. ``rolling``: an all-or-nothing publish failed
    so, and is taken back. ``paused`` by a person, its data ``denied`` by the catalog: no copy is made. ``holders`` are
    pods whose copy is AVAILABLE, the first few of them. The source pod has the version without a copy too, until it
    says that it is ``bare``: what it had is corrupt or gone. ``revision`` counts what was said of the placement.
    ``gallery`` is the name of the image's, and ``principals`` are what the tenant was when it published: it has copies
    on no pod that only others may use. ``public``: of the standard class. ``deleted`` in the
    catalog: it is there for nobody but its owner.
    """

    version: str
    image: str
    number: str = ""
    tenant: str
    publication: int
    saga: str
    manifest: Manifest
    digest: str
    deadline: datetime
    began: datetime
    heard: int = 0
    planned: int = 0
    wanted: int = 0
    skipped: int = 0
    replicas: int = 1
    terms: Terms = Terms()
    revision: int = 0
    state: Literal["LIVE", "WITHDRAWN"] = "LIVE"
    paused: bool = False
    denied: bool = False
    rolling: Failure | None = None
    estimate: datetime | None = None
    warning: Failure | None = None
    holders: tuple[str, ...] = ()
    bare: bool = False
    gallery: str = ""
    principals: tuple[str, ...] = ()
    public: bool = False
    deleted: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        """The pods that may serve the version, the source first."""
        source = () if self.bare else (self.source,)
        return tuple(dict.fromkeys((*source, *self.holders)))

    @property
    def source(self) -> str:
        """The pod that the version was imported on."""
        return self.manifest.source.pod

    @property
    def halted(self) -> bool:
        """Whether no copy is made for now, whatever is wanted."""
        return self.paused or self.denied

    @property
    def shallow(self) -> bool:
        """Whether no bytes may move."""
        return self.terms.mode == "shallow"

    def replicas_on(self, pod: str) -> int:
        """How many copies ``pod`` is to have, if it is to have any."""
        return self.terms.replicas_on(pod, self.replicas)


class CalledOff(msgspec.Struct, frozen=True):
    """A publish, of a version that is not known yet, that was given up before it was heard: words may overtake."""

    publication: int


class Former(msgspec.Struct, frozen=True, kw_only=True):
    """What a publish that is taken back leaves in force."""

    terms: Terms
    replicas: int
    targets: Targets
    removed: tuple[str, ...] = ()


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The pods of a placement. Apart from `Placement`, which every report reads, because it grows with their number.

    ``wanted`` are the replicas that each pod is to have, by their numbers; ``known`` is how many copies of each pod
    are remembered (0 and up), whatever became of them. ``targets`` are those of the latest publish; from ``removed``
    pods an edit took the version since. ``policies`` put the version somewhere beside it. ``former`` is what held
    before the latest publish, where that is all or nothing and may be taken back.
    """

    wanted: dict[str, tuple[int, ...]] = {}
    known: dict[str, int] = {}
    targets: Targets = Targets()
    removed: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    former: Former | None = None

    @property
    def count(self) -> int:
        """Copies that are wanted."""
        return sum(map(len, self.wanted.values()))

    def copies(self) -> Iterator[tuple[str, int]]:
        """Pod and number of every copy that is remembered."""
        for pod, count in self.known.items():
            for replica in range(count):
                yield pod, replica


def with_wanted(roster: Roster, wanted: dict[str, tuple[int, ...]]) -> Roster:
    """The roster when exactly these are wanted, and remembered with those from before."""
    known = dict(roster.known)
    for pod, replicas in wanted.items():
        if replicas:
            known[pod] = max(known.get(pod, 0), max(replicas) + 1)
    kept = {pod: replicas for pod, replicas in sorted(wanted.items()) if replicas}
    return msgspec.structs.replace(roster, wanted=kept, known=dict(sorted(known.items())))


def numbered(have: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The numbers of ``count`` replicas: those that are there as far as they go, the lowest first; then the lowest
    free ones. Fewer than there are: the highest go."""
    kept = tuple(sorted(have))[:count]
    free = (number for number in range(count + len(kept)) if number not in kept)
    return tuple(sorted((*kept, *(next(free) for _ in range(count - len(kept))))))


def held_by(placement: Placement, pod: str) -> Placement:
    """``pod`` has an AVAILABLE copy."""
    if pod == placement.manifest.source.pod and placement.bare:
        placement = msgspec.structs.replace(placement, bare=False)
    if pod in placement.holders or len(placement.holders) >= HOLDERS_KNOWN:
        return placement
    return msgspec.structs.replace(placement, holders=(*placement.holders, pod))


def lost_by(placement: Placement, pod: str) -> Placement:
    """What ``pod`` has of the version is of no use: nobody is sent there for it."""
    bare = placement.bare or pod == placement.source
    return msgspec.structs.replace(left_by(placement, pod), bare=bare)


def left_by(placement: Placement, pod: str) -> Placement:
    """``pod`` has no copy any more. If it is the source, it still has that."""
    left = tuple(name for name in placement.holders if name != pod)
    return placement if left == placement.holders else msgspec.structs.replace(placement, holders=left)


def mismatch(manifest: Manifest, files: tuple[FileDigest, ...]) -> str:
    """How finalised ``files`` differ from the version's disks, empty when they do not.

    A file that the pod converted to another container has a digest of its own (features.md, Settled); one of the
    disk's format must be the disk, byte for byte.
    """
    by_lun = {file.lun: file for file in files}
    if len(by_lun) != len(files) or by_lun.keys() != {disk.lun for disk in manifest.disks}:
        return f"the version has {len(manifest.disks)} disks, the pod finalised {len(files)} files"
    for disk in manifest.disks:
        file = by_lun[disk.lun]
        if file.format == disk.format and (file.size, file.root) != (disk.size, disk.root):
            return f"disk {disk.lun} has other bytes"
    return ""
