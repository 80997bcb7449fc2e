"""Deleting a version (features.md F2, F8, F9, F10): what forbids it, and the stages that it goes through."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from catalog.domain.image import Image
from catalog.domain.life import Removal
from catalog.domain.lives import blocks_deletion, end_of_life, protected
from catalog.domain.marker import Markers
from catalog.domain.publishing import not_ready
from catalog.domain.uses import Use, Uses
from catalog.domain.version import (
    Available,
    Cancelling,
    DeployingVm,
    DeploymentDone,
    Failed,
    PartiallyAvailable,
    Pending,
    Publishing,
    Replicating,
    Unpublishing,
    Version,
    publication_of,
)
from contracts.errors import Problem
from contracts.keeping import SoftDelete

MOST_NAMED = 20
"""Users of a version that a refusal names; it tells how many there are."""


def objection(image: Image, version: Version, at: datetime) -> Problem | None:
    """Why the version cannot be deleted, whoever uses it and whoever asks."""
    return objection_to_state(version) or objection_to_protection(image, version, at) or _too_early(image, version, at)


def objection_to_state(version: Version) -> Problem | None:
    """Only what nothing goes on with can be deleted (b.2: any stable state)."""
    match version:
        case DeploymentDone() | Available() | PartiallyAvailable() | Failed():
            return None
        case Pending() | DeployingVm():
            hint = "Cancel its import: then nothing of it stays."
        case Publishing() | Replicating():
            hint = "Cancel its publish, or wait for its end, then delete it."
        case Cancelling() | Unpublishing():
            hint = "Wait until that is done, then delete it."
        case _:
            hint = "Nothing of it is there any more."
    return not_ready(version, "deleted", hint)


def objection_to_protection(image: Image, version: Version | None, at: datetime) -> Problem | None:
    """Why the image, or a version of it, must not be deleted: it is protected, or was until a short time ago (F8)."""
    lives = [(image.life, f"image {image.name}")]
    if version is not None:
        lives.insert(0, (version.life, f"version {version.number}"))
    for life, what in lives:
        if protected(life, at):
            until = life.protected_until if not life.protected else None
            return Problem(
                code="protected",
                detail=f"{what} is protected" if until is None else f"{what} stays protected until {until.isoformat()}",
                hint="End the protection first." if until is None else "Delete it after that time.",
                data={"until": None if until is None else until.isoformat(), "cool_down_hours": str(life.cool_down)},
            )
    return None


def _too_early(image: Image, version: Version, at: datetime) -> Problem | None:
    end = end_of_life(image, version)
    if end is None or end <= at or not blocks_deletion(image, version):
        return None
    return Problem(
        code="blocked_before_end_of_life",
        detail=f"version {version.number} must not be deleted before its end of life, {end.isoformat()}",
        hint="Wait until then, or turn block_deletion_before_end_of_life off.",
        data={"number": version.number, "end_of_life": end.isoformat()},
    )


def objection_to_users(version: Version, uses: Uses | None) -> Problem | None:
    """Why what is in use must stay: the refusal lists who uses it, on which pod (F10, c9); of tenants with which it is
    shared only how many do."""
    users = users_of(uses)
    if not users:
        return None
    own = [(pod, use) for pod, use in users if use.tenant in ("", version.tenant)]
    more = f"{len(own) - MOST_NAMED} more" if len(own) > MOST_NAMED else ""
    others = f"{len(users) - len(own)} of other tenants" if len(own) < len(users) else ""
    named = ", ".join(f"{use.name} on {pod}" for pod, use in own[:MOST_NAMED])
    listed = " and ".join(filter(None, (named, more, others)))
    return Problem(
        code="version_in_use",
        detail=f"version {version.number} is used by {listed}",
        hint="Move these assignments to another version first; an operator can delete it with force.",
        data={
            "number": version.number,
            "users": len(users),
            "assignments": len(assignments_of(uses)),
            "pods": ", ".join(sorted({pod for pod, _ in own})[:MOST_NAMED]),
            "used_by": listed,
        },
    )


def users_of(uses: Uses | None) -> list[tuple[str, Use]]:
    """Who uses the version, or is to use it, by pod: seats that run from it, and assignments that want it."""
    if uses is None:
        return []
    return [(key.rpartition("/")[2], use) for key, use in sorted(uses.by.items()) if use.runs or use.wanted]


def assignments_of(uses: Uses | None) -> set[str]:
    """The ids of the assignments that use the version, or want it."""
    if uses is None:
        return set()
    return {key.rpartition("/")[0] for key, use in uses.by.items() if use.runs or use.wanted}


def markers_of(markers: Markers | None, id: str) -> tuple[str, ...]:
    """The markers that name version ``id``."""
    return tuple(sorted(name for name, one in ({} if markers is None else markers.by).items() if one.version == id))


def objection_to_markers(version: Version, id: str, markers: Markers | None) -> Problem | None:
    """Why what a marker names must stay: the marker would name nothing."""
    names = markers_of(markers, id)
    if not names:
        return None
    return Problem(
        code="version_marked",
        detail=f"version {version.number} is what marker {', '.join(names)} names",
        hint="Move or delete the marker first.",
        data={"number": version.number, "markers": ", ".join(names)},
    )


def objection_to_children(version: Version, children: Mapping[str, Version | None]) -> Problem | None:
    """Why a version stays as long as others live on its bytes: shallow ones; a child with bytes of its own keeps only
    the record of its ancestor (features.md, Settled: Lineage)."""
    dependent = sorted(child.number for child in children.values() if child is not None and _shallow(child))
    if not dependent:
        return None
    return Problem(
        code="version_has_children",
        detail=f"version {version.number} is what {len(dependent)} shallow versions are made of",
        hint="Publish those in full, or delete them first.",
        data={"number": version.number, "children": ", ".join(dependent[:MOST_NAMED])},
    )


def _shallow(child: Version) -> bool:
    publication = publication_of(child)
    return child.life.removal is None and publication is not None and publication.mode == "shallow"


def with_mark(version: Version, mark: Removal | None) -> Version:
    """The version with how far it is on its way out; None: it stays."""
    return msgspec.structs.replace(version, life=msgspec.structs.replace(version.life, removal=mark))


def softly(policy: SoftDelete, at: datetime, job: str) -> Removal:
    """The mark of a version that is deleted softly at ``at``."""
    grace = at + timedelta(days=policy.retention_days)
    return Removal(stage="SOFT_DELETED", at=at, grace=grace, purge=grace + timedelta(days=policy.grace_days), job=job)


def for_good(removal: Removal | None, at: datetime, job: str) -> Removal:
    """The mark of a version of which nothing is to stay; when it was deleted first is remembered."""
    return Removal(stage="DELETING", at=at if removal is None else removal.at, job=job)


def stage_at(removal: Removal, at: datetime) -> Removal:
    """The mark as time alone makes it: SOFT_DELETED becomes GRACE."""
    if removal.stage == "SOFT_DELETED" and removal.grace is not None and removal.grace <= at:
        return msgspec.structs.replace(removal, stage="GRACE")
    return removal
