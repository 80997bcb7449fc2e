"""How galleries are shared, and roles on galleries, images and versions (features.md E7, E8, E12)."""

from pathlib import Path
from typing import Any

import pytest

from contracts.events.hub import (
    GalleryChanged,
    GalleryCreated,
    GalleryDeleted,
    GalleryShared,
    ImageChanged,
    ImageDeleted,
    RolesGranted,
    VersionDeleted,
)
from contracts.requests import (
    Community,
    Done,
    DropGrant,
    GallerySharingView,
    GetGallerySharing,
    GrantPage,
    GrantView,
    ListGrants,
    SetGrant,
    ShareGallery,
)
from core.driver import Driver
from core.sharing_world import (
    ACME,
    BASE,
    BETA,
    GAMMA,
    LAB,
    SETTINGS,
    TOOLS,
    World,
    actor,
    available,
    codes,
    deployed,
    registered,
    version_id,
    words,
)
from runtime import access
from sharing.queries import QUERIES
from sharing.settings import SharingSettings

INFO = Community(publisher_uri="https://acme.example", contact="images@acme.example", eula="as is", prefix="acmeinc")
DEVS = "group:beta/devs"
OPERATOR = actor("ops", "operator", "owner")


def share(world: World, sharing: str, who: Any = ACME, gallery: str = "lab", **more: Any) -> Any:
    return world.command(ShareGallery, who, gallery=gallery, sharing=sharing, **more)


def rights(world: World, who: Any, image: str = BASE) -> frozenset[str]:
    return access.rights(world.get, who, tenant="acme", image=image, gallery="lab")


def test_e7_a_gallery_is_shared_with_tenants_and_accounts_and_taken_back() -> None:
    world = World()
    view = share(world, "groups", members=("gamma", "account:group", "gamma"))
    assert isinstance(view, GallerySharingView)
    assert (view.gallery, view.members, view.revision) == (LAB, ("account:group", "gamma"), 1)
    assert rights(world, BETA) == rights(world, GAMMA) == {"read"}
    assert rights(world, actor("eta")) == frozenset()
    assert share(world, "groups", members=("account:group", "gamma")).revision == 1
    assert share(world, "private", gallery=LAB).revision == 2
    assert rights(world, BETA) == frozenset()
    assert [(one.sharing, one.members, one.revision) for one in world.events()] == [
        ("groups", ("account:group", "gamma"), 1),
        ("private", (), 2),
    ]


def test_e8_a_community_gallery_says_who_publishes_it_and_has_a_public_name() -> None:
    world = World()
    assert share(world, "community").code == "community_info_required"
    view = share(world, "community", community=INFO)
    assert view.public_name == f"acmeinc-{LAB}"
    assert view.community.contact == "images@acme.example"
    assert rights(world, actor("anybody")) == {"read"}
    assert world.events()[-1].public_name == view.public_name


def test_e7_only_the_provider_shares_a_gallery_publicly() -> None:
    world = World()
    assert share(world, "public").code == "forbidden"
    world.catalog(GalleryCreated(gallery="b" * 32, tenant="ops", name="golden", revision=1))
    assert share(world, "public", OPERATOR, "golden").sharing == "public"


@pytest.mark.parametrize(
    ("sharing", "fields", "code"),
    [
        ("groups", {}, "gallery_sharing_invalid"),
        ("private", {"members": ("beta",)}, "gallery_sharing_invalid"),
        ("community", {"members": ("beta",), "community": INFO}, "gallery_sharing_invalid"),
        ("groups", {"members": ("beta",), "community": INFO}, "gallery_sharing_invalid"),
        ("groups", {"members": ("acme",)}, "principal_invalid"),
        ("groups", {"members": ("org:corp",)}, "principal_invalid"),
        ("groups", {"members": ("a", "b", "c")}, "member_limit"),
        ("groups", {"members": ("account:a", "account:b")}, "member_limit"),
        ("groups", {"members": ("beta",), "revision": 7}, "revision_mismatch"),
    ],
)
def test_e7_what_makes_no_sense_is_refused(sharing: str, fields: dict[str, Any], code: str) -> None:
    world = World()
    assert share(world, sharing, **fields).code == code
    assert world.emitted == []


@pytest.mark.parametrize(
    ("event", "closed"),
    [
        (deployed(number="1.1.0", traits=("encrypted",)), ("groups", "community")),
        (registered(market=True), ("groups", "community")),
        (registered(private_only="ConfidentialVM"), ("community",)),
        (ImageChanged(image=BASE, tenant="acme", fields=(), private_only="ConfidentialVM", revision=2), ("community",)),
    ],
)
def test_e6_what_is_in_a_gallery_may_keep_it_from_being_shared(event: Any, closed: tuple[str, ...]) -> None:
    world = World()
    world.catalog(registered(TOOLS, "tools"), event)
    ways: dict[str, dict[str, Any]] = {"groups": {"members": ("beta",)}, "community": {"community": INFO}}
    for sharing, fields in ways.items():
        refused = share(world, sharing, **fields)
        assert getattr(refused, "code", "") == ("gallery_sharing_invalid" if sharing in closed else "")
    world.catalog(ImageDeleted(image=BASE, tenant="acme", revision=9))
    assert share(world, "community", community=INFO).sharing == "community"


def test_another_gallery_of_the_name_starts_with_nobody() -> None:
    world = World()
    share(world, "groups", members=("beta",))
    grant(world, DEVS, "publisher", gallery="lab")
    world.catalog(GalleryDeleted(gallery=LAB, tenant="acme", name="lab", revision=5))
    assert words(world.emitted)[2:] == ["share.gallery_set", "share.granted"]
    assert world.events()[-1].roles == ()
    assert rights(world, BETA) == frozenset()
    assert share(world, "private").code == "gallery_not_found"
    world.catalog(GalleryCreated(gallery="c" * 32, tenant="acme", name="lab", revision=1))
    assert share(world, "groups", members=("gamma",)).revision > 2
    assert (rights(world, BETA), rights(world, GAMMA)) == (frozenset(), {"read"})
    assert share(world, "private", gallery=LAB).code == "gallery_not_found"


def test_a_gallery_of_before_is_known_once_it_was_changed() -> None:
    world = World()
    world.catalog(
        registered("4" * 32, "old").__class__(
            image="4" * 32, gallery="attic", name="old", tenant="acme", os_type="linux", market=True, revision=1
        )
    )
    assert share(world, "private", gallery="attic").code == "gallery_not_found"
    world.catalog(GalleryChanged(gallery="d" * 32, tenant="acme", name="attic", fields=(), revision=2))
    assert share(world, "groups", gallery="attic", members=("beta",)).code == "gallery_sharing_invalid"


def test_a_gallery_that_does_not_exist_looks_like_one_that_is_not_yours() -> None:
    world = World()
    theirs, none = share(world, "private", GAMMA, LAB), share(world, "private", GAMMA, "e" * 32)
    assert (
        (theirs.code, theirs.hint, theirs.data)
        == (none.code, none.hint, none.data)
        == ("gallery_not_found", none.hint, {})
    )
    assert theirs.detail.replace(LAB, "") == none.detail.replace("e" * 32, "")
    share(world, "groups", members=("gamma",))
    assert share(world, "private", GAMMA, LAB).code == "forbidden"


@pytest.mark.parametrize("policy", ["organisation", "account"])
def test_e12_within_a_boundary_nobody_shares_with_everybody(policy: Any) -> None:
    world = World(settings=SharingSettings(data="", share_scope=policy))
    world.home("acme", "group", "corp")
    world.home("beta", "group", "corp")
    assert share(world, "community", community=INFO).code == "share_scope"
    assert share(world, "groups", members=("beta", "gamma")).code == "share_scope"
    assert share(world, "groups", members=("beta",)).sharing == "groups"
    assert grant(world, "group:gamma/devs", "reader", image=BASE).code == "share_scope"
    assert isinstance(grant(world, "group:acme/devs", "reader", image=BASE), GrantView)
    assert isinstance(grant(world, "user:beta/jo", "reader", image=BASE), GrantView)


def grant(world: World, principal: str, *roles: str, who: Any = ACME, **target: Any) -> Any:
    return world.command(SetGrant, who, principal=principal, roles=roles, **target)


def drop(world: World, principal: str, who: Any = ACME, **target: Any) -> Any:
    return world.command(DropGrant, who, principal=principal, **target)


DEV = actor("beta", "reader", more=(DEVS,))
TARGETS: list[tuple[dict[str, str], str, str]] = [
    ({"gallery": "lab"}, "gallery", LAB),
    ({"gallery": LAB}, "gallery", LAB),
    ({"image": "lab/base"}, "image", BASE),
    ({"image": BASE, "number": "1.0"}, "version", version_id(BASE, "1.0.0")),
]


@pytest.mark.parametrize(("target", "scope", "id"), TARGETS)
def test_e7_roles_are_granted_on_a_gallery_an_image_or_a_version(target: dict[str, str], scope: str, id: str) -> None:
    world = World()
    view = grant(world, DEVS, "sharer", "publisher", "sharer", **target)
    assert isinstance(view, GrantView)
    assert (view.scope, view.target, view.principal, view.roles) == (scope, id, DEVS, ("publisher", "sharer"))
    said = world.events()[-1]
    assert isinstance(said, RolesGranted)
    assert (said.target, said.image, said.tenant) == (id, "" if scope == "gallery" else BASE, "acme")
    may = "share" in rights(world, DEV)
    assert may is (scope != "version")
    assert grant(world, DEVS, "publisher", "sharer", **target).revision == 1
    assert grant(world, DEVS, "reader", **target).revision == 2
    assert drop(world, DEVS, **target) == Done()
    assert drop(world, DEVS, **target).code == "grant_not_found"
    assert rights(world, DEV) == frozenset()
    assert [event.roles for event in world.events()] == [("publisher", "sharer"), ("reader",), ()]


def test_e7_who_was_granted_it_shares_for_the_owner_who_only_reads_does_not() -> None:
    world = World()
    grant(world, DEVS, "sharer", image=BASE)
    assert codes(world.offer("gamma", who=DEV).items) == ["PENDING"]
    assert world.events()[-1].owner == "acme"
    assert codes(world.offer("eta", who=GAMMA).items) == ["reshare_forbidden"]
    assert grant(world, "gamma", "reader", who=DEV, image=BASE).code == "reshare_forbidden"
    grant(world, DEVS, "owner", gallery="lab")
    assert isinstance(grant(world, "gamma", "reader", who=DEV, image=BASE), GrantView)
    assert share(world, "groups", DEV, LAB, members=("gamma",)).sharing == "groups"


def test_grants_are_limited_and_never_to_ones_own_tenant_as_a_whole() -> None:
    world = World()
    assert grant(world, "acme", "owner", image=BASE).code == "principal_invalid"
    for number in range(SETTINGS.max_grants):
        grant(world, f"user:beta/u{number}", "reader", image=BASE)
    assert grant(world, DEVS, "reader", image=BASE).code == "grant_limit"
    assert isinstance(grant(world, "user:beta/u0", "owner", image=BASE), GrantView)
    drop(world, "user:beta/u1", image=BASE)
    assert isinstance(grant(world, DEVS, "reader", image=BASE), GrantView)


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({}, "validation_failed"),
        ({"gallery": "lab", "image": BASE}, "validation_failed"),
        ({"gallery": "lab", "number": "1.0.0"}, "validation_failed"),
        ({"image": BASE, "number": "one"}, "version_number_invalid"),
        ({"image": BASE, "number": "9.0.0"}, "version_not_found"),
        ({"image": "lab/none"}, "image_not_found"),
        ({"gallery": "none"}, "gallery_not_found"),
    ],
)
async def test_what_roles_are_granted_on_must_be_there(tmp_path: Path, target: dict[str, str], code: str) -> None:
    world = World()
    assert grant(world, DEVS, "reader", **target).code == code
    assert drop(world, DEVS, **target).code == code
    async with world.stored(tmp_path) as reader:
        assert (await QUERIES[ListGrants](ListGrants(actor=ACME, **target), reader)).code == code  # type: ignore[attr-defined]


def test_a_deleted_version_is_nothing_that_roles_are_granted_on() -> None:
    world = World()
    grant(world, DEVS, "reader", image=BASE, number="1.0.0")
    world.catalog(
        VersionDeleted(version=version_id(BASE, "1.0.0"), image=BASE, number="1.0.0", tenant="acme", revision=9)
    )
    assert [event.roles for event in world.events()] == [("reader",), ()]
    assert grant(world, DEVS, "reader", image=BASE, number="1.0.0").code == "version_not_found"


async def test_owners_see_how_it_is_shared_and_who_has_roles_others_nothing(tmp_path: Path) -> None:
    world = World()
    share(world, "groups", members=("beta",))
    for one in ("user:beta/b", "user:beta/a", DEVS):
        grant(world, one, "reader", gallery="lab")
    sharing, grants = QUERIES[GetGallerySharing], QUERIES[ListGrants]
    async with world.stored(tmp_path) as reader:
        view = await sharing(GetGallerySharing(actor=actor("acme", "reader"), gallery="lab"), reader)
        assert isinstance(view, GallerySharingView)
        assert view.members == ("beta",)
        found, cursor = [], None
        while True:
            page = await grants(ListGrants(actor=ACME, gallery=LAB, limit=2, cursor=cursor), reader)
            assert isinstance(page, GrantPage)
            found += [one.principal for one in page.items]
            if (cursor := page.next) is None:
                break
        assert found == [DEVS, "user:beta/a", "user:beta/b"]
        for query, code in [
            (sharing(GetGallerySharing(actor=BETA, gallery=LAB), reader), "forbidden"),
            (sharing(GetGallerySharing(actor=GAMMA, gallery=LAB), reader), "gallery_not_found"),
            (grants(ListGrants(actor=BETA, gallery=LAB), reader), "forbidden"),
            (grants(ListGrants(actor=GAMMA, image=BASE), reader), "image_not_found"),
            (grants(ListGrants(actor=actor("acme", "reader"), image=BASE), reader), "forbidden"),
        ]:
            assert (await query).code == code  # type: ignore[attr-defined]


def test_the_words_about_a_gallery_are_what_others_decide_by() -> None:
    world, listener = World(), Driver(access.reactions())
    world.catalog(registered(TOOLS, "tools"), deployed(TOOLS), available(TOOLS))
    share(world, "groups", members=("beta",))
    grant(world, DEVS, "owner", gallery="lab")
    grant(world, DEVS, "reader", image=TOOLS, number="1.0.0")
    share(world, "community", community=INFO)
    drop(world, DEVS, gallery="lab")
    world.catalog(GalleryDeleted(gallery=LAB, tenant="acme", name="lab", revision=5))
    for one in world.emitted:
        listener.say(one.event, "sharing")
    assert listener.all(access.ACCESS) == world.all(access.ACCESS)
    assert isinstance(world.events()[0], GalleryShared)
