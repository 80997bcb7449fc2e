"""Who uses a version, or wants it: kept by version, so that deleting one needs no search (features.md F10)."""

from datetime import datetime

import msgspec

from catalog.domain.pool import Pool


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment on a pod. ``runs``: seats there are made from the version; ``wanted``: it is what they are to be
    made from. ``tenant`` is the assignment's (empty where that was not kept yet): of a shared version it may be any."""

    name: str
    tenant: str = ""
    seats: int = 0
    users: int = 0
    runs: bool = False
    wanted: bool = True
    last_used: datetime | None = None


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """By ``<assignment>/<pod>``. ``last_used`` outlives them: when any seat of the version was last used."""

    by: dict[str, Use] = {}
    last_used: datetime | None = None


def versions(pool: Pool | None) -> set[str]:
    """The versions that a pool uses or wants."""
    return set() if pool is None else {one for one in (pool.wanted, pool.version, *pool.held) if one}


def use_of(pool: Pool | None, version: str, name: str, tenant: str) -> Use | None:
    """What ``version`` is to the pool of an assignment of ``tenant`` called ``name``; None: nothing.

    A version that was asked for counts as running until the pod tells that no seat is made from it.
    """
    if pool is None or version not in versions(pool):
        return None
    wanted = pool.wanted == version and not pool.leaving
    seats = [seat for seat in pool.seats if seat.version == version]
    used = [seat.last_used for seat in seats if seat.last_used is not None]
    runs = bool(seats) or version == pool.version or (version in pool.held and not wanted)
    users = sum(1 for seat in seats if seat.user)
    if not wanted and not runs:
        return None
    return Use(
        name=name,
        tenant=tenant,
        seats=len(seats),
        users=users,
        runs=runs,
        wanted=wanted,
        last_used=max(used, default=None),
    )


def with_use(uses: Uses | None, key: str, use: Use | None) -> Uses | None:
    """The uses of a version after that of one pool became ``use``; the same object when nothing changed."""
    known = uses or Uses()
    if known.by.get(key) == use:
        return uses
    by = {one: other for one, other in known.by.items() if one != key}
    last = known.last_used
    if use is not None:
        by[key] = use
        last = max(filter(None, (last, use.last_used)), default=None)
    return Uses(by=by, last_used=last)
