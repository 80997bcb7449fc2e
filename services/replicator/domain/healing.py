"""What a section of a pod's library says, held against what should be there (reliability.md 4.1.7, features.md D9).

AVAILABLE copies that are gone or spoiled, and items that no such copy accounts for. What is to be done about the latter
depends on their version's placement and on the copy that they are of.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from contracts.names import copy_id, parse_copy
from replicator.domain.copy import Absent, Available, Cancelled, Copy, Deleting, Skipped, underway
from replicator.domain.held import Held, Holding
from replicator.domain.inventory import Item
from replicator.domain.placement import Placement

OnSurplus: TypeAlias = Literal["adopt", "remove", "report"]
"""What is done about an item of a published version on a pod that is not to have it."""
Answer: TypeAlias = Literal["nothing", "hold", "lose", "adopt", "drop", "withdraw", "surplus", "unknown"]


class Gone(msgspec.Struct, frozen=True):
    """A copy that counts as AVAILABLE is not what the pod has; ``text`` says why."""

    copy: str
    version: str
    state: Literal["CORRUPT", "MISSING"]
    text: str


class Stray(msgspec.Struct, frozen=True):
    """An item that no AVAILABLE copy accounts for; ``copy`` is the one that it would be of."""

    copy: str
    item: Item


class Findings(msgspec.Struct, frozen=True):
    """What a comparison found. ``doubtful``: a copy that came only just now is missing or other content, the pod may
    have looked before; nothing is known until it looks again."""

    gone: tuple[Gone, ...] = ()
    strays: tuple[Stray, ...] = ()
    doubtful: bool = False


def compare(pod: str, held: Held, items: Sequence[Item], settled: datetime) -> Findings:
    """Hold a section against what should be there. Of copies that came after ``settled`` the pod need not know yet."""
    gone: list[Gone] = []
    doubtful = False
    accounted: set[int] = set()
    versions: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        versions.setdefault(item.version, []).append(index)
    for id, holding in held.copies.items():
        if holding.leaving:
            continue
        version = id.partition("_")[0]
        mine = [index for index in versions.get(version, ()) if _stands_for(items[index], id, holding)]
        accounted.update(mine)
        if any(_intact(items[index], holding.digest) for index in mine):
            continue
        if holding.since > settled:
            doubtful = True
        elif mine:
            apart = items[mine[0]].state == "CORRUPT"
            text = "the pod has set it apart: its bytes changed" if apart else "the pod has other content in its place"
            gone.append(Gone(id, version, "CORRUPT", text))
        else:
            gone.append(Gone(id, version, "MISSING", "the pod's library does not have it any more"))
    strays = [
        Stray(id, item) for index, item in enumerate(items) if index not in accounted for id in _copies(pod, item)
    ]
    return Findings(tuple(gone), tuple(strays), doubtful)


def _stands_for(item: Item, id: str, holding: Holding) -> bool:
    """Whether the item is that of the copy: by its own word, or by its place where it names no copy."""
    return id in item.copies if item.copies else item.datastore == holding.datastore


def _intact(item: Item, digest: str) -> bool:
    return item.state == "INTACT" and item.digest == digest


def _copies(pod: str, item: Item) -> tuple[str, ...]:
    """The copies on the pod that the item may be of; none for what is there as the version's source only. A name that
    the hub would not give is none: it would become part of a subject when the copy is withdrawn."""
    own = tuple(id for id in item.copies if (named := parse_copy(id)) and named[:2] == (item.version, pod))
    return own or (() if item.source else (copy_id(item.version, pod, 0),))


def answer(stray: Stray, copy: Copy | None, placement: Placement | None) -> Answer:
    """What is to be done about an item that no AVAILABLE copy accounts for.

    ``hold``: the copy is AVAILABLE, which the section did not know. ``lose``: it is, and its item is not it.
    ``adopt``: the copy is wanted, the pod may finalise what it has. ``withdraw``: it was taken back, which the pod is
    told again: a tombstone wins over what a pod restored from an old disk still has. ``drop``: it is to be taken back.
    ``surplus``: nobody asked for it. ``unknown``: nothing is known of its version. ``nothing``: the pod is at work on
    it, or has set it apart.
    """
    item = stray.item
    if placement is None:
        return "nothing" if item.source else "unknown"
    if copy is None or isinstance(copy, Skipped):
        if item.source:
            return "nothing"
        return "withdraw" if placement.state == "WITHDRAWN" else "surplus"
    if isinstance(copy, Cancelled | Deleting | Absent):
        return "withdraw"
    if placement.state == "WITHDRAWN":
        return "drop"
    good = _intact(item, placement.digest)
    if isinstance(copy, Available):
        return "hold" if good else "lose"
    if underway(copy) or placement.halted or not good:
        return "nothing"
    return "adopt"
