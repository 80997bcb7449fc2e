"""What happens to a copy, and the copy after it (features.md b.3)."""

import re
from datetime import datetime
from operator import attrgetter
from typing import Any, Literal, TypeAlias, TypeVar, assert_never

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import CopyFinalised
from contracts.names import POD
from replicator.domain.copy import (
    HISTORY,
    TEXT,
    Absent,
    Available,
    Cancelled,
    Copy,
    CopyBase,
    Corrupt,
    Deleting,
    Failed,
    Finalizing,
    Missing,
    Pending,
    Replicating,
    RetryPending,
    Skipped,
)
from replicator.domain.placement import Placement
from replicator.domain.revision import next_revision

SERVERS = 64
"""Pods of which it is kept how much they served to an attempt."""

C = TypeVar("C", bound=CopyBase)
_pod = re.compile(POD)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The copy is wanted, by a publish or (not ``publish``) without one; with ``skip`` it can never be made.
    ``peers`` get theirs at the same time; the pod is to have ``among`` copies;
    ``estimate`` is when this one should be there."""

    placement: Placement
    pod: str
    replica: int
    skip: str = ""
    peers: tuple[str, ...] = ()
    publish: bool = True
    among: int = 1
    estimate: datetime | None = None


class Planned(msgspec.Struct, frozen=True):
    """It is PENDING. Said to the house, as are the next three."""

    plan: Plan


class SkippedOver(msgspec.Struct, frozen=True):
    """It is SKIPPED."""

    plan: Plan


class Kept(msgspec.Struct, frozen=True):
    """It is AVAILABLE already, from an earlier publish."""

    plan: Plan


class Noted(msgspec.Struct, frozen=True):
    """It is on its way as before, under other terms."""

    plan: Plan


class Counted(msgspec.Struct, frozen=True):
    """Its pod is to have ``among`` copies of the version. Known to the replicator only."""

    among: int


class Lapsed(msgspec.Struct, frozen=True):
    """Whether the tenant that it was delivered to has lost the image. Known to the replicator only."""

    lapsed: bool = True


class Started(msgspec.Struct, frozen=True):
    """The next attempt begins, on ``datastore`` if that is not the pod's to choose. Said to the house and the pod."""

    datastore: str | None = None


class Transferred(msgspec.Struct, frozen=True):
    """All bytes arrived. Known to the replicator only."""

    bytes_network: int
    bytes_reused: int
    bytes_from: dict[str, int] = {}


class Finalised(msgspec.Struct, frozen=True):
    """It is AVAILABLE. Said to the house."""

    words: CopyFinalised


class Delayed(msgspec.Struct, frozen=True):
    """The attempt failed and another follows. Said to the house."""

    failure: Failure
    next_attempt: datetime


class Parked(msgspec.Struct, frozen=True):
    """It waits for its pod or its turn again. Known to the replicator only."""


class Paused(msgspec.Struct, frozen=True):
    """The attempt stops, and keeps what was verified; it waits for the resumption. Said to the pod."""


class Lost(msgspec.Struct, frozen=True):
    """It was AVAILABLE and cannot be used any more. Said to the house."""

    state: Literal["CORRUPT", "MISSING"]
    failure: Failure


class GaveUp(msgspec.Struct, frozen=True):
    """It is FAILED. Said to the house."""

    failure: Failure


class Dismissed(msgspec.Struct, frozen=True):
    """It is CANCELLED, and to become ABSENT when ``going``. Said to the house."""

    why: str
    going: bool = False


class Retired(msgspec.Struct, frozen=True):
    """It is DELETING. Said to the house."""

    why: str


class Withdrawn(msgspec.Struct, frozen=True):
    """The pod is to drop what it has of the latest attempt, and nothing said about that counts. Said to the pod."""


class Freed(msgspec.Struct, frozen=True):
    """The pod dropped what was taken back up to ``attempt``. Known to the replicator only."""

    attempt: int


class Gone(msgspec.Struct, frozen=True):
    """It is ABSENT. Said to the house."""


Fact: TypeAlias = (
    Planned
    | SkippedOver
    | Kept
    | Noted
    | Counted
    | Lapsed
    | Started
    | Transferred
    | Finalised
    | Delayed
    | Parked
    | Paused
    | Lost
    | GaveUp
    | Dismissed
    | Retired
    | Withdrawn
    | Freed
    | Gone
)


def evolve(copy: Copy | None, fact: Fact, at: datetime, floor: int = 0) -> Copy:
    """The copy after ``fact``; what is said of it has a revision above ``floor``."""
    if isinstance(fact, Planned | SkippedOver):
        return _planned(copy, fact, at, floor)
    if copy is None:
        raise ValueError("a copy begins with its plan")
    said = next_revision(copy.revision, floor)
    match fact:
        case Kept(plan) | Noted(plan):
            placement, excluded = plan.placement, _excluded(plan)
            return msgspec.structs.replace(
                copy, publication=placement.publication, saga=placement.saga, revision=said, excluded=excluded,
                among=max(copy.among, plan.among), updated=at,
            )  # fmt: skip
        case Counted(among):
            return msgspec.structs.replace(copy, among=among)
        case Lapsed(lapsed):
            return msgspec.structs.replace(copy, lapsed=lapsed)
        case Started(datastore):
            return _become(
                Replicating, copy, at, attempt=copy.attempt + 1, revision=said, datastore=datastore or copy.datastore,
                started=at, bytes_network=0, bytes_reused=0, bytes_from={},
            )  # fmt: skip
        case Transferred(network, reused, served):
            bytes_from = _served(served) or copy.bytes_from
            return _become(
                Finalizing, copy, at, bytes_network=network, bytes_reused=reused, bytes_from=bytes_from
            )  # fmt: skip
        case Finalised(words):
            return _become(
                Available, copy, at, revision=said, digest=words.digest, item=words.item[:TEXT],
                datastore=words.datastore[:TEXT], files=words.files, repairing=False,
                bytes_network=words.bytes_network, bytes_reused=words.bytes_reused,
                bytes_from=_served(words.bytes_from) or copy.bytes_from,
            )  # fmt: skip
        case Delayed(failure, again):
            history = _remember(copy, failure)
            return _become(RetryPending, copy, at, revision=said, failure=failure, next_attempt=again, history=history)
        case Parked() | Paused():
            return _become(Pending, copy, at)
        case Lost(state, failure):
            kind: type[Corrupt | Missing] = Corrupt if state == "CORRUPT" else Missing
            history, first = _remember(copy, failure), copy.attempt + 1
            return _become(
                kind, copy, at, revision=said, failure=failure, history=history, first=first, repairing=True,
                withdrawn=copy.attempt,  # no late word about the attempt that is lost brings it back
            )  # fmt: skip
        case GaveUp(failure):
            history = _remember(copy, failure)
            return _become(Failed, copy, at, revision=said, failure=failure, history=history, repairing=False)
        case Dismissed(why, going):
            return _become(Cancelled, copy, at, revision=said, reason=why[:TEXT], going=going, repairing=False)
        case Retired(why):
            return _become(Deleting, copy, at, revision=said, reason=why[:TEXT], repairing=False)
        case Withdrawn():
            return msgspec.structs.replace(copy, withdrawn=copy.attempt)
        case Freed(attempt):
            return msgspec.structs.replace(copy, freed=attempt, updated=at)
        case Gone():
            return _become(
                Absent, copy, at, revision=said, withdrawn=copy.attempt, freed=copy.attempt, repairing=False, peers=(),
                bytes_from={},
            )  # fmt: skip
        case _:
            assert_never(fact)


def _planned(copy: Copy | None, fact: Planned | SkippedOver, at: datetime, floor: int) -> Copy:
    plan, placement = fact.plan, fact.plan.placement
    if copy is None:
        copy = Pending(
            version=placement.version, image=placement.image, pod=plan.pod, replica=plan.replica,
            publication=placement.publication, saga=placement.saga, updated=at,
        )  # fmt: skip
    changes: dict[str, Any] = {
        "publication": placement.publication,
        "saga": placement.saga,
        "first": copy.attempt + 1,
        "revision": next_revision(copy.revision, floor),
        "peers": plan.peers,
        "repairing": False,
        "lapsed": False,
        "made": placement.publication if plan.publish else 0,
        "excluded": _excluded(plan),
        "among": max(copy.among, plan.among),
    }
    if isinstance(fact, SkippedOver):
        return _become(Skipped, copy, at, reason=plan.skip, **changes)
    return _become(Pending, copy, at, **changes)


def _excluded(plan: Plan) -> bool:
    return plan.placement.terms.excluded_on(plan.pod)


def _served(bytes_from: dict[str, int]) -> dict[str, int]:
    """What pods served, as far as it can be: the word is a pod's, so names and number are checked."""
    named = {pod: size for pod, size in bytes_from.items() if _pod.fullmatch(pod) and size > 0}
    most = sorted(named.items(), key=lambda one: (-one[1], one[0]))[:SERVERS]
    return dict(most)


def _remember(copy: Copy, failure: Failure) -> tuple[Failure, ...]:
    return (*copy.history, failure)[-HISTORY:]


_COMMON = CopyBase.__struct_fields__
_common = attrgetter(*_COMMON)


def _become(kind: type[C], copy: Copy, at: datetime, **changes: Any) -> C:
    known = dict(zip(_COMMON, _common(copy), strict=True))
    known["updated"] = at
    return kind(**(known | changes))
