"""Stream EVENTS: what the sharing service decides. Catalog and replicator keep their own read models from it.

``member`` is a principal (`contracts.principals`) where something is offered or taken back, and the answering tenant
where it is accepted or rejected.
"""

from datetime import datetime
from typing import ClassVar, Literal

from contracts.events.base import Event
from contracts.principals import Granted


class ShareOffered(Event, frozen=True, kw_only=True, tag="share.offered.v1"):
    """An owner offers an image: the member is PENDING and may read the image by id (features.md b.4). Said again with
    another ``until`` when the end of the offer changes: then it is announced that it ends (a grace, or an expiry)."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    owner: str
    until: datetime | None = None
    message: str = ""
    revision: int


class ShareAccepted(Event, frozen=True, kw_only=True, tag="share.accepted.v1"):
    """The member took the offer: the image is listed for it."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    owner: str = ""
    revision: int


class ShareRejected(Event, frozen=True, kw_only=True, tag="share.rejected.v1"):
    """The member declined, at once or after having accepted. ``blocks``: by policy it may not use it by id either."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    owner: str = ""
    blocks: bool = False
    revision: int


class ShareRevoked(Event, frozen=True, kw_only=True, tag="share.revoked.v1"):
    """The owner removed the member, or the offer ended. From now on there is no new use."""

    about: ClassVar[str] = "image"
    image: str
    member: str
    owner: str = ""
    reason: Literal["removed", "expired"] = "removed"
    revision: int


class ShareSuspended(Event, frozen=True, kw_only=True, tag="share.suspended.v1"):
    """The owner made the image private: no member may read or use it until `ShareResumed`; the offers are kept."""

    about: ClassVar[str] = "image"
    image: str
    owner: str
    revision: int


class ShareResumed(Event, frozen=True, kw_only=True, tag="share.resumed.v1"):
    """The image's offers hold again."""

    about: ClassVar[str] = "image"
    image: str
    owner: str
    revision: int


class ShareDeliveryRequested(Event, frozen=True, kw_only=True, tag="share.delivery_requested.v1"):
    """The member wants a version of a shared image (``number`` empty: the latest) on pods of its own: a saga with
    ``delivery`` as its job."""

    about: ClassVar[str] = "delivery"
    delivery: str
    image: str
    number: str = ""
    member: str
    owner: str
    actor: str = ""
    pods: tuple[str, ...]
    principals: tuple[str, ...] = ()


class GalleryShared(Event, frozen=True, kw_only=True, tag="share.gallery_set.v1"):
    """How a gallery is shared from now on, told whole: ``groups`` with ``members`` (tenants and accounts),
    ``community`` with everybody under its public name, ``public`` with everybody (features.md E7)."""

    about: ClassVar[str] = "gallery"
    gallery: str
    tenant: str
    name: str
    sharing: Literal["private", "groups", "community", "public"]
    members: tuple[str, ...] = ()
    public_name: str = ""
    revision: int


class RolesGranted(Event, frozen=True, kw_only=True, tag="share.granted.v1"):
    """The roles that a principal has on a gallery, an image or a version from now on; none: it has none any more.

    ``target`` is the id of that; ``name`` is a gallery's name, ``image`` the id of a version's image.
    """

    about: ClassVar[str] = "target"
    scope: Literal["gallery", "image", "version"]
    target: str
    tenant: str
    image: str = ""
    name: str = ""
    principal: str
    roles: tuple[Granted, ...]
    revision: int


class TenantSet(Event, frozen=True, kw_only=True, tag="tenant.set.v1"):
    """A tenant exists, belongs to this account (none: empty) and may ask, or not (``disabled``). ``principals`` are all
    that it is to those who share (`contracts.principals.above`); ``key`` stands for its name, which is no token of a
    subject (`contracts.principals.tenant_key`)."""

    about: ClassVar[str] = "key"
    key: str = ""
    tenant: str
    account: str = ""
    disabled: bool = False
    principals: tuple[str, ...] = ()
    revision: int


class TokenCreated(Event, frozen=True, kw_only=True, tag="token.created.v1"):
    """A local API token was made for a user or a service account."""

    about: ClassVar[str] = "token"
    token: str
    tenant: str
    user: str
    until: datetime
    revision: int


class TokenRevoked(Event, frozen=True, kw_only=True, tag="token.revoked.v1"):
    """A local API token opens nothing any more."""

    about: ClassVar[str] = "token"
    token: str
    tenant: str
    user: str
    revision: int
