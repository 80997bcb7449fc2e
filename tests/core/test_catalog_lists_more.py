"""Lists of assignments, seats, galleries and the audit log: every documented field filters, and sorts where it can."""

import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog.documents import ASSIGNMENT
from catalog.domain.number import rank
from catalog.filters import Field, milliseconds
from catalog.queries import assignments, audit, galleries, listing
from contracts.desktops import Customisation, DataDisk, Endpoint, Seat, Shape
from contracts.errors import Problem
from contracts.events.hub import Targets
from contracts.keeping import Quota, SoftDelete
from contracts.requests import (
    CreateGallery,
    EditGallery,
    EditImage,
    ListAssignments,
    ListAudit,
    ListGalleries,
    ListSeats,
)
from contracts.views import AssignmentView, AuditView, GalleryView
from core.catalog_world import ADA, EVE, MIGRATIONS, World, available, manifest, planned, refused
from core.pools_world import ROOT, Pools, seat
from core.readside import stored
from core.test_catalog_lists import all_of, ask

# --- what is listed ---------------------------------------------------------------------------------------------------


def desks() -> Pools:
    """Assignments that differ in everything that they are listed by, and `desks-4` with seats that do."""
    world = Pools()
    versions = [world.published().version for _ in range(11)]
    other = world.published("lab/other").number
    world.move(number="1.10.0")
    world.move("test", number="1.9.0")
    for n in range(8):
        world.now += timedelta(minutes=1)
        assign(
            world,
            n,
            pods=("pod-1", "pod-2", "pod-3")[: n % 3 + 1],
            shape=Shape(vcpus=n or None, memory_mib=4096 * (n % 2) or None, disk_gib=50 if n == 3 else None),
            disks=(DataDisk(lun=5, size_gib=1),) * (n % 2),
            **({"number": "1.0.0"} if n == 5 else {"marker": ("prod", "test")[n % 2]}),
        )
    assign(world, 8, image="lab/other", number=other, seats=30)
    endpoints(world)
    world.now += timedelta(minutes=1)
    edited = world.edit("desks-1", seats=7)
    assert not isinstance(edited, Problem), edited
    id = world.edit("desks-4", seats=12).id
    for pod, count in (("pod-1", 12), ("pod-2", 3)):
        world.report(id, pod, seats=tuple(desk(world, n, versions[-1]) for n in range(count, 0, -1)))
    return world


def assign(world: Pools, n: int, image: str = "base", pods: tuple[str, ...] = ("pod-1",), **given: Any) -> str:
    hosts = Customisation(host_name=f"host-{n % 4}-{{n}}")
    given = {"seats": n % 3, "customisation": hosts, **given}
    reply = world.assign(f"desks-{n}", image, pods, **given)
    assert isinstance(reply, AssignmentView), reply
    return reply.id


def desk(world: Pools, n: int, version: str) -> Seat:
    return seat(
        f"desk-{n}",
        ("READY", "WAITING_RESTART", "FAILED")[n % 3],
        version if n % 2 else "",
        model=("", "TC100")[n % 2],
        user="" if n % 4 else f"bob-{n}",
        last_used=world.now - timedelta(hours=n) if n % 2 else None,
        failure="full of holes" if n % 3 == 2 else "",
    )


def endpoints(world: Pools) -> None:
    """An assignment to endpoints."""
    world.register("thin", desktop_kind="VOI", flavour="thin-client")
    made = world.import_("thin", create=False)
    world.started(made.version)
    world.prepared(made.version, of=manifest(msgspec.structs.replace(manifest().disks[0], format="qcow2")))
    world.publish("thin", targets=Targets(kind="list", pods=("pod-1",)))
    world.copy(planned(made.version, "pod-1"))
    world.copy(available(made.version, "pod-1"))
    ends = (Endpoint(name="e1", model="TC100"), Endpoint(name="e2", model="TC100"))
    assign(world, 9, "thin", number="1.0.0", customisation=None, endpoints=ends, seats=1)


def zoo() -> World:
    """Galleries that differ in everything that they are listed by."""
    world = World()
    for n in range(7):
        world.now += timedelta(minutes=1)
        command = CreateGallery(
            id=world.command_id(),
            actor=ADA,
            name=f"{'za'[n % 2]}-{n}",
            description=("", "of the lab")[n % 2],
            quota=Quota(images=n + 2 if n else None, versions=10 * n or None, bytes=2**40 if n % 3 else None),
            soft_delete=SoftDelete(enabled=n % 2 == 0, retention_days=n + 1, grace_days=n % 3),
        )
        assert isinstance(world.ask(command), GalleryView)
    for name in ("a-1/x", "a-1/y", "z-2/x"):
        world.deployed(name)
    world.deployed("a-1/x")
    world.register("implicit", gallery="new")
    world.register("theirs", EVE, gallery="evils")
    for n in (3, 4):
        changes = {"description": f"number {n}"}
        world.ask(EditGallery(id=world.command_id(), actor=ADA, gallery=f"{'za'[n % 2]}-{n}", changes=changes))
    return world


def log() -> World:
    """Changes by several actors in two tenants."""
    world = World()
    for n in range(4):
        world.now += timedelta(minutes=1)
        world.register(f"image-{n}")
        world.register(f"image-{n}", EVE)
    world.deployed("image-1")
    for n in range(3):
        world.now += timedelta(minutes=1)
        world.ask(EditImage(id=world.command_id(), actor=ADA, image="image-2", changes={"description": f"the {n}"}))
    return world


# --- what views say ---------------------------------------------------------------------------------------------------


def shown(view: Any, field: str) -> Any:
    """What a view says of a field: a flag as a number, a time in milliseconds, nothing as the empty text."""
    match field:
        case "host_name":
            value = "" if view.customisation is None else view.customisation.host_name
        case "vm_kind" | "vcpus" | "memory_mib" | "disk_gib":
            value = getattr(view.shape, field)
        case "disks":
            value = len(view.disks)
        case "images" | "versions" | "bytes":
            value = getattr(view.usage, field)
        case "quota_images" | "quota_versions" | "quota_bytes":
            value = getattr(view.quota, field.removeprefix("quota_"))
        case "soft_delete":
            value = int(view.soft_delete.enabled)
        case "retention_days" | "grace_days":
            value = getattr(view.soft_delete, field)
        case _:
            value = getattr(view if field in view.__struct_fields__ else view.seat, field)
    if isinstance(value, datetime):
        return milliseconds(value)
    return "" if value is None else int(value) if isinstance(value, bool) else value


def meets(view: Any, name: str, text: str, fields: Mapping[str, Field]) -> bool:
    """Whether a view meets a filter, said in another way than the lists do."""
    value = shown(view, field_of(name, fields))
    if name.endswith(("_after", "_before")):
        at = milliseconds(datetime.fromisoformat(text))
        return value != "" and (value > at if name.endswith("_after") else value < at)
    if name not in fields:
        return value != "" and (value >= int(text) if name.startswith("min_") else value <= int(text))
    return bool(str(value) == {"true": "1", "false": "0"}.get(text, text))


def field_of(name: str, fields: Mapping[str, Field]) -> str:
    """The field that a filter is about."""
    if name in fields:
        return name
    return name[4:] if name[:4] in ("min_", "max_") else name.removesuffix("_after").removesuffix("_before")


def named(view: Any) -> tuple[str, ...]:
    """How two that are alike in a field follow on each other."""
    if not hasattr(view, "seat"):
        return (view.name,)
    return view.pod, re.sub("[0-9]+", lambda found: found[0].zfill(9), view.seat.name)


def placed(view: Any, field: str) -> tuple[Any, ...]:
    """Where a view comes when it is sorted by a field: what has no value behind all numbers."""
    value = shown(view, field)
    if field == "number":
        value = rank(value)
    if field == "name":
        value = named(view)[-1]
    return isinstance(value, str), value, *named(view)


# --- assignments, seats, galleries ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class List:
    """A list, and a filter of each name that something of it meets and something not."""

    make: Callable[[], World]
    query: Any
    fields: dict[str, Field]
    own: frozenset[str]
    filters: Mapping[str, str]


MINUTE = "2024-01-01T00:04:00+00:00"
LISTS = {
    "assignments": List(
        desks,
        ListAssignments(actor=ADA),
        assignments.FIELDS,
        frozenset({"id", "pods", "customisation", "shape", "warnings"}),
        {
            "name": "desks-3", "tenant": "acme", "gallery": "lab", "image_name": "thin", "marker": "prod",
            "number": "1.9.0", "kind": "endpoint", "state": "IN_SYNC", "host_name": "host-2-{n}",
            "vm_kind": "standard", "vcpus": "4", "min_vcpus": "5", "max_vcpus": "2", "memory_mib": "4096",
            "min_memory_mib": "1", "max_memory_mib": "9999", "disk_gib": "50", "min_disk_gib": "1", "disks": "1",
            "max_disks": "0", "seats": "7", "min_seats": "2", "max_seats": "2", "min_revision": "2",
            "created_after": MINUTE, "created_before": MINUTE, "updated_after": MINUTE, "updated_before": MINUTE,
        },
    ),
    "seats": List(
        desks,
        ListSeats(actor=ADA, assignment="desks-4"),
        assignments.SEATS,
        frozenset({"assignment", "seat"}),
        {
            "pod": "pod-2", "name": "desk-3", "state": "FAILED", "version": "", "model": "TC100", "user": "bob-4",
            "failure": "full of holes", "last_used_after": "2023-12-31T19:00:00+00:00",
            "last_used_before": "2023-12-31T19:00:00+00:00",
        },
    ),
    "galleries": List(
        zoo,
        ListGalleries(actor=ADA),
        galleries.FIELDS,
        frozenset({"id", "quota", "usage", "sharing", "public_name", "roles"}),
        {
            "name": "z-2", "tenant": "acme", "description": "of the lab", "images": "2", "min_images": "1",
            "max_images": "0", "versions": "3", "min_versions": "1", "bytes": "0", "min_bytes": "1",
            "quota_images": "5", "min_quota_images": "6", "max_quota_images": "6", "max_quota_versions": "30",
            "min_quota_bytes": "1", "soft_delete": "true", "retention_days": "4", "min_retention_days": "5",
            "grace_days": "2", "max_grace_days": "1", "revision": "2", "created_after": MINUTE,
            "created_before": MINUTE,
        },
    ),
}  # fmt: skip


@pytest.fixture(params=LISTS)
def case(request: pytest.FixtureRequest) -> List:
    return LISTS[request.param]


@pytest.fixture(params=["whole", "steps"], autouse=True)
def reach(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also as where too many meet a filter, and a page looks at a few only."""
    if request.param == "steps":
        monkeypatch.setattr(listing, "FAR", 3)
        monkeypatch.setattr(audit, "FAR", 3)


def test_a14_every_field_of_the_views_is_one_that_lists_are_filtered_by() -> None:
    """But those that are made up when somebody looks, and ids, by which one thing is shown."""
    views: list[tuple[str, Iterable[str]]] = [
        ("assignments", (*AssignmentView.__struct_fields__, *Shape.__struct_fields__, "host_name")),
        ("seats", ("pod", *Seat.__struct_fields__)),
        ("galleries", (*GalleryView.__struct_fields__, "retention_days", "grace_days")),
    ]
    for name, documented in views:
        case = LISTS[name]
        assert set(documented) - case.own <= set(case.fields), name
    assert set(AuditView.__struct_fields__) - {"before", "after", "previous", "hash"} == set(audit.FIELDS)


async def test_a14_every_filter_finds_what_meets_it_and_nothing_else(tmp_path: Path, case: List) -> None:
    ids = {"job", "image", "version"} & set(case.fields)
    assert {field_of(name, case.fields) for name in case.filters} | ids == set(case.fields)
    async with stored(case.make(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, case.query)
        given = [*case.filters.items(), *((name, str(shown(every[2], name))) for name in ids)]
        for name, text in given:
            asked = msgspec.structs.replace(case.query, where={name: text}, limit=2)
            expected = [one for one in every if meets(one, name, text, case.fields)]
            assert await all_of(reader, asked) == expected, name
            assert expected, name
            if name not in ("tenant", "vm_kind"):
                assert len(expected) < len(every), name
        (one, first), (two, second), *_ = case.filters.items()
        asked = msgspec.structs.replace(case.query, where={one: first, two: second}, limit=1)
        expected = [view for view in every if meets(view, one, first, case.fields)]
        assert await all_of(reader, asked) == [view for view in expected if meets(view, two, second, case.fields)]


async def test_a14_lists_sort_by_every_field_both_ways_and_pages_hang_together(tmp_path: Path, case: List) -> None:
    name, text = next((name, text) for name, text in case.filters.items() if name in ("marker", "model", "soft_delete"))
    async with stored(case.make(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, case.query)
        for field, about in case.fields.items():
            for sort in (field, f"-{field}"):
                asked = msgspec.structs.replace(case.query, sort=sort, limit=3)
                if not about.sorts:
                    refused(await ask(reader, asked), "validation_failed")
                    continue
                expected = sorted(every, key=lambda one: placed(one, field), reverse=sort != field)
                assert await all_of(reader, asked) == expected, sort
                narrowed = msgspec.structs.replace(asked, where={name: text})
                met = [one for one in expected if meets(one, name, text, case.fields)]
                assert await all_of(reader, narrowed) == met, sort


def more(world: Any, n: int) -> None:
    """Something that comes before, between and behind what is there."""
    if isinstance(world, Pools):
        for name in (0, 3, 7):
            reply = world.assign(f"desks-{name}{n}", "base", ("pod-1",), seats=n)
            assert isinstance(reply, AssignmentView), reply
        pool = world.pool(claimed(world), "pod-1")
        added = tuple(desk(world, 100 * m + n, pool.version) for m in (1, 2, 3))
        world.report(claimed(world), "pod-1", seats=(*added, *pool.seats))
        return
    for name in ("a-10", "m", "z-10"):
        command = CreateGallery(id=world.command_id(), actor=ADA, name=f"{name}-{n}", quota=Quota(images=n + 2))
        assert isinstance(world.ask(command), GalleryView)


def claimed(world: Pools) -> str:
    """The id of the assignment whose seats are listed."""
    return msgspec.json.decode(world.documents["assignment_name", "acme/desks-4"])["id"]  # type: ignore[no-any-return]


async def test_a14_a_walk_is_complete_and_stable_while_things_are_inserted(tmp_path: Path, case: List) -> None:
    """What was there is seen once and in its order, whatever comes between two pages; what else is seen is new."""
    order = [name for name, about in case.fields.items() if about.sorts and name not in ("updated", "revision")]
    world = case.make()
    async with stored(world, tmp_path / "before", MIGRATIONS) as reader:
        sorts = [sort for name in order for sort in (name, f"-{name}")]
        walks = {sort: [await ask(reader, msgspec.structs.replace(case.query, sort=sort, limit=3))] for sort in sorts}
        every = {sort: [key_of(one) for one in await all_of(reader, sorted_by(case, sort))] for sort in sorts}
    for n in (1, 2):
        world.now += timedelta(minutes=1)
        more(world, n)
        async with stored(world, tmp_path / f"{n}", MIGRATIONS) as reader:
            for sort, walk in walks.items():
                if walk[-1].next is not None:
                    walk.append(await ask(reader, sorted_by(case, sort, limit=2, cursor=walk[-1].next)))
    async with stored(world, tmp_path / "after", MIGRATIONS) as reader:
        for sort, walk in walks.items():
            seen = [key_of(one) for page in walk for one in page.items]
            if walk[-1].next is not None:
                rest = await all_of(reader, sorted_by(case, sort, cursor=walk[-1].next))
                seen += [key_of(one) for one in rest]
            assert [one for one in seen if one in set(every[sort])] == every[sort], sort
            assert len(seen) == len(set(seen)), sort


def key_of(view: Any) -> tuple[str, ...]:
    return (view.pod, view.seat.name) if hasattr(view, "seat") else (view.id,)


def sorted_by(case: List, sort: str, limit: int = 3, cursor: str | None = None) -> Any:
    return msgspec.structs.replace(case.query, sort=sort, limit=limit, cursor=cursor)


async def test_a3_galleries_that_go_move_no_page_and_other_tenants_have_none_of_it(tmp_path: Path) -> None:
    world = zoo()
    async with stored(world, tmp_path / "before", MIGRATIONS) as reader:
        first = await ask(reader, ListGalleries(actor=ADA, sort="-created", limit=3))
        every = await all_of(reader, ListGalleries(actor=ADA, sort="-created"))
        assert [one.name for one in await all_of(reader, ListGalleries(actor=EVE, sort="-created"))] == ["evils"]
    gone = first.items[-1]
    world.documents = {key: body for key, body in world.documents.items() if key != ("gallery", f"acme/{gone.name}")}
    async with stored(world, tmp_path / "after", MIGRATIONS) as reader:
        rest = await all_of(reader, ListGalleries(actor=ADA, sort="-created", cursor=first.next))
        assert [*first.items, *rest] == every
        foreign = await all_of(reader, ListGalleries(actor=EVE, sort="-created", cursor=first.next))
        assert {one.name for one in foreign} <= {"evils"}


async def test_a_version_in_a_filter_is_normalised_and_one_that_is_none_meets_nothing(tmp_path: Path) -> None:
    async with stored(desks(), tmp_path / "db", MIGRATIONS) as reader:
        for text, names in (("1.10", ["desks-0", "desks-2", "desks-4", "desks-6"]), ("one", [])):
            found = await all_of(reader, ListAssignments(actor=ADA, where={"number": text}))
            assert [one.name for one in found] == names


# --- the audit log ----------------------------------------------------------------------------------------------------


async def test_i5_the_log_is_filtered_by_every_field_in_either_direction(tmp_path: Path) -> None:
    async with stored(log(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, ListAudit(actor=ROOT))
        assert every == list(reversed(await all_of(reader, ListAudit(actor=ROOT, sort="-sequence", limit=2))))
        assert len(every) > 10
        one = every[-2]
        filters = {
            "about": one.about, "actor": "eve", "tenant": "evil", "action": "edit_image", "command": one.command,
            "sequence": "4", "min_sequence": "5", "max_sequence": "6", "at_after": MINUTE, "at_before": MINUTE,
        }  # fmt: skip
        assert {field_of(name, audit.FIELDS) for name in filters} == set(audit.FIELDS)
        for name, text in filters.items():
            expected = [view for view in every if meets(view, name, text, audit.FIELDS)]
            assert 0 < len(expected) < len(every), name
            for limit in (1, 2, 500):
                asked = ListAudit(actor=ROOT, where={name: text}, limit=limit)
                assert await all_of(reader, asked) == expected, name
                down = msgspec.structs.replace(asked, sort="-sequence")
                assert await all_of(reader, down) == expected[::-1], name
        both = {"action": "edit_image", "at_after": MINUTE, "max_sequence": str(one.sequence)}
        expected = [view for view in every if all(meets(view, *term, audit.FIELDS) for term in both.items())]
        asked = ListAudit(actor=ROOT, about=one.about, actor_name="ada", where=both, sort="-sequence", limit=1)
        assert await all_of(reader, asked) == expected[::-1]
        assert expected


async def test_i5_filters_open_nothing_of_another_tenants_log(tmp_path: Path) -> None:
    async with stored(log(), tmp_path / "db", MIGRATIONS) as reader:
        for where in ({"tenant": "evil"}, {"actor": "eve"}):
            assert await all_of(reader, ListAudit(actor=ADA, where=where)) == []
        own = await all_of(reader, ListAudit(actor=ADA, where={"tenant": "acme"}, sort="-sequence", limit=1))
        assert {one.tenant for one in own} == {"acme"}


async def test_i5_a_walk_through_the_log_goes_on_where_it_was_while_entries_are_added(tmp_path: Path) -> None:
    world = log()
    async with stored(world, tmp_path / "before", MIGRATIONS) as reader:
        every = await all_of(reader, ListAudit(actor=ROOT))
        up, down = [await ask(reader, ListAudit(actor=ROOT, sort=sort, limit=3)) for sort in ("sequence", "-sequence")]
    world.register("another")
    async with stored(world, tmp_path / "after", MIGRATIONS) as reader:
        rest = await all_of(reader, ListAudit(actor=ROOT, limit=2, cursor=up.next))
        assert [*up.items, *rest][: len(every)] == every
        assert len(rest) > len(every) - 3
        rest = await all_of(reader, ListAudit(actor=ROOT, sort="-sequence", limit=2, cursor=down.next))
        assert [*down.items, *rest] == every[::-1]


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "field", "known"),
    [
        (ListAssignments(actor=ADA, where={"colour": "red"}), "colour", "image_name"),
        (ListAssignments(actor=ADA, where={"seats": "many"}), "seats", ""),
        (ListAssignments(actor=ADA, sort="colour"), "sort", "memory_mib"),
        (ListSeats(actor=ADA, assignment="desks-4", where={"created_after": MINUTE}), "created_after", "last_used"),
        (ListSeats(actor=ADA, assignment="desks-4", sort="-failure"), "sort", "last_used"),
        (ListGalleries(actor=ADA, where={"quota": "1"}), "quota", "max_quota_bytes"),
        (ListGalleries(actor=ADA, where={"soft_delete": "maybe"}), "soft_delete", ""),
        (ListGalleries(actor=ADA, sort=""), "sort", "retention_days"),
        (ListAudit(actor=ROOT, where={"at": MINUTE}), "at", "at_before"),
        (ListAudit(actor=ROOT, sort="at"), "sort", "sequence"),
    ],
)  # fmt: skip
async def test_a_filter_or_an_order_that_there_is_not_is_refused_and_those_that_there_are_named(
    tmp_path: Path, asked: Any, field: str, known: str
) -> None:
    async with stored(desks(), tmp_path / "db", MIGRATIONS) as reader:
        problem = refused(await ask(reader, asked), "validation_failed")
    assert problem.data["field"] == field
    assert known in str(problem.data.get("known", ""))


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_of_another_list_or_order_is_refused_or_a_place_in_this_one(tmp_path: Path, name: str) -> None:
    case = LISTS[name]
    async with stored(case.make(), tmp_path / "db", MIGRATIONS) as reader:
        orders = [None, *(field for field, about in case.fields.items() if about.sorts)]
        for field in orders:
            asked = case.query if field is None else sorted_by(case, f"-{field}")
            cursor = (await ask(reader, msgspec.structs.replace(asked, limit=1))).next
            for other in orders:
                query = case.query if other is None else sorted_by(case, other)
                reply = await ask(reader, msgspec.structs.replace(query, cursor=cursor))
                assert not isinstance(reply, Problem) or reply.code == "bad_request"
        for cursor in ("x", "W10=", "W1tdXQ=="):
            refused(await ask(reader, msgspec.structs.replace(case.query, cursor=cursor)), "bad_request")


async def test_what_assignments_are_sorted_by_follows_every_change_of_them(tmp_path: Path) -> None:
    """The rows that triggers keep are those that the assignments themselves give."""
    world, path = Pools(), tmp_path / "db"
    rows = "SELECT tenant, field, value, name, id FROM {} ORDER BY 1, 2, 3, 4, 5"
    async with stored(world, path, MIGRATIONS):
        pass

    def same() -> int:
        there = {id for kind, id in world.documents if kind == "assignment"}
        with sqlite3.connect(path) as connection:
            for id in there:
                connection.execute(
                    "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                    ("assignment", id, world.documents["assignment", id].decode()),
                )
            for (id,) in connection.execute("SELECT id FROM documents WHERE kind = 'assignment'").fetchall():
                if id not in there:
                    connection.execute("DELETE FROM documents WHERE kind = 'assignment' AND id = ?", (id,))
            found = connection.execute(rows.format("assignment_facts")).fetchall()
            assert found == connection.execute(rows.format("assignment_facts_now")).fetchall()
        connection.close()
        return len(found)

    (_, second), id = world.ready(versions=2)
    sorts = len(assignments.FIELDS) - 1  # names have an index of their own
    assert same() == sorts
    world.move(number=second.number)
    assert same() == sorts
    world.report(id, "pod-1", "UPDATING")
    assert same() == sorts
    world.synced(id)
    world.edit(seats=9, shape={"vcpus": 8})
    assert same() == sorts
    world.add_disk(DataDisk(lun=7, size_gib=3))
    assert same() == sorts
    world.register("other")
    world.published("other", pods=("pod-1", "pod-2"))
    world.move(image="other")
    world.switch("other")
    assert same() == sorts
    world.duplicate("more")
    assert same() == 2 * sorts
    for name in ("desks", "more"):
        world.drop(name, force=True)
    for one in list(world.all(ASSIGNMENT)):
        for pod in ("pod-1", "pod-2"):
            world.report(one, pod, "REMOVED")
    assert same() == 0
