"""Lists of the catalog: every documented field filters and sorts, pages hang together, and each costs little."""

import itertools
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog.documents import IMAGE
from catalog.filters import milliseconds
from catalog.queries import images, listing, queries, versions, walking
from contracts.definition import Details, Feature, Identifier
from contracts.errors import Problem
from contracts.events.hub import Targets
from contracts.keeping import SoftDelete
from contracts.requests import (
    REPLIES,
    Actor,
    CreateGallery,
    DeleteVersion,
    EditImage,
    EditVersion,
    GetImage,
    GetVersion,
    ListImages,
    ListVersions,
    MoveMarker,
    Request,
    SetDataAccess,
    SetDeprecation,
    SetEnabled,
)
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, World, available, planned, refused
from core.readside import stored
from runtime.store import Reader

ODA = Actor(tenant="provider", name="oda", roles=("operator",))


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


def shelves() -> World:
    """Images that differ in everything that they are listed by."""
    world = World()
    for n in range(12):
        world.now += timedelta(minutes=1)
        details = Details(
            min_disk_gib=n % 3,
            min_ram_mib=512 * (n % 2),
            max_ram_mib=4096 if n % 4 == 0 else None,
            project=("", "blue", "red")[n % 3],
            hypervisors=("qemu",) if n % 2 else ("qemu", "esx"),
            gpu_types=("a100",) if n % 5 == 0 else (),
            capabilities=("secureboot",) if n % 6 == 0 else (),
            disallowed_disk_types=("hdd",) if n % 3 == 0 else (),
            features=(Feature(name="IsHibernateSupported", value="True"),) if n % 2 else (),
            require_eula=n % 4 == 1,
            eula="yes" if n % 4 == 1 else "",
            end_of_life=datetime(2030, 1, 1 + n, tzinfo=UTC) if n % 2 else None,
            properties={"rack": n % 3, "cool": n % 2 == 0, "zone": f"z{n % 2}"},
            hidden=n == 11,
        )
        reply = world.register(
            f"image-{n:02}",
            gallery=("default", "zoo")[n % 2],
            os_type=("linux", "windows")[n % 2],
            os_state=("generalized", "specialized")[n // 2 % 2],
            generation=("V1", "V2")[n // 3 % 2],
            identifier=Identifier(publisher="acme", offer=f"offer-{n % 3}", sku=f"sku-{n}") if n % 3 else None,
            image_class="custom",
            description=f"Desktop of team {n % 4}",
            tags={"team": f"t{n % 3}", "gold": ""} if n % 2 else {"team": "t0"},
            details=details,
        )
        assert not isinstance(reply, Problem), reply
    for n in (2, 5):
        world.published(f"{('default', 'zoo')[n % 2]}/image-{n:02}")
    world.deployed("default/image-04")
    for n in (4, 6):
        world.ask(SetEnabled(id=world.command_id(), actor=ADA, image=f"default/image-{n:02}", enabled=False))
    return world


def shown(view: Any, field: str) -> Any:
    """What a view of an image says of a field that images are listed by."""
    match field:
        case "path":
            return f"{view.gallery}/{view.name}"
        case "publisher" | "offer" | "sku":
            return "" if view.identifier is None else getattr(view.identifier, field)
        case "features":
            return [f"{one.name}={one.value}" for one in view.details.features]
        case "created" | "updated":
            return milliseconds(getattr(view, field) or view.created)
        case "end_of_life":
            return "" if view.details.end_of_life is None else milliseconds(view.details.end_of_life)
    value = getattr(view, field) if field in view.__struct_fields__ else getattr(view.details, field)
    value = "" if value is None else value
    return list(value) if isinstance(value, tuple) else value


def meets(value: Any, name: str, text: str) -> bool:
    """Whether a filter is met, said in another way than the lists do."""
    wanted: Any = text
    if name.endswith(("_after", "_before")):
        wanted = milliseconds(datetime.fromisoformat(text))
    elif isinstance(value, int) or name.startswith(("min_", "max_")):
        wanted = {"true": 1, "false": 0}.get(text) if text in ("true", "false") else int(text)
    if isinstance(value, list):
        return wanted in value
    if name.endswith("_after"):
        return value != "" and value > wanted
    if name.endswith("_before"):
        return value != "" and value < wanted
    if name.startswith("min_") and name not in images.FIELDS:
        return value != "" and value >= wanted
    if name.startswith("max_") and name not in images.FIELDS:
        return value != "" and value <= wanted
    return bool(value == wanted)


MINUTE = "2024-01-01T00:07:00+00:00"
FILTERS = {
    "path": "zoo/image-05",
    "gallery": "zoo",
    "name": "image-03",
    "tenant": "acme",
    "state": "DISABLED",
    "image_class": "custom",
    "visibility": "private",
    "os_type": "windows",
    "os_state": "specialized",
    "generation": "V2",
    "architecture": "x64",
    "desktop_kind": "",
    "flavour": "",
    "publisher": "acme",
    "offer": "offer-2",
    "sku": "sku-7",
    "project": "",
    "deprecation": "ACTIVE",
    "replacement": "",
    "created_after": MINUTE,
    "created_before": MINUTE,
    "updated_after": MINUTE,
    "updated_before": MINUTE,
    "end_of_life_after": "2030-01-06T00:00:00+00:00",
    "end_of_life_before": "2030-01-06T00:00:00+00:00",
    "versions": "1",
    "min_versions": "1",
    "max_versions": "0",
    "revision": "1",
    "min_revision": "2",
    "max_revision": "1",
    "min_disk_gib": "2",
    "min_min_disk_gib": "1",
    "max_min_disk_gib": "1",
    "min_ram_mib": "512",
    "min_min_ram_mib": "1",
    "max_min_ram_mib": "0",
    "max_ram_mib": "4096",
    "min_max_ram_mib": "4096",
    "max_max_ram_mib": "4096",
    "hidden": "true",
    "protected": "false",
    "require_eula": "true",
    "hypervisors": "esx",
    "gpu_types": "a100",
    "capabilities": "secureboot",
    "disallowed_disk_types": "hdd",
    "features": "IsHibernateSupported=True",
    "usable": "true",
    "latest": "1.0.0",
}


def field_of(name: str) -> str:
    """The field that a filter is about."""
    if name in images.FIELDS:
        return name
    return name[4:] if name[:4] in ("min_", "max_") else name.removesuffix("_after").removesuffix("_before")


def test_every_field_of_images_is_filtered_by_in_these_tests() -> None:
    assert {field_of(name) for name in FILTERS} == set(images.FIELDS)


@pytest.mark.parametrize("way", ["few", "walk"])
async def test_every_filter_on_images_finds_what_meets_it_and_nothing_else(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "walk":  # as where too many meet the filter, and a page looks at a few only
        monkeypatch.setattr(walking, "FEW", -1)
        monkeypatch.setattr(walking, "FAR", 3)
    async with stored(shelves(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, ListImages(actor=ADA, hidden=True))
        assert len(every) == 12
        for name, text in FILTERS.items():
            found = await all_of(reader, ListImages(actor=ADA, hidden=True, where={name: text}, limit=2))
            expected = [one.id for one in every if meets(shown(one, field_of(name)), name, text)]
            assert [one.id for one in found] == expected, name
            assert 0 < len(expected) <= 12, name
        for tags, where in (
            ({"team": "t1"}, {}),
            ({"gold": ""}, {"os_type": "windows"}),
            ({}, {"properties.rack": "2"}),
            ({}, {"properties.cool": "true"}),
            ({}, {"properties.zone": "z1", "min_versions": "1"}),
            ({"team": "t0", "gold": ""}, {"created_after": MINUTE, "project": ""}),
        ):
            found = await all_of(reader, ListImages(actor=ADA, hidden=True, where=where, tags=tags, limit=2))
            assert [one.id for one in found] == [
                one.id
                for one in every
                if all(key in one.tags and value in ("", one.tags[key]) for key, value in tags.items())
                and all(
                    str(one.details.properties[name[11:]]).lower() == text
                    if name.startswith("properties.")
                    else meets(shown(one, field_of(name)), name, text)
                    for name, text in where.items()
                )
            ], (tags, where)
            assert found, (tags, where)


@pytest.mark.parametrize("way", ["few", "walk"])
async def test_images_sort_by_every_field_both_ways_and_pages_hang_together(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "walk":
        monkeypatch.setattr(walking, "FEW", -1)
        monkeypatch.setattr(walking, "FAR", 4)
    async with stored(shelves(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, ListImages(actor=ADA, hidden=True))
        for name, field in images.FIELDS.items():
            for down, where in itertools.product((False, True), ({}, {"os_type": "linux"}, {"created_after": MINUTE})):
                query = ListImages(actor=ADA, hidden=True, sort="-" * down + name, where=where, limit=3)
                if not field.sorts:
                    refused(await ask(reader, query), "validation_failed")
                    continue
                met = [one for one in every if all(meets(shown(one, field_of(n)), n, t) for n, t in where.items())]
                rank = lambda one: (isinstance(shown(one, name), str), shown(one, name), shown(one, "path"))  # noqa: B023, E731
                expected = [one.id for one in sorted(met, key=rank, reverse=down)]
                assert [one.id for one in await all_of(reader, query)] == expected, (name, down, where)


async def test_a_page_is_stable_while_images_come_and_go_before_it_in_any_order(tmp_path: Path) -> None:
    world = shelves()
    for n, sort in enumerate(("path", "-created", "project", "-versions")):
        async with stored(world, tmp_path / f"{n}a", MIGRATIONS) as reader:
            every = [one.id for one in await all_of(reader, ListImages(actor=ADA, sort=sort))]
            first = await ask(reader, ListImages(actor=ADA, sort=sort, limit=4))
        world.now += timedelta(minutes=1)
        world.register(f"a-{n}")
        async with stored(world, tmp_path / f"{n}b", MIGRATIONS) as reader:
            rest = await all_of(reader, ListImages(actor=ADA, sort=sort, limit=3, cursor=first.next))
        seen = [one.id for one in (*first.items, *rest)]
        assert [one for one in seen if one in every] == every, sort


async def test_text_is_found_in_names_and_descriptions_whatever_its_length_or_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = shelves()
    world.register("odd", description='100% "sure" a_b \\ c:d OR x*')
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for few in (walking.FEW, -1):
            monkeypatch.setattr(walking, "FEW", few)

            async def names(text: str) -> list[str]:
                return [one.name for one in await all_of(reader, ListImages(actor=ADA, text=text, limit=5))]

            assert await names("TEAM 3") == ["image-03", "image-07"]
            assert await names("zoo/image-01") == ["image-01"]
            assert await names("09") == ["image-09"]
            for text in ("100%", '"sure"', "a_b", "\\ c", "c:d OR", "x*", '" OR "'):
                assert await names(text) == ([] if text == '" OR "' else ["odd"]), text
            assert await names("nothing like it") == []
            assert len(await names("")) == 12


async def test_f7_hidden_images_and_versions_leave_lists_only(tmp_path: Path) -> None:
    world = World()
    world.deployed("a")
    world.deployed("b")
    world.deployed("b")
    for command in (
        EditImage(id=world.command_id(), actor=ADA, image="a", changes={"details": {"hidden": True}}),
        EditVersion(id=world.command_id(), actor=ADA, image="b", number="1.0.0", changes={"hidden": True}),
    ):
        reply = world.ask(command)
        assert not isinstance(reply, Problem), reply
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:

        async def names(**given: Any) -> list[str]:
            return [one.name for one in (await ask(reader, ListImages(actor=ADA, **given))).items]

        async def numbers(**given: Any) -> list[str]:
            return [one.number for one in (await ask(reader, ListVersions(actor=ADA, image="b", **given))).items]

        assert (await names(), await names(hidden=True)) == (["b"], ["a", "b"])
        assert (await names(where={"hidden": "true"}), await names(where={"hidden": "false"})) == (["a"], ["b"])
        assert (await numbers(), await numbers(hidden=True)) == (["1.1.0"], ["1.1.0", "1.0.0"])
        assert await numbers(where={"hidden": "true"}) == ["1.0.0"]
        assert (await ask(reader, GetImage(actor=ADA, image="a"))).name == "a"
        assert (await ask(reader, GetVersion(actor=ADA, image="b", number="1.0"))).hidden


async def test_g1_images_of_the_standard_class_are_in_everybodys_lists_and_read_by_id(tmp_path: Path) -> None:
    world = World()
    world.register("mine")
    standard = world.register("base", ODA, image_class="standard", gallery="a")
    assert not isinstance(standard, Problem), standard
    world.register("theirs", EVE)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:

        async def names(actor: Actor = ADA, **given: Any) -> list[str]:
            return [one.name for one in await all_of(reader, ListImages(actor=actor, limit=1, **given))]

        assert (await names(), await names(EVE), await names(ODA)) == (["base", "mine"], ["base", "theirs"], ["base"])
        assert await names(sort="-path") == ["mine", "base"]
        assert (await names(owner="acme"), await names(owner="provider"), await names(owner="evil")) == (
            ["mine"],
            ["base"],
            [],
        )
        assert await names(where={"visibility": "public"}) == ["base"]
        assert (await ask(reader, GetImage(actor=ADA, image=standard.id))).visibility == "public"
        refused(await ask(reader, GetImage(actor=ADA, image="a/base")), "image_not_found")


async def test_images_with_a_copy_on_a_pod_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for name, pods in (("a", ("pod-1",)), ("b", ("pod-1", "pod-2")), ("c", ("pod-2",))):
        world.published(name, pods=pods)
    world.deployed("d")
    monkeypatch.setattr(walking, "FAR", 20)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        for pod, expected in (("pod-1", ["a", "b"]), ("pod-2", ["b", "c"]), ("pod-3", []), ("x'_%", [])):
            found = await all_of(reader, ListImages(actor=ADA, pod=pod, limit=1))
            assert [one.name for one in found] == expected


@pytest.mark.parametrize(
    "asked",
    [
        ListImages(actor=ADA, where={"colour": "red"}),
        ListImages(actor=ADA, where={"min_name": "1"}),
        ListImages(actor=ADA, where={"created": "2024-01-01T00:00:00Z"}),
        ListImages(actor=ADA, where={"versions": "many"}),
        ListImages(actor=ADA, where={"min_versions": "9" * 30}),
        ListImages(actor=ADA, where={"hidden": "perhaps"}),
        ListImages(actor=ADA, where={"created_after": "yesterday"}),
        ListImages(actor=ADA, where={"name": "a\0b"}),
        ListImages(actor=ADA, sort="colour"),
        ListImages(actor=ADA, sort="--path"),
        ListImages(actor=ADA, sort=""),
        ListVersions(actor=ADA, image="base", where={"colour": "red"}),
        ListVersions(actor=ADA, image="base", sort="-marker"),
    ],
)
async def test_a_filter_or_an_order_that_there_is_not_is_refused_and_those_that_there_are_named(
    tmp_path: Path, asked: Any
) -> None:
    world = World()
    world.deployed()
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        problem = refused(await ask(reader, asked), "validation_failed")
    assert problem.data["field"]


VERSION_FILTERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "number": ("1.2", lambda one: one.number == "1.2.0"),
    "state": ("DISABLED", lambda one: one.state == "DISABLED"),
    "source_pod": ("pod-1", lambda one: one.source.pod == "pod-1"),
    "source_kind": ("vm", lambda one: one.source.kind == "vm"),
    "source_name": ("golden", lambda one: one.source.name == "golden"),
    "mode": ("full", lambda one: one.mode == "full"),
    "deprecation": ("ACTIVE", lambda one: one.deprecation == "ACTIVE"),
    "replacement": ("", lambda one: one.replacement == ""),
    "parent": ("", lambda one: one.parent == ""),
    "failure": ("vm_not_found", lambda one: one.failure is not None),
    "format": ("raw", lambda one: one.manifest is not None),
    "created_after": ("2024-01-01T00:02:00Z", lambda one: one.created > datetime(2024, 1, 1, 0, 2, tzinfo=UTC)),
    "updated_before": ("2024-01-01T00:06:00Z", lambda one: one.updated < datetime(2024, 1, 1, 0, 6, tzinfo=UTC)),
    "end_of_life_before": ("2031-01-01T00:00:00Z", lambda one: one.end_of_life is not None),
    "end_of_life_after": ("2029-01-01T00:00:00Z", lambda one: one.end_of_life is not None),
    "min_revision": ("5", lambda one: one.revision >= 5),
    "min_size": ("1", lambda one: one.size > 0),
    "max_virtual_size": ("0", lambda one: one.virtual_size == 0),
    "available": ("3", lambda one: one.copies.available == 3),
    "hidden": ("true", lambda one: one.hidden),
    "protected": ("false", lambda one: not one.protected),
    "deactivated": ("true", lambda one: one.deactivated),
    "exclude_from_latest": ("true", lambda one: one.exclude_from_latest),
    "job": ("", lambda one: one.job == ""),
    "marker": ("prod", lambda one: "prod" in one.markers),
}


def numbers() -> World:
    """An image with versions that differ in what they are listed by."""
    world = World()
    for n in range(7):
        world.now += timedelta(minutes=1)
        accepted = world.import_()
        world.started(accepted.version)
        if n == 3:
            world.rejected(accepted.version)
            continue
        world.prepared(accepted.version)
        if n in (1, 2):
            world.publish(
                number=accepted.number, targets=Targets(kind="list", pods=("pod-1", "pod-2", "pod-3")[: n + 1])
            )
            for pod in ("pod-1", "pod-2", "pod-3")[: n + 1]:
                world.copy(planned(accepted.version, pod, wanted=n + 1))
                world.copy(available(accepted.version, pod))
    for number, changes in (
        ("1.0.0", {"hidden": True}),
        ("1.1.0", {"end_of_life": "2030-01-01T00:00:00Z"}),
        ("1.3.0", {"exclude_from_latest": True}),
    ):
        command = EditVersion(id=world.command_id(), actor=ADA, image="base", number=number, changes=changes)
        assert not isinstance(world.ask(command), Problem)
    world.ask(SetEnabled(id=world.command_id(), actor=ADA, image="base", number="1.4.0", enabled=False))
    denied = SetDataAccess(id=world.command_id(), actor=ADA, image="base", number="1.5.0", active=False)
    assert not isinstance(world.ask(denied), Problem)
    moved = world.ask(MoveMarker(id=world.command_id(), actor=ADA, image="base", marker="prod", number="1.2.0"))
    assert not isinstance(moved, Problem), moved
    return world


async def test_every_filter_on_versions_finds_what_meets_it_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FAR", 3)
    told = {name.removeprefix("min_").removeprefix("max_") for name in VERSION_FILTERS}
    assert {name.removesuffix("_after").removesuffix("_before") for name in told} == set(versions.FIELDS)
    async with stored(numbers(), tmp_path / "db", MIGRATIONS) as reader:
        every = await all_of(reader, ListVersions(actor=ADA, image="base", hidden=True))
        assert len(every) == 7
        for name, (text, met) in VERSION_FILTERS.items():
            found = await all_of(
                reader, ListVersions(actor=ADA, image="base", hidden=True, where={name: text}, limit=2)
            )
            assert [one.id for one in found] == [one.id for one in every if met(one)], name
            assert found or name in ("job",), name
        on_pod = await all_of(reader, ListVersions(actor=ADA, image="base", pod="pod-3", limit=1))
        assert [(one.number, one.markers) for one in on_pod] == [("1.2.0", ("prod",))]


async def test_versions_sort_by_every_field_both_ways(tmp_path: Path) -> None:
    async with stored(numbers(), tmp_path / "db", MIGRATIONS) as reader:
        for name, field in versions.FIELDS.items():
            if field.sorts:
                up = await all_of(reader, ListVersions(actor=ADA, image="base", hidden=True, sort=name, limit=2))
                down = await all_of(
                    reader, ListVersions(actor=ADA, image="base", hidden=True, sort=f"-{name}", limit=3)
                )
                assert [one.id for one in up] == [one.id for one in reversed(down)], name
                assert len({one.id for one in up}) == 7, name
        by_size = await all_of(reader, ListVersions(actor=ADA, image="base", hidden=True, sort="size"))
        assert by_size[0].size == 0
        highest = (await ask(reader, ListVersions(actor=ADA, image="base", limit=1))).items
        assert [one.number for one in highest] == ["1.5.0"]


async def test_j3_a_version_shows_where_its_copies_are(tmp_path: Path) -> None:
    world = World()
    world.published(pods=("pod-1", "pod-2"))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        view = await ask(reader, GetVersion(actor=ADA, image="base", number="1.0.0"))
    assert [(one.pod, one.state, one.replica) for one in view.where] == [
        ("pod-1", "AVAILABLE", 0),
        ("pod-2", "AVAILABLE", 0),
    ]


async def test_f5_a_disabled_image_resolves_no_latest_and_shows_none(tmp_path: Path) -> None:
    world = World()
    world.published()
    world.ask(SetEnabled(id=world.command_id(), actor=ADA, image="base", enabled=False))
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        refused(await ask(reader, GetVersion(actor=ADA, image="base", number="latest")), "image_disabled")
        view = await ask(reader, GetImage(actor=ADA, image="base"))
        assert (view.state, view.latest, view.usable) == ("DISABLED", None, False)
        assert [one.latest for one in (await ask(reader, ListImages(actor=ADA))).items] == [None]
        found = (await ask(reader, ListVersions(actor=ADA, image="base", state="DISABLED"))).items
        assert [one.number for one in found] == ["1.0.0"]
        assert (await ask(reader, ListVersions(actor=ADA, image="base", state="AVAILABLE"))).items == ()


async def test_f4_an_obsolete_image_resolves_no_latest_and_a_deprecated_one_does_with_a_warning(tmp_path: Path) -> None:
    world = World()
    world.published()
    other = world.register("other").id
    states: tuple[Any, ...] = ("DEPRECATED", "OBSOLETE")
    for n, state in enumerate(states):
        command = SetDeprecation(id=world.command_id(), actor=ADA, image="base", state=state, replacement=other)
        assert not isinstance(world.ask(command), Problem)
        async with stored(world, tmp_path / str(n), MIGRATIONS) as reader:
            latest = await ask(reader, GetVersion(actor=ADA, image="base", number="latest"))
            shown = (await ask(reader, GetImage(actor=ADA, image="base"))).latest
            if state == "DEPRECATED":
                assert (latest.number, shown) == ("1.0.0", "1.0.0")
                assert other in latest.warnings[0]
            else:
                assert refused(latest, "no_latest").data["replacement"] == other
                assert shown is None
                assert (await ask(reader, GetVersion(actor=ADA, image="base", number="1.0.0"))).number == "1.0.0"


async def test_a6_latest_is_the_highest_number_that_is_not_excluded_deprecated_disabled_or_deleted(
    tmp_path: Path,
) -> None:
    world = World()
    gallery = CreateGallery(
        id=world.command_id(), actor=ADA, name="default", soft_delete=SoftDelete(enabled=True, retention_days=7)
    )
    assert not isinstance(world.ask(gallery), Problem)
    for number in ("1.9.0", "1.10.0", "1.2.0", "1.1.0", "1.0.0"):
        version = world.deployed(number=number).version
        world.publish(number=number, targets=Targets(kind="list", pods=("pod-1",)))
        world.copy(planned(version, "pod-1"))
        world.copy(available(version, "pod-1"))
    steps: list[tuple[str, Any]] = [
        ("1.10.0", EditVersion(id="", actor=ADA, image="base", number="1.10.0", changes={"exclude_from_latest": True})),
        ("1.9.0", SetDeprecation(id="", actor=ADA, image="base", number="1.9.0", state="DEPRECATED")),
        ("1.2.0", SetEnabled(id="", actor=ADA, image="base", number="1.2.0", enabled=False)),
        ("1.1.0", DeleteVersion(id="", actor=ADA, image="base", number="1.1.0")),
        ("1.0.0", SetEnabled(id="", actor=ADA, image="base", number="1.0.0", enabled=False)),
    ]
    for n, (number, command) in enumerate(steps):
        async with stored(world, tmp_path / str(n), MIGRATIONS) as reader:
            for pod in (None, "pod-1"):
                view = await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod=pod))
                assert view.number == number
            assert (await ask(reader, GetImage(actor=ADA, image="base"))).latest == number
        reply = world.ask(msgspec.structs.replace(command, id=world.command_id()))
        assert not isinstance(reply, Problem), reply
    async with stored(world, tmp_path / "end", MIGRATIONS) as reader:
        for pod in (None, "pod-1"):
            refused(await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod=pod)), "no_latest")
        view = await ask(reader, GetImage(actor=ADA, image="base"))
        assert (view.latest, view.usable) == (None, True), "what is excluded or deprecated can still be used"
        shown = (await ask(reader, ListVersions(actor=ADA, image="base"))).items
        assert [(one.number, one.state) for one in shown] == [
            ("1.10.0", "AVAILABLE"),
            ("1.9.0", "AVAILABLE"),
            ("1.2.0", "DISABLED"),
            ("1.1.0", "SOFT_DELETED"),
            ("1.0.0", "DISABLED"),
        ]
        gone = (await ask(reader, ListVersions(actor=ADA, image="base", state="SOFT_DELETED"))).items
        assert [one.number for one in gone] == ["1.1.0"]


async def test_a_disabled_or_excluded_version_is_not_latest_anywhere(tmp_path: Path) -> None:
    for n, change in enumerate(("disable", "exclude")):
        world = World()
        world.published()
        world.published()
        if change == "disable":
            world.ask(SetEnabled(id=world.command_id(), actor=ADA, image="base", number="1.1.0", enabled=False))
        else:
            changes = {"exclude_from_latest": True}
            world.ask(EditVersion(id=world.command_id(), actor=ADA, image="base", number="1.1.0", changes=changes))
        async with stored(world, tmp_path / str(n), MIGRATIONS) as reader:
            for pod in (None, "pod-2"):
                view = await ask(reader, GetVersion(actor=ADA, image="base", number="latest", pod=pod))
                assert view.number == "1.0.0", change


async def test_what_images_are_listed_by_follows_every_change_of_them(tmp_path: Path) -> None:
    """The rows that triggers keep are those that the images themselves give."""
    world = World()
    path = tmp_path / "db"
    facts = "SELECT scope, field, value, path, image FROM {} ORDER BY 1, 2, 3, 4, 5"
    texts = """SELECT id, json_extract(body, '$.gallery') || '/' || json_extract(body, '$.name') || char(10)
        || json_extract(body, '$.description') FROM documents WHERE kind = 'image' ORDER BY 1"""
    async with stored(world, path, MIGRATIONS):
        pass

    def same() -> int:
        with sqlite3.connect(path) as connection:
            for (kind, id), body in world.documents.items():
                connection.execute(
                    "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                    (kind, id, body.decode()),
                )
            for (id,) in connection.execute("SELECT id FROM documents WHERE kind = 'image'").fetchall():
                if (IMAGE.name, id) not in world.documents:
                    connection.execute("DELETE FROM documents WHERE kind = 'image' AND id = ?", (id,))
            found = connection.execute(facts.format("image_facts")).fetchall()
            assert (
                found
                == connection.execute(facts.replace("SELECT", "SELECT DISTINCT").format("image_facts_now")).fetchall()
            )
            assert (
                connection.execute("SELECT image, text FROM image_texts ORDER BY 1").fetchall()
                == connection.execute(texts).fetchall()
            )
            connection.execute("INSERT INTO image_search (image_search) VALUES ('integrity-check')")
        connection.close()
        return len(found)

    id = world.register("a", tags={"x": "1"}, details=Details(properties={"rack": 1})).id
    world.register("b", ODA, image_class="standard")
    assert same()
    world.deployed("a")
    assert same()
    for changes in (
        {"description": "another one"},
        {"details": {"properties": {"rack": 2, "cool": True}, "hidden": True}},
        {"details": {"properties": {"rack": None}}},
    ):
        reply = world.ask(EditImage(id=world.command_id(), actor=ADA, image="a", changes=changes))
        assert not isinstance(reply, Problem), reply
        assert same()
    world.ask(SetEnabled(id=world.command_id(), actor=ADA, image="a", enabled=False))
    before = same()
    del world.documents[IMAGE.name, id]
    assert same() < before
