"""The kinds of document that sharing keeps."""

from runtime.work import Kind
from sharing.domain.image import Image
from sharing.domain.member import Member

IMAGE: Kind[Image] = Kind("image", Image)
MEMBER: Kind[Member] = Kind("member", Member)


def member_key(image: str, member: str) -> str:
    """The id of a member's row."""
    return f"{image}/{member}"
