"""An inventory that comes in page by page, and is taken over when its last page is there."""

from datetime import datetime

import msgspec

from contracts.events.from_pods import InventoryReported
from replicator.domain.pod import Pod, Removed

PAGES = 4096
"""Pages of the largest inventory that is listened to."""
ROOT = 128
"""Characters of the longest root."""


class Collecting(msgspec.Struct, frozen=True, kw_only=True):
    """The pages of ``root`` that came so far; their rows carry ``generation``, which nobody reads until it is whole."""

    root: str
    generation: int
    pages: int
    got: tuple[int, ...]
    began: datetime

    @property
    def complete(self) -> bool:
        return len(self.got) == self.pages


def wanted(pod: Pod, root: str) -> bool:
    """Whether the inventory with ``root`` is one that we do not have."""
    return not isinstance(pod, Removed) and root != pod.root and 0 < len(root) <= ROOT


def collect(collecting: Collecting | None, pod: Pod, page: InventoryReported, at: datetime) -> Collecting | None:
    """What was collected with ``page``; None when the page is of no use: unwanted, impossible, or of an older root.

    Every root that begins gets a generation of its own, so that rows of an inventory left unfinished can never mix
    with those of a later one, even one with the same root.
    """
    if not wanted(pod, page.root) or not 0 < page.pages <= PAGES or not 0 <= page.page <= page.pages:
        return None
    if collecting is not None and (collecting.root, collecting.pages) == (page.root, page.pages):
        return msgspec.structs.replace(collecting, got=tuple(sorted({*collecting.got, page.page})))
    if collecting is not None and at < collecting.began:
        return None
    latest = pod.generation if collecting is None else max(pod.generation, collecting.generation)
    return Collecting(root=page.root, generation=latest + 1, pages=page.pages, got=(page.page,), began=at)
