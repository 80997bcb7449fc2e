"""Edits: JSON merge patches over a thing, and revisions."""

from typing import Any

import msgspec
import pytest

from catalog.domain.patching import Patched, objection_to_revision, patched
from contracts.errors import Problem
from core.catalog_world import refused


class Part(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    size: int = 0


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    id: str = "1"
    words: str = ""
    part: Part = Part(name="wheel", size=3)
    parts: tuple[Part, ...] = ()
    tags: dict[str, str] = {}
    body: str = "bytes"


THING = Thing(tags={"a": "1", "b": "2"})
UPDATABLE = {"words", "part.size", "parts", "tags"}


def edit(changes: dict[str, Any]) -> Patched[Thing] | Problem:
    return patched(Thing, THING, changes, UPDATABLE, content={"body"})


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, ()),
        ({"words": "new"}, ("words",)),
        ({"words": ""}, ()),
        ({"id": "1", "body": "bytes", "part": {"name": "wheel"}}, ()),
        ({"tags": {"a": None, "c": "3"}}, ("tags",)),
        ({"tags": None}, ("tags",)),
        ({"never": None}, ()),
        ({"part": {"size": 4}}, ("part.size",)),
        ({"part": {"size": None}, "words": "new"}, ("words", "part.size")),
        ({"parts": [{"name": "screw"}]}, ("parts",)),
    ],
)
def test_an_edit_names_the_fields_that_it_changes(changes: dict[str, Any], fields: tuple[str, ...]) -> None:
    done = edit(changes)
    assert isinstance(done, Patched), done
    assert done.fields == fields
    assert (done.value == THING) is (not fields)


def test_members_are_merged_and_null_removes_one() -> None:
    done = edit({"tags": {"a": None, "c": "3"}, "part": {"size": None}})
    assert isinstance(done, Patched)
    assert done.value.tags == {"b": "2", "c": "3"}
    assert done.value.part == Part(name="wheel", size=0)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"id": "2"}, "property_change_not_allowed", "id"),
        ({"id": 2}, "property_change_not_allowed", "id"),
        ({"part": {"name": "door"}}, "property_change_not_allowed", "part.name"),
        ({"part": {"name": None}}, "property_change_not_allowed", "part.name"),
        ({"part": "door"}, "validation_failed", "part"),
        ({"body": "other"}, "immutable", "body"),
        ({"body": 7}, "immutable", "body"),
        ({"words": 7}, "validation_failed", "words"),
        ({"colour": 7}, "validation_failed", "colour"),
        ({"part": {"colour": 7}}, "validation_failed", "part.colour"),
        ({"parts": [{"name": "screw", "colour": 7}]}, "validation_failed", "parts.colour"),
        ({"parts": [{"size": 7}]}, "validation_failed", "parts[0].name"),
        ({"parts": [{"name": "screw", "size": "big"}]}, "validation_failed", "parts[0].size"),
        ({"tags": {"a": 1}}, "validation_failed", "tags[...]"),
        ({"words": "new", "id": "2"}, "property_change_not_allowed", "id"),
    ],
)
def test_an_edit_that_cannot_be_names_the_field(changes: dict[str, Any], code: str, field: str) -> None:
    assert refused(edit(changes), code).data["field"] == field


def test_a_revision_that_is_not_the_things_own_is_refused() -> None:
    assert objection_to_revision(None, 4) is None
    assert objection_to_revision(4, 4) is None
    problem = refused(objection_to_revision(3, 4), "revision_mismatch")
    assert (problem.status, problem.data) == (412, {"revision": 4, "given": 3})
