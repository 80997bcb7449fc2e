"""The reaction to a changed image: whether copies of its versions may be removed from pods one by one."""

from collections.abc import Iterator

from contracts.events.hub import ImageChanged
from replicator.config import Config
from replicator.documents import FIXED
from replicator.domain.fixed import Fixed
from runtime.work import Get, Message, Ref, Work


def changed_keys(message: Message[ImageChanged], _: Get) -> Iterator[Ref]:
    """What is known of the image."""
    yield FIXED(message.body.image)


def changed(message: Message[ImageChanged], work: Work, config: Config) -> None:
    """Heed what the catalog says of an image from now on."""
    del config
    work.saga = ""
    if message.body.fixed is not None:
        note(work, message.body.image, fixed=message.body.fixed)


def note(work: Work, image: str, *, fixed: bool) -> None:
    """Remember what the catalog said last; nothing is kept of images of which it said nothing unusual."""
    known = work.get(FIXED, image)
    if fixed != (known is not None and known.fixed):
        work.put(FIXED, image, Fixed(fixed=True) if fixed else None)
