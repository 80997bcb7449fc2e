"""The kinds of document that sharing keeps of images, offers, galleries and grants (the directory has its own).

Beside them it keeps the read model of what it says itself (`runtime.access`): rights are decided here by the same
documents as in the catalog and the replicator.
"""

import msgspec

from runtime.work import Kind
from sharing.domain.answer import Answer
from sharing.domain.gallery import Gallery
from sharing.domain.grants import Grants
from sharing.domain.held import Held
from sharing.domain.image import Image, Version
from sharing.domain.offer import Offer


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A name, and what it stands for: the id of an image or a version, the key of a gallery."""

    id: str


IMAGE: Kind[Image] = Kind("image", Image)
IMAGE_NAME: Kind[Claim] = Kind("image_name", Claim)
"""By `name_key`."""
VERSION: Kind[Version] = Kind("version", Version)
NUMBER: Kind[Claim] = Kind("number", Claim)
"""By `number_key`."""
GALLERY: Kind[Gallery] = Kind("gallery", Gallery)
"""By `gallery_key`."""
GALLERY_ID: Kind[Claim] = Kind("gallery_id", Claim)
OFFER: Kind[Offer] = Kind("offer", Offer)
"""By `offer_key`."""
ANSWER: Kind[Answer] = Kind("answer", Answer)
"""By `answer_key`."""
GRANTS: Kind[Grants] = Kind("grants", Grants)
"""By ``g/<tenant>/<gallery's name>``, ``i/<image>`` or ``v/<version>``."""
HELD: Kind[Held] = Kind("held", Held)
"""By principal."""


def name_key(tenant: str, gallery: str, name: str) -> str:
    """The id of the name of an image."""
    return f"{tenant}/{gallery}/{name}"


def number_key(image: str, number: str) -> str:
    """The id of the number of a version."""
    return f"{image}/{number}"


def gallery_key(tenant: str, name: str) -> str:
    """The id of a gallery's document."""
    return f"{tenant}/{name}"


def offer_key(image: str, member: str) -> str:
    """The id of an offer to a principal."""
    return f"{image}/{member}"


def answer_key(image: str, tenant: str) -> str:
    """The id of a tenant's answer."""
    return f"{image}/{tenant}"
