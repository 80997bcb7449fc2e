"""How a gallery is shared: with nobody, with tenants and accounts, or with everybody (features.md E7, E8)."""

from typing import Literal

import msgspec

from contracts.errors import Problem
from contracts.principals import is_tenant
from contracts.requests import ShareGallery
from contracts.views import CommunityInfo
from sharing.domain.image import Image

Sharing = Literal["private", "groups", "community", "public"]


class Gallery(msgspec.Struct, frozen=True, kw_only=True):
    """``id`` is empty as long as the catalog did not tell it, and once the gallery is gone. ``unfit`` are the images in
    it that nobody else may reach, ``private_only`` those that not everybody may, each with the reason.
    """

    id: str = ""
    tenant: str
    name: str
    sharing: Sharing = "private"
    members: tuple[str, ...] = ()
    community: CommunityInfo | None = None
    public_name: str = ""
    unfit: dict[str, str] = {}
    private_only: dict[str, str] = {}
    revision: int = 0


def holding(gallery: Gallery, id: str, image: Image) -> Gallery:
    """The gallery with an image in it as it is now."""
    there = not image.deleted
    return msgspec.structs.replace(
        gallery,
        unfit=_noted(gallery.unfit, id, image.unfit if there else ""),
        private_only=_noted(gallery.private_only, id, image.private_only if there else ""),
    )


def _noted(reasons: dict[str, str], id: str, reason: str) -> dict[str, str]:
    others = {one: said for one, said in reasons.items() if one != id}
    return others | {id: reason} if reason else others


def decide(gallery: Gallery, command: ShareGallery, most_tenants: int, most_accounts: int) -> Gallery | Problem:
    """The gallery as its owner wants it shared; the same one where that changes nothing."""
    if command.revision is not None and command.revision != gallery.revision:
        return Problem(
            code="revision_mismatch",
            detail=f"revision {command.revision} was to be changed, it is at {gallery.revision} now",
            hint="Read it again, look at what changed, and send the edit with the revision that it has now.",
            data={"revision": gallery.revision, "given": command.revision},
        )
    members = tuple(sorted(set(command.members)))
    problem = (
        _objection_to_members(gallery, command.sharing, members, most_tenants, most_accounts)
        or _objection_to_info(command)
        or _objection_to_images(gallery, command.sharing)
    )
    if problem is not None:
        return problem
    info = command.community
    community = None if info is None else CommunityInfo(**msgspec.structs.asdict(info))
    wanted = msgspec.structs.replace(
        gallery,
        sharing=command.sharing,
        members=members,
        community=community,
        public_name="" if info is None else f"{info.prefix}-{gallery.id}",
    )
    return gallery if wanted == gallery else wanted


def closed(gallery: Gallery) -> Gallery:
    """The gallery, shared with nobody."""
    return msgspec.structs.replace(gallery, sharing="private", members=(), community=None, public_name="")


def _objection_to_members(
    gallery: Gallery, sharing: Sharing, members: tuple[str, ...], most_tenants: int, most_accounts: int
) -> Problem | None:
    tenants = [one for one in members if is_tenant(one)]
    accounts = [one for one in members if one.startswith("account:")]
    if sharing != "groups":
        if not members:
            return None
        return _invalid(f"a {sharing} gallery has no members", "Leave the members out, or share it with groups.")
    if not members:
        return _invalid("groups without a member are nobody", "Name tenants or accounts, or make the gallery private.")
    if gallery.tenant in tenants or len(tenants) + len(accounts) < len(members):
        return Problem(
            code="principal_invalid",
            detail="a gallery is shared with other tenants and with accounts",
            hint="Offer single images to an organisation, or grant roles on the gallery.",
            data={"field": "members"},
        )
    if len(tenants) > most_tenants or len(accounts) > most_accounts:
        return Problem(
            code="member_limit",
            detail=f"a gallery is shared with at most {most_tenants} tenants and {most_accounts} accounts",
            hint="Name the account of several tenants, or offer single images to an organisation.",
            data={"tenants": most_tenants, "accounts": most_accounts},
        )
    return None


def _objection_to_info(command: ShareGallery) -> Problem | None:
    if command.sharing == "community" and command.community is None:
        return Problem(
            code="community_info_required",
            detail="a community gallery says who publishes it",
            hint="Give publisher_uri, contact, eula and prefix.",
            data={"field": "community"},
        )
    if command.sharing != "community" and command.community is not None:
        return _invalid("only a community gallery has a publisher", "Leave community out, or share it with all.")
    return None


def _objection_to_images(gallery: Gallery, sharing: Sharing) -> Problem | None:
    """Why what is in the gallery keeps it from being shared like this (features.md E6, d.2)."""
    reasons: dict[str, str] = {}
    if sharing != "private":
        reasons = gallery.unfit
    if sharing in ("community", "public"):
        reasons = gallery.private_only | reasons
    if not reasons:
        return None
    image = min(reasons)
    return Problem(
        code="gallery_sharing_invalid",
        detail=f"{len(reasons)} images of the gallery may not be shared like this: {reasons[image]}",
        hint="Keep them in a gallery of their own.",
        data={"image": image, "reason": reasons[image], "images": len(reasons)},
    )


def _invalid(detail: str, hint: str) -> Problem:
    return Problem(code="gallery_sharing_invalid", detail=detail, hint=hint)
