"""What the door takes: the bodies of writes. A field that is not named here is refused."""

from typing import Annotated, Literal, TypeVar

import msgspec

from contracts.events.hub import Targets
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


B = TypeVar("B", bound=Body)


def read(kind: type[B], body: bytes) -> B:
    """The body in its form. Raises RefusedError (bad_request, validation_failed)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$.")
        raise invalid({place.rstrip("`") or "body": text}) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed() from None
