"""Where a version comes from, as far as the hub can judge it: kinds of source, and what may be asked of each.

What only the pod can know (whether there is such a source, what it holds) is the connector's to say.
"""

from typing import Final

from catalog.domain import kinds
from catalog.domain.image import Image
from catalog.domain.version import Version, manifest_of
from contracts.errors import Problem
from contracts.manifest import Source, SourceKind
from contracts.names import Number
from contracts.requests import ImportVersion, Origin

COMING: Final[frozenset[SourceKind]] = frozenset({"url", "bundle"})
"""Kinds that a source may be said to be and that no connector prepares yet."""
DELETABLE: Final[frozenset[SourceKind]] = frozenset({"vm", "file", "upload"})
"""Kinds of source that a *convert* may delete; the others are kept for more than one version."""
BACKUP: Final = "a snapshot is no backup: it is lost with the datastore of its VM"
COLLISION: Final = (
    "the image is specialized: seats made from this version keep its host name and accounts, and host names collide"
)


def objection_to_source(command: ImportVersion) -> Problem | None:
    """Why a source (or an origin) cannot be used as the command asks."""
    source = command.source
    if (source is None) == (command.origin is None):
        return _invalid("an import has either a source or an origin", "Give one of the two.", "source")
    if source is None:
        return _objection_to_mode(command, "version", whole=True)
    if source.kind in COMING:
        return Problem(
            code="source_kind_unsupported",
            detail=f"a source of kind {source.kind} cannot be imported",
            hint="Use a VM, a file, a volume, a snapshot, a template, an upload, or another version as origin.",
            data={"kind": source.kind},
        )
    if source.kind == "version":
        return _invalid("a version is no source by its id", "Name it as the origin, by image and number.", "source")
    return _objection_to_mode(command, source.kind, whole=source.disks == "all")


def _objection_to_mode(command: ImportVersion, kind: SourceKind, *, whole: bool) -> Problem | None:
    if command.mode == "convert" and kind not in DELETABLE:
        return _invalid(f"a source of kind {kind} is not deleted", "Import it as a clone.", "mode")
    if command.mode == "convert" and not whole:
        return _invalid(
            "a convert deletes the VM with all its disks, and only its OS disk would be kept",
            "Import all disks, or import the OS disk as a clone.",
            "disks",
        )
    if command.snapshot_name is not None and not command.snapshot:
        return _invalid("a snapshot is named that is not asked for", "Ask for it, or leave its name out.", "snapshot")
    if not command.snapshot:
        return None
    if command.mode == "convert":
        return Problem(
            code="snapshot_convert",
            detail="a convert deletes the source, so no snapshot of it can be kept",
            hint="Import it as a clone, or ask for no snapshot.",
            data={"field": "snapshot"},
        )
    if kind != "vm":
        return _invalid(f"a source of kind {kind} has no snapshots", "Ask for a snapshot of a VM only.", "snapshot")
    return None


def objection_to_origin(origin: Origin, image: Image, version: Version, *, held: bool) -> Problem | None:
    """Why no version can be made from ``version``; ``held`` says that the pod named has an available copy of it."""
    manifest = manifest_of(version)
    if manifest is None:
        return Problem(
            code="version_not_ready",
            detail=f"version {version.number} of {image.gallery}/{image.name} has no content",
            hint="Make it from a version whose import is done.",
            data={"number": version.number},
        )
    if origin.pod not in (None, version.source.pod) and not held:
        return Problem(
            code="copy_unavailable",
            detail=f"pod {origin.pod} has no available copy of version {version.number}",
            hint="Name no pod, to have it made where the version was imported, or one that has an available copy.",
            data={"pod": origin.pod},
        )
    return kinds.objection(manifest, "copy")


def source_from(origin: Origin, id: str, version: Version) -> Source:
    """The source that a pod makes a version from which has ``version`` (of that id) as its origin."""
    return Source(pod=origin.pod or version.source.pod, kind="version", name=id)


def snapshot_name(command: ImportVersion, source: Source, number: Number) -> str | None:
    """What the snapshot is to be called: as the command says, else after the VM and the number."""
    if not command.snapshot:
        return None
    return command.snapshot_name or f"{source.name[: 79 - len(number)]}-{number}"


def warnings(command: ImportVersion, os_state: str) -> tuple[str, ...]:
    """What whoever imports this should know from the start (features.md B2, B9)."""
    said = [BACKUP] if command.snapshot else []
    if os_state == "specialized":
        said.append(COLLISION)
    return tuple(said)


def _invalid(detail: str, hint: str, field: str) -> Problem:
    return Problem(code="source_invalid", detail=detail, hint=hint, data={"field": field})
