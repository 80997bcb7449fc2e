"""Seats that pods made from their copies: as long as there are any, nobody takes the copy from the pod (features.md
F10)."""

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from contracts.errors import Problem
from contracts.events.from_pods import AssignmentReported
from contracts.names import ID

MOST = 4096
"""Versions of assignments of a pod that are kept: many more than a pod has desktops for."""

_id = re.compile(ID)


class Seated(msgspec.Struct, frozen=True, kw_only=True):
    """By assignment, how many seats a pod reports of each version."""

    by: dict[str, dict[str, int]] = {}


def heard(known: Seated | None, report: AssignmentReported) -> Seated | None:
    """What is known of a pod after its report; the same object when nothing changed. A pod speaks for its own copies
    only, so nothing that it says keeps those of others."""
    before = known or Seated()
    if _id.fullmatch(report.assignment) is None:
        return known
    seats = Counter(seat.version for seat in report.seats if _id.fullmatch(seat.version) is not None)
    if report.state == "REMOVED":
        seats.clear()
    if dict(seats) == before.by.get(report.assignment, {}):
        return known
    by = {id: counts for id, counts in before.by.items() if id != report.assignment}
    if seats and sum(map(len, by.values())) + len(seats) <= MOST:
        by[report.assignment] = dict(sorted(seats.items()))
    return Seated(by=by) if by else None


def seats_of(known: Seated | None, version: str) -> int:
    """How many seats of a pod are made from a version."""
    return 0 if known is None else sum(counts.get(version, 0) for counts in known.by.values())


def objection(version: str, pods: Iterable[tuple[str, Seated | None]]) -> Problem | None:
    """Why the version is not taken from these pods: seats there are made from it."""
    used = {pod: seats for pod, known in pods if (seats := seats_of(known, version))}
    if not used:
        return None
    pod = min(used)
    return Problem(
        code="version_in_use",
        detail=f"{used[pod]} seats on {pod} are made from its copy of the version",
        hint="Move the assignments that use it to another version or pod first; the users of the version name them.",
        data={"pod": pod, "seats": used[pod], "pods": ", ".join(sorted(used))},
    )
