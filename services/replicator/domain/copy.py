"""A copy: one version on one pod, from PENDING to AVAILABLE, and from there to nothing (features.md b.3).

Its states and what is asked about them; `facts` are what moves it, `verdict` decides which facts come about.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import FileDigest
from contracts.names import copy_id

HISTORY = 20
"""Failures that a copy remembers, the latest ones."""
TEXT = 500
"""Characters kept of a text that a pod sends."""


class CopyBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """What every state knows.

    ``first`` is the first attempt of this publish, edit or repair; ``revision`` counts what was said of the copy.
    Up to the attempt ``withdrawn`` everything was taken back, and up to ``freed`` the pod said that nothing is left.
    ``peers`` are pods that receive the version at the same time. ``repairing`` says that the copy was AVAILABLE, was
    lost, and is made again without a publish. ``made`` is the publication that planned it, 0 when no publish did (an
    edit, a policy, a person's repair). ``datastore`` is where it is to lie, or lies; ``excluded``: `latest` on the pod
    does not mean it. ``among`` is how many copies of the version the pod is to have or had, at most: their numbers are
    below that. ``lapsed``: it was delivered to a tenant that lost the image since, stays as long as it is
    whole, and is not made again. ``started`` is when the latest attempt began; the bytes are that attempt's.
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
    freed: int = 0
    revision: int = 0
    history: tuple[Failure, ...] = ()
    peers: tuple[str, ...] = ()
    repairing: bool = False
    made: int = 0
    excluded: bool = False
    among: int = 1
    lapsed: bool = False
    datastore: str | None = None
    started: datetime | None = None
    bytes_network: int = 0
    bytes_reused: int = 0
    bytes_from: dict[str, int] = {}
    updated: datetime


class Pending(CopyBase, frozen=True, kw_only=True, tag="PENDING"):
    """Waits for its pod, a slot, its turn."""


class Replicating(CopyBase, frozen=True, kw_only=True, tag="REPLICATING"):
    """The pod was asked for ``attempt``."""


class RetryPending(CopyBase, frozen=True, kw_only=True, tag="RETRY_PENDING"):
    """``attempt`` failed, another follows."""

    failure: Failure
    next_attempt: datetime


class Finalizing(CopyBase, frozen=True, kw_only=True, tag="FINALIZING"):
    """All bytes are on the pod; its library has still to take them."""


class Available(CopyBase, frozen=True, kw_only=True, tag="AVAILABLE"):
    """The pod's connector finalised exactly what was asked for."""

    digest: str
    item: str
    files: tuple[FileDigest, ...]


class Corrupt(CopyBase, frozen=True, kw_only=True, tag="CORRUPT"):
    """Its bytes changed at rest. The pod has set it apart; it is made anew from another holder, once there is one."""

    failure: Failure


class Missing(CopyBase, frozen=True, kw_only=True, tag="MISSING"):
    """The pod has it no more; it is made anew, once there is a holder."""

    failure: Failure


class Failed(CopyBase, frozen=True, kw_only=True, tag="FAILED"):
    """It will not come by itself."""

    failure: Failure


class Skipped(CopyBase, frozen=True, kw_only=True, tag="SKIPPED"):
    """The pod can never hold it, for ``reason``."""

    reason: str


class Cancelled(CopyBase, frozen=True, kw_only=True, tag="CANCELLED"):
    """It was given up before it was AVAILABLE. ``going``: it is not wanted any more, and ABSENT once it is freed."""

    reason: str
    going: bool = False


class Deleting(CopyBase, frozen=True, kw_only=True, tag="DELETING"):
    """It is not wanted any more; its pod has still to free what it has."""

    reason: str


class Absent(CopyBase, frozen=True, kw_only=True, tag="ABSENT"):
    """Nothing of it is on the pod. Remembered, so that nobody takes up again what was removed."""


Copy: TypeAlias = (
    Pending
    | Replicating
    | RetryPending
    | Finalizing
    | Available
    | Corrupt
    | Missing
    | Failed
    | Skipped
    | Cancelled
    | Deleting
    | Absent
)


# Every report asks these several times: membership of a set is a third of the cost of `isinstance` with a union.
_UNDERWAY = frozenset({Replicating, Finalizing})
_UNFINISHED = frozenset({Pending, Replicating, RetryPending, Finalizing, Corrupt, Missing})


def unfinished(copy: Copy | None) -> bool:
    """Whether the copy is still on its way, or waits to be made again."""
    return type(copy) in _UNFINISHED


def underway(copy: Copy | None) -> bool:
    """Whether the pod is at an attempt."""
    return type(copy) in _UNDERWAY


def receiving(copy: Copy | None) -> bool:
    """Whether the copy's pod takes in bytes of the version, or will as soon as it hears of it."""
    return isinstance(copy, Pending) or underway(copy)


def lost(copy: Copy | None) -> bool:
    """Whether the copy was AVAILABLE, and is to be made again."""
    return isinstance(copy, Corrupt | Missing)


def burdens(copy: Copy) -> bool:
    """Whether the pod may have something of the copy, taken back or not."""
    return copy.attempt > copy.freed


def leaving(copy: Copy | None) -> bool:
    """Whether the pod has still to say that it dropped what was taken back. Where another attempt was made after a
    withdrawal no such word is needed: the pod began it from nothing."""
    return copy is not None and not unfinished(copy) and copy.attempt == copy.withdrawn > copy.freed


def wanted(copy: Copy | None) -> bool:
    """Whether the copy belongs to the desired state."""
    if copy is None or isinstance(copy, Deleting | Absent):
        return False
    return not (isinstance(copy, Cancelled) and copy.going)


def endless(copy: Copy) -> bool:
    """Whether no publish's deadline ends the copy: a repair, or what an edit or a policy asked for."""
    return copy.repairing or copy.made == 0


def siblings(copy: Copy) -> Iterator[str]:
    """The ids of the other copies of the version on the same pod."""
    for number in range(copy.among):
        if number != copy.replica:
            yield copy_id(copy.version, copy.pod, number)
