"""Lists that are short by nature: markers, the users of a version, its ancestors (features.md A8, A10, A14, F14)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog.domain.number import rank
from catalog.filters import Field
from catalog.queries import markers
from contracts.errors import Problem
from contracts.requests import GetLineage, GetUsers, ImportVersion, ListMarkers, Origin
from contracts.views import AncestorView, MarkerView, UserView
from core.catalog_world import ADA, MIGRATIONS, World, manifest, refused
from core.pools_world import Pools, seat
from core.readside import stored
from core.test_catalog_lists import all_of, ask
from core.test_catalog_lists_more import field_of, meets, shown


def pointers() -> Pools:
    """Markers on several versions, and assignments that use one of them or want it."""
    world = Pools()
    made = [world.published(pods=("pod-1", "pod-2")) for _ in range(11)]
    for name, number in (("prod", "1.9.0"), ("test", "1.10.0"), ("beta", "1.9.0"), ("old", "1.0.0")):
        assert isinstance(world.move(name, number), MarkerView)
    world.move("test", "1.9.0")
    world.move("test", "1.10.0")
    world.enable("1.0.0", enabled=False)
    for n, pods in enumerate((("pod-1",), ("pod-2",), ("pod-1", "pod-2"), ("pod-1", "pod-2"))):
        desks = world.assign(f"desks-{n}", pods=pods, seats=n + 1)
        for pod in pods[:n]:
            seats = tuple(
                seat(
                    f"desk-{at}",
                    version=made[9].version,
                    user="bob" if at < n else "",
                    last_used=world.now - timedelta(hours=n),
                )
                for at in range(1, n + 2)
            )
            world.report(desks.id, pod, seats=seats)
    world.edit("desks-3", number="1.10.0")
    return world


def family() -> World:
    """A version with three ancestors, of which one has another number."""
    world = World()
    world.deployed("base", number="2.0.0")
    for n, (image, origin, number) in enumerate((("a", "base", "2.0.0"), ("b", "a", "1.9.0"), ("c", "b", "1.10.0"))):
        accepted: Any = world.ask(
            ImportVersion(
                id=world.command_id(),
                actor=ADA,
                image=image,
                create=True,
                number=("1.9.0", "1.10.0", "1.0.0")[n],
                origin=Origin(image=origin, number=number),
            )
        )
        assert not isinstance(accepted, Problem), accepted
        world.started(accepted.version)
        world.prepared(accepted.version, of=manifest(source=world.version(accepted.version).source))
    return world


@dataclass(frozen=True)
class List:
    """A list, and a filter of each name that something of it meets and something not; ``ids`` are those of the first
    item."""

    make: Callable[[], World]
    query: Any
    view: type[Any]
    fields: dict[str, Field]
    own: frozenset[str]
    filters: Mapping[str, str]
    ids: frozenset[str]
    key: Callable[[Any], tuple[Any, ...]]


HOUR = "2023-12-31T22:30:00+00:00"
LISTS = {
    "markers": List(
        pointers,
        ListMarkers(actor=ADA, image="base"),
        MarkerView,
        markers.FIELDS,
        frozenset({"image", "history", "rollout"}),
        {
            "name": "beta", "number": "1.9.0", "frozen": "true", "assignments": "3", "min_assignments": "1",
            "max_assignments": "0", "revision": "3", "min_revision": "2", "max_revision": "1",
        },
        frozenset({"version"}),
        lambda view: (view.name,),
    ),
    "users": List(
        pointers,
        GetUsers(actor=ADA, image="base", number="1.9.0"),
        UserView,
        markers.USERS,
        frozenset(),
        {
            "name": "desks-2", "pod": "pod-2", "seats": "3", "min_seats": "1", "max_seats": "3", "users": "1",
            "min_users": "1", "max_users": "1", "wanted": "true", "last_used_after": HOUR, "last_used_before": HOUR,
        },
        frozenset({"assignment"}),
        lambda view: (view.assignment, view.pod),
    ),
    "lineage": List(
        family,
        GetLineage(actor=ADA, image="c", number="1.0.0"),
        AncestorView,
        markers.LINEAGE,
        frozenset(),
        {"number": "1.10.0", "depth": "2", "min_depth": "2", "max_depth": "2"},
        frozenset({"version", "image", "state"}),
        lambda view: (view.depth,),
    ),
}  # fmt: skip


@pytest.fixture(params=LISTS)
def case(request: pytest.FixtureRequest) -> List:
    return LISTS[request.param]


def asking(case: List, **given: Any) -> Any:
    """The query with ``given``; pages of two where it has pages."""
    paged = {"limit": 2} if "limit" in case.query.__struct_fields__ else {}
    return msgspec.structs.replace(case.query, **paged, **given)


async def test_a14_every_filter_of_a_short_list_finds_what_meets_it_and_nothing_else(
    tmp_path: Path, case: List
) -> None:
    assert set(case.view.__struct_fields__) - case.own == set(case.fields)
    assert {field_of(name, case.fields) for name in case.filters} | case.ids == set(case.fields)
    async with stored(case.make(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, case.query)
        for name, text in [*case.filters.items(), *((name, str(shown(every[0], name))) for name in case.ids)]:
            expected = [one for one in every if meets(one, name, text, case.fields)]
            assert await all_of(reader, asking(case, where={name: text})) == expected, name
            assert expected, name
            if name != "state":
                assert len(expected) < len(every), name


async def test_a14_a_short_list_is_sorted_by_any_field_in_both_ways_page_by_page(tmp_path: Path, case: List) -> None:
    def placed(view: Any, field: str) -> tuple[Any, ...]:
        value = rank(view.number) if field == "number" else shown(view, field)
        return isinstance(value, str), value, *case.key(view)

    async with stored(case.make(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, case.query)
        assert await all_of(reader, asking(case)) == every == sorted(every, key=case.key)
        for field in case.fields:
            found = await all_of(reader, asking(case, sort=field))
            assert found == sorted(every, key=lambda view: placed(view, field)), field
            assert await all_of(reader, asking(case, sort=f"-{field}")) == found[::-1], field


async def test_a14_a_short_list_refuses_what_it_has_not(tmp_path: Path, case: List) -> None:
    async with stored(case.make(), tmp_path / "db", MIGRATIONS) as reader:
        refused(await ask(reader, asking(case, sort="colour")), "validation_failed")
        refused(await ask(reader, asking(case, where={"colour": "blue"})), "validation_failed")
        if "cursor" in case.query.__struct_fields__:
            refused(await ask(reader, asking(case, cursor="nonsense")), "bad_request")
            refused(await ask(reader, msgspec.structs.replace(case.query, limit=0)), "validation_failed")


async def test_a8_a_marker_that_comes_meanwhile_moves_nothing_in_the_pages_that_follow(tmp_path: Path) -> None:
    world = pointers()
    query = ListMarkers(actor=ADA, image="base", limit=2)
    async with stored(world, tmp_path / "one", MIGRATIONS) as reader:
        first = await ask(reader, query)
    world.move("alpha", "1.9.0")
    async with stored(world, tmp_path / "two", MIGRATIONS) as reader:
        rest = await ask(reader, msgspec.structs.replace(query, cursor=first.next))
    assert [view.name for view in (*first.items, *rest.items)] == ["beta", "old", "prod", "test"]
    assert rest.next is None
