"""What an answer has to be, worked out once more: from the table of rights, and from what this land was told to share.

Nothing of `runtime.access` is used. Somebody who may know nothing of a thing is told that it is not there.
"""

from enum import Enum

from contracts.errors import Problem
from contracts.requests import (
    Actor,
    CopyPage,
    GetGallerySharing,
    PairPage,
    RemoveCopy,
    RepairCopy,
    Request,
    SetDataAccess,
)
from contracts.rights import NEEDS
from walls.land import CLUB, GALLERIES, IMAGES, OWNER, PEOPLE, SHARED, Thing, Who

ROLES: dict[str, set[str]] = {
    "reader": {"read"},
    "publisher": {"read", "publish"},
    "sharer": {"read", "share"},
    "owner": {"read", "publish", "share", "manage"},
    "operator": {"read", "publish", "share", "manage", "operate", "audit"},
    "auditor": {"read", "audit"},
}
FORBIDDEN = {"forbidden", "reshare_forbidden", "class_read_only"}
"""How somebody is refused who may know of a thing."""


class Outcome(Enum):
    """What becomes of a request as far as rights go. ALLOWED says nothing of what else may be wrong with it."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    HIDDEN = "hidden"


def home_rights(actor: Actor) -> set[str]:
    """What somebody may do in his own tenant."""
    return set().union(*(ROLES[role] for role in actor.roles))


def rights(actor: Actor, who: Who, thing: Thing, *, version: bool) -> set[str]:
    """What somebody may do with an image, or with its ``version``."""
    at_home = home_rights(actor)
    if not thing.there:
        return set()
    found = set(at_home) if who.tenant == OWNER or (thing.name == "standard" and "operator" in actor.roles) else set()
    for place, role in who.granted.items():
        scope, _, principal = place.partition(" ")
        if principal in actor.principals and _is_about(scope, thing, version=version):
            given = ROLES[role]
            by_name = principal.startswith(("user:", "group:", "service:")) and not who.bounded
            found |= given if by_name else given & at_home
    if "read" in at_home and _opened(actor, who, thing):
        found.add("read")
    return found


def gallery_rights(actor: Actor, who: Who, thing: Thing) -> set[str]:
    """What somebody may do with the gallery of an image."""
    at_home = home_rights(actor)
    if thing.home not in GALLERIES:
        return set()
    found = set(at_home) if who.tenant == OWNER else set()
    for place, role in who.granted.items():
        scope, _, principal = place.partition(" ")
        if scope == "gallery" and thing.home == "lab" and principal in actor.principals:
            found |= ROLES[role]
    if "read" in at_home and _open_gallery(actor, thing):
        found.add("read")
    return found


def _is_about(scope: str, thing: Thing, *, version: bool) -> bool:
    if scope == "gallery":
        return IMAGES[thing.name] == "lab"
    return thing.name in SHARED and (scope == "image" or version)


def _opened(actor: Actor, who: Who, thing: Thing) -> bool:
    if thing.name == "standard" or _open_gallery(actor, thing):
        return True
    offered = thing.name in SHARED and thing.name != "suspended"
    return offered and who.offered in actor.principals and not who.revoked


def _open_gallery(actor: Actor, thing: Thing) -> bool:
    sharing = GALLERIES[thing.home]
    return sharing in ("community", "public") or (sharing == "groups" and bool({*CLUB} & {*actor.principals}))


def expected(kind: type[Request], actor: Actor, person: str, thing: Thing, *, on: str) -> set[Outcome]:
    """What may become of a request about ``thing``; ``on`` is what it looks at: the gallery, the image, the version,
    the ``share`` of a member, the ``members`` of an owner, or the ``origin`` of what is made elsewhere."""
    who, at_home = PEOPLE[person], home_rights(actor)
    right, scope = NEEDS[kind]
    if kind is GetGallerySharing and who.tenant != OWNER:
        right = "manage"  # who else it is shared with is the owner's business
    if kind is SetDataAccess and thing.there and "operator" in actor.roles:
        return {Outcome.ALLOWED}  # the provider may deny the data of whatever is stored with him (features.md F6)
    if scope in ("tenant", "provider") and right not in at_home:
        return {Outcome.FORBIDDEN}
    if on == "gallery":
        found = gallery_rights(actor, who, thing)
    else:
        found = rights(actor, who, thing, version=on in ("version", "origin"))
    if on == "share":
        return _of_share(actor, who, thing)
    if on == "members":
        return {*Outcome} if found else {Outcome.HIDDEN}
    if on == "origin":  # it is made in the asker's own tenant
        may = Outcome.ALLOWED if found else Outcome.HIDDEN
        if "publish" in at_home:
            return {may}
        # What is wrong with the origin may be said first, to those who may know of it.
        first = may is Outcome.HIDDEN or thing.name in ("disabled", "denied")
        return {Outcome.FORBIDDEN, may} if first else {Outcome.FORBIDDEN}
    if thing.name == "deleted" and who.tenant == OWNER and on == "version":
        return {*Outcome}  # where the copies of a version were is known for a while
    if not found:
        return {Outcome.HIDDEN}
    if scope in ("tenant", "provider", "open"):
        return {Outcome.ALLOWED}
    if thing.name == "standard" and on != "gallery" and right != "read" and "operator" not in actor.roles:
        # Of the tenant that it belongs to: the catalog refuses it, and there is nothing to share of it.
        return {Outcome.FORBIDDEN, Outcome.ALLOWED, Outcome.HIDDEN} if right in found else {Outcome.FORBIDDEN}
    if right not in found:
        return {Outcome.FORBIDDEN}
    # What does no harm to a copy is about one that is not there.
    return {Outcome.ALLOWED, Outcome.HIDDEN} if kind in (RemoveCopy, RepairCopy) else {Outcome.ALLOWED}


def _of_share(actor: Actor, who: Who, thing: Thing) -> set[Outcome]:
    """Whether there is an offer that somebody's tenant can answer, or has answered."""
    if who.tenant == OWNER:
        return {Outcome.HIDDEN, Outcome.FORBIDDEN}
    if not thing.there or thing.name not in SHARED or who.offered not in actor.principals or who.revoked:
        return {Outcome.HIDDEN}
    return {Outcome.ALLOWED, Outcome.HIDDEN} if thing.name == "suspended" else {Outcome.ALLOWED}


def became(reply: object, hidden: tuple[str, ...]) -> Outcome:
    """What became of a request, by its reply; ``hidden`` are the codes that say that what it is about is not there."""
    code = reply.code if isinstance(reply, Problem) else ""
    if isinstance(reply, PairPage):
        (code,) = {pair.code for pair in reply.items}
    if code in FORBIDDEN:
        return Outcome.FORBIDDEN
    if isinstance(reply, CopyPage) and not reply.items:
        return Outcome.HIDDEN
    return Outcome.HIDDEN if code in hidden else Outcome.ALLOWED
