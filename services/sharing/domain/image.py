"""What sharing needs to know of an image: whose it is, whether it can be shared, how many members it has."""

from typing import Literal

import msgspec

from sharing.domain.member import Member, Revoked


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """``ready``: a version reached DEPLOYMENT_DONE. ``members`` counts those that are not REVOKED. ``deleted``: it is
    remembered, so that a word about it that comes late does not bring it back."""

    owner: str
    ready: bool = False
    members: int = 0
    deleted: bool = False


Standing = Literal["owner", "member", "stranger"]


def standing(image: Image | None, own: Member | None, tenant: str) -> Standing:
    """What ``tenant`` is to an image; ``own`` is its member row. To a stranger the image does not exist."""
    if image is None or image.deleted:
        return "stranger"
    if image.owner == tenant:
        return "owner"
    return "stranger" if own is None or isinstance(own, Revoked) else "member"
