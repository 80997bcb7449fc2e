"""The operator's limits as this pod was last told them."""

import msgspec

from contracts.events.to_pods import LimitsChanged
from contracts.limits import Limits


class PodLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits in force; revision 0 is before the first were told."""

    revision: int = 0
    limits: Limits = Limits()


def changed(known: PodLimits, event: LimitsChanged) -> PodLimits:
    """The limits after a word about them; the same when it is late or tells nothing new."""
    if event.revision <= known.revision:
        return known
    return PodLimits(revision=event.revision, limits=event.limits)
