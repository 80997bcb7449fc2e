"""What becomes of a pool, and of its assignment, when an update is given up: they stay with what there is (features.md
I2)."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from catalog.domain.assignment import Assignment
from catalog.domain.pool import Pool, ask
from contracts.desktops import Wanted


def stay(pool: Pool, floor: int, at: datetime) -> Pool:
    """The pool when it is to have what it was last IN_SYNC with.

    A pod that was asked for nothing else yet need not be told; any other is asked for that again, above all that it
    heard. A pool on its way back already goes on with that, and is then ROLLED_BACK. One that never was IN_SYNC has
    nothing to stay with, and is not for this.
    """
    had = pool.had
    if had is None or pool.leaving or pool.returning or not pool.open:
        return pool
    untold = pool.waiting and pool.asked == had
    return msgspec.structs.replace(
        pool if untold else ask(pool, had, floor, at),
        state="IN_SYNC" if untold else "UPDATE_PENDING",
        wanted=had.version,
        wanted_number=had.number,
        waiting=False,
        failed="",
        failure=None,
        unvalidated=False,
        rebuild=had.rebuild,
        rebuilt=max(pool.rebuild, pool.rebuilt),
        logoff="wait",
        updated=at,
    )


def like(assignment: Assignment, had: Sequence[Wanted | None]) -> Assignment:
    """The assignment with the seats, disks and shape that its pools ``had`` and stay with, where all had the same."""
    if not had or (first := had[0]) is None or any(one is None or _made(one) != _made(first) for one in had):
        return assignment
    seats = assignment.seats if assignment.kind == "endpoint" else first.seats
    return msgspec.structs.replace(
        assignment, seats=seats, endpoints=first.endpoints, shape=first.shape, disks=first.disks
    )


def _made(had: Wanted) -> tuple[object, ...]:
    return had.seats, had.endpoints, had.shape, had.disks
