"""Stream INTAKE: what other systems tell us. ``<source>`` in the subject names the system."""

from typing import ClassVar, Literal

from contracts.events.base import Event
from contracts.manifest import Format, Source
from contracts.names import Name, Number, PodName


class ImageBuilt(Event, frozen=True, kw_only=True, tag="image.built.v2"):
    """A build pipeline made a golden image on a pod: import it as a version of ``gallery``/``image``."""

    about: ClassVar[str] = "image"
    gallery: Name = "default"
    image: Name
    source: Source
    number: Number | None = None
    mode: Literal["clone", "convert"] = "clone"
    file_type: Format | None = None
    os_type: Literal["linux", "windows"] = "linux"
    tenant: Name | None = None
    """For whom the speaker thinks it imports; the catalog's settings decide, and refuse another one."""


class ImageBuiltV1(Event, frozen=True, kw_only=True, tag="image.built.v1"):
    """The first form: one disk file in the pod's incoming folder, no galleries, no VMs."""

    about: ClassVar[str] = "image"
    image: Name
    pod: PodName
    file: Name
    file_type: Format | None = None

    def upcast(self) -> ImageBuilt:
        """The same fact in the newest form."""
        return ImageBuilt(
            image=self.image,
            source=Source(pod=self.pod, kind="file", name=self.file),
            file_type=self.file_type,
        )
