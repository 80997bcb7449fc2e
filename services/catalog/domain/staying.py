"""What becomes of a pool when the update that it is in is given up: it stays with what it has (features.md I2)."""

from datetime import datetime

import msgspec

from catalog.domain.pool import Pool, ask


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
