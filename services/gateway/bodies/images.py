"""Bodies about images and their versions: registered, imported, uploaded."""

from typing import Annotated, Literal

import msgspec

from contracts.manifest import Format, Source
from contracts.names import Name, Number, PodName, Text
from gateway.bodies.base import Body


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


class FileToUpload(Body, frozen=True, kw_only=True):
    """Where a file is to go, and under which name. With ``sha256`` (hex) it is refused when it has another."""

    pod: PodName
    name: Name
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
