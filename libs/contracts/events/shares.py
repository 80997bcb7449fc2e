"""Stream EVENTS: what the sharing service decides."""

from typing import ClassVar

from contracts.events.base import Event


class ShareOffered(Event, frozen=True, kw_only=True, tag="share.offered.v1"):
    """An owner offers an image to a tenant: the member is PENDING and may read the image by id (features.md b.4)."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    owner: str
    revision: int


class ShareAccepted(Event, frozen=True, kw_only=True, tag="share.accepted.v1"):
    """The member took the offer: the image is listed for it."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    revision: int


class ShareRejected(Event, frozen=True, kw_only=True, tag="share.rejected.v1"):
    """The member declined, at once or after having accepted."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    revision: int


class ShareRevoked(Event, frozen=True, kw_only=True, tag="share.revoked.v1"):
    """The owner removed the member."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    revision: int
