"""What somebody sees of other tenants' images and galleries: in lists, one by one, and what nobody sees (features.md E,
d.3)."""

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog.documents import VERSION
from catalog.queries import queries, sight
from catalog.queries import sharing as status
from contracts.errors import Problem
from contracts.events.hub import Targets
from contracts.keeping import Retention, Rule
from contracts.principals import above
from contracts.requests import (
    REPLIES,
    Actor,
    CreateGallery,
    EditImage,
    GetGallery,
    GetImage,
    GetLineage,
    GetMarker,
    GetSharingStatus,
    GetUsers,
    GetVersion,
    ImportVersion,
    ListGalleries,
    ListImages,
    ListMarkers,
    ListVersions,
    Origin,
    PreviewRetention,
    Request,
    RunRetention,
    See,
    SetRetention,
)
from contracts.rights import NEEDS
from core.catalog_world import ADA, MIGRATIONS, SETTINGS, available, copying, manifest, planned, refused
from core.readside import stored
from core.shared_world import BOB, GIL, Shared
from runtime.store import Reader

OF_IMAGES: dict[type[Request], dict[str, Any]] = {
    GetImage: {},
    ListVersions: {},
    GetVersion: {"number": "1.0.0"},
    GetLineage: {"number": "1.0.0"},
    GetUsers: {"number": "1.0.0"},
    ListMarkers: {},
    GetMarker: {"marker": "prod"},
    GetSharingStatus: {},
}


async def ask(reader: Reader, query: Request) -> Any:
    """The reply, which must survive the wire as the type that the contracts name."""
    reply = await queries(SETTINGS)[type(query)](query, reader)
    kind = type(reply)
    assert kind in (REPLIES[type(query)], Problem)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=kind) == reply
    return reply


async def names(reader: Reader, actor: Actor, **given: Any) -> list[str]:
    """The images that somebody has in a list, page by page."""
    found: list[str] = []
    query = ListImages(actor=actor, limit=2, **given)
    while True:
        page = await ask(reader, query)
        assert not isinstance(page, Problem), page
        found += [f"{image.gallery}/{image.name}" for image in page.items]
        if page.next is None:
            return found
        query = msgspec.structs.replace(query, cursor=page.next)


async def galleries(reader: Reader, actor: Actor, reach: Any) -> list[str]:
    page = await ask(reader, ListGalleries(actor=actor, reach=reach))
    return [f"{gallery.tenant}/{gallery.name}" for gallery in page.items]


def zoo() -> Shared:
    """acme's images ape, bee, cow and dog; beta's own; and one of the provider's."""
    world = Shared()
    for name in ("ape", "bee", "cow", "dog", "base"):
        world.register(name)
    world.register("own", actor=BOB)
    root = Actor(tenant="house", name="root", roles=("operator",))
    world.register("std", actor=root, image_class="standard")
    return world


async def test_e1_what_is_offered_is_listed_once_it_was_accepted_and_shown_by_its_id_before(tmp_path: Path) -> None:
    world = zoo()
    for name in ("ape", "bee", "cow"):
        world.offer(image=name)
    world.accept(image="ape")
    world.accept(image="bee")
    world.reject(image="bee")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert await names(reader, BOB) == ["default/ape", "default/own", "default/std"]
        assert await names(reader, BOB, visibility="shared") == ["default/ape"]
        assert await names(reader, BOB, visibility="shared", member_status="pending") == ["default/cow"]
        assert await names(reader, BOB, visibility="shared", member_status="rejected") == ["default/bee"]
        every = ["default/ape", "default/bee", "default/cow"]
        assert await names(reader, BOB, visibility="shared", member_status="all") == every
        assert await names(reader, BOB, visibility="private") == ["default/own"]
        assert await names(reader, BOB, visibility="public") == ["default/std"]
        assert await names(reader, GIL) == ["default/std"]
        for name, status in (("ape", "ACCEPTED"), ("bee", "REJECTED"), ("cow", "PENDING")):
            view = await ask(reader, GetImage(actor=BOB, image=world.id_of(name)))
            assert (view.visibility, view.member_status) == ("shared", status)
        refused(await ask(reader, GetImage(actor=BOB, image=world.id_of("dog"))), "image_not_found")


@pytest.mark.parametrize("sort", ["path", "-path", "name", "-created", "state", "-revision", "versions"])
async def test_a14_lists_of_what_is_shared_are_filtered_and_sorted_as_others(tmp_path: Path, sort: str) -> None:
    world = zoo()
    for name in ("ape", "bee", "cow", "dog"):
        world.offer(image=name)
        world.accept(image=name)
    world.ask(EditImage(id=world.command_id(), actor=ADA, image="cow", changes={"description": "moo"}))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = await names(reader, BOB, sort=sort)
        assert sorted(found) == [f"default/{name}" for name in ("ape", "bee", "cow", "dog", "own", "std")]
        own = [f"default/{name}" for name in ("ape", "bee", "cow", "dog")]
        assert sorted(await names(reader, BOB, sort=sort, owner="acme")) == own
        assert await names(reader, BOB, sort=sort, text="moo") == ["default/cow"]
        assert await names(reader, BOB, sort=sort, where={"name": "bee"}) == ["default/bee"]


async def test_e5_what_was_taken_back_is_in_no_list_and_not_there(tmp_path: Path) -> None:
    world = zoo()
    for name, member in (("ape", "beta"), ("bee", "beta"), ("cow", "org:corp")):
        world.offer(member, image=name)
        world.accept(image=name)
    world.revoke(image="ape")
    world.suspend(image="bee")
    moved = Actor(tenant="beta", name="bob", roles=("owner",), principals=above("beta"))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert await names(reader, BOB, visibility="shared", member_status="all") == ["default/cow"]
        assert await names(reader, BOB) == ["default/cow", "default/own", "default/std"]
        assert await names(reader, moved) == ["default/own", "default/std"], "it left the organisation"
        for name in ("ape", "bee"):
            refused(await ask(reader, GetImage(actor=BOB, image=world.id_of(name))), "image_not_found")
        refused(await ask(reader, GetImage(actor=moved, image=world.id_of("cow"))), "image_not_found")


@pytest.mark.parametrize("kind", OF_IMAGES, ids=lambda kind: kind.__name__)
async def test_e5_a_stranger_cannot_tell_an_image_from_none_by_any_question(
    tmp_path: Path, kind: type[Request]
) -> None:
    world, nothing = Shared(), "e" * 32
    world.published()
    world.move()
    image = world.id_of()
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        there = await ask(reader, kind(actor=GIL, image=image, **OF_IMAGES[kind]))
        absent = await ask(reader, kind(actor=GIL, image=nothing, **OF_IMAGES[kind]))
        assert refused(absent, "image_not_found")
        assert msgspec.json.encode(there) == msgspec.json.encode(absent).replace(nothing.encode(), image.encode())
        assert not isinstance(await ask(reader, kind(actor=ADA, image=image, **OF_IMAGES[kind])), Problem)


def test_every_query_about_an_image_is_in_the_table_of_these_tests() -> None:
    asked = {
        kind
        for kind, (_, scope) in NEEDS.items()
        if scope in ("image", "version") and kind.subject().startswith("query.catalog.")
    }
    assert asked == set(OF_IMAGES)


async def test_e7_galleries_are_listed_over_all_tenants_by_how_they_are_reached(tmp_path: Path) -> None:
    world = zoo()
    for name in ("club", "fair", "lab", "shut"):
        world.ask(CreateGallery(id=world.command_id(), actor=ADA, name=name))
    world.register("x", gallery="club")
    world.register("y", gallery="fair")
    world.share_gallery("groups", "account:bees", gallery="club")
    world.share_gallery("community", gallery="fair", public_name="imprint-1-fair")
    world.grant("gallery", "user:beta/bob", "publisher", gallery="lab")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert await galleries(reader, BOB, "own") == ["beta/default"]
        assert await galleries(reader, BOB, "shared") == ["acme/club", "acme/lab"]
        assert await galleries(reader, BOB, "community") == ["acme/fair"]
        assert await galleries(reader, BOB, "all") == ["acme/club", "acme/fair", "acme/lab", "beta/default"]
        assert await galleries(reader, GIL, "shared") == []
        assert await galleries(reader, GIL, "all") == ["acme/fair"]
        lab = await ask(reader, GetGallery(actor=BOB, gallery=world.gallery_id("lab")))
        assert (lab.roles, lab.usage.images) == (("publisher",), 0)
        club = await ask(reader, GetGallery(actor=BOB, gallery=world.gallery_id("club")))
        assert (club.sharing, club.usage.images) == ("groups", 0), "what it holds is its tenant's to know"
        shut = GetGallery(actor=BOB, gallery=world.gallery_id("shut"))
        nothing = msgspec.structs.replace(shut, gallery="e" * 32)
        refused(await ask(reader, shut), "gallery_not_found")
        refused(await ask(reader, nothing), "gallery_not_found")
        assert await names(reader, BOB, visibility="shared") == ["club/x"]
        assert await names(reader, BOB, visibility="community") == ["fair/y"]
        assert await names(reader, GIL, visibility="community", sort="-created") == ["fair/y"]
        assert await names(reader, GIL, gallery=world.gallery_id("fair")) == ["fair/y"]
        assert await names(reader, GIL, gallery=world.gallery_id("club")) == []
        assert await names(reader, BOB) == ["default/own", "default/std"]
        assert await names(reader, ADA, visibility="private") == [
            f"default/{n}" for n in ("ape", "base", "bee", "cow", "dog")
        ]
        view = await ask(reader, GetImage(actor=ADA, image="fair/y"))
        assert view.visibility == "community"


async def test_e7_a_gallery_that_is_not_shared_any_more_is_out_of_all_lists(tmp_path: Path) -> None:
    world = zoo()
    world.share_gallery("groups", "beta")
    world.share_gallery("private")
    world.grant("gallery", "user:beta/bob", "reader")
    world.grant("gallery", "user:beta/bob")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert await galleries(reader, BOB, "all") == ["beta/default"]
        assert await names(reader, BOB, visibility="shared") == []


async def test_e7_an_image_on_which_somebody_has_a_role_is_among_those_shared_with_him(tmp_path: Path) -> None:
    world = zoo()
    world.grant("image", "user:beta/bob", "reader")
    other = Actor(tenant="beta", name="bea", roles=("owner",), principals=("beta", "user:beta/bea"))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert await names(reader, BOB, visibility="shared") == ["default/base"]
        assert await names(reader, other, visibility="shared") == []


async def test_a_member_sees_nothing_of_the_owners_users_nor_of_other_members(tmp_path: Path) -> None:
    world = Shared()
    made, _ = world.ready()
    world.offer()
    mine = world.assign("mine", image=world.id_of(), actor=BOB)
    image = world.id_of()
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        marker = await ask(reader, GetMarker(actor=BOB, image=image, marker="prod"))
        assert (marker.assignments, [move.actor for move in marker.history]) == (1, [""])
        users = await ask(reader, GetUsers(actor=BOB, image=image, number=made[0].number))
        assert {user.assignment for user in users.items} == {mine.id}
        version = await ask(reader, GetVersion(actor=BOB, image=image, number=made[0].number))
        assert version.used_by == 1
        owner = await ask(reader, GetVersion(actor=ADA, image=image, number=made[0].number))
        assert owner.used_by == 2, "that somebody does, and not who"
        users = await ask(reader, GetUsers(actor=ADA, image=image, number=made[0].number))
        assert mine.id not in {user.assignment for user in users.items}
        assert len(users.items) == 2


async def test_a_member_sees_ancestors_as_far_as_it_can_read_them(tmp_path: Path) -> None:
    world = Shared()
    world.deployed()
    command = ImportVersion(
        id=world.command_id(), actor=ADA, image="child", create=True, origin=Origin(image="base", number="1.0.0")
    )
    made: Any = world.ask(command)
    world.started(made.version)
    world.prepared(made.version, of=manifest(source=world.version(made.version).source))
    world.offer(image="child")
    lineage = GetLineage(actor=BOB, image=world.id_of("child"), number="1.0.0")
    async with stored(world, tmp_path / "one", MIGRATIONS) as reader:
        assert (await ask(reader, lineage)).items == ()
    world.offer(image="base")
    async with stored(world, tmp_path / "two", MIGRATIONS) as reader:
        assert [one.image for one in (await ask(reader, lineage)).items] == [world.id_of("base")]


async def test_what_is_not_shown_of_a_version_is_neither_found_out_by_filters_nor_read_from_a_cursor(
    tmp_path: Path,
) -> None:
    world = Shared()
    parent = world.published().version
    origin = Origin(image="base", number="1.0.0")
    made = [
        world.ask(
            ImportVersion(id=world.command_id(), actor=ADA, image="child", create=True, origin=origin, number=number)
        )
        for number in ("1.0.0", "2.0.0")
    ]
    world.offer(image="child")
    image = world.id_of("child")
    async with stored(world, tmp_path / "c.sqlite", MIGRATIONS) as reader:
        for where in ({"parent": parent}, {"job": made[0].job}):
            assert (await ask(reader, ListVersions(actor=ADA, image=image, where=where))).items
            assert not (await ask(reader, ListVersions(actor=BOB, image=image, where=where))).items
        page = await ask(reader, ListVersions(actor=BOB, image=image, sort="parent", limit=1))
        assert page.next is not None
        assert parent not in base64.urlsafe_b64decode(page.next + "==").decode()
        rest = await ask(reader, ListVersions(actor=BOB, image=image, sort="parent", limit=1, cursor=page.next))
        assert len(page.items) == len(rest.items) == 1


async def test_copies_on_a_pod_of_others_are_seen_by_nobody_else(tmp_path: Path) -> None:
    world = Shared()
    made = world.published()
    world.bind_pod("pod-2", "beta")
    world.offer()
    root = Actor(tenant="acme", name="root", roles=("operator",))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:

        async def pods(actor: Actor) -> list[str]:
            view = await ask(reader, GetVersion(actor=actor, image=world.id_of(), number=made.number))
            return [placed.pod for placed in view.where]

        assert await pods(ADA) == ["pod-1", "pod-3"]
        assert await pods(BOB) == await pods(root) == ["pod-1", "pod-2", "pod-3"]
        latest = GetVersion(actor=ADA, image=world.id_of(), number="latest", pod="pod-2")
        refused(await ask(reader, latest), "pod_not_found")
        assert (await ask(reader, msgspec.structs.replace(latest, actor=BOB))).number == made.number
        assert await names(reader, ADA, pod="pod-2") == []
        assert await names(reader, ADA, pod="pod-3") == ["default/base"]


async def test_e9_the_state_of_what_is_shared_is_told_pod_by_pod(tmp_path: Path) -> None:
    world = Shared()
    made = world.published(pods=("pod-1",))
    world.publish(number=made.number, again=True, targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    world.copy(planned(made.version, "pod-2", wanted=2, publication=2))
    world.copy(copying(made.version, "pod-2"))
    async with stored(world, tmp_path / "one", MIGRATIONS) as reader:
        status = await ask(reader, GetSharingStatus(actor=ADA, image="base"))
        assert status.state == "InProgress"
        assert [(pod.pod, pod.state, pod.versions) for pod in status.pods] == [
            ("pod-1", "Succeeded", 1),
            ("pod-2", "InProgress", 0),
        ]
    world.copy(available(made.version, "pod-2"))
    world.offer()
    async with stored(world, tmp_path / "two", MIGRATIONS) as reader:
        assert (await ask(reader, GetSharingStatus(actor=ADA, gallery="default"))).state == "Succeeded"
        refused(await ask(reader, GetSharingStatus(actor=BOB, image=world.id_of())), "forbidden")
        refused(await ask(reader, GetSharingStatus(actor=ADA)), "validation_failed")


async def test_who_passes_events_on_learns_what_each_may_know_of(tmp_path: Path) -> None:
    world = Shared()
    made = world.deployed()
    other = world.deployed("other")
    world.offer()
    ids, versions = (world.id_of(), world.id_of("other"), "e" * 32), (made.version, other.version, "e" * 32)
    auditor = Actor(tenant="house", name="amy", roles=("auditor",))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for actor, images, known in (
            (ADA, ids[:2], versions[:2]),
            (BOB, ids[:1], versions[:1]),
            (GIL, (), ()),
            (auditor, ids[:2], versions[:2]),
        ):
            seen = await ask(reader, See(actor=actor, images=ids, versions=versions))
            assert (set(seen.images), set(seen.versions)) == (set(images), set(known)), actor


@pytest.mark.parametrize(
    "sql",
    [sight.DOCUMENTS, sight.BOUND_PODS, sight.REACHED, status.STATES, status.IMAGES, status.OF_KIND.format("image")],
)
async def test_what_is_looked_up_for_a_list_is_found_by_an_index(tmp_path: Path, sql: str) -> None:
    async with stored(zoo(), tmp_path / "db", MIGRATIONS) as reader:
        plan = [str(row[3]) for row in await reader.rows(f"EXPLAIN QUERY PLAN {sql}", ("[]",) * sql.count("?"))]
        assert not [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step], plan


@pytest.mark.parametrize("sharing", ["private", "groups", "community"])
async def test_f11_retention_leaves_what_is_in_a_shared_gallery_alone(tmp_path: Path, sharing: str) -> None:
    world = Shared()
    for _ in range(3):
        world.published()
    world.share_gallery(sharing, "beta")
    world.pass_time(60)
    keep_one = Retention(name="tidy", action="DELETE", rule=Rule(by="COUNT", value=1))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        page = await ask(reader, PreviewRetention(actor=ADA, retention=keep_one))
        assert len(page.items) == (2 if sharing == "private" else 0)
    command = SetRetention(id=world.command_id(), actor=ADA, retention=keep_one)
    assert not isinstance(world.ask(command), Problem)
    world.ask(RunRetention(id=world.command_id(), actor=ADA, name="tidy"))
    world.pass_time(60)
    left = [one for one in world.all(VERSION).values() if one.life.removal is None]
    assert len(left) == (1 if sharing == "private" else 3)
