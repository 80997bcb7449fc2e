"""The sums of a version's copies: what its state is decided by.

They are a function of the set of copies alone (and of the highest words about how many are wanted), so the order in
which events arrive does not matter. A copy event touches one copy and a few integers, however many copies there are.
"""

from typing import Literal

import msgspec

from catalog.domain.copies import Copy
from contracts.errors import Failure
from contracts.events.hub import PlacementPlanned
from contracts.terms import Terms
from contracts.views import CopyCounts


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    """The latest publish of a version, and how all its copies stand, whichever publish planned them.

    Of this publish alone: ``targets`` is how many copies it plans (0 before the replicator told), ``planned`` how many
    of them were heard of, ``open`` how many of those are still to come to an end, ``unmade`` how many came to none
    that is wanted. The next seven count all copies by `catalog.domain.copies.Place`. ``announced`` is the size of the
    desired state by the highest ``word`` (publication, revision of the placement).

    ``since`` is the first publish after the version had no copies. ``over``: the publish came to its end; ``ended``
    says why it did although copies are missing: its deadline passed. ``undone`` is why it was rolled back. ``mode`` to
    ``exceptions`` are what lists and ``latest`` need of its terms; ``exceptions`` are pods where ``excluded`` is
    otherwise.
    """

    number: int
    targets: int = 0
    planned: int = 0
    open: int = 0
    unmade: int = 0
    available: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0
    missing: int = 0
    moving: int = 0
    leaving: int = 0
    announced: int = 0
    word: tuple[int, int] = (0, 0)
    since: int = 1
    over: bool = False
    ended: Failure | None = None
    undone: Failure | None = None
    mode: Literal["full", "shallow"] = "full"
    all_or_nothing: bool = False
    excluded: bool = False
    exceptions: dict[str, bool] = {}

    @property
    def heard(self) -> bool:
        """Whether every copy that this publish plans was heard of."""
        return 0 < self.targets <= self.planned

    @property
    def complete(self) -> bool:
        """Whether every copy of this publish came to an end. One of an all-or-nothing publish that did not come to
        the end it should have is taken back with the others, and the replicator says when that is done."""
        return self.heard and not self.open and not (self.all_or_nothing and self.unmade)

    @property
    def live(self) -> int:
        """All copies that are, or are to be."""
        return self.available + self.failed + self.skipped + self.cancelled + self.missing + self.moving

    @property
    def wanted(self) -> int:
        """How many copies there are to be: those heard of, or what was announced while they are not."""
        live = self.live
        return max(live, self.announced, live + self.targets - self.planned)

    @property
    def coming(self) -> int:
        """How many copies are on their way that were not AVAILABLE before."""
        return self.wanted - self.available - self.failed - self.skipped - self.missing - self.cancelled

    @property
    def short(self) -> int:
        """How many wanted copies there should be by now and are not."""
        return self.failed + self.missing + self.cancelled + (self.coming if self.ended is not None else 0)

    @property
    def converging(self) -> bool:
        """Whether copies are on their way, or are waited for."""
        return self.coming + self.missing > 0

    @property
    def counts(self) -> CopyCounts:
        """The counts for people. Once the publish is over, a copy that is made again counts as failed until it is
        there; while it runs, only one that did fail."""
        return CopyCounts(
            wanted=self.wanted,
            available=self.available,
            failed=self.short - self.cancelled if self.over else self.failed,
            skipped=self.skipped,
            cancelled=self.cancelled,
        )


def begin(before: Publication | None, number: int, terms: Terms, *, anew: bool) -> Publication:
    """Publish ``number`` begins under ``terms``: all copies are still counted, none of them is its own.

    ``anew``: the version had no copies. Those that came to nothing before are forgotten then.
    """
    if before is None:
        return under(Publication(number=number), terms)
    began = msgspec.structs.replace(
        before, number=number, targets=0, planned=0, open=0, unmade=0, over=False, ended=None, undone=None
    )
    if anew:
        began = msgspec.structs.replace(began, since=number, failed=0, skipped=0, cancelled=0, announced=0)
    return under(began, terms)


def under(publication: Publication, terms: Terms) -> Publication:
    """The publication with what it must know of its terms."""
    exceptions = {
        pod: override.exclude_from_latest
        for pod, override in terms.overrides.items()
        if override.exclude_from_latest not in (None, terms.exclude_from_latest)
    }
    return msgspec.structs.replace(
        publication,
        mode=terms.mode,
        all_or_nothing=terms.all_or_nothing,
        excluded=terms.exclude_from_latest,
        exceptions=exceptions,
    )


def recount(publication: Publication, before: Copy | None, after: Copy, targets: int) -> Publication:
    """The sums after a copy went from ``before`` to ``after``; the same object when nothing changed.

    ``targets`` is what the event said this publish plans in all, 0 when it said nothing about this publish.
    """
    number = publication.number
    since = publication.since
    old, new = None if before is None else before.place(since), after.place(since)
    was = before is not None and before.publication == number
    own = after.publication == number
    changes: dict[str, int] = {}
    if targets > publication.targets:
        changes["targets"] = targets
    if old != new:
        if old is not None:
            changes[old] = getattr(publication, old) - 1
        if new is not None:
            changes[new] = getattr(publication, new) + 1
    if own != was:
        changes["planned"] = publication.planned + own - was
    opened = (own and after.open) - (was and before is not None and before.open)
    if opened:
        changes["open"] = publication.open + opened
    unmade = (own and after.unmade) - (was and before is not None and before.unmade)
    if unmade:
        changes["unmade"] = publication.unmade + unmade
    return msgspec.structs.replace(publication, **changes) if changes else publication


def announce(publication: Publication, event: PlacementPlanned) -> Publication:
    """The publication after the replicator told what is wanted; the same object when it is an older word."""
    word = (event.publication, event.revision)
    if event.publication > publication.number or word <= publication.word:
        return publication
    publication = msgspec.structs.replace(publication, announced=event.wanted, word=word)
    # Terms of an earlier publish that an edit changed do not undo those of this one.
    same = event.terms is not None and event.publication == publication.number
    return under(publication, event.terms) if same and event.terms is not None else publication
