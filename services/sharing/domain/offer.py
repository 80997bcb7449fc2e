"""An offer of an image to a tenant, an account or a unit of an organisation (features.md b.4 and E4).

Made and taken back by the owner; it may end by itself. The row of one that ended is kept for the record.
"""

from datetime import datetime
from typing import Literal

import msgspec

from contracts.principals import is_tenant


class _Offer(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    image: str
    member: str
    owner: str
    offered: datetime
    updated: datetime
    revision: int


class Standing(_Offer, frozen=True, kw_only=True, tag="OFFERED"):
    """It holds, at most to ``until``. ``ending``: the owner took it back, with a grace. ``accepted`` and ``rejected``
    count the tenants that answered; ``since`` is the revision at which it was made."""

    since: int
    until: datetime | None = None
    ending: bool = False
    message: str = ""
    accepted: int = 0
    rejected: int = 0

    @property
    def answered(self) -> str:
        """How a single tenant answered. Those of an account or a unit answer each for itself: PENDING."""
        if not is_tenant(self.member) or not (self.accepted or self.rejected):
            return "PENDING"
        return "ACCEPTED" if self.accepted else "REJECTED"


class Revoked(_Offer, frozen=True, kw_only=True, tag="REVOKED"):
    """The owner took it back, or its time was over."""

    reason: Literal["removed", "expired"] = "removed"


Offer = Standing | Revoked


def narrowest(members: tuple[str, ...]) -> tuple[str, ...]:
    """Everything that a tenant is that images are offered to, as `contracts.principals.above` has it: the tenant, its
    account, then the units of its organisation, those of few before those of many."""
    units = [one for one in members if one.startswith("org:")]
    others = [one for one in members if is_tenant(one) or one.startswith("account:")]
    return (*others, *sorted(units, key=len, reverse=True))
