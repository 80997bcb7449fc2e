"""Saying once more which galleries and images there are: whoever began to listen later learns of them here.

A migration leaves a reminder for each; nothing else does. Versions are not said again: what is told of them has effect.
"""

from collections.abc import Iterator

from catalog.documents import GALLERY, IMAGE
from catalog.domain import gallery as galleries
from catalog.domain import image as images
from contracts.events.hub import ImageDisabled
from runtime.work import Get, Local, Message, Reaction, Ref, Work


class GalleryTold(Local, frozen=True, kw_only=True, tag="gallery.told"):
    """That there is a gallery (by the id of its document) is to be said again."""

    gallery: str


class ImageTold(Local, frozen=True, kw_only=True, tag="image.told"):
    """That there is an image is to be said again."""

    image: str


def reactions() -> dict[type, Reaction]:
    """The reactions to what a migration left to be said."""
    return {GalleryTold: Reaction(_gallery_keys, _on_gallery), ImageTold: Reaction(_image_keys, _on_image)}


def _gallery_keys(message: Message[GalleryTold], _: Get) -> Iterator[Ref]:
    yield GALLERY(message.body.gallery)


def _image_keys(message: Message[ImageTold], _: Get) -> Iterator[Ref]:
    yield IMAGE(message.body.image)


def _on_gallery(message: Message[GalleryTold], work: Work) -> None:
    gallery = work.get(GALLERY, message.body.gallery)
    if gallery is not None:
        work.emit(galleries.said_created(gallery))


def _on_image(message: Message[ImageTold], work: Work) -> None:
    id = message.body.image
    image = work.get(IMAGE, id)
    if image is None:
        return
    work.emit(images.said_registered(image, id))
    if image.life.disabled:
        work.emit(ImageDisabled(image=id, tenant=image.tenant, revision=image.revision))
