"""What a connector keeps and says of a pool, decided from the hub's words and from what it finds. No I/O.

The hub tells whole what a pool is to be (`Wanted`); the connector keeps the latest word, makes the pod so
(`connector.pools`), and says what came of it. Words may come late or twice: as for copies, newer is the higher attempt,
and whatever the stream stored later, so that a hub whose database was restored is obeyed although its attempts are
lower (`connector.domain.copies`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from contracts.desktops import MOST_SEATS, Seat, Wanted
from contracts.errors import Failure
from contracts.events.from_pods import AssignmentReported
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn

MOST: Final = 60_000
"""Bytes that the seats of a report may take: a message has 64 KiB."""
FAILURES_TOLD: Final = 8
"""Seats of a large pool that tell what went wrong with them: the pool has its failure too."""
USER: Final = 24
"""Bytes of a user's name in the report of a large pool."""

State = Literal["VALIDATING", "UPDATING", "IN_SYNC", "UPDATE_FAILED", "REMOVED"]


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool is to be. ``wanted`` None: nothing of it is to be left; ``force`` not even seats in use.

    ``at`` is when the hub asked, by the stream's clock. With a ``failure`` the attempt is over: a new try is a new
    attempt. ``saga`` is empty once the attempt came to its end.
    """

    attempt: int
    at: datetime
    saga: str = ""
    wanted: Wanted | None = None
    force: bool = False
    failure: Failure | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a pool last."""

    attempt: int
    state: State
    version: str = ""
    seats: tuple[Seat, ...] = ()
    failure: Failure | None = None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """That a pool was removed, kept for longer than an older word about it can be on its way."""

    attempt: int
    at: datetime


@dataclass(frozen=True)
class Decision:
    """What is kept from now on, and what is said."""

    pool: Pool | None
    told: Told | None
    gone: Gone | None
    say: bool = False
    """Say what is told from now on (of a pool that is gone: that it is)."""


def requested(
    pool: Pool | None, told: Told | None, gone: Gone | None, event: AssignmentRequested, saga: str, at: datetime
) -> Decision:
    """The pool is to be made or changed. What was asked before is answered again: its answer may have been missed."""
    same = Decision(pool, told, gone)
    wanted = msgspec.structs.replace(event.wanted, assignment=event.assignment)
    if pool is not None:
        if pool.attempt == event.attempt and pool.wanted == wanted:
            return Decision(pool, told, gone, say=told is not None)
        if _late(pool, event.attempt, at):
            return same
    if gone is not None and _late(gone, event.attempt, at):
        return same
    before = told or Told(attempt=event.attempt, state="VALIDATING")
    asked = Told(attempt=event.attempt, state="VALIDATING", version=before.version, seats=before.seats)
    return Decision(Pool(attempt=event.attempt, at=at, saga=saga, wanted=wanted), asked, None, say=True)


def withdrawn(
    pool: Pool | None, told: Told | None, gone: Gone | None, event: AssignmentWithdrawn, saga: str, at: datetime
) -> Decision:
    """The pool is to go. Of one that is gone that is said again."""
    same = Decision(pool, told, gone)
    if pool is not None:
        again = pool.wanted is None and pool.attempt == event.attempt and pool.force == event.force
        if again or (at <= pool.at and event.attempt < pool.attempt):
            return same
    elif gone is not None:
        if at <= gone.at and event.attempt < gone.attempt:
            return same
        return Decision(None, None, Gone(attempt=event.attempt, at=max(at, gone.at)), say=True)
    return Decision(Pool(attempt=event.attempt, at=at, saga=saga, force=event.force), told, None)


def seen(pool: Pool | None, told: Told | None, gone: Gone | None, now: Told, asked: datetime) -> Decision:
    """What was found of a pool, or came of making it; it counts only for the word (of ``asked``) that still stands."""
    if pool is None or pool.attempt != now.attempt or pool.at != asked:
        return Decision(pool, told, gone)
    if now.state == "REMOVED":
        return Decision(None, None, Gone(attempt=pool.attempt, at=pool.at), say=True)
    over = now.state in ("IN_SYNC", "UPDATE_FAILED")
    after = msgspec.structs.replace(pool, failure=now.failure, saga="" if over else pool.saga)
    return Decision(after, now, gone, say=now != told)


def report(assignment: str, decision: Decision) -> AssignmentReported | None:
    """What is said, if anything is."""
    if not decision.say:
        return None
    if decision.told is None:
        attempt = decision.gone.attempt if decision.gone is not None else 0
        return AssignmentReported(assignment=assignment, attempt=attempt, state="REMOVED", version="")
    told = decision.told
    return AssignmentReported(
        assignment=assignment,
        attempt=told.attempt,
        state=told.state,
        version=told.version,
        seats=fitting(told.seats),
        failure=told.failure,
    )


def fitting(seats: tuple[Seat, ...]) -> tuple[Seat, ...]:
    """The seats as one message has room for them: of very many with long names, what the hub knows or can do without
    is left out first. Beside as many as a pool may have, those that are still to go are not told."""
    seats = seats[:MOST_SEATS]
    if len(msgspec.json.encode(seats)) <= MOST:
        return seats
    failed = [seat.name for seat in seats if seat.failure][:FAILURES_TOLD]
    return tuple(
        msgspec.structs.replace(
            seat, model="", user=_short(seat.user), failure=_short(seat.failure) if seat.name in failed else ""
        )
        for seat in seats
    )


def _short(text: str) -> str:
    return text.encode()[:USER].decode(errors="ignore")


def _late(known: Pool | Gone, attempt: int, at: datetime) -> bool:
    return at <= known.at and attempt <= known.attempt
