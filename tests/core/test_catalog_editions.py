"""Edits of versions: which of all the fields that people see may change, and what the others say."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from catalog.editions import CONTENT
from contracts.definition import VERSION_UPDATABLE
from contracts.requests import EditVersion
from contracts.views import VersionView
from core.catalog_world import EVE, refused
from core.driver import START
from core.lives_world import OPS, Lives

LATER = START + timedelta(days=30)
NEW: dict[str, Any] = {
    "exclude_from_latest": True,
    "end_of_life": LATER.isoformat(),
    "block_deletion_before_end_of_life": True,
    "release_notes": "new browser",
    "description": "golden",
    "hidden": True,
}
"""For each field that may change another value than it has."""
OTHER: dict[str, Any] = {
    "source": {"name": "other"},
    "manifest": {"signature": "forged"},
    "failure": {"code": "internal", "step": "import", "text": "?"},
    "copies": {"available": 99},
    "created": "2020-01-01T00:00:00Z",
    "updated": "2020-01-01T00:00:00Z",
    "protected_until": "2030-01-01T00:00:00Z",
    "deleted": "2030-01-01T00:00:00Z",
    "grace": "2030-01-01T00:00:00Z",
    "purge": "2030-01-01T00:00:00Z",
    "revision": 99,
    "size": 1,
    "virtual_size": 1,
    "used_by": 7,
    "converging": True,
    "protected": True,
    "markers": ["prod"],
    "validations": [{"kind": "boot", "status": "Succeeded", "at": "2020-01-01T00:00:00Z"}],
    "capsule": {"components": [{"name": "app", "version": "1", "sha256": "a" * 64}], "install": "i", "remove": "r"},
    "uefi": {"pk": "AAAA"},
    "where": [{"pod": "pod-1", "state": "AVAILABLE"}],
    "warnings": ["none"],
}
"""For fields that do not change another value than they have; a text does for those that are not named."""
FIELDS = VersionView.__struct_fields__


def deployed() -> tuple[Lives, str]:
    world = Lives()
    return world, world.deployed().version


@pytest.mark.parametrize("field", FIELDS)
def test_a12_every_field_of_a_version_may_change_or_says_that_it_may_not(field: str) -> None:
    world, version = deployed()
    before, said = world.version(version), len(world.emitted)
    reply = world.patch({field: NEW.get(field, OTHER.get(field, "another"))})
    if field in VERSION_UPDATABLE:
        assert isinstance(reply, VersionView), reply
        assert msgspec.to_builtins(reply)[field] == NEW[field] or getattr(reply, field) == LATER
        assert reply.revision == before.revision + 1 == world.version(version).revision
        (event,) = world.events(world.emitted[said:])
        assert (event.words(), event.fields, event.revision) == ("version.changed", (field,), reply.revision)
        return
    problem = refused(reply, "immutable" if field in CONTENT else "property_change_not_allowed")
    assert (problem.status, problem.data["field"]) == (409, field)
    assert world.version(version) == before


@pytest.mark.parametrize("field", sorted(set(FIELDS) - {"where"}))
def test_a12_every_field_may_be_repeated_as_it_is(field: str) -> None:
    world, version = deployed()
    world.edit(**NEW)
    shown = msgspec.to_builtins(world.edit())
    before, said = world.version(version), len(world.emitted)
    reply = world.patch({field: shown[field]})
    assert isinstance(reply, VersionView), reply
    assert (world.version(version), len(world.emitted)) == (before, said)


def test_a1_the_content_of_a_version_never_changes() -> None:
    world, version = deployed()
    for field in CONTENT:
        if field in ("manifest", "source"):
            refused(world.patch({field: None}), "immutable")
    for changes in ({"manifest": {"disks": []}}, {"digest": "0" * 64}, {"source": {"pod": "pod-2"}}):
        refused(world.patch(changes), "immutable")
    assert world.state(version) == "DEPLOYMENT_DONE"


def test_a12_a_null_gives_a_field_back_its_default() -> None:
    world, version = deployed()
    world.edit(**NEW)
    view = world.edit(end_of_life=None, description=None, hidden=None)
    assert (view.end_of_life, view.description, view.hidden, view.release_notes) == (None, "", False, "new browser")
    assert world.version(version).life.end_of_life is None


def test_f1_the_end_of_life_of_the_image_is_that_of_a_version_without_its_own() -> None:
    world = Lives()
    accepted = world.deployed()
    world.change_image(accepted.image, end_of_life=LATER, block_deletion_before_end_of_life=True)
    view = world.edit(description="golden")
    assert (view.end_of_life, view.block_deletion_before_end_of_life) == (LATER, True)
    life = world.version(accepted.version).life
    assert (life.end_of_life, life.block_deletion) == (None, False), "an edit of something else does not copy it"
    view = world.edit(end_of_life=(LATER + timedelta(days=1)).isoformat())
    assert view.end_of_life == LATER + timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"end_of_life": START.isoformat()}, "end_of_life_invalid"),
        ({"end_of_life": "2030-01-01T00:00:00"}, "validation_failed"),
        ({"end_of_life": "soon"}, "validation_failed"),
        ({"description": "x" * 1025}, "validation_failed"),
        ({"release_notes": "x" * 4097}, "validation_failed"),
        ({"description": 7}, "validation_failed"),
        ({"hidden": "yes"}, "validation_failed"),
        ({"colour": "red"}, "validation_failed"),
        ({"hidden": True, "number": "2.0.0"}, "property_change_not_allowed"),
        ({"type": "image"}, "property_change_not_allowed"),
    ],
)
def test_d5_an_edit_with_one_bad_field_changes_nothing(changes: dict[str, Any], code: str) -> None:
    world, version = deployed()
    before = world.version(version)
    problem = refused(world.patch(changes), code)
    assert problem.data["field"] in {*changes, "type"}
    assert world.version(version) == before


def test_i9_of_two_edits_of_the_same_revision_the_second_is_refused() -> None:
    world, version = deployed()
    revision = world.version(version).revision
    assert world.patch({"description": "one"}, revision=revision).revision == revision + 1
    problem = refused(world.patch({"release_notes": "two"}, revision=revision), "revision_mismatch")
    assert (problem.status, problem.data["revision"]) == (412, revision + 1)
    assert world.patch({"release_notes": "two"}, revision=revision + 1).description == "one"


def test_i9_an_edit_that_changes_nothing_says_nothing() -> None:
    world, version = deployed()
    world.edit(**NEW)
    said, revision = len(world.emitted), world.version(version).revision
    assert world.edit(**NEW).revision == revision
    assert len(world.emitted) == said


def test_a12_a_version_can_be_edited_while_it_is_imported() -> None:
    world = Lives()
    accepted = world.import_()
    assert world.edit(exclude_from_latest=True).exclude_from_latest
    world.started(accepted.version)
    world.prepared(accepted.version)
    assert world.version(accepted.version).excluded
    assert world.state(accepted.version) == "DEPLOYMENT_DONE"


def test_a12_versions_of_other_tenants_are_not_there_and_those_of_the_provider_are_read_only() -> None:
    world = Lives()
    world.deployed()
    standard = world.register("gold", actor=OPS, image_class="standard")
    world.import_("gold", actor=OPS, create=False)

    def edit(image: str, actor: Any) -> Any:
        return world.ask(
            EditVersion(id=world.command_id(), actor=actor, image=image, number="1.0.0", changes={"hidden": True})
        )

    refused(edit("base", EVE), "image_not_found")
    refused(edit(standard.id, EVE), "class_read_only")
    assert edit(standard.id, OPS).hidden
    refused(world.patch({"hidden": True}, "9.9.9"), "version_not_found")
    refused(world.patch({"hidden": True}, "newest"), "version_number_invalid")
