"""Copies as the catalog counts them: one small state for each copy, and where it stands in the sums of its version.

What a copy is after a set of events does not depend on the order in which they arrive. This is the hot path: hundreds
of copy events share a transaction.
"""

from typing import Literal

import msgspec

from contracts.events.hub import (
    CopyAvailable,
    CopyCancelled,
    CopyDelayed,
    CopyFailed,
    CopyLost,
    CopyPlanned,
    CopyRemoved,
    CopyRetired,
    CopyStarted,
)

CopyEvent = (
    CopyPlanned
    | CopyStarted
    | CopyDelayed
    | CopyAvailable
    | CopyFailed
    | CopyLost
    | CopyCancelled
    | CopyRetired
    | CopyRemoved
)
CopyState = Literal[
    "PENDING",
    "SKIPPED",
    "REPLICATING",
    "RETRY_PENDING",
    "AVAILABLE",
    "FAILED",
    "LOST",
    "CANCELLED",
    "DROPPED",
    "DELETING",
    "ABSENT",
]
"""As the replicator has them, but for LOST (MISSING or CORRUPT) and DROPPED (CANCELLED and not wanted any more)."""
Place = Literal["available", "failed", "skipped", "cancelled", "missing", "moving", "leaving"]
"""Where a copy is counted: by its state, or as ``missing`` when it failed, was given up or lost and is being made
again, as ``moving`` when it is on its way for the first time, as ``leaving`` when a pod in touch is to delete it."""

_STATE: dict[type, CopyState] = {
    CopyStarted: "REPLICATING",
    CopyDelayed: "RETRY_PENDING",
    CopyAvailable: "AVAILABLE",
    CopyFailed: "FAILED",
    CopyLost: "LOST",
    CopyCancelled: "CANCELLED",
    CopyRetired: "DELETING",
    CopyRemoved: "ABSENT",
}
_SETBACKS = frozenset((CopyFailed, CopyLost, CopyCancelled))
_PLACES: dict[CopyState, Place] = {
    "AVAILABLE": "available",
    "FAILED": "failed",
    "SKIPPED": "skipped",
    "CANCELLED": "cancelled",
}
_UNMADE = frozenset(("FAILED", "CANCELLED", "DROPPED", "DELETING", "ABSENT"))
UNWANTED: frozenset[CopyState] = frozenset(("DROPPED", "DELETING", "ABSENT"))
"""States of a copy that is no part of what is wanted."""
_GONE = frozenset(("DROPPED", "ABSENT"))
_DEAD = frozenset(("failed", "skipped", "cancelled"))
_OPEN = frozenset(("PENDING", "REPLICATING", "RETRY_PENDING", "LOST"))


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """``publication`` is the latest publish that planned the copy, 0 while no `CopyPlanned` has told.

    ``planned`` and ``setback`` are the revisions of the latest `CopyPlanned` and of the latest word that the copy
    failed, was given up or lost; 0 while there was none. ``excluded``: by the latest plan, ``latest`` on this pod does
    not mean the version. ``away``: its pod did not report when the copy was to go.
    """

    version: str
    pod: str
    state: CopyState
    publication: int
    revision: int
    planned: int = 0
    setback: int = 0
    excluded: bool = False
    away: bool = False

    def place(self, since: int) -> Place | None:
        """Where the copy is counted; None when nothing of it is left, or only on a pod that does not report.

        ``since`` is the first publish after the version had no copies: what came to nothing before it is forgotten.
        """
        state = self.state
        if (place := _PLACES.get(state)) is not None:
            return None if self.publication < since and place in _DEAD else place
        if state == "DELETING":
            return None if self.away else "leaving"
        if state in _GONE:
            return None
        return "missing" if state == "LOST" or self.setback > self.planned else "moving"

    @property
    def open(self) -> bool:
        """Whether the copy is still to come to an end."""
        return self.state in _OPEN

    @property
    def unmade(self) -> bool:
        """Whether the copy came to an end other than AVAILABLE or SKIPPED."""
        return self.state in _UNMADE


def evolve(copy: Copy | None, event: CopyEvent, *, away: bool = False) -> Copy:
    """The copy after an event of the replicator; the same object when it tells nothing new.

    An event of an older revision changes no state, but a late `CopyPlanned` still tells which publish planned the
    copy, and a late setback that there was one. ``away``: the copy's pod does not report at present.
    """
    kind = type(event)
    plan = event if isinstance(event, CopyPlanned) else None
    if copy is None:
        return Copy(
            version=event.version,
            pod=event.pod,
            state=_state(event),
            publication=0 if plan is None else plan.publication,
            revision=event.revision,
            planned=0 if plan is None else plan.revision,
            setback=event.revision if kind in _SETBACKS else 0,
            excluded=plan is not None and plan.excluded,
            away=away and kind is CopyRetired,
        )
    newer = event.revision > copy.revision
    later = plan is not None and (plan.publication, plan.revision) > (copy.publication, copy.planned)
    planned = copy.planned if plan is None else max(copy.planned, plan.revision)
    setback = max(copy.setback, event.revision) if kind in _SETBACKS else copy.setback
    if not newer and not later and (planned, setback) == (copy.planned, copy.setback):
        return copy
    return Copy(
        version=copy.version,
        pod=copy.pod,
        state=_state(event) if newer else copy.state,
        publication=copy.publication if plan is None else max(copy.publication, plan.publication),
        revision=event.revision if newer else copy.revision,
        planned=planned,
        setback=setback,
        excluded=plan.excluded if plan is not None and later else copy.excluded,
        away=away and kind is CopyRetired if newer else copy.away,
    )


def _state(event: CopyEvent) -> CopyState:
    match event:
        case CopyPlanned():
            return event.state
        case CopyCancelled(wanted=False):
            return "DROPPED"
    return _STATE[type(event)]
