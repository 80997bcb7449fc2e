"""Making a pool what is wanted of it, in a thread: seats are built beside the old ones, then swapped.

An update is all or nothing: when one seat cannot be built, none is swapped, and each has what it had. It can be cut off
at any point and begun again, because what is to be done is found anew from what lies on the disk.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from connector.domain.desktop import Found
from connector.domain.pools import Pool, Told
from connector.domain.seat_views import as_they_are, made_from, views
from connector.domain.seats import Plan, objection, plan
from connector.failures import Cancel, Cancelled, Refused, failure_of
from connector.pools.base import Pools
from contracts.desktops import Wanted
from contracts.errors import Failure
from runtime.crash import crash_at

STEP: Final = "pool"

log = structlog.get_logger()


@dataclass(frozen=True)
class Look:
    """A pool as it was found: what is told of it, and whether there is anything to do."""

    told: Told
    work: bool


def look(pools: Pools, assignment: str, pool: Pool, pod: str, *, first: bool = False) -> Look:
    """What a pool is now. Whatever is in the way of what is wanted is known before anything is done.

    ``first``: nobody looked since the connector started (or since something failed), so what a crash interrupted is
    ended.

    Raises OSError: the pod's folder cannot be read.
    """
    try:
        if first:
            pools.tidy(assignment)
        found = pools.seats(assignment)
    except Refused as refusal:  # there can be no such pool
        if pool.wanted is None:
            return Look(_removed(pool), work=False)
        return Look(_failed(pool, pool.wanted, (), refusal.failure, ""), work=False)
    if pool.wanted is None:
        return Look(_leaving(pool, found), work=True)
    if pool.failure is not None:
        return Look(_failed(pool, pool.wanted, found, pool.failure, ""), work=False)
    try:
        todo = _planned(pool.wanted, pod, found)
        if todo.make:
            pools.original(pool.wanted)
    except Exception as error:  # noqa: BLE001 - every failure becomes one that the hub hears of
        return Look(_failed(pool, pool.wanted, found, _failure(error), ""), work=False)
    return Look(_as_planned(pool, pool.wanted, found, todo), work=not todo.idle)


def _planned(wanted: Wanted, pod: str, found: Sequence[Found]) -> Plan:
    """Raises Refused when the pod cannot have such seats."""
    failure = objection(wanted, pod)
    if failure is not None:
        raise Refused(failure)
    return plan(wanted, pod, found)


def bring(pools: Pools, assignment: str, pool: Pool, pod: str, cancel: Cancel) -> Told:
    """Do what there is to do; what it came to.

    Raises:
        Cancelled: something else is wanted by now.
        OSError: seats that are to go cannot be removed.
    """
    pools.tidy(assignment)
    if pool.wanted is None:
        return _clear(pools, assignment, pool, cancel)
    seat = [""]
    try:
        _make(pools, pool.wanted, _planned(pool.wanted, pod, pools.seats(assignment)), cancel, seat)
        found = pools.seats(assignment)
        return _as_planned(pool, pool.wanted, found, plan(pool.wanted, pod, found))
    except Cancelled:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        failure = _failure(error)
        pools.tidy(assignment)
        return _failed(pool, pool.wanted, pools.seats(assignment), failure, seat[0])


def _make(pools: Pools, wanted: Wanted, todo: Plan, cancel: Cancel, at: list[str]) -> None:
    """``at`` is told the seat that is worked on."""
    patient = wanted.logoff == "wait"
    if todo.make:
        original = pools.original(wanted)
        for desktop in todo.make:
            cancel.check()
            at[0] = desktop.name
            pools.stage(original, desktop)
    crash_at("pool.staged")
    for desktop in todo.amend:
        cancel.check()
        at[0] = desktop.name
        pools.amend(desktop)
    for desktop in todo.make:
        cancel.check()
        at[0] = desktop.name
        pools.put(wanted.assignment, desktop.name, patient=patient)
        crash_at("pool.put")
    for name in todo.remove:
        cancel.check()
        at[0] = name
        pools.remove(wanted.assignment, name, patient=patient)
    pools.tidy(wanted.assignment)


def _clear(pools: Pools, assignment: str, pool: Pool, cancel: Cancel) -> Told:
    for one in pools.seats(assignment):
        cancel.check()
        pools.remove(assignment, one.name, patient=not pool.force)
        crash_at("pool.removed")
    left = pools.seats(assignment)
    if left:
        return _leaving(pool, left)
    pools.drop(assignment)
    return _removed(pool)


def _as_planned(pool: Pool, wanted: Wanted, found: Sequence[Found], todo: Plan) -> Told:
    return Told(
        attempt=pool.attempt,
        state="IN_SYNC" if todo.done else "UPDATING",
        version=made_from(wanted, found, done=todo.done),
        seats=views(wanted, found, working=not todo.done),
    )


def _failed(pool: Pool, wanted: Wanted, found: Sequence[Found], failure: Failure, seat: str) -> Told:
    return Told(
        attempt=pool.attempt,
        state="UPDATE_FAILED",
        version=made_from(wanted, found, done=False),
        seats=views(wanted, found, failure=failure, failed=seat),
        failure=failure,
    )


def _leaving(pool: Pool, found: Sequence[Found]) -> Told:
    versions = [one.desktop.version for one in found if one.desktop is not None]
    return Told(
        attempt=pool.attempt, state="UPDATING", version=versions[0] if versions else "", seats=as_they_are(found)
    )


def _removed(pool: Pool) -> Told:
    return Told(attempt=pool.attempt, state="REMOVED")


def _failure(error: Exception) -> Failure:
    failure = failure_of(error, STEP)
    if failure.code == "internal":
        log.error("unexpected_error", step=STEP, exc_info=error)
    else:
        log.warning("pool_failed", code=failure.code, step=failure.step, text=failure.text)
    return failure
