"""An event on its way to a webhook: PENDING until the receiver took it, DELIVERED, or DEAD when it was given up.

A delivery is tried for a time and not for a number of attempts, because a receiver that is away is asked less often the
more there waits for it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When to try again, in seconds: after the first, second, … attempt (the last value stays), and for how long."""

    backoff: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)
    give_up: float = 86_400.0

    def wait(self, failures: int, chance: float) -> float:
        """Seconds until the next attempt after ``failures`` of them, up to a fifth longer by ``chance`` (0 to 1)."""
        return self.backoff[min(max(failures, 1), len(self.backoff)) - 1] * (1 + chance / 5)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended: the receiver's ``status``, or None and why there is none. Times in seconds."""

    at: datetime
    status: int | None = None
    error: str = ""
    chance: float = 0.0

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more (Standard Webhooks: 410 disables the endpoint)."""
        return self.status == 410

    @property
    def away(self) -> bool:
        """Whether nothing else would have arrived either: no answer, too many requests, an error of the receiver."""
        return self.status is None or self.status in (408, 429) or self.status >= 500


class _Delivery(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    hook: str
    event: str
    """The event's id: ``webhook-id``, by which a receiver knows a repetition."""
    type_name: str
    subject: str
    """What the event is about; of two events about the same the older goes first."""
    at: datetime
    """When the event was said."""
    data: msgspec.Raw
    """The event as it was said, in JSON."""
    created: datetime
    updated: datetime
    attempts: int = 0
    status: int | None = None
    error: str = ""


class Pending(_Delivery, frozen=True, kw_only=True, tag="PENDING"):
    """To be posted at ``next``, or as soon as nothing older about the same subject waits.

    Tried since ``since``; before the first attempt that is when it began. An event may be heard long after it was
    said, and was stamped by another clock than this machine's: neither makes its delivery late, or shortens the time
    for which it is tried.
    """

    since: datetime
    next: float
    """Epoch seconds; 0 is at once."""


class Delivered(_Delivery, frozen=True, kw_only=True, tag="DELIVERED"):
    """The receiver answered 2xx."""


class Dead(_Delivery, frozen=True, kw_only=True, tag="DEAD"):
    """Given up; taken up again on command."""


Delivery = Pending | Delivered | Dead
D = TypeVar("D", Pending, Delivered, Dead)


def begun(*, hook: str, event: str, type_name: str, subject: str, at: datetime, data: bytes) -> Pending:
    """A delivery that is to be posted at once."""
    return Pending(
        hook=hook,
        event=event,
        type_name=type_name,
        subject=subject,
        at=at,
        data=msgspec.Raw(data),
        created=at,
        updated=at,
        since=at,
        next=0.0,
    )


def attempted(delivery: Pending, attempt: Attempt, schedule: Schedule) -> Delivery:
    """What becomes of a delivery after an attempt."""
    attempts = delivery.attempts + 1
    said: dict[str, Any] = {
        "attempts": attempts,
        "status": attempt.status,
        "error": attempt.error[:500],
        "updated": attempt.at,
    }
    if attempt.taken:
        return _as(Delivered, delivery, said | {"error": ""})
    since = delivery.since if delivery.attempts else attempt.at
    tried = (attempt.at - since).total_seconds()
    if attempt.gone or tried >= schedule.give_up:
        return _as(Dead, delivery, said)
    wait = min(schedule.wait(attempts, attempt.chance), max(schedule.give_up - tried, schedule.backoff[0]))
    due = (attempt.at + timedelta(seconds=wait)).timestamp()
    return _as(Pending, delivery, said | {"since": since, "next": due})


def given_up(delivery: Pending, reason: str, at: datetime) -> Dead:
    """A delivery that is not tried any more."""
    return _as(Dead, delivery, {"updated": at, "error": reason})


def revived(delivery: Delivered | Dead, at: datetime) -> Pending:
    """A delivery that ended and is tried anew, as if the event had just come."""
    return _as(Pending, delivery, {"updated": at, "attempts": 0, "since": at, "next": 0.0})


_COMMON = tuple(field.name for field in msgspec.structs.fields(_Delivery))


def _as(kind: type[D], delivery: Delivery, given: Mapping[str, Any]) -> D:
    return kind(**{**{name: getattr(delivery, name) for name in _COMMON}, **given})
