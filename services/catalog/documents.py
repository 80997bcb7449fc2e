"""The kinds of document that the catalog keeps."""

import msgspec

from catalog.domain.asked import Asked
from catalog.domain.copies import Copy
from catalog.domain.image import Image
from catalog.domain.job import Job
from catalog.domain.pod import Fleet, Pod
from catalog.domain.rules import Rules
from catalog.domain.version import Version
from runtime.work import Kind


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A name that is taken, and the id it stands for."""

    id: str


IMAGE: Kind[Image] = Kind("image", Image)
IMAGE_NAME: Kind[Claim] = Kind("image_name", Claim)
VERSION: Kind[Version] = Kind("version", Version)
NUMBER: Kind[Claim] = Kind("number", Claim)
COPY: Kind[Copy] = Kind("copy", Copy)
JOB: Kind[Job] = Kind("job", Job)
POD: Kind[Pod] = Kind("pod", Pod)
FLEET: Kind[Fleet] = Kind("fleet", Fleet)
ASKED: Kind[Asked] = Kind("asked", Asked)
"""By version."""
RULES: Kind[Rules] = Kind("rules", Rules)
"""By tenant."""

ALL_PODS = "all"
"""The id of the one `FLEET` document."""


def name_key(tenant: str, gallery: str, name: str) -> str:
    """The claim of an image's name: unique in its gallery, galleries being each tenant's own."""
    return f"{tenant}/{gallery}/{name}"


def number_key(image: str, number: str) -> str:
    """The claim of a version's number; deleted when the import fails, so that the number is free again."""
    return f"{image}/{number}"
