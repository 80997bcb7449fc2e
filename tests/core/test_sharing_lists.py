"""Lists of sharing: members of an image, what is offered to a tenant; who sees what of them (features.md d.3)."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts.requests import Actor, ListMembers, ListShares, MemberPage, SharePage
from core.sharing_world import ACME, BASE, BETA, GAMMA, World, actor, available, deployed, registered
from sharing.queries import QUERIES, shared
from sharing.queries.shared import OFFERED, REVOKED, STANDING
from sharing.settings import SharingSettings

ROOMY = SharingSettings(data="")


def image(number: int) -> str:
    return f"{number:032x}"


def many(count: int) -> World:
    """Images 1 to ``count`` of acme, each offered to beta, to its account or to its organisation in turn."""
    world = World(settings=ROOMY)
    for number in range(1, count + 1):
        id = image(number)
        world.catalog(registered(id, f"image-{number}"), deployed(id), available(id))
        world.offer(("beta", "account:group", "org:corp/eu")[number % 3], images=(id,))
    return world


async def shares(reader: Any, who: Actor = BETA, **fields: Any) -> list[str]:
    """The names of all shares, page by page."""
    found, cursor = [], None
    while True:
        page = await QUERIES[ListShares](ListShares(actor=who, cursor=cursor, **fields), reader)
        assert isinstance(page, SharePage)
        found += [one.name for one in page.items]
        if (cursor := page.next) is None:
            return found


async def members(reader: Any, who: Actor, image: str = BASE, **fields: Any) -> Any:
    reply = await QUERIES[ListMembers](ListMembers(actor=who, image=image, **fields), reader)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=type(reply)) == reply
    return [(one.member, one.state) for one in reply.items] if isinstance(reply, MemberPage) else reply.code  # type: ignore[attr-defined]


async def test_the_owner_sees_all_members_a_member_its_own_row_and_a_stranger_nothing(tmp_path: Path) -> None:
    world = World(settings=ROOMY)
    world.offer("beta", "gamma", "delta", "org:corp")
    world.accept()
    world.reject(actor("eta", account="x", unit="corp"))
    world.revoke("gamma")
    async with world.stored(tmp_path) as reader:
        everybody = [("beta", "ACCEPTED"), ("delta", "PENDING"), ("org:corp", "PENDING")]
        assert await members(reader, ACME) == everybody
        assert await members(reader, ACME, "lab/base") == everybody
        assert await members(reader, actor("acme", "reader")) == everybody
        assert await members(reader, ACME, state="REVOKED") == [("gamma", "REVOKED")]
        assert await members(reader, ACME, state="ACCEPTED") == [("beta", "ACCEPTED")]
        assert await members(reader, BETA) == [("beta", "ACCEPTED")]
        assert await members(reader, BETA, state="PENDING") == []
        assert await members(reader, actor("eta", account="x", unit="corp/us")) == [("org:corp", "REJECTED")]
        for stranger in (GAMMA, actor("nobody"), actor("ops", "operator")):
            assert await members(reader, stranger) == "image_not_found"
        assert await members(reader, ACME, "0" * 32) == "image_not_found"
        page = await QUERIES[ListMembers](ListMembers(actor=ACME, image=BASE), reader)
        assert isinstance(page, MemberPage)
        assert [(one.accepted, one.rejected) for one in page.items] == [(1, 0), (0, 0), (1, 1)]
        own = await QUERIES[ListMembers](ListMembers(actor=actor("eta", account="x", unit="corp"), image=BASE), reader)
        assert isinstance(own, MemberPage)
        assert (own.items[0].accepted, own.items[0].rejected) == (0, 0), "how others answered is nothing to it"


async def test_members_come_in_pages(tmp_path: Path) -> None:
    world = World(settings=ROOMY)
    world.offer(*(f"tenant-{number:03}" for number in range(100)))
    world.revoke(*(f"tenant-{number:03}" for number in range(0, 100, 2)))
    async with world.stored(tmp_path) as reader:
        for state, first in ((None, 1), ("PENDING", 1), ("REVOKED", 0), ("ACCEPTED", 100)):
            found, cursor = [], None
            while True:
                query = ListMembers(actor=ACME, image=BASE, state=state, limit=7, cursor=cursor)
                page = await QUERIES[ListMembers](query, reader)
                assert isinstance(page, MemberPage)
                assert len(page.items) <= 7
                found += [one.member for one in page.items]
                if (cursor := page.next) is None:
                    break
            assert found == [f"tenant-{number:03}" for number in range(first, 100, 2)]


async def test_while_an_image_is_suspended_its_owner_sees_so_and_members_see_nothing(tmp_path: Path) -> None:
    world = World()
    world.offer()
    world.accept()
    world.suspend()
    async with world.stored(tmp_path) as reader:
        assert await members(reader, ACME) == [("beta", "SUSPENDED")]
        assert await members(reader, BETA) == "image_not_found"
        assert await shares(reader) == []


async def test_what_is_offered_is_listed_newest_first_whatever_it_is_offered_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = many(20)
    world.offer("beta", images=(image(2),))
    world.offer("beta", images=(image(4),))
    world.accept(image=image(7))
    world.accept(image=image(9))
    world.reject(image=image(9))
    world.revoke("org:corp/eu", images=(image(8),))
    newest = ["image-4", "image-2", *(f"image-{n}" for n in range(20, 0, -1) if n not in (2, 4, 8))]
    async with world.stored(tmp_path) as reader:
        assert await shares(reader) == newest
        for limit in (1, 3, 19):
            assert await shares(reader, limit=limit) == newest
        assert await shares(reader, state="ACCEPTED") == ["image-7"]
        assert await shares(reader, state="REJECTED", limit=1) == ["image-9"]
        monkeypatch.setattr(shared, "FAR", 4)
        assert await shares(reader, state="ACCEPTED", limit=1) == ["image-7"]
        assert await shares(reader, actor("eta", account="group")) == [
            f"image-{n}" for n in range(20, 0, -1) if n % 3 == 1
        ]
        assert await shares(reader, actor("eta")) == []
        assert await shares(reader, ACME) == []


async def test_what_is_offered_to_several_that_a_tenant_is_is_listed_once(tmp_path: Path) -> None:
    world = many(2)
    world.offer("beta", "account:group", "org:corp", "org:corp/eu", images=(BASE,))
    async with world.stored(tmp_path) as reader:
        for limit in (1, 2, 3, 100):
            assert await shares(reader, limit=limit) == ["base", "image-2", "image-1"]


async def test_pages_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    async with World().stored(tmp_path) as reader:
        for fields, code in (({"limit": 0}, "validation_failed"), ({"cursor": "?"}, "bad_request")):
            for kind, more in ((ListShares, {}), (ListMembers, {"image": BASE})):
                reply: Any = await QUERIES[kind](kind(actor=ACME, **more, **fields), reader)
                assert reply.code == code


async def test_lists_are_read_by_their_keys(tmp_path: Path) -> None:
    world = many(3)
    async with world.stored(tmp_path):
        with sqlite3.connect(tmp_path / "db") as connection:
            for sql, params in (
                (OFFERED.format(before=" AND place < ?"), ("beta", "2", 10)),
                (STANDING, (f"{BASE}/", f"{BASE}0")),
                (REVOKED, (f"{BASE}/", f"{BASE}0", 10)),
            ):
                plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params))
                assert "SEARCH" in plan, plan
                assert "SCAN" not in plan, plan
                assert "TEMP B-TREE" not in plan, plan
        connection.close()
