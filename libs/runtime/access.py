"""Who may do what with another tenant's images and galleries: a read model of what sharing says, and the decision.

Catalog and replicator keep it for themselves, each in its own store: a document for each image that something was
offered or granted on, and one for each gallery. A decision reads two documents, however many grants there are. What
somebody *is* (`Actor.all`) comes with his request, so that who leaves an account or an organisation is out at once.
"""

from collections.abc import Iterator

from contracts.principals import GIVES, Right
from contracts.requests import Actor
from runtime.shared import (
    ACCESS,
    EVENTS,
    Access,
    Answer,
    Offered,
    Roles,
    ShareEvent,
    about,
    counts,
    evolve,
    gallery_key,
    image_key,
    principals_of,
)
from runtime.store import Reader
from runtime.work import Get, Message, Reaction, Ref, Work

__all__ = [
    "ACCESS",
    "EVENTS",
    "NOTHING",
    "READ",
    "Access",
    "Answer",
    "Offered",
    "Roles",
    "ShareEvent",
    "about",
    "answered",
    "decided",
    "evolve",
    "follow",
    "gallery_key",
    "gallery_rights",
    "image_key",
    "keys",
    "principals_of",
    "reactions",
    "read",
    "read_rights",
    "refs",
    "rights",
]

NOTHING: frozenset[Right] = frozenset()
READ: frozenset[Right] = frozenset({"read"})


# --- the decision -----------------------------------------------------------------------------------------------------


def refs(image: str, tenant: str, gallery: str) -> Iterator[Ref]:
    """The documents that `rights` reads."""
    yield ACCESS(image_key(image))
    yield ACCESS(gallery_key(tenant, gallery))


def rights(
    get: Get, actor: Actor, *, tenant: str, image: str, gallery: str, version: str = "", public: bool = False
) -> frozenset[Right]:
    """What ``actor`` may do with an image of ``tenant`` in ``gallery``, and with that ``version`` of it; nothing at all
    means that for him it is not there. ``public``: it is of the standard class.

    In one's own tenant one's roles count, and what was granted besides. Of others an offer, a shared gallery and the
    standard class give the right to read to who may read in his own tenant.
    """
    return decided(
        get(ACCESS, image_key(image)) if image else None,
        get(ACCESS, gallery_key(tenant, gallery)),
        actor,
        tenant=tenant,
        version=version,
        public=public,
    )


def gallery_rights(get: Get, actor: Actor, *, tenant: str, gallery: str) -> frozenset[Right]:
    """What ``actor`` may do in a gallery of ``tenant``, as `rights`."""
    return rights(get, actor, tenant=tenant, image="", gallery=gallery)


def decided(
    image: Access | None, gallery: Access | None, actor: Actor, *, tenant: str, version: str = "", public: bool = False
) -> frozenset[Right]:
    """The decision of `rights` from the two documents themselves."""
    found = actor.rights if actor.tenant == tenant or (public and actor.operator) else NOTHING
    for known in (image, gallery):
        if known is not None and known.grants:
            found |= _granted(known.grants, actor)
    if version and image is not None and version in image.versions:
        found |= _granted(image.versions[version], actor)
    if "read" in found or "read" not in actor.rights:
        return found
    opened = (
        public or (gallery is not None and _opened(gallery, actor)) or (image is not None and _offered(image, actor))
    )
    return found | READ if opened else found


def answered(image: Access | None, actor: Actor) -> str:
    """How the actor's tenant answered, where the image is offered to it: PENDING, ACCEPTED or REJECTED; else empty.
    An answer counts for the offers that were there when it was given."""
    made = [] if image is None or image.suspended else _holding(image, actor)
    if image is None or not made:
        return ""
    answer = image.answers.get(actor.tenant)
    return answer.state if answer is not None and counts(answer, made) else "PENDING"


def _offered(image: Access, actor: Actor) -> bool:
    answer = image.answers.get(actor.tenant)
    made = [] if image.suspended else _holding(image, actor)
    if answer is not None and answer.blocks:
        return any(offer.since > answer.revision for offer in made)
    return bool(made)


def _holding(image: Access, actor: Actor) -> list[Offered]:
    """The offers to anything that the actor is."""
    offers = image.offers
    return [offers[one] for one in actor.all if one in offers and not offers[one].ended]


def _opened(gallery: Access, actor: Actor) -> bool:
    match gallery.sharing:
        case "community" | "public":
            return True
        case "groups":
            return any(one in gallery.members for one in actor.all)
    return False


def _granted(grants: dict[str, Roles], actor: Actor) -> frozenset[Right]:
    """What roles give: all of it to whom they were given by name or group, unless his token was made for less; and to
    somebody of a tenant, an account or an organisation no more than he may do at home."""
    found = NOTHING
    for principal in actor.all:
        if principal in grants:
            given = NOTHING.union(*(GIVES[role] for role in grants[principal].roles))
            named = principal.startswith(("user:", "service:", "group:")) and not actor.bounded
            found |= given if named else given & actor.rights
    return found


async def read(reader: Reader, *, tenant: str, image: str, gallery: str) -> tuple[Access | None, Access | None]:
    """The two documents as they are committed: about the image, about its gallery."""
    keys = image_key(image), gallery_key(tenant, gallery)
    rows = await reader.rows("SELECT id, body FROM documents WHERE kind = 'access' AND id IN (?, ?)", keys)
    known = {id: ACCESS.decode(body) for id, body in rows}
    return known.get(keys[0]), known.get(keys[1])


async def read_rights(
    reader: Reader, actor: Actor, *, tenant: str, image: str, gallery: str, version: str = "", public: bool = False
) -> frozenset[Right]:
    """As `rights`, from committed state."""
    found = await read(reader, tenant=tenant, image=image, gallery=gallery)
    return decided(*found, actor, tenant=tenant, version=version, public=public)


# --- the read model ---------------------------------------------------------------------------------------------------


def reactions() -> dict[type, Reaction]:
    """The reactions that keep the documents."""
    return dict.fromkeys(EVENTS, Reaction(keys, _on_share))


def keys(message: Message[ShareEvent], _: Get) -> Iterator[Ref]:
    """The document that a word of sharing is about."""
    yield ACCESS(about(message.body))


def _on_share(message: Message[ShareEvent], work: Work) -> None:
    work.saga = ""
    follow(work, message.body)


def follow(work: Work, event: ShareEvent) -> bool:
    """Take a word of sharing in; whether it changed anything (an older word does not)."""
    id = about(event)
    before = work.get(ACCESS, id) or Access()
    after = evolve(before, event)
    if after is before:
        return False
    work.put(ACCESS, id, after)
    return True
