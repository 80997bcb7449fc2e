"""What the hub holds to lie on a pod, cut into the sections of its inventory, so that the two can be compared piece by
piece (`contracts.inventory`, reliability.md 4.1.7)."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from contracts.inventory import section_of

SURPLUS = "surplus"
"""The standing of an item of a version that is published, on a pod that is not to have it."""
UNKNOWN = "unknown"
"""The standing of an item of a version of which no placement is known."""


class Holding(msgspec.Struct, frozen=True, array_like=True):
    """A copy that is AVAILABLE, or with ``leaving`` DELETING. ``since`` is when the pod said that it has it."""

    digest: str
    datastore: str
    since: datetime
    leaving: bool = False


class Held(msgspec.Struct, frozen=True):
    """A section of a pod. ``copies`` by id; ``strays`` are versions in the pod's library that no copy there stands
    for, with their standing (`SURPLUS` or `UNKNOWN`), as of the last comparison."""

    copies: dict[str, Holding] = {}
    strays: dict[str, str] = {}

    def of(self, version: str) -> Iterator[tuple[str, Holding]]:
        """The copies of a version."""
        prefix = f"{version}_"
        return ((id, holding) for id, holding in self.copies.items() if id.startswith(prefix))


def held_id(pod: str, section: int) -> str:
    """The id of a pod's section."""
    return f"{pod}/{section}"


def held_of(pod: str, version: str) -> str:
    """The id of the section in which a pod holds a version."""
    return held_id(pod, section_of(version))


def with_copy(held: Held, id: str, holding: Holding, version: str) -> Held:
    """``id`` lies there; an item of its version is no stray any more."""
    strays = {name: why for name, why in held.strays.items() if name != version}
    return Held({**held.copies, id: holding}, strays)


def without_copy(held: Held, id: str) -> Held:
    """``id`` counts no more as lying there."""
    if id not in held.copies:
        return held
    return Held({name: one for name, one in held.copies.items() if name != id}, held.strays)
