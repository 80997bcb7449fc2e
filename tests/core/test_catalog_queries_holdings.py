"""The read side of what the catalog holds beside images: galleries, policies, markers, assignments, the audit log."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog.queries import audit, galleries, queries
from contracts.audit import Tip, verify
from contracts.definition import Flavour, Namespace
from contracts.errors import Problem
from contracts.events.hub import Targets
from contracts.keeping import Quota, Retention, Rule
from contracts.requests import (
    REPLIES,
    Actor,
    CreateGallery,
    DropGallery,
    EditImage,
    GetAssignment,
    GetGallery,
    GetImage,
    GetLineage,
    GetMarker,
    GetQuota,
    GetUsers,
    GetVersion,
    ImportVersion,
    ListAssignments,
    ListAudit,
    ListFlavours,
    ListGalleries,
    ListMarkers,
    ListNamespaces,
    ListRetentions,
    ListSeats,
    ListVersions,
    Origin,
    PreviewRetention,
    Request,
    SetDeprecation,
    SetFlavour,
    SetNamespace,
    SetQuota,
    SetRetention,
)
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, World, available, manifest, planned, refused
from core.pools_world import ROOT, Pools, seat
from core.readside import stored
from runtime.requests import LARGEST_REPLY
from runtime.store import Reader

AUDITOR = Actor(tenant="house", name="amy", roles=("auditor",))


async def ask(reader: Reader, query: Request) -> Any:
    """The reply, which must survive the wire as the type that the contracts name."""
    reply = await queries(SETTINGS)[type(query)](query, reader)
    kind = type(reply)
    assert kind in (REPLIES[type(query)], Problem)
    assert msgspec.json.decode(msgspec.json.encode(reply), type=kind) == reply
    return reply


async def all_of(reader: Reader, query: Any) -> list[Any]:
    """The items of all pages of a list."""
    found: list[Any] = []
    while True:
        page = await ask(reader, query)
        assert not isinstance(page, Problem), page
        found += page.items
        if page.next is None:
            return found
        query = msgspec.structs.replace(query, cursor=page.next)


async def test_a3_galleries_come_by_name_with_what_they_hold_and_inside_the_tenant(tmp_path: Path) -> None:
    world = World()
    for name in ("zoo", "lab", "attic"):
        world.ask(CreateGallery(id=world.command_id(), actor=ADA, name=name, description=f"the {name}"))
    world.ask(CreateGallery(id=world.command_id(), actor=EVE, name="lab"))
    world.ask(DropGallery(id=world.command_id(), actor=ADA, gallery="attic"))
    world.deployed("lab/base")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = await all_of(reader, ListGalleries(actor=ADA, limit=1))
        assert [(one.name, one.usage.images, one.usage.versions) for one in found] == [("lab", 1, 1), ("zoo", 0, 0)]
        lab = found[0]
        assert await ask(reader, GetGallery(actor=ADA, gallery="lab")) == lab
        assert await ask(reader, GetGallery(actor=ADA, gallery=lab.id)) == lab
        for actor, name in ((EVE, lab.id), (ADA, "attic"), (ADA, "a\0b"), (EVE, "zoo")):
            refused(await ask(reader, GetGallery(actor=actor, gallery=name)), "gallery_not_found")


async def test_a3_a_quota_shows_the_settings_where_nothing_was_set_and_other_tenants_to_operators_only(
    tmp_path: Path,
) -> None:
    world = World()
    world.deployed()
    world.ask(SetQuota(id=world.command_id(), actor=ROOT, tenant="acme", quota=Quota(images=7)))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        own = await ask(reader, GetQuota(actor=ADA))
        assert (own.tenant, own.quota.images, own.quota.versions) == ("acme", 7, SETTINGS.most_versions)
        assert (own.usage.galleries, own.usage.images, own.usage.versions, own.usage.bytes > 0) == (1, 1, 1, True)
        assert await ask(reader, GetQuota(actor=ROOT, tenant="acme")) == own
        refused(await ask(reader, GetQuota(actor=EVE, tenant="acme")), "forbidden")
        assert (await ask(reader, GetQuota(actor=EVE))).usage.images == 0


async def test_f11_a_preview_tells_what_a_policy_would_take_and_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    world.now = datetime.now(UTC)
    for image in ("a/x", "a/y", "b/z"):
        for _ in range(4):
            world.deployed(image)
    world.pass_time(1)
    policy = Retention(name="few", action="DELETE", rule=Rule(by="COUNT", value=2))
    world.ask(SetRetention(id=world.command_id(), actor=ADA, retention=policy))
    before = dict(world.documents)
    monkeypatch.setattr(galleries, "FAR", 4)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        assert [one.retention for one in (await ask(reader, ListRetentions(actor=ADA))).items] == [policy]
        for limit in (1, 2, 3, 100):
            found = await all_of(reader, PreviewRetention(actor=ADA, name="few", limit=limit))
            assert [(one.gallery, one.name, one.number) for one in found] == [
                (gallery, name, number)
                for gallery, name in (("a", "x"), ("a", "y"), ("b", "z"))
                for number in ("1.0.0", "1.1.0")
            ]
        one = msgspec.structs.replace(policy, galleries=("b",))
        found = await all_of(reader, PreviewRetention(actor=ADA, retention=one))
        assert {view.gallery for view in found} == {"b"}
        assert await all_of(reader, PreviewRetention(actor=EVE, retention=policy)) == []
        refused(await ask(reader, PreviewRetention(actor=ADA, name="none")), "retention_not_found")
        refused(await ask(reader, PreviewRetention(actor=ADA)), "retention_not_found")
    assert world.documents == before


async def test_b6_flavours_are_the_system_defaults_and_the_tenants_own(tmp_path: Path) -> None:
    world = World()
    own = Flavour(name="kiosk", models=("K1",))
    world.ask(SetFlavour(id=world.command_id(), actor=ADA, flavour=own))
    namespace = Namespace(name="hardware")
    reply = world.ask(SetNamespace(id=world.command_id(), actor=ADA, namespace=namespace))
    assert not isinstance(reply, Problem), reply
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        items = (await ask(reader, ListFlavours(actor=ADA))).items
        assert [(one.flavour.name, one.revision) for one in items if one.revision] == [("kiosk", 1)]
        found = {one.flavour.name: one.flavour for one in items}
        others = {one.flavour.name: one.flavour for one in (await ask(reader, ListFlavours(actor=EVE))).items}
        assert found == others | {"kiosk": own}
        assert all(flavour.system for flavour in others.values())
        assert list(found) == sorted(found)
        defined = (await ask(reader, ListNamespaces(actor=ADA))).items
        assert [(one.namespace, one.revision) for one in defined] == [(namespace, 1)]
        assert (await ask(reader, ListNamespaces(actor=EVE))).items == ()


async def test_a8_markers_are_listed_by_name_and_shown_with_the_versions_that_they_name(tmp_path: Path) -> None:
    world = Pools()
    world.published()
    world.published()
    world.move("prod", "1.0.0")
    world.move("canary", "1.1.0")
    world.move("prod", "1.1.0")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = (await ask(reader, ListMarkers(actor=ADA, image="base"))).items
        assert [(one.name, one.number, one.frozen) for one in found] == [
            ("canary", "1.1.0", False),
            ("prod", "1.1.0", False),
        ]
        one = await ask(reader, GetMarker(actor=ADA, image="base", marker="prod"))
        assert [move.number for move in one.history] == ["1.1.0", "1.0.0"]
        assert (await ask(reader, GetVersion(actor=ADA, image="base", number="1.1"))).markers == ("canary", "prod")
        refused(await ask(reader, GetMarker(actor=ADA, image="base", marker="beta")), "marker_not_found")
        refused(await ask(reader, GetMarker(actor=EVE, image="base", marker="prod")), "image_not_found")
        refused(await ask(reader, ListMarkers(actor=EVE, image="base")), "image_not_found")
    world.enable("1.1.0", enabled=False)
    async with stored(world, tmp_path / "frozen", MIGRATIONS) as reader:
        assert (await ask(reader, GetMarker(actor=ADA, image="base", marker="prod"))).frozen


async def test_f14_who_uses_a_version_is_told_by_assignment_and_pod(tmp_path: Path) -> None:
    world = Pools()
    version = world.published().version
    world.move()
    for name in ("desks", "labs"):
        reply = world.assign(name, seats=2)
        assert not isinstance(reply, Problem), reply
        world.report(
            reply.id, "pod-1", seats=(seat("desk-1", version=version, user="bob"), seat("desk-2", version=version))
        )
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = await all_of(reader, GetUsers(actor=ADA, image="base", number="1.0", limit=1))
        assert sorted((one.name, one.pod, one.seats, one.users) for one in found) == [
            ("desks", "pod-1", 2, 1),
            ("desks", "pod-2", 0, 0),
            ("labs", "pod-1", 2, 1),
            ("labs", "pod-2", 0, 0),
        ]
        assert (await ask(reader, GetVersion(actor=ADA, image="base", number="1.0"))).used_by == 2
        refused(await ask(reader, GetUsers(actor=EVE, image="base", number="1.0")), "image_not_found")
        refused(await ask(reader, GetUsers(actor=ADA, image="base", number="9.0")), "version_not_found")


async def test_g1_of_a_standard_image_a_tenant_learns_only_of_its_own_use(tmp_path: Path) -> None:
    world = Pools()
    image = world.register("gold", actor=ROOT, image_class="standard").id
    accepted = world.import_(image, actor=ROOT)
    world.started(accepted.version)
    world.prepared(accepted.version)
    world.publish(image, actor=ROOT, targets=Targets(kind="list", pods=("pod-1",)))
    world.copy(planned(accepted.version, "pod-1", wanted=1))
    world.copy(available(accepted.version, "pod-1", revision=3))
    world.move(image=image, actor=ROOT)
    for name, actor in (("a", ADA), ("b", ADA), ("c", EVE)):
        reply = world.assign(name, image, ("pod-1",), actor)
        assert not isinstance(reply, Problem), reply
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for actor, known in ((ADA, ["a", "b"]), (EVE, ["c"]), (ROOT, ["a", "b", "c"])):
            users = await all_of(reader, GetUsers(actor=actor, image=image, number="1.0"))
            assert sorted(one.name for one in users) == known
            one = await ask(reader, GetVersion(actor=actor, image=image, number="1.0"))
            (listed,) = (await ask(reader, ListVersions(actor=actor, image=image))).items
            assert (one.used_by, listed.used_by) == (len(known), len(known))
            marker = await ask(reader, GetMarker(actor=actor, image=image, marker="prod"))
            (same,) = (await ask(reader, ListMarkers(actor=actor, image=image))).items
            assert (marker.assignments, same.assignments) == (len(known), len(known))


async def test_a9_an_assignment_warns_of_what_its_version_is_now_and_not_of_what_it_was(tmp_path: Path) -> None:
    world = Pools()
    world.published()
    world.published()
    world.move()
    reply = world.assign(pods=("pod-1", "pod-1"))
    assert reply.warnings == ()

    def deprecate(number: str, state: Any) -> None:
        command = SetDeprecation(id=world.command_id(), actor=ADA, image="base", number=number, state=state)
        assert not isinstance(world.ask(command), Problem)

    async def warnings(folder: str) -> tuple[str, ...]:
        async with stored(world, tmp_path / folder, MIGRATIONS) as reader:
            (listed,) = (await ask(reader, ListAssignments(actor=ADA))).items
            shown = await ask(reader, GetAssignment(actor=ADA, assignment="desks"))
            assert listed.warnings == shown.warnings
            found: tuple[str, ...] = shown.warnings
            return found

    deprecate("1.0.0", "DEPRECATED")
    assert await warnings("deprecated") == ("version 1.0.0 is deprecated",) == world.rebuild().warnings
    world.move(number="1.1.0")
    assert await warnings("moved") == ()
    deprecate("1.1.0", "OBSOLETE")
    assert await warnings("obsolete") == ("version 1.1.0 is obsolete",)
    deprecate("1.1.0", "ACTIVE")
    assert await warnings("active") == ()


async def test_assignments_and_their_seats_are_listed_and_filtered(tmp_path: Path) -> None:
    world = Pools()
    version = world.published().version
    world.published("other")
    world.move()
    world.move(image="other")
    ids = {}
    for name, image, pods in (
        ("b", "base", ("pod-1", "pod-2")),
        ("a", "base", ("pod-2",)),
        ("c", "other", ("pod-3",)),
    ):
        reply = world.assign(name, image, pods, seats=2)
        assert not isinstance(reply, Problem), reply
        ids[name] = reply.id
    world.report(
        ids["b"], "pod-1", seats=(seat("desk-1", version=version, user="bob"), seat("desk-2", version=version))
    )
    world.report(ids["b"], "pod-2", seats=(seat("desk-1", version=version), seat("desk-2", version=version)))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:

        async def names(**given: Any) -> list[str]:
            return [one.name for one in await all_of(reader, ListAssignments(actor=ADA, limit=1, **given))]

        assert await names() == ["a", "b", "c"]
        assert (await names(image="base"), await names(image="other", pod="pod-1")) == (["a", "b"], [])
        assert (await names(pod="pod-2"), await names(state="IN_SYNC")) == (["a", "b"], ["b"])
        refused(await ask(reader, ListAssignments(actor=ADA, image="none")), "image_not_found")
        assert (await ask(reader, ListAssignments(actor=EVE))).items == ()
        one = await ask(reader, GetAssignment(actor=ADA, assignment="b"))
        assert one == await ask(reader, GetAssignment(actor=ADA, assignment=ids["b"]))
        assert [(pool.pod, pool.state, pool.ready, pool.users) for pool in one.pods] == [
            ("pod-1", "IN_SYNC", 2, 1),
            ("pod-2", "IN_SYNC", 2, 0),
        ]
        seats = await all_of(reader, ListSeats(actor=ADA, assignment="b", limit=1))
        assert [(view.pod, view.seat.name, view.seat.user) for view in seats] == [
            ("pod-1", "desk-1", "bob"),
            ("pod-1", "desk-2", ""),
            ("pod-2", "desk-1", ""),
            ("pod-2", "desk-2", ""),
        ]
        assert len(await all_of(reader, ListSeats(actor=ADA, assignment="b", pod="pod-2", state="READY"))) == 2
        for query in (GetAssignment(actor=EVE, assignment=ids["b"]), ListSeats(actor=ADA, assignment="zz")):
            refused(await ask(reader, query), "assignment_not_found")


async def test_a10_the_ancestors_of_a_version_are_told_nearest_first(tmp_path: Path) -> None:
    world = World()
    world.deployed("base")
    made = []
    for image, origin in (("child", "base"), ("grandchild", "child")):
        command = ImportVersion(
            id=world.command_id(),
            actor=ADA,
            image=image,
            create=True,
            origin=Origin(image=origin, number="1.0.0"),
        )
        accepted: Any = world.ask(command)
        assert not isinstance(accepted, Problem), accepted
        world.started(accepted.version)
        source = world.version(accepted.version).source
        world.prepared(accepted.version, of=manifest(source=source))
        assert world.state(accepted.version) == "DEPLOYMENT_DONE"
        made.append(accepted)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        found = (await ask(reader, GetLineage(actor=ADA, image="grandchild", number="1.0"))).items
        base = (await ask(reader, GetImage(actor=ADA, image="base"))).id
        assert [(one.image, one.number, one.depth) for one in found] == [
            (made[0].image, "1.0.0", 1),
            (base, "1.0.0", 2),
        ]
        assert (await ask(reader, GetLineage(actor=ADA, image="base", number="1.0"))).items == ()
        refused(await ask(reader, GetLineage(actor=EVE, image="base", number="1.0")), "image_not_found")


async def test_i5_a_page_of_the_audit_log_fits_into_one_message_whatever_was_changed(tmp_path: Path) -> None:
    world = World()
    world.register("a")
    for letter in "éö" * 60:
        changes = {"details": {"properties": {f"p{number}": letter * 255 for number in range(16)}}}
        done = world.ask(EditImage(id=world.command_id(), actor=ADA, image="a", changes=changes))
        assert not isinstance(done, Problem), done
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        page = await ask(reader, ListAudit(actor=ROOT, limit=500))
        assert page.next is not None
        assert len(msgspec.json.encode(page)) < LARGEST_REPLY
        whole = await all_of(reader, ListAudit(actor=ROOT, limit=500))
        assert verify(whole, until=Tip(sequence=page.sequence, hash=page.head)) == Tip(
            sequence=len(whole), hash=whole[-1].hash
        )


async def test_i5_the_audit_log_is_whole_for_operators_and_auditors_and_ones_own_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "FAR", 2)
    world = World()
    image = world.deployed("a").image
    world.register("b", EVE)
    world.now += timedelta(milliseconds=1, microseconds=1)
    world.register("c")
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        whole = await all_of(reader, ListAudit(actor=AUDITOR, limit=2))
        assert whole == await all_of(reader, ListAudit(actor=ROOT))
        page = await ask(reader, ListAudit(actor=ROOT, limit=1))
        assert verify(whole, until=Tip(sequence=page.sequence, hash=page.head)) == Tip(
            sequence=len(whole), hash=whole[-1].hash
        )
        page = await ask(reader, ListAudit(actor=ADA, limit=1))
        assert (page.sequence, page.head) == (0, "")
        own = await all_of(reader, ListAudit(actor=ADA, limit=1))
        assert own == [one for one in whole if one.tenant == "acme"] != whole
        assert await all_of(reader, ListAudit(actor=EVE)) == [one for one in whole if one.tenant == "evil"]
        about = await all_of(reader, ListAudit(actor=ADA, about=image))
        assert about == [one for one in whole if one.about == image]
        assert await all_of(reader, ListAudit(actor=EVE, about=image)) == []
        by = await all_of(reader, ListAudit(actor=ROOT, about=image, actor_name="ada", limit=1))
        assert by == [one for one in about if one.actor == "ada"]
        assert by
        assert await all_of(reader, ListAudit(actor=EVE, actor_name="ada")) == []
