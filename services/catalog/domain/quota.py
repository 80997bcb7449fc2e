"""Quotas: what a tenant and each of its galleries hold, and whether there is room for more (features.md A3, I3).

Room is taken before work starts and given back when it comes to nothing, so that a limit cannot be overshot by what is
under way.
"""

import msgspec

from contracts.errors import Problem
from contracts.keeping import Quota, Usage

WHAT = ("galleries", "images", "versions", "bytes")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant holds over all its galleries, whose names are ``galleries``. A bound of ``quota`` that is None is
    the settings'; ``revision`` is the quota's, 0 as long as none was set."""

    quota: Quota = Quota()
    revision: int = 0
    usage: Usage = Usage()
    galleries: tuple[str, ...] = ()


def limits(own: Quota, default: Quota) -> Quota:
    """``own`` bounds where there are any, those of ``default`` elsewhere."""
    bounds = {what: getattr(default if getattr(own, what) is None else own, what) for what in WHAT}
    return Quota(**bounds)


def objection(scope: str, name: str, limit: Quota, usage: Usage, wanted: Usage) -> Problem | None:
    """Why ``wanted`` does not fit beside ``usage``. What is over its limit already hinders nothing else."""
    for what in WHAT:
        most, use, more = getattr(limit, what), getattr(usage, what), getattr(wanted, what)
        if most is not None and more > 0 and use + more > most:
            return Problem(
                code="quota_exceeded",
                detail=f"{scope} {name} may hold {most} {what} and holds {use}, {more} more do not fit",
                hint="Delete what is not needed (a soft-deleted version for good), or have the quota raised.",
                data={"scope": scope, "name": name, "quota": what, "limit": most, "use": use, "wanted": more},
            )
    return None


def left(limit: Quota, usage: Usage) -> int | None:
    """Bytes that fit; None when there is no limit."""
    return None if limit.bytes is None else max(0, limit.bytes - usage.bytes)


def plus(usage: Usage, more: Usage) -> Usage:
    return Usage(**{what: getattr(usage, what) + getattr(more, what) for what in WHAT})


def minus(usage: Usage, less: Usage) -> Usage:
    """What stays; never below zero, for what a database of an earlier version holds was never taken."""
    return Usage(**{what: max(0, getattr(usage, what) - getattr(less, what)) for what in WHAT})
