"""What the operator allows a pod, and whether a change of it is one."""

from collections.abc import Callable

import msgspec

from contracts.errors import Problem
from contracts.limits import Limits
from contracts.requests import SetPodLimits
from replicator.domain.revision import next_revision


class PodLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits in force; ``revision`` counts their changes, 0 before the first."""

    revision: int = 0
    limits: Limits = Limits()


def decide(
    known: PodLimits, command: SetPodLimits, zone_exists: Callable[[str], bool], floor: int = 0
) -> PodLimits | Problem:
    """The limits after a command, the same when it changes nothing; or why it is refused. Their revision is above
    ``floor``."""
    wanted = command.limits
    if command.revision is not None and command.revision != known.revision:
        return Problem(
            code="revision_mismatch",
            detail=f"the limits of {command.pod} are at revision {known.revision}, not {command.revision}",
            hint="Read the pod again, decide anew, and send the revision that it has now.",
            data={"revision": known.revision},
        )
    if not zone_exists(wanted.timezone):
        return Problem(
            code="limits_invalid",
            detail=f"there is no time zone {wanted.timezone!r}",
            hint="Name one as the IANA does: Europe/Berlin, America/New_York, UTC.",
            data={"field": "timezone"},
        )
    if command.pod in wanted.links:
        return Problem(
            code="limits_invalid",
            detail=f"{command.pod} has no link to itself",
            hint="A link names another pod, from which this one receives.",
            data={"field": "links"},
        )
    if wanted == known.limits:
        return known
    return PodLimits(revision=next_revision(known.revision, floor), limits=wanted)
