"""What a version is made of: an ordered list of disks with the digests that every copy must have.

A manifest travels in events (it is small); the chunk index and the chunks travel between connectors.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from contracts.names import Name, PodName

CHUNK = 64 * 1024
"""Bytes in a chunk: the default qcow2 cluster, so that moved clusters still dedupe (data-plane.md 3)."""

Format = Literal["raw", "qcow2", "vhd"]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?!\n)$")]
Lun = Annotated[int, msgspec.Meta(ge=0, le=63)]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

SourceKind = Literal["vm", "file", "disk", "snapshot", "template", "upload", "url", "version", "bundle"]

_NO_TRAITS = b',"traits":[]}'
"""How a manifest's JSON ends when it has no traits, its last field."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version comes from: something on a pod.

    ``name`` is looked up in the pod's own list of VMs, incoming files, volumes (``disk``), snapshots, templates or
    uploads; it is never joined to a path. Of a ``version`` it is the id. Not every kind is there yet (`url`, `bundle`).
    """

    pod: PodName
    kind: SourceKind = "vm"
    name: Name
    disks: Literal["all", "os"] = "all"


class Blocks(msgspec.Struct, frozen=True, kw_only=True):
    """The grid of a dynamic VHD whose blocks lie one after the other: offsets and lengths in bytes.

    From ``begin`` on the file repeats ``lead`` bytes (the block's sector bitmap, with any gap before it) and ``block``
    bytes of payload. Chunks begin anew at 0, at each lead, at each payload and after the last whole block, so that the
    payload is cut where a raw file of the same disk is cut.
    """

    begin: Annotated[int, msgspec.Meta(ge=512, le=2**40)]
    lead: Annotated[int, msgspec.Meta(ge=512, le=CHUNK)]
    block: Annotated[int, msgspec.Meta(ge=CHUNK, le=2**31, multiple_of=CHUNK)]


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """One disk of a version, as the bytes of its container file; sizes in bytes, digests in lower-case hex."""

    role: Literal["os", "data"]
    lun: Lun
    format: Format
    size: Size
    virtual_size: Size
    root: Digest
    """BLAKE3 over the index, which names every chunk by its digest: what a copy is verified against."""
    sha256: Digest
    """Of the whole file, for people and other tools."""
    grid: Literal["file"] | Blocks = "file"
    """How the file is cut into chunks; ``file`` cuts at multiples of CHUNK from offset 0."""
    preallocated: bool = False
    """The source's file had no holes, so a copy takes its whole size on the datastore from the start."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a version. ``disks`` are ordered by lun, the OS disk first.

    ``signature`` is the hub's Ed25519 signature over the version's id and `signed` (`runtime.vouching`), in base64url
    without padding: a connector makes no copy of a version that the hub did not vouch for. Empty until the hub took the
    version over.
    """

    disks: tuple[Disk, ...]
    source: Source
    created: datetime
    signature: Annotated[str, msgspec.Meta(max_length=128)] = ""
    traits: Annotated[tuple[Literal["iso", "encrypted"], ...], msgspec.Meta(max_length=8)] = ()
    """What else whoever imported the version knows of its content; rules about what may cross regions ask for it
    (features.md C9)."""

    @property
    def digest(self) -> str:
        """The content digest (SHA-256 over the canonical JSON of the disks): equal exactly when all disks are."""
        return hashlib.sha256(msgspec.json.encode(self.disks, order="deterministic")).hexdigest()

    @property
    def signed(self) -> bytes:
        """What the signature covers: the canonical JSON of everything but the signature itself.

        Without traits it is what it was before there were any, so that older signatures hold.
        """
        found = msgspec.json.encode(msgspec.structs.replace(self, signature=""), order="deterministic")
        return found if self.traits else found.removesuffix(_NO_TRAITS) + b"}"

    @property
    def size(self) -> int:
        """Bytes of all disk files together."""
        return sum(disk.size for disk in self.disks)
