"""What the sharing service is asked: offers, members, how galleries are shared, role grants.

Owner's side: ``image`` is an id or ``gallery/name``. Member's side: an id, for the name is the owner's.
"""

from typing import Annotated, Literal

import msgspec

from contracts.definition import Moment, Uri
from contracts.names import Text
from contracts.principals import Granted, Member, Principal
from contracts.requests.base import Command, Request
from contracts.terms import PodNames

MOST_PAIRS = 400
"""Images times members of one batch: so many results fit into one reply."""

Images = Annotated[tuple[Annotated[str, msgspec.Meta(max_length=161)], ...], msgspec.Meta(min_length=1, max_length=100)]
Members = Annotated[tuple[Member, ...], msgspec.Meta(min_length=1, max_length=100)]


class OfferImages(Command, frozen=True, kw_only=True, tag="command.sharing.offer"):
    """Owner: offer images to members, each to each, with a result for each pair (features.md E3).

    ``acknowledged`` says that the images hold no secrets (E13). ``until``: the offers end by themselves then.
    """

    images: Images
    members: Members
    acknowledged: bool = False
    until: Moment | None = None
    message: Text = ""


class RevokeOffers(Command, frozen=True, kw_only=True, tag="command.sharing.revoke"):
    """Owner: take offers back, with a result for each pair. ``grace`` is hours for which they still hold, and in which
    the member knows."""

    images: Images
    members: Members
    grace: Annotated[float, msgspec.Meta(ge=0, le=24 * 90)] = 0.0


class AnswerOffer(Command, frozen=True, kw_only=True, tag="command.sharing.answer"):
    """Member: accept or reject an offer; may change its mind. With ``pods`` (of an acceptance) the image's latest
    version, or ``number``, is delivered to these, as a job of the member's."""

    image: str
    answer: Literal["accept", "reject"]
    pods: PodNames = ()
    number: Annotated[str, msgspec.Meta(max_length=32)] = ""


class SuspendSharing(Command, frozen=True, kw_only=True, tag="command.sharing.suspend"):
    """Owner: make an image private, or shared again; its offers are kept meanwhile (features.md b.4)."""

    image: str
    suspended: bool


class ListMembers(Request, frozen=True, kw_only=True, tag="query.sharing.members"):
    """Owner: all members of an image. Member: its own row. Anyone else: not found."""

    image: str
    state: str | None = None
    limit: int = 100
    cursor: str | None = None


class ListShares(Request, frozen=True, kw_only=True, tag="query.sharing.shares"):
    """Member: what is offered to the tenant, to its account or to a unit of its organisation; newest first."""

    state: Literal["PENDING", "ACCEPTED", "REJECTED"] | None = None
    limit: int = 100
    cursor: str | None = None


class GetShare(Request, frozen=True, kw_only=True, tag="query.sharing.share"):
    """Member: one offer."""

    image: str


class Community(msgspec.Struct, frozen=True, kw_only=True):
    """Who publishes a community gallery, and what its public name begins with (features.md E8)."""

    publisher_uri: Uri
    contact: Annotated[str, msgspec.Meta(pattern=r"^[^@\s<>]{1,64}@[^@\s<>]{1,190}(?!\n)$", max_length=256)]
    eula: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{5,16}(?!\n)$")]


class ShareGallery(Command, frozen=True, kw_only=True, tag="command.sharing.share_gallery"):
    """Owner: share a gallery with nobody, with tenants and accounts (at most 30 and 5), or with everybody; ``public``
    is for the provider's galleries (features.md E7)."""

    gallery: str
    sharing: Literal["private", "groups", "community", "public"]
    members: Annotated[tuple[Member, ...], msgspec.Meta(max_length=64)] = ()
    community: Community | None = None
    revision: int | None = None


class GetGallerySharing(Request, frozen=True, kw_only=True, tag="query.sharing.gallery"):
    """How a gallery is shared: for the owner's tenant, and for others that may manage it. Whoever else may read it is
    not told who reads it too."""

    gallery: str


class SetGrant(Command, frozen=True, kw_only=True, tag="command.sharing.set_grant"):
    """Owner: the roles of a principal on a gallery, an image, or one version of an image (``number``)."""

    gallery: str | None = None
    image: str | None = None
    number: str | None = None
    principal: Principal
    roles: Annotated[tuple[Granted, ...], msgspec.Meta(min_length=1, max_length=4)]


class DropGrant(Command, frozen=True, kw_only=True, tag="command.sharing.drop_grant"):
    """Owner: take a principal's roles back."""

    gallery: str | None = None
    image: str | None = None
    number: str | None = None
    principal: Principal


class ListGrants(Request, frozen=True, kw_only=True, tag="query.sharing.grants"):
    """Owner: the grants on a gallery, an image or a version."""

    gallery: str | None = None
    image: str | None = None
    number: str | None = None
    limit: int = 100
    cursor: str | None = None


class ListSharingAudit(Request, frozen=True, kw_only=True, tag="query.sharing.audit"):
    """The audit log of sharing and of the directory, a chain of its own: whole for an operator or an auditor, others
    see the entries of their tenant. ``about`` is the id of an image or a token, or a name; ``sort`` is ``sequence`` or
    ``-sequence``."""

    about: str | None = None
    actor_name: str | None = None
    sort: Literal["sequence", "-sequence"] = "sequence"
    limit: int = 100
    cursor: str | None = None
