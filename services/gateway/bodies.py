"""What the door takes: the bodies of writes. A field that is not named here is refused."""

from typing import Annotated, Literal, TypeVar

import msgspec

from contracts.events.hub import Targets
from contracts.limits import Clock, Limits, Rate, Window
from contracts.manifest import Format, Source
from contracts.names import Name, Number, PodName, Text
from gateway.problems import invalid, malformed

MONTH = 31 * 86_400.0
MOST_TARGETS = 2000

Replicas = Annotated[int, msgspec.Meta(ge=1, le=100)]
Deadline = Annotated[float, msgspec.Meta(gt=0, le=MONTH)]
Pods = Annotated[tuple[PodName, ...], msgspec.Meta(max_length=MOST_TARGETS)]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common form of the bodies."""


class ImageToRegister(Body, frozen=True, kw_only=True):
    """An image to be made, without a version yet."""

    gallery: Name = "default"
    name: Name
    os_type: Literal["linux", "windows"] = "linux"
    os_state: Literal["generalized", "specialized"] = "generalized"
    generation: Literal["V1", "V2"] = "V1"
    architecture: Literal["x64", "arm64"] = "x64"
    description: Text = ""


class SourceToImport(Body, frozen=True, kw_only=True):
    """Where the version comes from: a VM, or a disk file in the incoming folder, of a pod."""

    pod: PodName
    kind: Literal["vm", "file"] = "vm"
    name: Name
    disks: Literal["all", "os"] = "all"

    def source(self) -> Source:
        """The same in the language of the services."""
        return Source(pod=self.pod, kind=self.kind, name=self.name, disks=self.disks)


class VersionToImport(Body, frozen=True, kw_only=True):
    """A version to be imported.

    With ``create`` an image named as ``gallery/name`` that does not exist yet is registered first, with ``os_type``.
    Without ``number`` the first version is 1.0.0 and a later one the next minor number. ``file_type`` is the declared
    format: content of another one fails the import.
    """

    source: SourceToImport
    create: bool = False
    os_type: Literal["linux", "windows"] = "linux"
    mode: Literal["clone", "convert"] = "clone"
    file_type: Format | None = None
    number: Number | None = None
    datastore: Name | None = None


class TargetsToPublish(Body, frozen=True, kw_only=True):
    """Which pods: all that are enrolled, or those listed."""

    kind: Literal["all", "list"] = "all"
    pods: Pods = ()

    def targets(self) -> Targets:
        """The same in the language of the services."""
        return Targets(kind=self.kind, pods=self.pods)


class Publication(Body, frozen=True, kw_only=True):
    """How to publish. A copy that is not AVAILABLE ``deadline`` seconds after acceptance is FAILED."""

    targets: TargetsToPublish = TargetsToPublish()
    replicas: Replicas = 1
    deadline: Deadline | None = None


class FileToUpload(Body, frozen=True, kw_only=True):
    """Where a file is to go, and under which name. With ``sha256`` (hex) it is refused when it has another."""

    pod: PodName
    name: Name
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None


class WindowToSet(Body, frozen=True, kw_only=True):
    """Hours in which copies may move bytes, on ``days`` (0 is Monday; none named: on all).

    With ``end`` not after ``begin`` it reaches into the next day; ``days`` then are those on which it begins.
    """

    begin: Clock
    end: Clock
    days: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=6)], ...], msgspec.Meta(max_length=7)] = ()


class LimitsToSet(Body, frozen=True, kw_only=True):
    """All limits of a pod: what is left out is no limit. Rates are bytes a second.

    ``receive`` and ``send`` are over all copies into and out of the pod, ``links`` for what it receives from single
    pods; ``copies`` is how many are made at a time. Outside its ``windows`` (in ``timezone``) copies pause.
    ``scrub_days`` is within how many days each copy at rest is read and checked.
    """

    receive: Rate | None = None
    send: Rate | None = None
    links: Annotated[dict[PodName, Rate], msgspec.Meta(max_length=256)] = {}
    copies: Annotated[int, msgspec.Meta(ge=1, le=64)] | None = None
    windows: Annotated[tuple[WindowToSet, ...], msgspec.Meta(max_length=32)] = ()
    timezone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    scrub_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] | None = None

    def limits(self) -> Limits:
        """The same in the language of the services."""
        windows = tuple(Window(begin=one.begin, end=one.end, days=one.days) for one in self.windows)
        return Limits(
            receive=self.receive,
            send=self.send,
            links=self.links,
            copies=self.copies,
            windows=windows,
            timezone=self.timezone,
            scrub_days=self.scrub_days,
        )


B = TypeVar("B", bound=Body)


def read_value(kind: type[B], value: object) -> B:
    """What came otherwise than as JSON, in its form. Raises RefusedError (validation_failed)."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise invalid({place.rstrip("`") or "body": text}) from None


def read(kind: type[B], body: bytes) -> B:
    """The body in its form. Raises RefusedError (bad_request, validation_failed)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise invalid({place.rstrip("`") or "body": text}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed() from None
