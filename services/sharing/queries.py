"""The read side of sharing."""

from collections.abc import Mapping

from contracts.errors import Problem
from contracts.requests import ListMembers, MemberPage, Request
from contracts.views import MemberView
from runtime.requests import Query
from runtime.store import Reader
from sharing.documents import IMAGE, MEMBER, member_key
from sharing.domain.image import standing
from sharing.domain.member import Member
from sharing.domain.offering import image_not_found

# All of an image's rows have ids between "<image>/" and "<image>0" ("0" is what follows "/").
MEMBERS = """
    SELECT body FROM documents WHERE kind = 'member' AND id > ? AND id < ?
    AND json_extract(body, '$.state') <> 'REVOKED' ORDER BY id"""


async def list_members(query: ListMembers, reader: Reader) -> MemberPage | Problem:
    """Owner: all members. Member: its own row. Anyone else: no such image.

    One page always does: the number of members is limited (`SharingSettings.max_members`).
    """
    image = await reader.get(IMAGE, query.image)
    own = await reader.get(MEMBER, member_key(query.image, query.actor.tenant))
    match standing(image, own, query.actor.tenant):
        case "owner":
            rows = await reader.rows(MEMBERS, (f"{query.image}/", f"{query.image}0"))
            return MemberPage(items=tuple(_view(MEMBER.decode(body)) for (body,) in rows))
        case "member" if own is not None:
            return MemberPage(items=(_view(own),))
    return image_not_found(query.image)


QUERIES: Mapping[type[Request], Query] = {ListMembers: list_members}
"""Every query that sharing answers."""


def _view(member: Member) -> MemberView:
    return MemberView(
        image=member.image,
        member=member.member,
        state=str(member.__struct_config__.tag),
        updated=member.updated,
    )
