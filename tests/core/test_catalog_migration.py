"""Databases of before: what is kept since is filled from what is there, and the store keeps it from then on."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catalog.documents import GALLERY, GALLERY_NAME, IMAGE, ROSTER, SHELF, TALLY, VERSION, gallery_key
from catalog.queries import queries
from contracts.requests import GetGallery, GetQuota, GetVersion, ListImages, ListJobs
from core.catalog_world import ADA, EVE, MIGRATIONS, SETTINGS, World, manifest
from core.driver import START
from runtime import migrations
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
        assert {msgspec.json.decode(one.body)["job"] for one in due} >= {one.id for one in jobs}


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
