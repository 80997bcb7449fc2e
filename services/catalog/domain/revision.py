"""Revisions and publication numbers of a catalog whose database turned out to be an older copy of itself.

Listeners ignore a revision, and the replicator a publication, that they have heard; what was said from the newer
database is not known here, only a floor above all of it (`runtime.work.Work.floor`; 0 where nothing of that happened).
"""

from typing import TypeVar

import msgspec

from catalog.domain.gallery import Gallery
from catalog.domain.image import Image
from catalog.domain.version import Version

T = TypeVar("T", bound=Gallery | Image | Version)


def above(state: T, floor: int) -> T:
    """``state``, with what is said of it next above ``floor``."""
    return state if state.revision >= floor else msgspec.structs.replace(state, revision=floor)


def following(own: int, highest: int, floor: int) -> int:
    """The revision after ``own``; of what is made (``own`` is 0) the one after ``highest``, which what is gone had: no
    revision comes back under which somebody knows something else."""
    return max(own or highest, floor) + 1


def next_publication(number: int, floor: int) -> int:
    """The number of the publish after ``number``, and after any that was given out."""
    return max(number, floor) + 1


def latest_publication(number: int, floor: int) -> int:
    """A number that no publish so far is above: what is called off under it is called off, whichever it is."""
    return max(number, floor)
