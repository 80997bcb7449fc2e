"""What the catalog is asked about the lives of images and versions.

``image`` is an id or ``gallery/name``; where ``number`` is None the image itself is meant, with all its versions.
``revision``, where given, must be the thing's own (``revision_mismatch``).
"""

from typing import Annotated, Any, Literal

import msgspec

from contracts.definition import Deprecation, TagKey, Tags
from contracts.names import Number, PodName, Text
from contracts.requests.base import Command, Request
from contracts.terms import Label, LabelValue

Hours = Annotated[float, msgspec.Meta(ge=0, le=24 * 30)]


class EditImage(Command, frozen=True, kw_only=True, tag="command.catalog.edit_image"):
    """Change an image by a JSON merge patch (RFC 7396) over what an `ImageView` shows of it; a field that is fixed may
    be repeated, not changed (``property_change_not_allowed``)."""

    image: str
    changes: dict[str, Any]
    revision: int | None = None


class EditTags(Command, frozen=True, kw_only=True, tag="command.catalog.edit_tags"):
    """Set and remove tags of an image in one step; again is fine (features.md A11)."""

    image: str
    set: Tags = {}
    remove: Annotated[tuple[TagKey, ...], msgspec.Meta(max_length=64)] = ()
    revision: int | None = None


class EditVersion(Command, frozen=True, kw_only=True, tag="command.catalog.edit_version"):
    """Change a version by a JSON merge patch over `contracts.definition.VERSION_UPDATABLE`. Anything else of what a
    `VersionView` shows: ``immutable`` when it is content, else ``property_change_not_allowed``."""

    image: str
    number: str
    changes: dict[str, Any]
    revision: int | None = None


class SetEnabled(Command, frozen=True, kw_only=True, tag="command.catalog.set_enabled"):
    """Disable or enable an image or one version (features.md F5)."""

    image: str
    number: str | None = None
    enabled: bool
    revision: int | None = None


class SetDataAccess(Command, frozen=True, kw_only=True, tag="command.catalog.set_data_access"):
    """Deny the data of a version to everybody but operators, or allow it again (Glance's *deactivated*, features.md
    F6): no export, no new version made of it, no new copy; copies under way pause. What is there stays."""

    image: str
    number: str
    active: bool
    revision: int | None = None


class SetProtection(Command, frozen=True, kw_only=True, tag="command.catalog.set_protection"):
    """Protect from deletion, or end that: then the protection lasts ``cool_down`` hours more (features.md F8)."""

    image: str
    number: str | None = None
    protected: bool
    cool_down: Hours | None = None
    """Kept with the protection, so it is given when it is turned on; None at its end: as it was set."""
    revision: int | None = None


class SetDeprecation(Command, frozen=True, kw_only=True, tag="command.catalog.set_deprecation"):
    """Deprecate, make obsolete, or take that back (features.md F4, A9). ``replacement`` is an image, or a number of the
    same image when a version is meant."""

    image: str
    number: str | None = None
    state: Deprecation
    replacement: str | None = None
    revision: int | None = None


class DeleteVersion(Command, frozen=True, kw_only=True, tag="command.catalog.delete_version"):
    """Delete a version: softly where its gallery says so, unless ``bypass_soft_delete``; with it a soft-deleted one
    goes for good. ``force`` (operators only) takes it from those that use it (features.md F9, F10)."""

    image: str
    number: str
    bypass_soft_delete: bool = False
    force: bool = False
    revision: int | None = None


class RestoreVersion(Command, frozen=True, kw_only=True, tag="command.catalog.restore_version"):
    """Bring a soft-deleted version back, in either stage."""

    image: str
    number: str


class DeleteImage(Command, frozen=True, kw_only=True, tag="command.catalog.delete_image"):
    """Delete an image that has no versions, soft-deleted ones included."""

    image: str
    revision: int | None = None


class RecordValidation(Command, frozen=True, kw_only=True, tag="command.catalog.record_validation"):
    """Add the result of a validation to a version; one of the same type is replaced (features.md B17)."""

    image: str
    number: str
    kind: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}(?!\n)$")]
    status: Literal["Unknown", "Failed", "Succeeded"]
    tool: Annotated[str, msgspec.Meta(max_length=64)] = ""
    detail: Text = ""


class GetLineage(Request, frozen=True, kw_only=True, tag="query.catalog.lineage"):
    """The ancestors of a version, nearest first (features.md A10), unless ``sort`` names a field. ``where`` as in
    `ListImages`."""

    image: str
    number: str
    where: dict[str, str] = {}
    sort: str = ""


class GetUsers(Request, frozen=True, kw_only=True, tag="query.catalog.users"):
    """Who uses a version, by assignment and pod (features.md F14). ``where`` and ``sort`` as in `ListImages`."""

    image: str
    number: str
    where: dict[str, str] = {}
    sort: str = ""
    limit: int = 100
    cursor: str | None = None


class RetryJob(Command, frozen=True, kw_only=True, tag="command.catalog.retry_job"):
    """Do again what a failed or cancelled job was to do; the answer names the new job."""

    job: str


class MoveMarker(Command, frozen=True, kw_only=True, tag="command.catalog.move_marker"):
    """Let a marker name another version; a marker that there is not yet is made (features.md A8).

    With ``rings`` its assignments follow in stages: a ring goes when those of the ring before are IN_SYNC on all their
    pods, and the move halts when more than ``failures`` pools failed (features.md F13).
    """

    image: str
    marker: str
    number: Number
    rings: "Annotated[tuple[Ring, ...], msgspec.Meta(max_length=16)]" = ()
    failures: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    logoff: Literal["wait", "force"] = "wait"
    revision: int | None = None


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a move: the pools on pods with one of these values of a label, or on these pods. A pool that no ring
    names goes with the last."""

    pods: Annotated[tuple[PodName, ...], msgspec.Meta(max_length=256)] = ()
    labels: Annotated[
        dict[Label, Annotated[tuple[LabelValue, ...], msgspec.Meta(min_length=1, max_length=64)]],
        msgspec.Meta(max_length=16),
    ] = {}


class RollbackMarker(Command, frozen=True, kw_only=True, tag="command.catalog.rollback_marker"):
    """Let a marker name what it named before. Refused where a bound pool's pod has no AVAILABLE copy of that
    (features.md F12)."""

    image: str
    marker: str
    revision: int | None = None


class SteerRollout(Command, frozen=True, kw_only=True, tag="command.catalog.steer_rollout"):
    """Halt a staged move, let a halted one go on, or end it where it stands."""

    image: str
    marker: str
    verb: Literal["halt", "resume", "cancel"]


class DropMarker(Command, frozen=True, kw_only=True, tag="command.catalog.drop_marker"):
    """Delete a marker to which no assignment is bound."""

    image: str
    marker: str
    revision: int | None = None


class ListMarkers(Request, frozen=True, kw_only=True, tag="query.catalog.markers"):
    """All markers of an image, by name unless ``sort`` names a field. ``where`` as in `ListImages`."""

    image: str
    where: dict[str, str] = {}
    sort: str = "name"
    limit: int = 100
    cursor: str | None = None


class GetMarker(Request, frozen=True, kw_only=True, tag="query.catalog.marker"):
    """A marker with its history, and its staged move where one is under way."""

    image: str
    marker: str
