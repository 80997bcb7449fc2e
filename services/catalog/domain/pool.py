"""An assignment on one pod: what runs there, what is wanted, what its pod was asked and what it reported (b.5).

Told whole each time and fenced by an attempt. Nothing that a pod says is believed beyond what it was asked: a version
that it was never asked for does not run there.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from catalog.domain import failures
from contracts.desktops import MOST_SEATS, PoolState, Seat, Wanted
from contracts.errors import Failure
from contracts.events.from_pods import AssignmentReported

MOST_HELD = 64
LARGEST = 56 * 1024
"""Bytes of what is wanted in one message: with its frame it stays below the 64 KiB of a message."""
NO_COPY = "version_missing"
"""The pod's word for having no copy to make seats from: then the pool waits for one."""

_seat = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_READY = frozenset(("READY", "COMPLETED"))
Settled = Literal["IN_SYNC", "UPDATE_FAILED", "ROLLED_BACK"]


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """``version`` runs, ``wanted`` is to run. ``asked`` is what `attempt` asks for, ``had`` what was last IN_SYNC.

    ``waiting``: what is wanted was not asked for yet, as there is no AVAILABLE copy. ``returning``: the attempt is the
    way back from ``failed``, the version whose update failed. ``leaving``: its seats are to go, with their users when
    ``forced``. ``held`` are the versions that seats may be made from; ``rebuild`` counts the rebuilds asked for,
    ``rebuilt`` is the highest of them that was given up. ``unvalidated``: it waits for validations of what is wanted.
    """

    state: PoolState = "PENDING"
    version: str = ""
    number: str = ""
    wanted: str
    wanted_number: str
    attempt: int = 0
    asked: Wanted | None = None
    had: Wanted | None = None
    waiting: bool = True
    returning: bool = False
    failed: str = ""
    leaving: bool = False
    forced: bool = False
    rebuild: int = 0
    rebuilt: int = 0
    unvalidated: bool = False
    logoff: Literal["wait", "force"] = "wait"
    seats: tuple[Seat, ...] = ()
    held: tuple[str, ...] = ()
    last_used: datetime | None = None
    failure: Failure | None = None
    updated: datetime

    @property
    def users(self) -> int:
        """How many are logged on."""
        return sum(1 for seat in self.seats if seat.user)

    @property
    def ready(self) -> int:
        """Seats that can be used."""
        return sum(1 for seat in self.seats if seat.state in _READY)

    @property
    def broken(self) -> int:
        """Seats that could not be made."""
        return sum(1 for seat in self.seats if seat.state == "FAILED")

    @property
    def waits(self) -> str:
        """What it waits for: ``copy``, an AVAILABLE copy of what is wanted on its pod; ``validation``, that validations
        of it succeed; ``users``, that they log off; empty: for nothing but its pod."""
        if self.waiting and not self.leaving:
            return "validation" if self.unvalidated else "copy"
        swaps = not self.forced if self.leaving else self.state == "UPDATING" and self.logoff == "wait"
        return "users" if swaps and self.users else ""

    @property
    def open(self) -> bool:
        """Whether something is still to come without anybody asking for more."""
        if self.waiting or self.leaving or self.returning:
            return True
        return self.state not in ("IN_SYNC", "UPDATE_FAILED", "ROLLED_BACK")


def wish(
    pool: Pool,
    version: str,
    number: str,
    at: datetime,
    *,
    logoff: Literal["wait", "force"] = "wait",
    anew: bool = False,
) -> Pool:
    """The pool when ``version`` is wanted from now on; the same object when it was already, also where its update
    failed. ``anew``: something else about it changed, or it is to be tried again."""
    if pool.leaving or (pool.wanted == version and not anew):
        return pool
    return msgspec.structs.replace(
        pool,
        state="PENDING" if pool.had is None else "UPDATE_PENDING",
        wanted=version,
        wanted_number=number,
        waiting=True,
        unvalidated=False,
        returning=False,
        failed="",
        failure=None,
        logoff=logoff,
        updated=at,
    )


def ask(pool: Pool, wanted: Wanted, floor: int, at: datetime) -> Pool:
    """The pool once its pod is asked for ``wanted``, under an attempt above all that it may have heard."""
    return msgspec.structs.replace(
        pool,
        attempt=max(pool.attempt, floor) + 1,
        asked=wanted,
        waiting=False,
        held=_holding(pool, wanted.version),
        updated=at,
    )


def too_large(wanted: Wanted) -> bool:
    """Whether it cannot be told in one message."""
    return len(msgspec.json.encode(wanted)) > LARGEST


def unmade(pool: Pool, failure: Failure, at: datetime) -> Pool:
    """The pool when what is wanted cannot even be asked of its pod: its seats stay what they are."""
    return msgspec.structs.replace(
        pool, state="UPDATE_FAILED", waiting=False, failed=pool.wanted, failure=failure, updated=at
    )


def leave(pool: Pool, floor: int, at: datetime, *, force: bool) -> Pool:
    """The pool when its seats are to go."""
    if pool.leaving and (pool.forced or not force):
        return pool
    return msgspec.structs.replace(
        pool,
        attempt=max(pool.attempt, floor) + 1,
        leaving=True,
        forced=force,
        waiting=False,
        returning=False,
        updated=at,
    )


def heard(pool: Pool, report: AssignmentReported, at: datetime, floor: int = 0) -> tuple[Pool | None, Settled | None]:
    """The pool after a report of its pod, and how the update ended if it did just now. None: nothing of it is left.

    A report for an earlier attempt tells who uses the seats, and nothing of how the update stands.
    """
    if pool.attempt < report.attempt <= floor:
        return _asked_anew(pool, floor, at), None
    if pool.asked is None or not 0 < report.attempt <= pool.attempt:
        return pool, None
    if pool.leaving:
        if report.state == "REMOVED" and report.attempt == pool.attempt:
            return None, None
        return _seen(pool, report, at), None
    asked, pool = pool.asked, _seen(pool, report, at)
    if report.attempt < pool.attempt:
        return pool, None
    match report.state:
        case "VALIDATING" | "UPDATING" if not pool.waiting and not pool.returning:
            return _as(pool, at, state=report.state), None
        case "IN_SYNC" if report.version == asked.version:
            return _in_sync(pool, asked, at)
        case "UPDATE_FAILED" if not pool.waiting:
            failure = failures.heard(report.failure or Failure(code="seat_failed", step="pool", text="no reason given"))
            return _failed(pool, asked, failure, at, floor)
    return pool, None


def behind(pool: Pool, report: AssignmentReported) -> bool:
    """Whether the pod keeps to an earlier attempt although it had ended a later one: its connector is an older copy,
    and the later words are not in the stream any more. What is still open is asked again by and by."""
    return 0 < report.attempt < pool.attempt and not pool.open


def same_but_for_use(one: Pool, other: Pool) -> bool:
    """Whether two states of a pool differ in nothing but who is logged on, and when seats were last used: that changes
    all the time, and is no step of any job."""
    return _apart_from_use(one) == _apart_from_use(other)


def _apart_from_use(pool: Pool) -> tuple[Pool, tuple[Seat, ...]]:
    seats = tuple(msgspec.structs.replace(seat, user="", last_used=None) for seat in pool.seats)
    return msgspec.structs.replace(pool, seats=(), last_used=None, updated=pool.updated.min), seats


def _asked_anew(pool: Pool, floor: int, at: datetime) -> Pool:
    """The pool whose pod was asked for something else by a newer database than this one, of which this is an older
    copy: it is asked again for what was asked here, above all that it heard."""
    if pool.asked is None or (pool.waiting and not pool.leaving):
        return pool  # it is to be asked anyway
    state = pool.state if pool.leaving or pool.returning else "PENDING" if pool.had is None else "UPDATE_PENDING"
    return msgspec.structs.replace(pool, state=state, attempt=floor + 1, updated=at)


def _in_sync(pool: Pool, asked: Wanted, at: datetime) -> tuple[Pool, Settled | None]:
    held = tuple(one for one in pool.held if one == asked.version or any(seat.version == one for seat in pool.seats))
    runs = _as(pool, at, version=asked.version, number=asked.number, had=asked, held=held)
    if pool.waiting:
        return runs, None  # something else is wanted by now
    state: Settled = "IN_SYNC" if asked.version == pool.wanted else "ROLLED_BACK"
    failure = pool.failure if state == "ROLLED_BACK" else None
    return _as(runs, at, state=state, returning=False, failure=failure), None if pool.state == state else state


def _failed(pool: Pool, asked: Wanted, failure: Failure, at: datetime, floor: int) -> tuple[Pool, Settled | None]:
    if failure.code == NO_COPY and not pool.returning:
        again = "PENDING" if pool.had is None else "UPDATE_PENDING"
        return _as(pool, at, state=again, waiting=True, failure=failure), None
    if pool.had is None or pool.returning or pool.had.version == asked.version:
        new = pool.state != "UPDATE_FAILED" or pool.returning
        failed = pool.failed if pool.returning else asked.version
        after = _as(pool, at, state="UPDATE_FAILED", returning=False, failed=failed, failure=failure)
        return after, "UPDATE_FAILED" if new else None
    back = msgspec.structs.replace(
        pool.had, seats=asked.seats, endpoints=asked.endpoints, disks=asked.disks, shape=asked.shape, name=asked.name
    )
    after = ask(pool, back, floor, at)
    return _as(after, at, state="UPDATE_FAILED", returning=True, failed=asked.version, failure=failure), "UPDATE_FAILED"


def _as(pool: Pool, at: datetime, **changes: object) -> Pool:
    """The pool with ``changes``; the same object when there are none."""
    if all(getattr(pool, name) == value for name, value in changes.items()):
        return pool
    return msgspec.structs.replace(pool, updated=at, **changes)


def _seen(pool: Pool, report: AssignmentReported, at: datetime) -> Pool:
    """The pool with the seats that its pod reports, as far as they can be true."""
    seats = tuple(_believed(report.seats, pool.held, at))
    used = max((seat.last_used for seat in seats if seat.last_used is not None), default=None)
    last_used = max(filter(None, (pool.last_used, used)), default=None)
    held = pool.held
    if report.attempt == pool.attempt and not pool.leaving:
        sure = {seat.version for seat in seats}
        sure |= {wanted.version for wanted in (pool.asked, pool.had) if wanted is not None}
        held = tuple(version for version in held if version in sure)
    return _as(pool, at, seats=seats, last_used=last_used, held=held)


def _believed(seats: Iterable[Seat], held: tuple[str, ...], at: datetime) -> Iterable[Seat]:
    names: set[str] = set()
    for seat in seats:
        if seat.name in names or _seat.fullmatch(seat.name) is None or len(names) == MOST_SEATS:
            continue
        names.add(seat.name)
        used = seat.last_used
        if used is not None and used.tzinfo is None:
            used = None
        yield msgspec.structs.replace(
            seat,
            version=seat.version if seat.version in held else "",
            model=seat.model[:64],
            user=seat.user[:128],
            last_used=None if used is None else min(used, at),
            failure=seat.failure[:200],
        )


def _holding(pool: Pool, version: str) -> tuple[str, ...]:
    """The versions that seats may be made from once ``version`` is asked for; of too many the oldest go first that no
    seat was reported with."""
    if version in pool.held:
        return pool.held
    held = (*pool.held, version)
    if len(held) > MOST_HELD:
        sure = {seat.version for seat in pool.seats} | {pool.version}
        spare = next((one for one in held if one not in sure), held[0])
        held = tuple(one for one in held if one != spare)
    return held
