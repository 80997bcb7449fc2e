"""How a tenant answered what is offered to it, its account or its organisation (features.md b.4; Glance's rules).

Only the tenant answers, and it may change its mind. An answer counts for the offers that were there when it was given.
"""

from datetime import datetime

import msgspec

from sharing.domain.offer import Standing


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``to`` has the offers that the answer was counted on: their principals, and since when each one stood."""

    image: str
    tenant: str
    accepted: bool
    to: dict[str, int] = {}
    updated: datetime
    revision: int


def counts_for(answer: Answer, offer: Standing) -> bool:
    """Whether an answer is among those that an offer counts."""
    return answer.to.get(offer.member) == offer.since


def counted(offer: Standing, accepted: bool, by: int) -> Standing:
    """The offer with one answer more, or with ``by`` -1 one less."""
    if accepted:
        return msgspec.structs.replace(offer, accepted=offer.accepted + by)
    return msgspec.structs.replace(offer, rejected=offer.rejected + by)
