"""Reading the copies back from the pods' disks, without asking any service: the demo's own eyes."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from contracts.manifest import Disk
from contracts.views import CopyView, VersionView

PIECE = 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One disk of one copy, as found on the pod's disk."""

    number: str
    pod: str
    disk: Disk
    state: str
    sha256: str
    """Of the file; or in words why there is none."""

    @property
    def right(self) -> bool:
        return self.state == "AVAILABLE" and self.sha256 == self.disk.sha256


def digest(path: Path) -> str:
    """The SHA-256 of a file in hex."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _on_disk(root: Path, version: str, disk: Disk) -> str:
    files = list(root.glob(f"datastores/*/items/{version}/disk-{disk.lun}.{disk.format}"))
    if len(files) != 1:
        return f"{len(files)} files"
    return digest(files[0])


def read(roots: dict[str, Path], versions: list[tuple[VersionView, list[CopyView]]]) -> list[Row]:
    """Every disk of every copy of ``versions`` on the pods with these root folders, hashed again."""
    wanted = [
        (version, copy, disk)
        for version, copies in versions
        for copy in copies
        for disk in (version.manifest.disks if version.manifest is not None else ())
    ]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda one: _on_disk(roots[one[1].pod], one[0].id, one[2]), wanted)
        return [
            Row(version.number, copy.pod, disk, copy.state, sha256)
            for (version, copy, disk), sha256 in zip(wanted, found, strict=True)
        ]
