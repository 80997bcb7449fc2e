"""What was asked for when a version was published, so that it can be asked for again (features.md C7)."""

from datetime import datetime, timedelta

import msgspec

from catalog.domain.copies import UNWANTED, CopyState
from contracts.names import parse_copy
from contracts.requests import PublishVersion
from contracts.terms import Targets, Terms

MOST = 2048
"""Copies of a version of which it is remembered that they left: the latest ones."""
LONGEST = 30 * 86_400.0
"""Seconds: a publish that may take longer than a month is a mistake."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the latest publish of a version asks for: apart from the version, which every copy event reads, because it
    grows with the pods that are named.

    ``more`` are pods beside the targets. ``former`` is what the publish before asked for, for the one that is refused.
    ``sought`` is when the replicator was last told again; ``left`` and ``cancelled`` are copies that are not wanted any
    more, or were given up, which it then is told too.
    """

    targets: Targets
    more: tuple[str, ...] = ()
    replicas: int
    terms: Terms
    deadline: datetime
    former: "Asked | None" = None
    sought: datetime | None = None
    left: tuple[str, ...] = ()
    cancelled: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    """What its tenant was when it asked: pods that only others may use are no targets."""


def asked(command: PublishVersion, before: Asked | None, at: datetime, seconds: float) -> Asked:
    """What ``command`` asks for: what it leaves open is the ordinary thing, or in a republish as it was ``before``.

    A deadline that is named counts from acceptance; otherwise there are ``seconds`` from when the start is allowed.
    """
    base = before if command.again else None
    targets = command.targets or (Targets() if base is None else base.targets)
    terms = command.terms or (Terms() if base is None else base.terms)
    if command.deadline is None:
        start = terms.not_before
        deadline = (at if start is None or start.tzinfo is None else max(at, start)) + timedelta(seconds=seconds)
    else:
        deadline = at + timedelta(seconds=command.deadline)
    return Asked(
        targets=targets,
        more=() if base is None or command.targets is not None else base.more,
        replicas=command.replicas or (1 if base is None else base.replicas),
        terms=terms,
        deadline=deadline,
        former=None if base is None else msgspec.structs.replace(base, former=None),
        left=() if base is None else base.left,
        cancelled=() if base is None else base.cancelled,
        principals=command.actor.principals,
    )


def after(asked: Asked, copy: str, state: CopyState) -> Asked:
    """What holds after a copy was planned, given up or removed; the same object when that changes nothing."""
    parts = parse_copy(copy)
    if parts is None:
        return asked
    _, pod, replica = parts
    seat = f"{pod}/{replica}" if replica else pod
    left = _with(asked.left, seat, state in UNWANTED)
    cancelled = _with(asked.cancelled, seat, state == "CANCELLED")
    if left is asked.left and cancelled is asked.cancelled:
        return asked
    return msgspec.structs.replace(asked, left=left, cancelled=cancelled)


def _with(seats: tuple[str, ...], seat: str, belongs: bool) -> tuple[str, ...]:
    if (seat in seats) == belongs:
        return seats
    return (*seats, seat)[-MOST:] if belongs else tuple(one for one in seats if one != seat)


def remembered(wanted: Asked, more: tuple[str, ...]) -> Asked:
    """``wanted`` with the pods of this publish that were named beside its targets, for the next time."""
    if wanted.targets.kind == "list":
        pods = tuple(dict.fromkeys((*wanted.targets.pods, *more)))
        return msgspec.structs.replace(wanted, targets=msgspec.structs.replace(wanted.targets, pods=pods))
    return msgspec.structs.replace(wanted, more=tuple(dict.fromkeys((*wanted.more, *more))))
