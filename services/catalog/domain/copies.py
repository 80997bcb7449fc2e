"""Copies as the catalog counts them: one small state for each copy, and the sums of a version's publication.

The sums are a function of the set of copy states alone, so the order in which events arrive does not matter. This is
the hot path: hundreds of copy events share a transaction, and each may touch one copy and four integers only.
"""

from typing import Literal

import msgspec

from contracts.errors import Failure
from contracts.events.hub import CopyAvailable, CopyDelayed, CopyFailed, CopyLost, CopyPlanned, CopyStarted
from contracts.views import CopyCounts

CopyEvent = CopyPlanned | CopyStarted | CopyDelayed | CopyAvailable | CopyFailed | CopyLost
CopyState = Literal["PENDING", "SKIPPED", "REPLICATING", "RETRY_PENDING", "AVAILABLE", "FAILED", "LOST"]

_STATE: dict[type, CopyState] = {
    CopyStarted: "REPLICATING",
    CopyDelayed: "RETRY_PENDING",
    CopyAvailable: "AVAILABLE",
    CopyFailed: "FAILED",
    CopyLost: "LOST",
}


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """``publication`` is the latest publish that wants the copy, 0 while no `CopyPlanned` has told.

    ``planned`` and ``lost`` are the revisions of the latest `CopyPlanned` and `CopyLost`, 0 while there was none.
    """

    version: str
    pod: str
    state: CopyState
    publication: int
    revision: int
    planned: int = 0
    lost: int = 0

    @property
    def missing(self) -> bool:
        """Whether the copy was AVAILABLE, was lost, and did not come back; a publish that wants it begins anew."""
        return self.lost > self.planned and self.state != "AVAILABLE"


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """The latest publish of a version and how its copies stand.

    ``wanted`` is what the replicator announced (0 before it did), the next four count copies of this publish;
    ``kept`` counts AVAILABLE copies that only earlier publishes wanted, ``gone`` those of them that were lost since,
    ``lost`` those of this publish. ``ended`` says why the publish is over although copies are missing: no target, or
    its deadline passed.
    """

    number: int
    wanted: int = 0
    planned: int = 0
    available: int = 0
    failed: int = 0
    skipped: int = 0
    kept: int = 0
    gone: int = 0
    lost: int = 0
    ended: Failure | None = None

    @property
    def complete(self) -> bool:
        """Whether every wanted copy was planned and came to an end."""
        return 0 < self.wanted == self.planned == self.available + self.failed + self.skipped

    def counts(self, *, over: bool) -> CopyCounts:
        """The counts for people; once the publish is ``over``, what did not become available has failed."""
        missing = max(self.wanted - self.available - self.skipped, 0)
        return CopyCounts(
            wanted=self.wanted + self.kept + self.gone,
            available=self.available + self.kept,
            failed=(missing if over else self.failed) + self.gone,
            skipped=self.skipped,
        )


def evolve(copy: Copy | None, event: CopyEvent) -> Copy:
    """The copy after an event of the replicator; the same object when it tells nothing new.

    An event of an older revision changes no state, but a late `CopyPlanned` still tells which publish wants the copy,
    and a late `CopyLost` that it was there once.
    """
    planned = type(event) is CopyPlanned
    if copy is None:
        return Copy(
            version=event.version,
            pod=event.pod,
            state=_state(event),
            publication=event.publication if planned else 0,  # type: ignore[union-attr]
            revision=event.revision,
            planned=event.revision if planned else 0,
            lost=event.revision if type(event) is CopyLost else 0,
        )
    publication = max(copy.publication, event.publication) if planned else copy.publication  # type: ignore[union-attr]
    newer = event.revision > copy.revision
    lost = max(copy.lost, event.revision) if type(event) is CopyLost else copy.lost
    if not newer and publication == copy.publication and lost == copy.lost:
        return copy
    return Copy(
        version=copy.version,
        pod=copy.pod,
        state=_state(event) if newer else copy.state,
        publication=publication,
        revision=event.revision if newer else copy.revision,
        planned=max(copy.planned, event.revision) if planned else copy.planned,
        lost=lost,
    )


def _state(event: CopyEvent) -> CopyState:
    return event.state if isinstance(event, CopyPlanned) else _STATE[type(event)]


def recount(publication: Publication, before: Copy | None, after: Copy, wanted: int) -> Publication:
    """The sums after a copy went from ``before`` to ``after``; the same object when nothing changed.

    ``wanted`` is what the event said the publish wants in all, 0 when it said nothing about this publish.
    """
    number = publication.number
    old = None if before is None else _slot(before, number)
    new = _slot(after, number)
    wanted = wanted or publication.wanted
    lost = publication.lost + _lost(after, number) - (0 if before is None else _lost(before, number))
    if old == new and wanted == publication.wanted and lost == publication.lost:
        return publication
    return Publication(
        number=number,
        wanted=wanted,
        planned=publication.planned + (new not in ELSEWHERE) - (old not in ELSEWHERE),
        available=publication.available + (new == "AVAILABLE") - (old == "AVAILABLE"),
        failed=publication.failed + (new == "FAILED") - (old == "FAILED"),
        skipped=publication.skipped + (new == "SKIPPED") - (old == "SKIPPED"),
        kept=publication.kept + (new == "kept") - (old == "kept"),
        gone=publication.gone + (new == "gone") - (old == "gone"),
        lost=lost,
        ended=publication.ended,
    )


ELSEWHERE = (None, "kept", "gone")
"""Where copies count that this publish does not want."""


def _slot(copy: Copy, number: int) -> str | None:
    """Where a copy counts: under its state, as ``kept`` or ``gone`` from an earlier publish, or not at all."""
    if copy.publication == number:
        return copy.state
    if not 0 < copy.publication < number:
        return None
    return "kept" if copy.state == "AVAILABLE" else "gone" if copy.missing else None


def _lost(copy: Copy, number: int) -> int:
    return int(copy.publication == number and copy.missing)
