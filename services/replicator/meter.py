"""What is measured while copies move, in small tables of sums: over a million copies nobody counts anew.

Each statement is one that may run in any order among those of its batch: sums commute, and what a copy's row says is
written by one statement in the order of its moves (`runtime.work.Work.write`).
"""

from contracts.events.from_pods import CopyFinalised
from contracts.names import copy_id
from replicator.domain.copy import Absent, Cancelled, Copy, Deleting, Failed, unfinished
from replicator.domain.placement import Placement
from runtime.work import Work

BOUNDS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0)
"""Upper bounds, in seconds, of the histogram of the times to converge; above the last is one more bucket."""
SOURCES = 64
"""Pods that one copy's bytes are told by, at most."""

TALLY = "INSERT INTO tally VALUES (?, ?) ON CONFLICT DO UPDATE SET copies = copies + excluded.copies"
BEHIND = "INSERT OR REPLACE INTO behind VALUES (?, ?)"
"""A row without a time is gone at once, by a trigger."""
TRAFFIC = """
    INSERT INTO traffic SELECT id, ?2 FROM documents WHERE kind = 'pod' AND id = ?1
    ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes"""
TOTAL = "INSERT INTO totals VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value"
CONVERGED = "INSERT INTO converged VALUES (?, 1) ON CONFLICT DO UPDATE SET publishes = publishes + 1"


def behind(copy: Copy | None) -> bool:
    """Whether the copy is wanted and not AVAILABLE. One that was skipped or cancelled is not expected any more."""
    return unfinished(copy) or isinstance(copy, Failed)


def moved(work: Work, before: Copy | None, after: Copy) -> None:
    """A copy came from one state to another: it is counted there, and since when it is behind what is wanted."""
    if type(before) is type(after):
        return
    if before is not None:
        work.add(TALLY, _tag(before), -1)
    work.add(TALLY, _tag(after), 1)
    if behind(before) != behind(after):
        since = work.message.at.timestamp() if behind(after) else None
        work.write(BEHIND, copy_id(after.version, after.pod, after.replica), since)


def finalised(work: Work, words: CopyFinalised, size: int) -> None:
    """A copy of ``size`` bytes is there: where its bytes came from. Only enrolled pods are counted as sources, and no
    pod can say of one that it served more than there is."""
    for pod, told in sorted(words.bytes_from.items())[:SOURCES]:
        if told:
            work.add(TRAFFIC, pod, min(told, size))
    if words.bytes_reused:
        work.add(TOTAL, "bytes_reused", min(words.bytes_reused, size))


def settled(work: Work, before: Copy | None, last: Copy, placement: Placement) -> None:
    """``last`` was the only copy of its version that was not settled, and came to its end: how long the publish took
    that planned it. Repairs, edits and what was given up are no publishes that came about."""
    gone = isinstance(last, Cancelled | Deleting | Absent)
    if gone or before is None or before.repairing or last.made == 0 or last.made != placement.publication:
        return
    seconds = max((work.message.at - placement.began).total_seconds(), 0.0)
    bucket = sum(bound < seconds for bound in BOUNDS)
    work.write(CONVERGED, bucket)
    work.add(TOTAL, "converged_sum", seconds)


def _tag(copy: Copy) -> str:
    return str(copy.__struct_config__.tag)
