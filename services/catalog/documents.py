"""The kinds of document that the catalog keeps."""

import msgspec

from catalog.domain.asked import Asked
from catalog.domain.assignment import Assignment
from catalog.domain.certificate import KeptCertificate
from catalog.domain.copies import Copy
from catalog.domain.delivering import Deliveries
from catalog.domain.flavour import Kept
from catalog.domain.gallery import Gallery
from catalog.domain.image import Image
from catalog.domain.job import Job
from catalog.domain.keeping import Retentions, Shelf
from catalog.domain.marker import Markers
from catalog.domain.pod import Fleet, Pod
from catalog.domain.pool import Pool
from catalog.domain.quota import Tally
from catalog.domain.rules import Rules
from catalog.domain.schema import Defined, KeptNamespace
from catalog.domain.uses import Uses
from catalog.domain.version import Version
from contracts.definition import Identifier
from runtime.work import Kind


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A name that is taken, and the id it stands for."""

    id: str


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of an image's versions that are not deleted, those of failed imports left out."""

    versions: tuple[str, ...] = ()


class Children(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the versions that were made from a version (features.md A10)."""

    versions: tuple[str, ...] = ()


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of the assignments that have a pool on a pod."""

    assignments: tuple[str, ...] = ()


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """All that a tenant is to those who share, by the word of this revision."""

    principals: tuple[str, ...]
    revision: int


IMAGE: Kind[Image] = Kind("image", Image)
IMAGE_NAME: Kind[Claim] = Kind("image_name", Claim)
IDENTIFIER: Kind[Claim] = Kind("identifier", Claim)
"""By `identifier_key`."""
VERSION: Kind[Version] = Kind("version", Version)
NUMBER: Kind[Claim] = Kind("number", Claim)
COPY: Kind[Copy] = Kind("copy", Copy)
JOB: Kind[Job] = Kind("job", Job)
MEMBERSHIP: Kind[Membership] = Kind("membership", Membership)
"""By tenant."""
POD: Kind[Pod] = Kind("pod", Pod)
FLEET: Kind[Fleet] = Kind("fleet", Fleet)
ASKED: Kind[Asked] = Kind("asked", Asked)
"""By version."""
RULES: Kind[Rules] = Kind("rules", Rules)
"""By tenant."""

ROSTER: Kind[Roster] = Kind("roster", Roster)
"""By image."""
CHILDREN: Kind[Children] = Kind("children", Children)
"""By version."""
MARKERS: Kind[Markers] = Kind("markers", Markers)
"""By image."""
USES: Kind[Uses] = Kind("uses", Uses)
"""By version."""
DELIVERIES: Kind[Deliveries] = Kind("deliveries", Deliveries)
"""By version."""
ASSIGNMENT: Kind[Assignment] = Kind("assignment", Assignment)
ASSIGNMENT_NAME: Kind[Claim] = Kind("assignment_name", Claim)
"""By `assignment_key`."""
POOL: Kind[Pool] = Kind("pool", Pool)
"""By `pool_key`."""
HOSTED: Kind[Hosted] = Kind("hosted", Hosted)
"""By pod."""

GALLERY: Kind[Gallery] = Kind("gallery", Gallery)
"""By `gallery_key`."""
GALLERY_NAME: Kind[Claim] = Kind("gallery_name", Claim)
"""The `gallery_key` of a gallery, by its id."""
TALLY: Kind[Tally] = Kind("tally", Tally)
"""By tenant."""

FLAVOUR: Kind[Kept] = Kind("flavour", Kept)
"""By `flavour_key`."""
NAMESPACE: Kind[KeptNamespace] = Kind("namespace", KeptNamespace)
"""By `namespace_key`."""
CERTIFICATE: Kind[KeptCertificate] = Kind("certificate", KeptCertificate)
"""By `certificate_key`."""
DEFINED: Kind[Defined] = Kind("defined", Defined)
"""By tenant."""

RETENTIONS: Kind[Retentions] = Kind("retentions", Retentions)
"""By tenant."""
SHELF: Kind[Shelf] = Kind("shelf", Shelf)
"""By `gallery_key`."""

ALL_PODS = "all"
"""The id of the one `FLEET` document."""


def name_key(tenant: str, gallery: str, name: str) -> str:
    """The claim of an image's name: unique in its gallery, galleries being each tenant's own."""
    return f"{tenant}/{gallery}/{name}"


def gallery_key(tenant: str, name: str) -> str:
    """The id of a gallery's document."""
    return f"{tenant}/{name}"


def identifier_key(tenant: str, gallery: str, identifier: Identifier) -> str:
    """The claim of publisher, offer and SKU, together unique in a gallery. None of them has a slash."""
    return f"{tenant}/{gallery}/{identifier.publisher}/{identifier.offer}/{identifier.sku}"


def flavour_key(tenant: str, name: str) -> str:
    """The id of a flavour's document."""
    return f"{tenant}/{name}"


def namespace_key(tenant: str, name: str) -> str:
    """The id of a namespace's document."""
    return f"{tenant}/{name}"


def certificate_key(tenant: str, name: str) -> str:
    """The id of a certificate's document."""
    return f"{tenant}/{name}"


def assignment_key(tenant: str, name: str) -> str:
    """The claim of an assignment's name: unique in its tenant."""
    return f"{tenant}/{name}"


def pool_key(assignment: str, pod: str) -> str:
    """The id of an assignment's pool on a pod."""
    return f"{assignment}/{pod}"


def number_key(image: str, number: str) -> str:
    """The claim of a version's number; deleted when the import fails, so that the number is free again."""
    return f"{image}/{number}"
