"""Which images a gallery has for retention policies to look at: whoever gives one a version, or ends it, tells."""

from catalog.domain.image import Image
from runtime.work import Local, Work


class ShelfChanged(Local, frozen=True, kw_only=True, tag="shelf.changed"):
    """An image has its first version, or is gone."""

    image: str
    tenant: str
    gallery: str


def look(work: Work, id: str, image: Image) -> None:
    """Have image ``id`` looked at as soon as this is committed, by a reaction that may read what it needs."""
    body = ShelfChanged(image=id, tenant=image.tenant, gallery=image.gallery)
    work.remind(f"shelf/{id}", work.message.at, body, saga="")
