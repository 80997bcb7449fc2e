"""What sharing said about an image or a gallery, as other services keep it: two kinds of document, and how each word
changes them. What follows from them is decided in `runtime.access`.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Literal, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from contracts.events.hub import (
    GalleryShared,
    RolesGranted,
    ShareAccepted,
    ShareOffered,
    ShareRejected,
    ShareResumed,
    ShareRevoked,
    ShareSuspended,
)
from contracts.principals import Granted, is_tenant
from runtime.work import Kind

KEPT = 64
"""How many offers that ended, and grants that were taken back, a document remembers."""

ShareEvent: TypeAlias = (
    ShareOffered
    | ShareAccepted
    | ShareRejected
    | ShareRevoked
    | ShareSuspended
    | ShareResumed
    | GalleryShared
    | RolesGranted
)
EVENTS: tuple[type, ...] = (
    ShareOffered,
    ShareAccepted,
    ShareRejected,
    ShareRevoked,
    ShareSuspended,
    ShareResumed,
    GalleryShared,
    RolesGranted,
)
"""What keeps the read model."""


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """An offer to a principal, made by the word with the revision ``since``. The last ones that ``ended`` are kept, so
    that an older word does not revive them."""

    since: int = 0
    until: datetime | None = None
    ended: bool = False
    revision: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant said to the offers that were made to it before. ``blocks``: it may not use the image by them."""

    state: Literal["ACCEPTED", "REJECTED"]
    blocks: bool = False
    revision: int


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """The roles of a principal; none once they were taken back."""

    roles: tuple[Granted, ...]
    revision: int


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """What sharing said about an image (``i/<id>``) or about a gallery (``g/<tenant>/<name>``).

    Of an image: ``offers`` by principal, ``answers`` by tenant, ``grants`` by principal, ``versions`` by version and
    principal; ``suspended`` as long as its owner keeps it to himself. Of a gallery: its ``sharing``, the ``members``
    of groups, its ``public_name``, ``grants``; ``gallery`` is its id, for another one may have the name later.
    """

    offers: dict[str, Offered] = {}
    answers: dict[str, Answer] = {}
    grants: dict[str, Roles] = {}
    versions: dict[str, dict[str, Roles]] = {}
    suspended: bool = False
    steered: int = 0
    """The revision of the word that suspended or resumed."""
    gallery: str = ""
    sharing: Literal["private", "groups", "community", "public"] = "private"
    members: tuple[str, ...] = ()
    public_name: str = ""
    revision: int = 0
    """The revision of the word on how the gallery is shared."""


W = TypeVar("W", Offered, Roles)

ACCESS: Kind[Access] = Kind("access", Access)
"""By `image_key` or `gallery_key`."""


def image_key(image: str) -> str:
    """The id of the document about an image."""
    return f"i/{image}"


def gallery_key(tenant: str, name: str) -> str:
    """The id of the document about a gallery."""
    return f"g/{tenant}/{name}"


def about(event: ShareEvent) -> str:
    """The id of the document that a word of sharing is about."""
    match event:
        case GalleryShared():
            return gallery_key(event.tenant, event.name)
        case RolesGranted(scope="gallery"):
            return gallery_key(event.tenant, event.name)
        case RolesGranted(scope="image"):
            return image_key(event.target)
        case _:
            return image_key(event.image)


def evolve(access: Access, event: ShareEvent) -> Access:
    """The document after a word of sharing; the same object when that is an older one."""
    match event:
        case ShareOffered():
            return _on_offered(access, event)
        case ShareRevoked():
            return _on_revoked(access, event)
        case ShareAccepted() | ShareRejected():
            said = access.answers.get(event.member)
            if said is not None and event.revision <= said.revision:
                return access
            rejected = isinstance(event, ShareRejected)
            answer = Answer(
                state="REJECTED" if rejected else "ACCEPTED",
                blocks=isinstance(event, ShareRejected) and event.blocks,
                revision=event.revision,
            )
            return replace(access, answers=access.answers | {event.member: answer})
        case ShareSuspended() | ShareResumed():
            if event.revision <= access.steered:
                return access
            return replace(access, suspended=isinstance(event, ShareSuspended), steered=event.revision)
        case GalleryShared():
            return _on_shared(access, event)
        case RolesGranted():
            return _on_granted(access, event)


def _on_offered(access: Access, event: ShareOffered) -> Access:
    known = access.offers.get(event.member)
    if known is not None and event.revision <= known.revision:
        return access
    since = event.revision if known is None or known.ended else known.since
    offer = Offered(since=since, until=event.until, revision=event.revision)
    return replace(access, offers=access.offers | {event.member: offer})


def _on_revoked(access: Access, event: ShareRevoked) -> Access:
    """What ends takes the answers along that were given to nothing else that stands."""
    known = access.offers.get(event.member)
    if known is not None and event.revision <= known.revision:
        return access
    offers = access.offers | {event.member: Offered(ended=True, revision=event.revision)}
    standing = {member: offer for member, offer in offers.items() if not offer.ended}
    wide = [offer for member, offer in standing.items() if not is_tenant(member)]
    answers = {
        tenant: answer
        for tenant, answer in access.answers.items()
        if counts(answer, [*wide, standing[tenant]] if tenant in standing else wide)
    }
    return replace(access, offers=_newest(offers, lambda offer: offer.ended), answers=answers)


def _newest(words: dict[str, W], over: Callable[[W], bool]) -> dict[str, W]:
    """All that holds, and the newest `KEPT` of what is over: a document does not grow with all that ever was."""
    past = sorted((one for one, word in words.items() if over(word)), key=lambda one: words[one].revision)
    gone = set(past[:-KEPT])
    return {one: word for one, word in words.items() if one not in gone} if gone else words


def _on_shared(access: Access, event: GalleryShared) -> Access:
    if access.gallery == event.gallery and event.revision <= access.revision:
        return access
    return replace(
        _of_gallery(access, event.gallery),
        sharing=event.sharing,
        members=event.members,
        public_name=event.public_name,
        revision=event.revision,
    )


def _on_granted(access: Access, event: RolesGranted) -> Access:
    if event.scope == "gallery":
        access = _of_gallery(access, event.target)
    granted = access.versions.get(event.target, {}) if event.scope == "version" else access.grants
    known = granted.get(event.principal)
    if known is not None and event.revision <= known.revision:
        return access
    now = _newest(
        granted | {event.principal: Roles(roles=event.roles, revision=event.revision)}, lambda one: not one.roles
    )
    if event.scope == "version":
        return replace(access, versions=_granted_on(access.versions, event.target, now))
    return replace(access, grants=now)


def counts(answer: Answer, offers: Iterable[Offered]) -> bool:
    """Whether an answer was given to any of these offers: all words about an image have revisions of one count."""
    return any(offer.since < answer.revision for offer in offers)


def _granted_on(
    versions: dict[str, dict[str, Roles]], version: str, grants: dict[str, Roles]
) -> dict[str, dict[str, Roles]]:
    """Versions with what is granted on them; of those on which nothing is any more, the last `KEPT`."""
    found = {one: known for one, known in versions.items() if one != version} | {version: grants}
    bare = [one for one, known in found.items() if not any(roles.roles for roles in known.values())]
    gone = set(bare[:-KEPT])
    return {one: known for one, known in found.items() if one not in gone} if gone else found


def _of_gallery(access: Access, gallery: str) -> Access:
    """What is known of this gallery; nothing of a former one of the same name holds for it."""
    return access if access.gallery == gallery else Access(gallery=gallery)


def principals_of(access: Access) -> Collection[str]:
    """Everybody that the image is offered to, or that has roles on it."""
    offered: Iterable[str] = (one for one, offer in access.offers.items() if not offer.ended)
    return {*offered, *(one for one, granted in access.grants.items() if granted.roles)}
