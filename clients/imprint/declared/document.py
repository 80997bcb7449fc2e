"""The form of the file that `imprint apply` takes.

What is not named there is left as it is: a gallery, a tag, a pod that a version is on. Nothing is ever deleted, but for
a tag or a property that is named with the value null.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from contracts.definition import (
    Architecture,
    Capsule,
    DesktopKind,
    Details,
    Flavour,
    Generation,
    Identifier,
    ImageClass,
    LongText,
    Moment,
    Namespace,
    OsState,
    OsType,
    PropertyKey,
    PropertyValue,
    TagKey,
    TagValue,
    Uefi,
)
from contracts.keeping import Quota, SoftDelete
from contracts.manifest import Format, SourceKind
from contracts.names import NAME, NUMBER, Name, Number, PodName, Text
from contracts.preparation import Signature
from contracts.principals import Member
from contracts.requests import Community
from contracts.terms import Label, LabelValue, Override, Priority, Replicas, Requirements

_PART = NAME.removeprefix("^").removesuffix(r"(?!\n)$")
_PATH = f"^{_PART}/{_PART}"
ImagePath = Annotated[str, msgspec.Meta(pattern=_PATH + r"(?!\n)$", max_length=161)]
VersionPath = Annotated[str, msgspec.Meta(pattern=f"{_PATH}:{NUMBER.removeprefix('^')}", max_length=200)]


class SharingToHave(msgspec.Struct, frozen=True, kw_only=True):
    """How a gallery is shared, all of it: who is not named has no access by it."""

    sharing: Literal["private", "groups", "community", "public"] = "private"
    members: tuple[Member, ...] = ()
    community: Community | None = None


class OffersToHave(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an image is offered to; offers to others stay. ``acknowledged``: its disks hold no secrets."""

    to: tuple[Member, ...]
    acknowledged: bool = False
    until: Moment | None = None
    message: Text = ""


class GalleryToHave(msgspec.Struct, frozen=True, kw_only=True):
    """A gallery; its quota and its rule about deleted versions as far as they are named."""

    name: Name
    description: Text = ""
    quota: Quota = Quota()
    soft_delete: SoftDelete = SoftDelete()
    sharing: SharingToHave | None = None


class SourceToRead(msgspec.Struct, frozen=True, kw_only=True):
    """Something on a pod that a version is imported from."""

    pod: PodName
    name: Name
    kind: SourceKind = "vm"
    disks: Literal["all", "os"] = "all"


class PublishToHave(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version is to be: on ``pods``, on those that ``select`` matches by their labels, or on all there are.

    A version that is published already is brought to further pods and to these replicas, overrides and priority; the
    other terms are those of its first publish.
    """

    pods: tuple[PodName, ...] = ()
    select: dict[Label, LabelValue | tuple[LabelValue, ...]] = {}
    match: Literal["all", "any"] = "all"
    replicas: Replicas | None = None
    overrides: dict[PodName, Override] = {}
    priority: Priority | None = None
    deadline: Annotated[float, msgspec.Meta(gt=0)] | None = None
    on_deadline: Literal["warn", "refuse"] | None = None
    mode: Literal["full", "shallow"] | None = None
    all_or_nothing: bool | None = None
    exclude_from_latest: bool | None = None
    not_before: Moment | None = None
    requires: Requirements | None = None


class VersionToHave(msgspec.Struct, frozen=True, kw_only=True):
    """A version: imported from ``source`` or ``origin`` when there is none of this number, else left as it is, but for
    what is said of it. Without a source it must be there, or be there by then."""

    number: Number
    source: SourceToRead | None = None
    origin: VersionPath | None = None
    mode: Literal["clone", "convert"] = "clone"
    file_type: Format | None = None
    datastore: Name | None = None
    capsule: Capsule | None = None
    uefi: Uefi | None = None
    plugins: tuple[Name, ...] | None = None
    signature: Signature | None = None
    description: Text = ""
    release_notes: LongText = ""
    exclude_from_latest: bool = False
    end_of_life: Moment | None = None
    publish: PublishToHave | None = None


class RingToGo(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of a marker's move: the pools on these pods, or on pods with these labels."""

    pods: tuple[PodName, ...] = ()
    labels: dict[Label, tuple[LabelValue, ...]] = {}


class MarkerToHave(msgspec.Struct, frozen=True, kw_only=True):
    """The version that a marker names, and how it gets there when it names another one."""

    number: Number
    rings: tuple[RingToGo, ...] = ()
    failures: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    logoff: Literal["wait", "force"] = "wait"


class DetailsToHave(Details, frozen=True, kw_only=True):
    """As an image's details; a property that is null goes."""

    properties: dict[PropertyKey, PropertyValue | None] = {}  # type: ignore[assignment] # wider than what is stored


class ImageToHave(msgspec.Struct, frozen=True, kw_only=True):
    """An image, its versions and its markers. What is fixed at its making must be as there, where it is named."""

    image: ImagePath
    os_type: OsType = "linux"
    os_state: OsState = "generalized"
    generation: Generation = "V1"
    architecture: Architecture = "x64"
    description: Text = ""
    identifier: Identifier | None = None
    image_class: ImageClass = "custom"
    desktop_kind: DesktopKind | None = None
    flavour: Name | None = None
    tags: dict[TagKey, TagValue | None] = {}
    details: DetailsToHave = DetailsToHave()
    versions: tuple[VersionToHave, ...] = ()
    markers: dict[Name, Number | MarkerToHave] = {}
    offers: OffersToHave | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """All that is to be."""

    galleries: tuple[GalleryToHave, ...] = ()
    namespaces: tuple[Namespace, ...] = ()
    flavours: tuple[Flavour, ...] = ()
    images: tuple[ImageToHave, ...] = ()


def twice(document: Document) -> str:
    """The first thing that is there twice, in words; empty when nothing is."""
    for what, names in (
        ("gallery", [one.name for one in document.galleries]),
        ("namespace", [one.name for one in document.namespaces]),
        ("flavour", [one.name for one in document.flavours]),
        ("image", [one.image for one in document.images]),
        *((f"version of {one.image}", [whole(version.number) for version in one.versions]) for one in document.images),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                return f"{what} {name}"
            seen.add(name)
    return ""


def whole(number: str) -> str:
    """A version number with its three parts: ``1.0`` is ``1.0.0``."""
    return number if number.count(".") == 2 else f"{number}.0"


def said(thing: msgspec.Struct, given: Any) -> Any:
    """``thing`` as plain values with times, but only the fields that the file names in ``given``."""
    return _only(msgspec.to_builtins(thing, builtin_types=(datetime,)), given)


def _only(value: Any, given: Any) -> Any:
    if isinstance(value, dict) and isinstance(given, dict):
        return {name: _only(value[name], given[name]) for name in given}
    return value
