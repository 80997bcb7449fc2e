"""Galleries: how they are made, named, edited and deleted (features.md A3, A12, d.5)."""

from typing import Any

import msgspec
import pytest

from catalog.documents import GALLERY, GALLERY_NAME, TALLY
from catalog.domain.gallery import Gallery
from contracts.errors import Problem
from contracts.keeping import Quota, SoftDelete, Usage
from contracts.requests import CreateGallery, DropGallery, EditGallery
from contracts.views import GalleryView
from core.catalog_world import ADA, EVE, World, refused


def create(world: World, name: str = "lab", actor: Any = ADA, **given: Any) -> Any:
    return world.ask(CreateGallery(id=world.command_id(), actor=actor, name=name, **given))


def edit(world: World, gallery: str, changes: dict[str, Any], actor: Any = ADA, revision: int | None = None) -> Any:
    command = EditGallery(id=world.command_id(), actor=actor, gallery=gallery, changes=changes, revision=revision)
    return world.ask(command)


def drop(world: World, gallery: str, actor: Any = ADA, **given: Any) -> Any:
    return world.ask(DropGallery(id=world.command_id(), actor=actor, gallery=gallery, **given))


def kept(world: World, name: str, tenant: str = "acme") -> Gallery:
    found = world.get(GALLERY, f"{tenant}/{name}")
    assert found is not None, f"no gallery {name}"
    return found


def test_a3_a_gallery_is_made_with_what_is_said_of_it() -> None:
    world = World()
    view = create(world, "lab", description="of the lab", quota=Quota(images=3), soft_delete=SoftDelete(enabled=True))
    assert isinstance(view, GalleryView)
    assert (view.name, view.tenant, view.revision) == ("lab", "acme", 1)
    assert view.usage == Usage()
    assert view.soft_delete.enabled
    assert view.quota == Quota(images=3)
    assert world.said(world.emitted[-1:]) == ["gallery.created"]
    assert world.get(TALLY, "acme").usage == Usage(galleries=1)  # type: ignore[union-attr]


def test_a3_a_second_gallery_of_the_same_name_is_refused_and_another_tenants_is_not() -> None:
    world = World()
    first = create(world)
    problem = refused(create(world), "gallery_exists")
    assert problem.data == {"gallery": "lab"}
    other = create(world, actor=EVE)
    assert isinstance(other, GalleryView)
    assert other.id != first.id


def test_a3_names_differ_by_case() -> None:
    world = World()
    assert create(world, "lab").id != create(world, "Lab").id


@pytest.mark.parametrize("name", ["", "-a", "a-", ".a", "a b", "a/b", "ä", "a\n", "x" * 81])
def test_a3_a_gallery_is_called_by_letters_digits_dots_dashes_and_underscores_80_at_most(name: str) -> None:
    command = {"type": "command.catalog.create_gallery", "id": "1", "actor": {"tenant": "acme", "name": "ada"}}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(command | {"name": name}, CreateGallery)


@pytest.mark.parametrize("name", ["a", "9", "a.b_c-d", "x" * 80])
def test_a3_all_of_these_are_names_of_galleries(name: str) -> None:
    assert isinstance(create(World(), name), GalleryView)


def test_a3_a_name_that_looks_like_an_id_is_refused_however_the_gallery_comes_about() -> None:
    world, name = World(), "0" * 31 + "a"
    assert refused(create(world, name), "gallery_name_invalid").data == {"field": "name"}
    refused(world.register("base", gallery=name), "gallery_not_found")
    refused(world.import_(f"{name}/base"), "gallery_not_found")


def test_a3_a_gallery_holds_no_galleries() -> None:
    refused(create(World(), quota=Quota(galleries=3)), "validation_failed")


def test_a3_a_gallery_that_nobody_made_is_made_by_its_first_image_once() -> None:
    world = World()
    world.register("base", gallery="lab")
    world.register("other", gallery="lab")
    made = [event for event in world.events() if type(event).words() == "gallery.created"]
    assert [event.name for event in made] == ["lab"]
    assert kept(world, "lab").usage == Usage(images=2)
    refused(create(world, "lab"), "gallery_exists")


def test_a3_a_pipelines_first_image_makes_the_gallery_too() -> None:
    world = World()
    world.import_("lab/base")
    assert kept(world, "lab").usage == Usage(images=1, versions=1)


def test_a12_what_may_change_of_a_gallery_changes_and_is_said_once() -> None:
    world = World()
    gallery = create(world)
    changes = {"description": "new", "quota": {"versions": 7}, "soft_delete": {"enabled": True, "retention_days": 3}}
    after = edit(world, "lab", changes)
    assert (after.description, after.quota, after.revision) == ("new", Quota(versions=7), 2)
    assert after.soft_delete == SoftDelete(enabled=True, retention_days=3)
    said = world.events()[-1]
    assert set(said.fields) == {"description", "quota.versions", "soft_delete.enabled", "soft_delete.retention_days"}
    assert (said.gallery, said.revision) == (gallery.id, 2)
    back = edit(world, gallery.id, {"quota": None, "soft_delete": {"retention_days": None}})
    assert (back.quota, back.soft_delete, back.revision) == (Quota(), SoftDelete(enabled=True), 3)


def test_a12_an_edit_that_changes_nothing_says_nothing() -> None:
    world = World()
    view = create(world, description="same")
    before = len(world.emitted)
    assert edit(world, "lab", {"description": "same", "name": "lab"}) == view
    assert edit(world, "lab", {}) == view
    assert len(world.emitted) == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "other"}, "property_change_not_allowed"),
        ({"id": "0" * 32}, "property_change_not_allowed"),
        ({"tenant": "evil"}, "property_change_not_allowed"),
        ({"created": "2020-01-01T00:00:00Z"}, "property_change_not_allowed"),
        ({"revision": 9}, "property_change_not_allowed"),
        ({"usage": {"versions": 0, "images": 5}}, "property_change_not_allowed"),
        ({"quota": {"galleries": 5}}, "property_change_not_allowed"),
        ({"quota": {"images": -1}}, "validation_failed"),
        ({"quota": 3}, "validation_failed"),
        ({"soft_delete": {"retention_days": 0}}, "validation_failed"),
        ({"soft_delete": {"grace_days": 400}}, "validation_failed"),
        ({"description": "x" * 1025}, "validation_failed"),
        ({"colour": "red"}, "validation_failed"),
    ],
)
def test_a12_what_may_not_change_of_a_gallery_does_not(changes: dict[str, Any], code: str) -> None:
    world = World()
    create(world)
    before = kept(world, "lab")
    problem = refused(edit(world, "lab", changes), code)
    assert str(problem.data["field"]).startswith(next(iter(changes)))
    assert kept(world, "lab") == before


def test_i9_an_edit_of_an_older_revision_changes_nothing() -> None:
    world = World()
    create(world)
    assert edit(world, "lab", {"description": "first"}, revision=1).revision == 2
    problem = refused(edit(world, "lab", {"description": "second"}, revision=1), "revision_mismatch")
    assert (problem.status, problem.data["revision"]) == (412, 2)
    assert kept(world, "lab").description == "first"
    refused(drop(world, "lab", revision=1), "revision_mismatch")


def test_a3_what_comes_and_goes_in_a_gallery_is_no_edit_of_it() -> None:
    world = World()
    create(world)
    world.import_("lab/base")
    assert kept(world, "lab").revision == 1


def test_a3_a_gallery_with_an_image_or_a_version_under_way_is_not_deleted() -> None:
    world = World()
    create(world)
    world.register("base", gallery="lab")
    problem = refused(drop(world, "lab"), "gallery_not_empty")
    assert problem.data == {"gallery": "lab", "images": 1, "versions": 0}
    world.import_("lab/base")
    assert refused(drop(world, "lab"), "gallery_not_empty").data["versions"] == 1


def test_a3_an_empty_gallery_goes_and_its_name_is_free() -> None:
    world = World()
    first = create(world)
    drop(world, first.id)
    assert world.said(world.emitted[-1:]) == ["gallery.deleted"]
    assert (world.events()[-1].gallery, world.events()[-1].revision) == (first.id, 2)
    assert (world.all(GALLERY), world.all(GALLERY_NAME)) == ({}, {})
    assert world.get(TALLY, "acme").usage == Usage()  # type: ignore[union-attr]
    refused(drop(world, "lab"), "gallery_not_found")
    assert create(world).id != first.id


@pytest.mark.parametrize("by_id", [False, True])
def test_another_tenants_gallery_is_not_there(by_id: bool) -> None:
    world = World()
    view = create(world)
    name = view.id if by_id else "lab"
    for reply in (edit(world, name, {"description": "mine"}, actor=EVE), drop(world, name, actor=EVE)):
        assert isinstance(reply, Problem)
        refused(reply, "gallery_not_found")
    assert kept(world, "lab").description == ""


def test_an_older_database_says_what_listeners_have_not_heard() -> None:
    world = World()
    create(world)
    world.floor = 10_000
    assert edit(world, "lab", {"description": "again"}).revision == 10_001
