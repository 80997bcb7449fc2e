"""A pod's queue: the copies that it receives, those that wait for a slot, and those that it is to drop.

A pod receives only so many copies at once. The next one is the most urgent; among equals it goes round the tenants,
and within a tenant by age. A copy whose publish may not go on yet is HELD: it is known here and passed over.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from contracts.terms import URGENCY

MEASURABLE = 1024 * 1024
"""Bytes that a copy must have moved for its rate to tell something about the pod."""
WEIGHT = 0.3
"""How much the latest copy counts in a pod's rate."""

Place = Literal["held", "queued", "running", "resting", "leaving"]


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """How much goes on at the same time. ``pod``: copies that a pod receives, unless its limits name another number.
    ``source``: groups that a complete holder feeds. ``tenant``: publishes of a tenant that stay in the region of their
    source, ``tenant_across``: those that reach others. ``patience``: seconds after which a group that got nowhere
    gives its holder to the next one, at the earliest."""

    pod: int = 3
    source: int = 1
    tenant: int = 3
    tenant_across: int = 5
    patience: float = 900.0


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A copy that is not settled on the pod. ``held``: its publish may not go on. ``queued``: waits for a slot.
    ``running``: holds one. ``resting``: will be woken for another attempt. ``leaving``: withdrawn, not yet dropped."""

    version: str
    replica: int
    tenant: str
    urgency: int
    since: datetime
    place: Place


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """``copies`` by copy id, oldest first. ``served`` is when (as a count of starts) each tenant that has copies here
    had one started; ``rate`` the bytes a second that the pod received at lately. ``away`` says that the pod was found
    to be out of touch or outside its windows; ``awaited`` are versions that nobody can serve until it is back.
    ``ended`` are copies that came to nothing and are remembered: SKIPPED, FAILED, CANCELLED. ``unseen`` are sections of
    the pod's inventory in which something came or went, with the time, and which it has not told since."""

    copies: dict[str, Entry] = {}
    served: dict[str, int] = {}
    starts: int = 0
    rate: float | None = None
    away: bool = False
    awaited: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    unseen: dict[int, datetime] = {}

    @property
    def receiving(self) -> int:
        """Slots that are taken."""
        return sum(entry.place == "running" for entry in self.copies.values())

    @property
    def queued(self) -> int:
        """Copies that wait for their turn or for a slot."""
        return sum(entry.place in {"held", "queued"} for entry in self.copies.values())


def entry(version: str, replica: int, tenant: str, priority: str, since: datetime, place: Place) -> Entry:
    """What a queue knows of a copy of that priority."""
    return Entry(version, replica, tenant, URGENCY[priority], since, place)


def placed(queue: Queue, copy: str, known: Entry) -> Queue:
    """``copy`` is in the place that ``known`` says."""
    before = queue.copies.get(copy)
    if before == known:
        return queue
    changes: dict[str, object] = {"copies": queue.copies | {copy: known}}
    if known.place == "running" and (before is None or before.place != "running"):
        starts = queue.starts + 1
        changes |= {"starts": starts, "served": queue.served | {known.tenant: starts}}
    return msgspec.structs.replace(queue, **changes)


def without(queue: Queue, copy: str) -> Queue:
    """``copy`` is settled. A tenant without copies here is forgotten: it is served like a new one when it returns."""
    if copy not in queue.copies:
        return queue
    copies = {id: one for id, one in queue.copies.items() if id != copy}
    tenant = queue.copies[copy].tenant
    if tenant in queue.served and all(one.tenant != tenant for one in copies.values()):
        served = {name: count for name, count in queue.served.items() if name != tenant}
        return msgspec.structs.replace(queue, copies=copies, served=served)
    return msgspec.structs.replace(queue, copies=copies)


def behind(queue: Queue, copy: str) -> bool:
    """Whether another replica of the same version has to be there, or to fail, before this one: it is made from that
    without the network."""
    known = queue.copies.get(copy)
    return known is not None and known.replica > _first(queue).get(known.version, known.replica)


def choose(queue: Queue, count: int) -> list[str]:
    """The next ``count`` copies to start, the first one first."""
    first, running = _first(queue), dict[str, int]()
    for one in queue.copies.values():
        if one.place == "running":
            running[one.tenant] = running.get(one.tenant, 0) + 1
    waiting = {
        id: one for id, one in queue.copies.items() if one.place == "queued" and one.replica == first[one.version]
    }
    served, starts = dict(queue.served), queue.starts
    chosen: list[str] = []

    def rank(id: str) -> tuple[int, int, int, datetime, str]:
        one = waiting[id]
        return one.urgency, running.get(one.tenant, 0), served.get(one.tenant, 0), one.since, id

    while waiting and len(chosen) < count:
        id = min(waiting, key=rank)
        tenant = waiting.pop(id).tenant
        chosen.append(id)
        starts += 1
        served[tenant] = starts
        running[tenant] = running.get(tenant, 0) + 1
    return chosen


def _first(queue: Queue) -> dict[str, int]:
    """By version, the lowest replica that is still to be made here."""
    first: dict[str, int] = {}
    for one in queue.copies.values():
        if one.place != "leaving":
            first[one.version] = min(one.replica, first.get(one.version, one.replica))
    return first


def keep(queue: Queue) -> Queue | None:
    """The queue as it is to be stored: None when it says nothing."""
    return None if queue == _EMPTY else queue


def with_ended(queue: Queue, copy: str, *, nothing: bool) -> Queue:
    """``copy`` came to nothing, or not."""
    if (copy in queue.ended) == nothing:
        return queue
    left = tuple(id for id in queue.ended if id != copy)
    return msgspec.structs.replace(queue, ended=(*left, copy) if nothing else left)


def with_unseen(queue: Queue, section: int, at: datetime) -> Queue:
    """Something came or went in ``section``."""
    return msgspec.structs.replace(queue, unseen=queue.unseen | {section: at})


def without_unseen(queue: Queue, sections: Iterable[int]) -> Queue:
    """``sections`` were told since, or are asked for."""
    told = set(sections)
    left = {section: at for section, at in queue.unseen.items() if section not in told}
    return queue if len(left) == len(queue.unseen) else msgspec.structs.replace(queue, unseen=left)


def measured(queue: Queue, moved: int, seconds: float) -> Queue:
    """A copy that moved ``moved`` bytes over the network in ``seconds`` was received."""
    if moved < MEASURABLE or seconds <= 0:
        return queue
    rate = moved / seconds
    known = rate if queue.rate is None else queue.rate + WEIGHT * (rate - queue.rate)
    return msgspec.structs.replace(queue, rate=known)


_EMPTY = Queue()
