"""Galleries and images are said once more, for those who began to listen later."""

from pathlib import Path

import msgspec

from catalog.documents import IMAGE, gallery_key
from catalog.handlers import LOCAL
from catalog.telling import GalleryTold, ImageTold
from contracts.events.hub import GalleryCreated, ImageDisabled, ImageRegistered
from contracts.requests import SetEnabled
from core.catalog_world import ADA, EVE, MIGRATIONS, World
from core.readside import stored


def test_an_image_is_told_as_it_is_now_and_that_it_is_disabled() -> None:
    world = World()
    image = world.register("base", gallery="lab").id
    world.ask(SetEnabled(id="f" * 32, actor=ADA, image=image, enabled=False))
    first = next(event for event in world.events() if isinstance(event, ImageRegistered))
    before, said = dict(world.documents), len(world.emitted)
    world.say(ImageTold(image=image), "self")
    again, disabled = world.events()[said:]
    assert isinstance(again, ImageRegistered)
    assert (again.image, again.gallery, again.name, again.tenant) == (image, "lab", "base", "acme")
    assert (again.os_type, again.image_class, again.market) == (first.os_type, first.image_class, first.market)
    assert again.revision > first.revision
    assert isinstance(disabled, ImageDisabled)
    assert world.documents == before


def test_a_gallery_is_told_and_what_is_gone_meanwhile_is_not() -> None:
    world = World()
    world.register("base", gallery="lab")
    created = next(event for event in world.events() if isinstance(event, GalleryCreated))
    world.say(GalleryTold(gallery=gallery_key("acme", "lab")), "self")
    assert world.events()[-1] == created
    said = len(world.emitted)
    for gone in (GalleryTold(gallery=gallery_key("acme", "none")), ImageTold(image="0" * 32)):
        world.say(gone, "self")
    assert len(world.emitted) == said


async def test_the_migration_has_everything_that_is_there_told(tmp_path: Path) -> None:
    world = World()
    for name, gallery, actor in (("base", "lab", ADA), ("tools", "lab", ADA), ("base", "lab", EVE)):
        world.register(name, gallery=gallery, actor=actor)
    async with stored(world, tmp_path / "db", MIGRATIONS) as reader:
        sql = (MIGRATIONS / "0007_told.sql").read_text()
        wanted = [statement.partition("\n")[2] for statement in sql.split(";") if "SELECT" in statement]
        rows = [row for select in wanted for row in await reader.rows(select[select.index("SELECT") :])]
    told = [msgspec.json.decode(body, type=LOCAL) for _, _, body, _ in rows]
    assert {one.image for one in told if isinstance(one, ImageTold)} == set(world.all(IMAGE))
    galleries = {one.gallery for one in told if isinstance(one, GalleryTold)}
    assert galleries == {gallery_key("acme", "lab"), gallery_key("evil", "lab")}
