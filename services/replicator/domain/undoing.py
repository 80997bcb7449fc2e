"""All or nothing: when a publish fails as a whole, and what of it is taken back (features.md C10)."""

import msgspec

from contracts.errors import Failure
from replicator.domain.copy import Absent, Copy, Deleting, Failed, Skipped, leaving, wanted
from replicator.domain.placement import Placement


def undoes(copy: Copy | None, placement: Placement) -> bool:
    """Whether the copy's failure fails its publish: one that the latest publish made, and that it wants all of."""
    return (
        isinstance(copy, Failed)
        and placement.state == "LIVE"
        and placement.terms.all_or_nothing
        and copy.made == placement.publication
    )


def undone(copy: Copy, failure: Failure) -> Failure:
    """Why the publish failed, by the first of its copies that did."""
    return msgspec.structs.replace(
        failure,
        code="all_or_nothing",
        text=f"the copy on pod {copy.pod} failed ({failure.code}): {failure.text}"[:500],
        hint=failure.hint or "remove the cause, or publish without that pod, or without all-or-nothing",
        retry=False,
    )


def taken_back(copy: Copy, placement: Placement) -> bool:
    """Whether the copy goes with its publish: what the publish planned, and nothing that was there before it."""
    return copy.made == placement.publication and wanted(copy) and not isinstance(copy, Skipped)


def holds_up(copy: Copy | None, in_touch: bool) -> bool:
    """Whether a withdrawal waits for the copy's pod to say that it is gone. A pod out of touch drops it on return."""
    return in_touch and (isinstance(copy, Deleting) or leaving(copy)) and not isinstance(copy, Absent)
