"""A tenant with which an image is shared (features.md, b.4; Glance's rules).

The owner offers and removes, the member answers, nobody else learns that the image exists. PENDING and REJECTED
members can read the image by its id, only ACCEPTED ones have it listed. The row of a REVOKED member is kept.
"""

from datetime import datetime
from typing import assert_never

import msgspec

from contracts.events.hub import ShareAccepted, ShareOffered, ShareRejected, ShareRevoked

ShareEvent = ShareOffered | ShareAccepted | ShareRejected | ShareRevoked


class _Member(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    image: str
    member: str
    updated: datetime
    revision: int


class Pending(_Member, frozen=True, kw_only=True, tag="PENDING"):
    """Offered, not answered."""


class Accepted(_Member, frozen=True, kw_only=True, tag="ACCEPTED"):
    """The image is listed for the member."""


class Rejected(_Member, frozen=True, kw_only=True, tag="REJECTED"):
    """The member wants it out of its lists."""


class Revoked(_Member, frozen=True, kw_only=True, tag="REVOKED"):
    """The owner took it back."""


Member = Pending | Accepted | Rejected | Revoked


def evolve(event: ShareEvent, at: datetime) -> Member:
    """The member after an event, which tells all there is to know."""
    kind: type[Pending | Accepted | Rejected | Revoked]
    match event:
        case ShareOffered():
            kind = Pending
        case ShareAccepted():
            kind = Accepted
        case ShareRejected():
            kind = Rejected
        case ShareRevoked():
            kind = Revoked
        case _:
            assert_never(event)
    return kind(image=event.image, member=event.member, updated=at, revision=event.revision)
