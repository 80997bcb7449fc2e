"""Stream EVENTS: what the catalog decides about galleries, lives of images and versions, markers, assignments."""

from datetime import datetime
from typing import ClassVar, Literal

from contracts.definition import Deprecation
from contracts.errors import Failure
from contracts.events.base import Event


class GalleryCreated(Event, frozen=True, kw_only=True, tag="gallery.created.v1"):
    """A gallery exists."""

    about: ClassVar[str] = "gallery"
    gallery: str
    tenant: str
    name: str
    revision: int


class GalleryChanged(Event, frozen=True, kw_only=True, tag="gallery.changed.v1"):
    """Fields of a gallery changed; ``fields`` names them."""

    about: ClassVar[str] = "gallery"
    gallery: str
    tenant: str
    name: str
    fields: tuple[str, ...]
    revision: int


class GalleryDeleted(Event, frozen=True, kw_only=True, tag="gallery.deleted.v1"):
    """A gallery is gone; it was empty."""

    about: ClassVar[str] = "gallery"
    gallery: str
    tenant: str
    name: str
    revision: int


class ImageChanged(Event, frozen=True, kw_only=True, tag="image.changed.v1"):
    """Fields of an image changed: details, tags, protection, deprecation. ``fixed``: from now on, whether copies of its
    versions may not be removed from pods one by one (features.md F3); None: as before."""

    about: ClassVar[str] = "image"
    image: str
    tenant: str
    fields: tuple[str, ...]
    fixed: bool | None = None
    private_only: str | None = None
    """As `ImageRegistered` has it; None: as before."""
    revision: int


class ImageDisabled(Event, frozen=True, kw_only=True, tag="image.disabled.v1"):
    """No version of the image may be newly used; what runs goes on."""

    about: ClassVar[str] = "image"
    image: str
    tenant: str
    revision: int


class ImageEnabled(Event, frozen=True, kw_only=True, tag="image.enabled.v1"):
    """The image's versions are what they were before it was disabled."""

    about: ClassVar[str] = "image"
    image: str
    tenant: str
    revision: int


class ImageDeleted(Event, frozen=True, kw_only=True, tag="image.deleted.v1"):
    """An image is gone; it had no versions any more."""

    about: ClassVar[str] = "image"
    image: str
    tenant: str
    revision: int


class VersionChanged(Event, frozen=True, kw_only=True, tag="version.changed.v1"):
    """Fields of a version changed that are not its content: exclude-from-latest, end of life, protection, …"""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    fields: tuple[str, ...]
    deprecation: Deprecation = "ACTIVE"
    replacement: str = ""
    revision: int


class VersionDisabled(Event, frozen=True, kw_only=True, tag="version.disabled.v1"):
    """The version may not be newly used; what runs goes on."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    revision: int


class VersionEnabled(Event, frozen=True, kw_only=True, tag="version.enabled.v1"):
    """The version is what it was before it was disabled."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    revision: int


class VersionDeactivated(Event, frozen=True, kw_only=True, tag="version.deactivated.v1"):
    """The version's data is denied to all but operators; copies under way pause (features.md F6)."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    revision: int


class VersionReactivated(Event, frozen=True, kw_only=True, tag="version.reactivated.v1"):
    """The version's data is as accessible as before."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    revision: int


class VersionStepped(Event, frozen=True, kw_only=True, tag="version.stepped.v1"):
    """An import plug-in ran to its end in the catalog: the ``position``-th of ``steps`` (features.md B13)."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    step: str
    position: int
    steps: int
    revision: int


class VersionSoftDeleted(Event, frozen=True, kw_only=True, tag="version.soft_deleted.v1"):
    """The version is on its way out: usable by its number until ``grace``, restorable until ``purge``."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    grace: datetime
    purge: datetime
    revision: int


class VersionRestored(Event, frozen=True, kw_only=True, tag="version.restored.v1"):
    """A soft-deleted version is back."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    revision: int


class VersionDeleted(Event, frozen=True, kw_only=True, tag="version.deleted.v1"):
    """The version is gone, with its copies and its source. Its number is not given to another content."""

    about: ClassVar[str] = "version"
    version: str
    image: str
    number: str
    tenant: str
    revision: int


class MarkerMoved(Event, frozen=True, kw_only=True, tag="marker.moved.v1"):
    """A marker names another version now. ``before`` is the one that it named, empty for a new marker."""

    about: ClassVar[str] = "image"
    image: str
    tenant: str
    marker: str
    version: str
    number: str
    before: str = ""
    rollback: bool = False
    revision: int


class MarkerDeleted(Event, frozen=True, kw_only=True, tag="marker.deleted.v1"):
    """A marker is gone; no assignment was bound to it."""

    about: ClassVar[str] = "image"
    image: str
    tenant: str
    marker: str
    revision: int


class AssignmentCreated(Event, frozen=True, kw_only=True, tag="assignment.created.v1"):
    """A desktop pool is wanted on these pods."""

    about: ClassVar[str] = "assignment"
    assignment: str
    tenant: str
    name: str
    image: str
    marker: str
    version: str
    pods: tuple[str, ...]
    revision: int


class AssignmentUpdated(Event, frozen=True, kw_only=True, tag="assignment.updated.v1"):
    """What an assignment wants changed: once for each move of its marker, for each verb on it, and when its job is
    cancelled."""

    about: ClassVar[str] = "assignment"
    assignment: str
    tenant: str
    image: str
    version: str
    cause: Literal["marker", "rollback", "edit", "rebuild", "disk", "switch", "cancel"]
    revision: int


class AssignmentSettled(Event, frozen=True, kw_only=True, tag="assignment.settled.v1"):
    """A pod has what an assignment wants there (IN_SYNC), or the update failed there (UPDATE_FAILED), or it went back
    to what it had (ROLLED_BACK)."""

    about: ClassVar[str] = "assignment"
    assignment: str
    tenant: str
    pod: str
    version: str
    state: Literal["IN_SYNC", "UPDATE_FAILED", "ROLLED_BACK"]
    failure: Failure | None = None
    revision: int


class AssignmentDeleted(Event, frozen=True, kw_only=True, tag="assignment.deleted.v1"):
    """A desktop pool is gone from all its pods."""

    about: ClassVar[str] = "assignment"
    assignment: str
    tenant: str
    revision: int


class RolloutAdvanced(Event, frozen=True, kw_only=True, tag="rollout.advanced.v1"):
    """A staged move of a marker began, went on to its next ring, was halted, or came to its end (features.md F13)."""

    about: ClassVar[str] = "image"
    image: str
    tenant: str
    marker: str
    version: str
    ring: int
    rings: int
    state: Literal["RUNNING", "HALTED", "DONE", "CANCELLED"]
    failure: Failure | None = None
    revision: int
