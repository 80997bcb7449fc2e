"""A copy: one version on one pod, from PENDING to AVAILABLE or FAILED (features.md b.3).

Its states, the facts that move it, and `evolve`, which applies them; `verdict` decides which facts come about.
"""

from datetime import datetime
from typing import Any, TypeAlias, TypeVar, assert_never

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import CopyFinalised, FileDigest
from replicator.domain.placement import Placement

HISTORY = 20
"""Failures that a copy remembers, the latest ones."""
TEXT = 500
"""Characters kept of a text that a pod sends."""


class _Copy(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """What every state knows. ``first`` is the first attempt of this publish or repair; ``revision`` counts what was
    said. ``peers`` are pods that receive the version at the same time; ``repairing`` says that the copy was AVAILABLE,
    was lost, and is made again without a publish: no deadline ends it.
    """

    version: str
    image: str
    pod: str
    replica: int
    publication: int
    saga: str
    first: int = 1
    attempt: int = 0
    withdrawn: int = 0
    revision: int = 0
    history: tuple[Failure, ...] = ()
    peers: tuple[str, ...] = ()
    repairing: bool = False
    bytes_network: int = 0
    bytes_reused: int = 0
    updated: datetime


class Pending(_Copy, frozen=True, kw_only=True, tag="PENDING"):
    """Waits for its pod."""


class Replicating(_Copy, frozen=True, kw_only=True, tag="REPLICATING"):
    """The pod was asked for ``attempt``."""


class RetryPending(_Copy, frozen=True, kw_only=True, tag="RETRY_PENDING"):
    """``attempt`` failed, another follows."""

    failure: Failure
    next_attempt: datetime


class Finalizing(_Copy, frozen=True, kw_only=True, tag="FINALIZING"):
    """All bytes are on the pod; its library has still to take them."""


class Available(_Copy, frozen=True, kw_only=True, tag="AVAILABLE"):
    """The pod's connector finalised exactly what was asked for."""

    digest: str
    item: str
    datastore: str
    files: tuple[FileDigest, ...]


class Corrupt(_Copy, frozen=True, kw_only=True, tag="CORRUPT"):
    """Its bytes changed at rest. The pod has set it apart; it is made anew from another holder, once there is one."""

    failure: Failure


class Failed(_Copy, frozen=True, kw_only=True, tag="FAILED"):
    """It will not come by itself."""

    failure: Failure


class Skipped(_Copy, frozen=True, kw_only=True, tag="SKIPPED"):
    """The pod can never hold it, for ``reason``."""

    reason: str


Copy: TypeAlias = Pending | Replicating | RetryPending | Finalizing | Available | Corrupt | Failed | Skipped
C = TypeVar("C", Pending, Replicating, RetryPending, Finalizing, Available, Corrupt, Failed, Skipped)


# --- facts ------------------------------------------------------------------------------------------------------------


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The copy belongs to a publish; with ``skip`` it can never be made. ``peers`` get theirs at the same time."""

    placement: Placement
    pod: str
    replica: int
    skip: str = ""
    peers: tuple[str, ...] = ()


class Planned(msgspec.Struct, frozen=True):
    """It is PENDING for a publish. Said to the house, as are the next two."""

    plan: Plan


class SkippedOver(msgspec.Struct, frozen=True):
    """It is SKIPPED."""

    plan: Plan


class Kept(msgspec.Struct, frozen=True):
    """It is AVAILABLE already, from an earlier publish."""

    plan: Plan


class Started(msgspec.Struct, frozen=True):
    """The next attempt begins. Said to the house and to the pod."""


class Transferred(msgspec.Struct, frozen=True):
    """All bytes arrived. Known to the replicator only."""

    bytes_network: int
    bytes_reused: int


class Finalised(msgspec.Struct, frozen=True):
    """It is AVAILABLE. Said to the house."""

    words: CopyFinalised


class Delayed(msgspec.Struct, frozen=True):
    """The attempt failed and another follows. Said to the house."""

    failure: Failure
    next_attempt: datetime


class Parked(msgspec.Struct, frozen=True):
    """It waits for its pod again. Known to the replicator only."""


class Lost(msgspec.Struct, frozen=True):
    """It was AVAILABLE and is CORRUPT. Said to the house."""

    failure: Failure


class GaveUp(msgspec.Struct, frozen=True):
    """It is FAILED. Said to the house."""

    failure: Failure


class Withdrawn(msgspec.Struct, frozen=True):
    """The pod is to drop what it has of the latest attempt, and nothing said about that counts. Said to the pod."""


Fact: TypeAlias = (
    Planned | SkippedOver | Kept | Started | Transferred | Finalised | Delayed | Parked | Lost | GaveUp | Withdrawn
)


def unfinished(copy: Copy | None) -> bool:
    """Whether the copy is still on its way, or waits to be made again."""
    return isinstance(copy, Pending | Replicating | RetryPending | Finalizing | Corrupt)


def underway(copy: Copy | None) -> bool:
    """Whether the pod is at an attempt."""
    return isinstance(copy, Replicating | Finalizing)


def receiving(copy: Copy | None) -> bool:
    """Whether the copy's pod takes in bytes of the version, or will as soon as it hears of it."""
    return isinstance(copy, Pending) or underway(copy)


def evolve(copy: Copy | None, fact: Fact, at: datetime) -> Copy:
    """The copy after ``fact``."""
    if isinstance(fact, Planned | SkippedOver):
        return _planned(copy, fact, at)
    if copy is None:
        raise ValueError("a copy begins with its plan")
    said = copy.revision + 1
    match fact:
        case Kept(plan):
            placement = plan.placement
            return msgspec.structs.replace(
                copy, publication=placement.publication, saga=placement.saga, revision=said, updated=at
            )
        case Started():
            attempt = copy.attempt + 1
            return _become(Replicating, copy, at, attempt=attempt, revision=said, bytes_network=0, bytes_reused=0)
        case Transferred(network, reused):
            return _become(Finalizing, copy, at, bytes_network=network, bytes_reused=reused)
        case Finalised(words):
            return _become(
                Available, copy, at, revision=said, digest=words.digest, item=words.item[:TEXT],
                datastore=words.datastore[:TEXT], files=words.files, repairing=False,
                bytes_network=words.bytes_network, bytes_reused=words.bytes_reused,
            )  # fmt: skip
        case Delayed(failure, again):
            history = _remember(copy, failure)
            return _become(RetryPending, copy, at, revision=said, failure=failure, next_attempt=again, history=history)
        case Parked():
            return _become(Pending, copy, at)
        case Lost(failure):
            history, first = _remember(copy, failure), copy.attempt + 1
            return _become(
                Corrupt, copy, at, revision=said, failure=failure, history=history, first=first, repairing=True
            )
        case GaveUp(failure):
            history = _remember(copy, failure)
            return _become(Failed, copy, at, revision=said, failure=failure, history=history, repairing=False)
        case Withdrawn():
            return msgspec.structs.replace(copy, withdrawn=copy.attempt)
        case _:
            assert_never(fact)


def _planned(copy: Copy | None, fact: Planned | SkippedOver, at: datetime) -> Copy:
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
        "revision": copy.revision + 1,
        "peers": plan.peers,
        "repairing": False,
    }
    if isinstance(fact, SkippedOver):
        return _become(Skipped, copy, at, reason=plan.skip, **changes)
    return _become(Pending, copy, at, **changes)


def _remember(copy: Copy, failure: Failure) -> tuple[Failure, ...]:
    return (*copy.history, failure)[-HISTORY:]


_COMMON = _Copy.__struct_fields__


def _become(kind: type[C], copy: Copy, at: datetime, **changes: Any) -> C:
    known = {name: getattr(copy, name) for name in _COMMON}
    return kind(**(known | {"updated": at} | changes))
