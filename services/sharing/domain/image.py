"""What sharing needs to know of an image: whose it is, whether it can be shared, how many members it has."""

from typing import Literal

import msgspec

from sharing.domain.member import Member, Revoked


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """``ready``: a version reached DEPLOYMENT_DONE. ``members`` counts those that are not REVOKED."""

    owner: str
    ready: bool = False
    members: int = 0


Standing = Literal["owner", "member", "stranger"]


def standing(image: Image | None, own: Member | None, tenant: str) -> Standing:
    """What ``tenant`` is to an image; ``own`` is its member row. To a stranger the image does not exist."""
    if image is None:
        return "stranger"
    if image.owner == tenant:
        return "owner"
    return "stranger" if own is None or isinstance(own, Revoked) else "member"
