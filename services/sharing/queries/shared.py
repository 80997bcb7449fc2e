"""Offers, as their owner sees them and as those do whom they were made to."""

from collections.abc import Iterator
from typing import Any

import msgspec

from contracts.errors import Problem
from contracts.requests import Actor, GetShare, ListMembers, ListShares, MemberPage, SharePage, ShareView
from runtime import access
from runtime.store import Reader
from runtime.work import Get, Ref
from sharing.directory.queries import paging
from sharing.documents import ANSWER, IMAGE, OFFER, answer_key
from sharing.domain.image import Image
from sharing.domain.offer import Offer, narrowest
from sharing.queries.loading import load
from sharing.references import image_id, image_not_found, image_refs, image_rights, standing, standing_refs
from sharing.views import member_view, own_row, share_not_found, share_view

FAR = 300
"""How many offers one page of shares looks at for those in a state: it may be short, or empty, and still have a next
one."""
# All of an image's rows have ids between "<image>/" and "<image>0" ("0" is what follows "/").
STANDING = """
    SELECT id, body FROM documents INDEXED BY offers_standing
    WHERE kind = 'offer' AND json_extract(body, '$.state') = 'OFFERED' AND id > ? AND id < ? ORDER BY id"""
REVOKED = """
    SELECT id, body FROM documents WHERE kind = 'offer' AND id > ? AND id < ?
    AND json_extract(body, '$.state') = 'REVOKED' ORDER BY id LIMIT ?"""
OFFERED = "SELECT place, image FROM offers WHERE member = ?{before} ORDER BY place DESC LIMIT ?"


async def list_members(query: ListMembers, reader: Reader) -> MemberPage | Problem:
    """Owner, and whoever may share the image on his behalf: all members. Member: its own row. Anyone else: no such
    image. Those that were removed are told only when they are asked for."""
    actor = query.actor
    page = paging.asked(query.limit, query.cursor)
    if isinstance(page, Problem):
        return page
    get = await load(reader, lambda get: _image_refs(actor, query.image, get))
    id = image_id(actor.tenant, query.image, get)
    image: Image | None = None if id is None else get(IMAGE, id)
    if id is None or image is None or image.deleted:
        return image_not_found(query.image)
    rights = image_rights(get, actor, id, image)
    known = get(access.ACCESS, access.image_key(id))
    if "share" in rights or (rights and image.owner == actor.tenant):
        suspended = known is not None and known.suspended
        rows = await _members(reader, id, query.state, page, suspended=suspended)
        items, next = paging.cut(rows, page.limit)
        return MemberPage(items=items, next=next)
    offers, state = standing(get, actor, id), access.answered(known, actor)
    if not offers or not state or "read" not in actor.rights:
        return image_not_found(query.image)
    own = own_row(offers[0], state, get(ANSWER, answer_key(id, actor.tenant)))
    return MemberPage(items=(own,) if query.state in (None, own.state) else ())


async def _members(
    reader: Reader, id: str, state: str | None, page: paging.Asked, *, suspended: bool
) -> list[tuple[str, Any]]:
    """The rows of a page and one more, with their keys. Those that hold are few; those that are over may be many."""
    beyond = max(page.after, f"{id}/")
    if state == "REVOKED":
        rows = await reader.rows(REVOKED, (beyond, f"{id}0", page.limit + 1))
    else:
        rows = await reader.rows(STANDING, (beyond, f"{id}0"))
    views = ((key, member_view(OFFER.decode(body), suspended=suspended)) for key, body in rows)
    return [(key, view) for key, view in views if state in (None, view.state)]


async def list_shares(query: ListShares, reader: Reader) -> SharePage | Problem:
    """What is offered to the tenant, to its account or to a unit of its organisation, newest first."""
    page = paging.asked(query.limit, query.cursor)
    if isinstance(page, Problem):
        return page
    count = page.limit + 1 if query.state is None else max(page.limit + 1, FAR)
    rows = await _offered(reader, query.actor, page.after, count)
    views = await _shares(reader, query.actor, rows)
    found = [(place, view) for place, view in views if query.state in (None, view.state)]
    items, next = paging.cut(found, page.limit)
    if next is None and len(rows) == count:
        next = paging.cursor_at(rows[-1][0])
    return SharePage(items=items, next=next)


async def _offered(reader: Reader, actor: Actor, before: str, limit: int) -> list[tuple[str, str]]:
    """Where the next offers stand, and their images: of each principal so many that none of them all is missed."""
    sql = OFFERED.format(before=" AND place < ?" if before else "")
    found: set[tuple[str, str]] = set()
    for member in narrowest(actor.all):
        found.update(
            (place, image) for place, image in await reader.rows(sql, (member, *filter(None, [before]), limit))
        )
    return sorted(found, reverse=True)[:limit]


async def _shares(reader: Reader, actor: Actor, rows: list[tuple[str, str]]) -> list[tuple[str, ShareView]]:
    """What is told of these offers. One that is made by several is told once, where the newest of them stands."""
    images = dict.fromkeys(image for _, image in rows)

    def refs(_: Get) -> Iterator[Ref]:
        for image in images:
            yield from _share_refs(actor, image)

    get = await load(reader, refs)
    found = []
    for place, image in rows:
        view = _share(get, actor, image)
        offers = standing(get, actor, image)
        if view is not None and place == max(_place(offer) for offer in offers):
            found.append((place, view))
    return found


def _place(offer: Offer) -> str:
    """Where an offer stands in the list, as the view of offers has it."""
    return f"{msgspec.to_builtins(offer.offered)}/{offer.image}"


async def get_share(query: GetShare, reader: Reader) -> ShareView | Problem:
    """One offer to whatever the actor is."""
    actor = query.actor
    get = await load(reader, lambda _: _share_refs(actor, query.image))
    return _share(get, actor, query.image) or share_not_found(query.image)


def _share_refs(actor: Actor, image: str) -> Iterator[Ref]:
    yield IMAGE(image)
    yield access.ACCESS(access.image_key(image))
    yield ANSWER(answer_key(image, actor.tenant))
    yield from standing_refs(actor, image)


def _share(get: Get, actor: Actor, id: str) -> ShareView | None:
    image: Image | None = get(IMAGE, id)
    offers, state = standing(get, actor, id), access.answered(get(access.ACCESS, access.image_key(id)), actor)
    if image is None or image.deleted or image.owner == actor.tenant or not offers or not state:
        return None
    return share_view(id, image, offers, state, get(ANSWER, answer_key(id, actor.tenant)))


def _image_refs(actor: Actor, text: str, get: Get) -> Iterator[Ref]:
    yield from image_refs(actor.tenant, text, get)
    if (id := image_id(actor.tenant, text, get)) is not None:
        yield ANSWER(answer_key(id, actor.tenant))
        yield from standing_refs(actor, id)
