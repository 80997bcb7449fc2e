"""Whether a manifest that a pod tells can be believed at all. Its digests are checked by every copy that is made."""

from contracts.manifest import Manifest, Source

LARGEST = 2**50
"""Bytes of a disk (1 PiB): more is a mistake or an attack on whoever allocates by it (reliability.md 2.1)."""


def objection(manifest: Manifest, asked: Source, pod: str) -> str | None:
    """Why the manifest cannot be that of ``asked``, told by ``pod``; None when nothing speaks against it."""
    disks, source = manifest.disks, manifest.source
    luns = [disk.lun for disk in disks]
    if (source.pod, source.kind, source.name) != (pod, asked.kind, asked.name):
        return "it names another source than the one asked for"
    if not disks:
        return "it has no disks"
    if len(set(luns)) < len(luns):
        return "two of its disks have the same lun"
    if [disk.role for disk in disks].count("os") != 1 or disks[0].role != "os":
        return "its first disk is not the one OS disk"
    if luns[1:] != sorted(luns[1:]):
        return "its disks are not ordered by lun"
    if asked.disks == "os" and len(disks) > 1:
        return "it has more disks than the OS disk asked for"
    if any(not 0 < size <= LARGEST for disk in disks for size in (disk.size, disk.virtual_size)):
        return "a disk has an impossible size"
    return None
