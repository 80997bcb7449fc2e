"""The markers of an image: named pointers to its versions (features.md A8, F12, F13)."""

from datetime import datetime

import msgspec

from catalog.domain.image import Image
from catalog.domain.rollout import Rollout
from catalog.domain.version import Version, manifest_of
from contracts.errors import Problem

MOST_MARKERS = 32
MOST_HISTORY = 50
MOST_BOUND = 4096


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """That a marker was moved to a version."""

    version: str
    number: str
    at: datetime
    actor: str
    rollback: bool = False


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """Where a marker points; ``history`` has the latest move first. ``bound`` are the assignments that follow it.

    ``rollout`` is the latest staged move, unless one that was not staged came after it.
    """

    version: str
    number: str
    revision: int
    history: tuple[Move, ...] = ()
    bound: tuple[str, ...] = ()
    rollout: Rollout | None = None


class Markers(msgspec.Struct, frozen=True, kw_only=True):
    """All markers of one image, by name. ``gone`` is the highest revision of those that were deleted: one that is made
    later goes on from there, for whoever knows a marker of its name knows another one."""

    by: dict[str, Marker] = {}
    gone: int = 0


def named(markers: Markers | None, name: str) -> Marker | None:
    """The marker of this name."""
    return None if markers is None else markers.by.get(name)


def with_marker(markers: Markers | None, name: str, marker: Marker) -> Markers:
    """The markers with one as it is now."""
    known = markers or Markers()
    return msgspec.structs.replace(known, by=dict(sorted((known.by | {name: marker}).items())))


def without_marker(markers: Markers, name: str, revision: int) -> Markers:
    """The markers after one was deleted, which was said with ``revision``."""
    by = {one: other for one, other in markers.by.items() if one != name}
    return Markers(by=by, gone=max(markers.gone, revision))


def moved(marker: Marker | None, move: Move, floor: int = 0) -> Marker:
    """The marker after a move, or a new one; a staged move begins after it."""
    if marker is None:
        return Marker(version=move.version, number=move.number, revision=floor + 1, history=(move,))
    return msgspec.structs.replace(
        marker,
        version=move.version,
        number=move.number,
        revision=max(marker.revision, floor) + 1,
        history=(move, *marker.history)[:MOST_HISTORY],
        rollout=None,
    )


def before(marker: Marker) -> Move | None:
    """What the marker named before: the latest other version in its history that was not left by a rollback since.

    Two rollbacks in a row go two versions back, not there and back again.
    """
    undone = 0
    for this, earlier in zip(marker.history, marker.history[1:], strict=False):
        if this.rollback:
            undone += 1
        elif undone:
            undone -= 1
        elif earlier.version != marker.version:
            return earlier
    return None


def bound(marker: Marker, assignment: str) -> Marker:
    """The marker with an assignment that follows it."""
    if assignment in marker.bound:
        return marker
    return msgspec.structs.replace(marker, bound=tuple(sorted((*marker.bound, assignment))))


def unbound(marker: Marker, assignment: str) -> Marker:
    """The marker without an assignment that followed it."""
    return msgspec.structs.replace(marker, bound=tuple(one for one in marker.bound if one != assignment))


def objection_to_target(version: Version) -> Problem | None:
    """Why a marker cannot name the version: there is nothing of it to make seats from."""
    if manifest_of(version) is not None and version.life.removal is None:
        return None
    gone = version.life.removal is not None
    return Problem(
        code="version_deleted" if gone else "version_not_ready",
        detail=f"version {version.number} is {'on its way out' if gone else version.__struct_config__.tag}",
        hint="Restore it first, or name another version." if gone else "Wait until its import is done.",
        data={"number": version.number},
    )


def objection_to_frozen(image: Image, version: Version | None, name: str) -> Problem | None:
    """Why the marker cannot be moved: what it names, ``version``, is disabled."""
    if not frozen(image, version):
        return None
    return Problem(
        code="marker_frozen",
        detail=f"{name} names a version that is disabled",
        hint="Enable the version, or the image, first.",
        data={"marker": name},
    )


def frozen(image: Image, version: Version | None) -> bool:
    """Whether the marker of ``version`` stays where it is."""
    return image.life.disabled or (version is not None and version.life.disabled)


def marker_not_found(name: str) -> Problem:
    """The refusal when an image has no marker of this name."""
    return Problem(
        code="marker_not_found",
        detail=f"there is no marker {name[:80]!r}",
        hint="List the markers of the image; moving one that there is not yet makes it.",
    )


def objection_to_more(there: int) -> Problem | None:
    """Why an image that has so many markers cannot have another."""
    if there < MOST_MARKERS:
        return None
    return Problem(
        code="limit_exceeded",
        detail=f"the image has {there} markers",
        hint="Delete one, or move one that there is.",
        data={"limit": MOST_MARKERS, "use": there},
    )


def cut_short(marker: Marker) -> bool:
    """Whether a staged move ended before its last ring: then moving the marker where it is takes the others along."""
    return marker.rollout is not None and marker.rollout.state == "CANCELLED"


def rollout_running(name: str) -> Problem:
    """The refusal while a staged move is under way."""
    return Problem(
        code="rollout_running",
        detail=f"a staged move of {name} is under way",
        hint="Wait for its end, cancel it, or roll the marker back.",
    )
