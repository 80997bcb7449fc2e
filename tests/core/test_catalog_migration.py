"""Databases of before: what is kept since is filled from what is there, and the store keeps it from then on."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog.aging import JobAged
from catalog.documents import GALLERY, GALLERY_NAME, IMAGE, ROSTER, SHELF, TALLY, VERSION, gallery_key
from catalog.handlers import LOCAL
from catalog.queries import queries
from contracts.requests import GetGallery, GetQuota, GetVersion, ListImages, ListJobs
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, World, manifest
from core.driver import START
from runtime import migrations
from runtime.access import Access, Roles
from runtime.store import Outcome, Store
from runtime.work import Batch

KEPT_SINCE = {"gallery", "gallery_name", "tally", "roster", "shelf", "identifier", "audit_head", "children", "defined"}
NEW_FIELDS = {
    "image": {"updated", "versions", "identifier", "image_class", "desktop_kind", "flavour", "tags", "details", "life"},
    "version": {"life", "excluded", "counted", "parent", "validations", "promoted", "warnings", "description"},
    "job": {"assignment", "total", "heard", "asked", "retried"},
}


def before(world: World, path: Path) -> None:
    """What a catalog of the step before would have stored of all this."""
    steps = path.parent / "catalog" / "before"
    steps.mkdir(parents=True)
    for name in ("0001_catalog.sql", "0002_publishing.sql"):
        (steps / name).write_text((MIGRATIONS / name).read_text())
    migrations.apply(path, steps)
    with sqlite3.connect(path) as connection:
        for (kind, id), body in world.documents.items():
            if kind not in KEPT_SINCE:
                fields = msgspec.json.decode(body)
                kept = {name: value for name, value in fields.items() if name not in NEW_FIELDS.get(kind, ())}
                row = (kind, id, msgspec.json.encode(kept).decode())
                connection.execute("INSERT INTO documents VALUES (?, ?, ?)", row)
    connection.close()


def populated() -> World:
    world = World()
    world.published("zoo/a")
    world.deployed("zoo/a")
    world.deployed("lab/b")
    world.rejected(world.import_("lab/b").version)
    world.import_("lab/b")
    world.register("empty")
    world.deployed("zoo/a", actor=EVE)
    return world


async def test_a_database_of_before_is_filled_with_what_would_have_been_kept(tmp_path: Path) -> None:
    world, path = populated(), tmp_path / "db"
    before(world, path)
    async with Store.open(path, MIGRATIONS) as store:
        reader = store.reader
        for (kind, id), body in world.documents.items():
            now = await reader.rows("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, id))
            match kind:
                case "roster":
                    assert ROSTER.decode(now[0][0]) == ROSTER.decode(body)
                case "tally":
                    assert TALLY.decode(now[0][0]).usage == TALLY.decode(body).usage
                    assert set(TALLY.decode(now[0][0]).galleries) == set(TALLY.decode(body).galleries)
                case "gallery":
                    gallery, was = GALLERY.decode(now[0][0]), GALLERY.decode(body)
                    assert (gallery.name, gallery.tenant, gallery.usage) == (was.name, was.tenant, was.usage)
                    claim = await reader.get(GALLERY_NAME, gallery.id)
                    assert claim is not None
                    assert claim.id == id
                case "image":
                    assert IMAGE.decode(now[0][0]).versions == IMAGE.decode(body).versions
                case "version":
                    assert VERSION.decode(now[0][0]).counted == VERSION.decode(body).counted
        shelf = await reader.get(SHELF, gallery_key("acme", "zoo"))
        assert shelf is not None
        assert len(shelf.images) == 1

        async def ask(query: Any) -> Any:
            return await queries(SETTINGS)[type(query)](query, reader)

        images = (await ask(ListImages(actor=ADA))).items
        assert [f"{one.gallery}/{one.name}" for one in images] == ["default/empty", "lab/b", "zoo/a"]
        assert [one.latest for one in images] == [None, None, "1.0.0"]
        assert [one.name for one in (await ask(ListImages(actor=ADA, text="zoo/"))).items] == ["a"]
        assert (await ask(GetVersion(actor=ADA, image="zoo/a", number="latest"))).number == "1.0.0"
        assert (await ask(GetGallery(actor=ADA, gallery="lab"))).usage.versions == 2
        assert (await ask(GetQuota(actor=EVE))).usage.bytes == manifest().size
        jobs = (await ask(ListJobs(actor=ADA))).items
        assert len(jobs) == 6
        due = await store.due(START.timestamp() + 91 * 24 * 3600, 100)
        bodies = [msgspec.json.decode(one.body, type=LOCAL) for one in due]
        assert {one.job for one in bodies if isinstance(one, JobAged)} >= {one.id for one in jobs}


@pytest.mark.parametrize("again", [1, 2])
async def test_the_store_writes_images_anew_and_lists_follow(tmp_path: Path, again: int) -> None:
    """By the very statement that the store uses: in its triggers no conflict may be left to it."""
    async with Store.open(tmp_path / "db", MIGRATIONS) as store:

        async def write(state: Any) -> None:
            batch = Batch(new_id=lambda: "0" * 32)
            batch.changed[IMAGE.name, "1" * 32] = state
            await store.commit(batch, Outcome())

        async def found(**given: Any) -> int:
            page = await queries(SETTINGS)[ListImages](ListImages(actor=ADA, **given), store.reader)
            return len(page.items)

        world = World()
        world.register(tags={"team": "blue"}, description="first")
        ((_, body),) = [one for one in world.documents.items() if one[0][0] == "image"]
        image = IMAGE.decode(body)
        for _ in range(again):
            await write(image)
        assert (await found(tags={"team": "blue"}), await found(text="first")) == (1, 1)
        changed = msgspec.structs.replace(image, tags={"team": "red", "tier": "gold"}, description="second", revision=2)
        for _ in range(again):
            await write(changed)
        assert (await found(tags={"team": "blue"}), await found(text="first")) == (0, 0)
        assert (await found(tags={"tier": ""}), await found(text="second"), await found(where={"revision": "2"})) == (
            1,
            1,
            1,
        )
        await write(None)
        assert (await found(), await found(text="second")) == (0, 0)


@pytest.mark.parametrize("edited", [False, True], ids=["alone", "with an edit"])
async def test_e1_the_store_writes_offers_answers_and_grants_anew_and_lists_follow(
    tmp_path: Path, edited: bool
) -> None:
    """By the very statement that the store uses, also in one with an edit of the image."""
    async with Store.open(tmp_path / "db", MIGRATIONS) as store:
        world, id = World(), "1" * 32
        world.register()
        ((_, body),) = [one for one in world.documents.items() if one[0][0] == "image"]
        image = IMAGE.decode(body)

        async def write(image: Any, *offers: str) -> None:
            batch = Batch(new_id=lambda: "0" * 32)
            batch.changed[IMAGE.name, id] = image
            granted = {"beta": Roles(roles=("reader",), revision=1)} if "beta" in offers else {}
            batch.changed["access", f"i/{id}"] = Access(grants=granted)
            batch.changed["access", "g/acme/default"] = Access(grants=granted, sharing="groups", members=offers)
            await store.commit(batch, Outcome())

        async def scopes() -> dict[str, int]:
            rows = await store.reader.rows("SELECT scope, count(*) FROM image_facts GROUP BY scope")
            return {str(scope): int(count) for scope, count in rows}

        async def reached() -> set[str]:
            return {str(one) for (one,) in await store.reader.rows("SELECT principal FROM gallery_reach")}

        await write(image)
        facts = (await scopes())["acme"]
        steps: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
            (("beta", "gamma"), ("+beta",)),
            (("beta", "gamma"), ("+beta", "@gamma")),
            (("gamma",), ("@gamma",)),
            (("gamma",), ("@gamma",)),
            ((), ()),
        )
        for n, (shared, listed) in enumerate(steps):
            image = msgspec.structs.replace(image, shared=shared, listed=listed)
            if edited:
                image = msgspec.structs.replace(image, description=f"step {n}", tags={f"t{n}": "x"})
            await write(image, *shared)
            more = 2 if edited else 0  # a tag has two facts
            expected = {"acme": facts + more} | dict.fromkeys(listed, facts + more)
            assert await scopes() == expected | {f"~{one}": 1 for one in shared}
            assert await reached() == set(shared)
        await write(None)
        assert await scopes() == {}
