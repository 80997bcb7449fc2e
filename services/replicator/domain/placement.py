"""A placement: what one publish of a version is to put where, and who may serve it."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from zlib import crc32

import msgspec

from contracts.events.from_pods import FileDigest
from contracts.events.hub import Targets
from contracts.manifest import Manifest
from contracts.names import POD
from replicator.domain.pod import Connected, Pod, accepts, site_of

HOLDERS_KNOWN = 16
"""Pods with an AVAILABLE copy that a placement remembers: enough to choose from, and no list of 2,000."""
HOLDERS_OFFERED = 8
"""Holders named in one request: a message stays far below its limit of 64 KiB."""

_pod_name = re.compile(POD)


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """The latest publish of a version. ``digest`` is the manifest's, kept so that it is not hashed for every copy.

    ``saga`` is the publish's job; ``holders`` are pods whose copy is AVAILABLE, the first few of them. The source pod
    has the version without a copy too, until it says that it is ``bare``: what it had is corrupt.
    """

    version: str
    image: str
    tenant: str
    publication: int
    saga: str
    manifest: Manifest
    digest: str
    deadline: datetime
    wanted: int
    holders: tuple[str, ...] = ()
    bare: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        """The pods that may serve the version, the source first."""
        source = () if self.bare else (self.manifest.source.pod,)
        return tuple(dict.fromkeys((*source, *self.holders)))


class Roster(msgspec.Struct, frozen=True):
    """The pods for which a version has a copy document, AVAILABLE or not. Apart from `Placement`, which every copy
    report reads, because it grows with the number of pods."""

    pods: tuple[str, ...] = ()


class Target(msgspec.Struct, frozen=True):
    """A pod that a publish is for; with ``skip`` the reason why it can never hold the version."""

    pod: str
    skip: str = ""


def resolve(pods: Mapping[str, Pod], targets: Targets, manifest: Manifest) -> tuple[Target, ...]:
    """The targets of a publish by name; empty when no pod accepts it (features.md, Settled).

    All enrolled pods that are neither DRAINING nor REMOVED; or those listed, where one that accepts nothing is named
    with its reason instead of being left out in silence.
    """
    if targets.kind == "all":
        return tuple(Target(name, unfit(pod, manifest)) for name, pod in sorted(pods.items()) if accepts(pod))
    names = sorted(name for name in set(targets.pods) if _pod_name.fullmatch(name))
    found = tuple(Target(name, _listed(pods.get(name), manifest)) for name in names)
    return found if any(accepts(pods[name]) for name in names if name in pods) else ()


def _listed(pod: Pod | None, manifest: Manifest) -> str:
    if pod is None:
        return "pod_unknown: the pod is not enrolled"
    return unfit(pod, manifest) if accepts(pod) else "pod_draining: the pod accepts nothing new"


def unfit(pod: Pod, manifest: Manifest) -> str:
    """Why ``pod`` can never hold ``manifest``, empty when it can. Free space changes: the pod itself reports it."""
    for disk in manifest.disks:
        if disk.format not in pod.formats:
            takes = ", ".join(sorted(pod.formats)[:8]) or "nothing"
            return f"format_unsupported: disk {disk.lun} is {disk.format}, the pod takes {takes}"[:300]
    return ""


def sources(names: Iterable[str], pods: Mapping[str, Pod | None], copy: str, target: str, attempt: int) -> list[Pod]:
    """Who of ``names``, pods that hold the version, may serve an attempt, the best first.

    The pods in touch come first, of those the ones at the target's own site; among equals the start depends on copy
    and attempt, so that copies spread over the holders and the next attempt begins with another one.
    """
    found = [pod for name in names if name != target and (pod := pods.get(name)) is not None and pod.address]
    if found:
        start = (crc32(copy.encode()) + attempt) % len(found)
        found = found[start:] + found[:start]
    here = site_of(pods.get(target))
    found.sort(key=lambda pod: (not isinstance(pod, Connected), not here or site_of(pod) != here))
    return found[:HOLDERS_OFFERED]


def held_by(placement: Placement, pod: str) -> Placement:
    """``pod`` has an AVAILABLE copy."""
    if pod == placement.manifest.source.pod and placement.bare:
        placement = msgspec.structs.replace(placement, bare=False)
    if pod in placement.holders or len(placement.holders) >= HOLDERS_KNOWN:
        return placement
    return msgspec.structs.replace(placement, holders=(*placement.holders, pod))


def lost_by(placement: Placement, pod: str) -> Placement:
    """What ``pod`` has of the version is of no use: nobody is sent there for it."""
    left = tuple(name for name in placement.holders if name != pod)
    return msgspec.structs.replace(placement, holders=left, bare=placement.bare or pod == placement.manifest.source.pod)


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
