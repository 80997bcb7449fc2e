"""Registering and editing images: names, identifiers, classes, tags, and which fields may change."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.documents import IDENTIFIER, IMAGE, IMAGE_NAME, VERSION, identifier_key, name_key
from catalog.domain.image import Image
from catalog.images import EDITABLE, forget, forget_refs
from contracts.definition import (
    UPDATABLE,
    Details,
    Feature,
    Identifier,
    PurchasePlan,
    Range,
)
from contracts.errors import Problem
from contracts.events.hub import VersionPublishRequested
from contracts.requests import Actor, EditImage, EditTags, RegisterImage
from contracts.terms import Requirements, Terms
from contracts.views import ImageView
from core.catalog_world import ADA, EVE, World, refused
from core.driver import START, Driver
from runtime.work import Reaction

PROVIDER = Actor(tenant="house", name="olga", roles=("operator",))
SKU = Identifier(publisher="acme", offer="desktop", sku="22-04")
LATER = START + timedelta(days=365)


def edit(world: World, image: str = "base", actor: Actor = ADA, revision: int | None = None, **changes: Any) -> Any:
    return world.ask(EditImage(id=world.command_id(), actor=actor, image=image, changes=changes, revision=revision))


def tag(world: World, image: str = "base", actor: Actor = ADA, remove: tuple[str, ...] = (), **given: Any) -> Any:
    return world.ask(EditTags(id=world.command_id(), actor=actor, image=image, remove=remove, **given))


# --- names and identifiers --------------------------------------------------------------------------------------------


def test_an_image_is_registered_with_all_that_it_says_of_itself() -> None:
    world = World()
    details = Details(
        vcpus=Range(min=2, max=8),
        memory_mib=Range(min=4096),
        min_disk_gib=64,
        eula="Be kind.",
        require_eula=True,
        purchase_plan=PurchasePlan(name="gold", publisher="acme", product="desktop"),
        end_of_life=LATER,
        project="blue",
    )
    view = world.register(
        os_type="windows", os_state="specialized", generation="V2", architecture="arm64", identifier=SKU,
        desktop_kind="VDI", tags={"team": "blue"}, details=details, description="The base",
    )  # fmt: skip
    assert isinstance(view, ImageView), view
    assert (view.os_type, view.os_state, view.generation, view.architecture) == (
        "windows", "specialized", "V2", "arm64",
    )  # fmt: skip
    assert (view.identifier, view.desktop_kind, view.tags, view.details) == (SKU, "VDI", {"team": "blue"}, details)
    assert (view.image_class, view.visibility, view.state, view.versions) == ("custom", "private", "REGISTERED", 0)
    kept: Image | None = world.get(IMAGE, view.id)
    assert kept is not None
    assert kept.details == details
    assert [name for name in world.said(world.emitted) if name.startswith("image.")] == ["image.registered"]


def test_a4_a_second_image_with_the_same_publisher_offer_and_sku_is_refused() -> None:
    world = World()
    first = world.register("one", identifier=SKU)
    problem = refused(world.register("two", identifier=SKU), "identifier_exists")
    assert problem.data["image"] == first.id


@pytest.mark.parametrize("field", ["publisher", "offer", "sku"])
def test_a4_one_or_two_parts_of_an_identifier_may_repeat(field: str) -> None:
    world = World()
    world.register("one", identifier=SKU)
    other = msgspec.structs.replace(SKU, **{field: "another"})
    assert isinstance(world.register("two", identifier=other), ImageView)


def test_a4_identifiers_are_unique_in_a_gallery_of_a_tenant_only() -> None:
    world = World()
    world.register("one", identifier=SKU)
    assert isinstance(world.register("one", gallery="lab", identifier=SKU), ImageView)
    assert isinstance(world.register("one", EVE, identifier=SKU), ImageView)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("publisher", "p" * 129),
        ("offer", "o" * 65),
        ("sku", "s" * 65),
        ("publisher", "ends."),
        ("offer", "two words"),
        ("sku", "a/b"),
        ("sku", ""),
        ("sku", "line\n"),
    ],
)
def test_a4_what_cannot_be_part_of_an_identifier_is_refused(field: str, value: str) -> None:
    identifier = msgspec.structs.replace(SKU, **{field: value})
    problem = refused(World().register(identifier=identifier), "identifier_invalid")
    assert problem.data["field"] == f"identifier.{field}"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(identifier), Identifier)


def test_a_name_that_is_taken_or_looks_like_an_id_is_refused() -> None:
    world = World()
    world.register("one")
    refused(world.register("one"), "image_exists")
    refused(world.register("0" * 32), "validation_failed")
    assert isinstance(world.register("one", gallery="lab"), ImageView)
    assert isinstance(world.register("one", EVE), ImageView)


def test_what_an_image_that_is_forgotten_held_is_free_again() -> None:
    world = World()
    view = world.register("one", identifier=SKU, flavour="notebook", desktop_kind="VOI")
    image: Image | None = world.get(IMAGE, view.id)
    assert image is not None
    refs = list(forget_refs(image))
    driver = Driver({RegisterImage: Reaction(lambda *_: refs, lambda _, work: forget(work, view.id, image))})
    driver.documents = world.documents
    driver.say(RegisterImage(id="x", actor=ADA, name="x"), "request")
    assert world.get(IMAGE, view.id) is None
    assert world.get(IMAGE_NAME, name_key("acme", "default", "one")) is None
    assert world.get(IDENTIFIER, identifier_key("acme", "default", SKU)) is None
    assert isinstance(world.register("one", identifier=SKU), ImageView)


# --- classes ----------------------------------------------------------------------------------------------------------


def test_g1_only_an_operator_registers_an_image_of_the_standard_class() -> None:
    world = World()
    refused(world.register(image_class="standard"), "class_read_only")
    view = world.register("gold", PROVIDER, image_class="standard")
    assert (view.image_class, view.visibility) == ("standard", "public")


def test_g1_a_tenant_can_neither_edit_nor_tag_a_standard_image_and_an_operator_of_any_tenant_can() -> None:
    world = World()
    gold = world.register("gold", PROVIDER, image_class="standard").id
    refused(edit(world, gold, description="mine"), "class_read_only")
    refused(tag(world, gold, set={"a": "b"}), "class_read_only")
    plain = Actor(tenant="house", name="otto", roles=("owner",))
    refused(edit(world, gold, plain, description="mine"), "class_read_only")
    other = Actor(tenant="acme", name="root", roles=("operator",))
    assert edit(world, gold, other, description="ours").description == "ours"


def test_g3_the_image_of_another_tenant_is_not_found() -> None:
    world = World()
    id = world.register().id
    for image in (id, "base"):
        refused(edit(world, image, EVE, description="mine"), "image_not_found")
        refused(tag(world, image, EVE, set={"a": "b"}), "image_not_found")


# --- edits ------------------------------------------------------------------------------------------------------------

CHANGES: dict[str, Any] = {
    "description": "new",
    "details.vcpus": {"min": 2, "max": 4},
    "details.memory_mib": {"min": 1024},
    "details.end_of_life": "2031-01-01T00:00:00Z",
    "details.enforce_end_of_life": True,
    "details.hold_until_validated": True,
    "details.block_deletion_before_end_of_life": True,
    "details.allow_deletion_of_replicated_locations": False,
    "details.release_notes_uri": "https://example.com/notes",
    "details.project": "green",
    "details.properties": {"colour": "blue"},
    "details.hidden": True,
    "details.allow_update_image": True,
}
"""A change of each field that may change at any time."""
FIXED: dict[str, Any] = {
    "id": "f" * 32,
    "gallery": "other",
    "name": "other",
    "tenant": "evil",
    "state": "AVAILABLE",
    "os_type": "windows",
    "os_state": "specialized",
    "generation": "V1",
    "architecture": "arm64",
    "latest": "9.9.9",
    "next_number": "9.9.9",
    "created": "2001-01-01T00:00:00Z",
    "revision": 77,
    "updated": "2001-01-01T00:00:00Z",
    "identifier": {"publisher": "a", "offer": "b", "sku": "c"},
    "image_class": "standard",
    "desktop_kind": "VOI",
    "flavour": "notebook",
    "visibility": "public",
    "member_status": "ACCEPTED",
    "tags": {"a": "b"},
    "usable": True,
    "versions": 5,
    "protected": True,
    "protected_until": "2031-01-01T00:00:00Z",
    "deprecation": "OBSOLETE",
    "replacement": "x",
    "warnings": ["none"],
    "details.min_disk_gib": 1,
    "details.min_ram_mib": 1,
    "details.max_ram_mib": 1,
    "details.disallowed_disk_types": ["hdd"],
    "details.hypervisors": ["kvm"],
    "details.gpu_types": ["nvidia"],
    "details.capabilities": ["secureboot"],
    "details.purchase_plan": {"name": "a", "publisher": "b", "product": "c"},
    "details.eula": "no",
    "details.eula_uri": "https://example.com/eula",
    "details.require_eula": True,
    "details.privacy_uri": "https://example.com/privacy",
}
"""A change of each field that may not."""


def patch_of(field: str, value: Any) -> dict[str, Any]:
    outer, _, inner = field.partition(".")
    return {outer: {inner: value} if inner else value}


def test_a12_every_field_of_an_image_is_either_updatable_or_fixed() -> None:
    names = {name for name in ImageView.__struct_fields__ if name != "details"}
    names |= {f"details.{name}" for name in Details.__struct_fields__}
    assert names == CHANGES.keys() | FIXED.keys() | {"details.features"}
    assert not CHANGES.keys() & FIXED.keys()
    assert CHANGES.keys() | {"details.features"} == EDITABLE
    assert {field.removeprefix("details.") for field in CHANGES} == UPDATABLE


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_a12_a_field_that_may_change_is_changed_and_said_once(field: str) -> None:
    world = World()
    before = world.register(generation="V2")
    after = edit(world, **patch_of(field, CHANGES[field]))
    assert isinstance(after, ImageView), after
    assert after.revision == before.revision + 1
    assert after.updated == world.now
    outer, _, inner = field.partition(".")
    shown = getattr(after.details, inner) if inner else getattr(after, outer)
    assert msgspec.to_builtins(shown) != msgspec.to_builtins(
        getattr(before.details, inner) if inner else getattr(before, outer)
    )
    changed = world.events()[-1]
    assert (type(changed).words(), changed.fields, changed.revision) == ("image.changed", (field,), after.revision)


@pytest.mark.parametrize("field", sorted(FIXED))
def test_a12_a_field_that_is_fixed_cannot_be_changed(field: str) -> None:
    world = World()
    world.register(generation="V2")
    count = len(world.emitted)
    command = EditImage(id=world.command_id(), actor=ADA, image="base", changes=patch_of(field, FIXED[field]))
    problem = refused(world.ask(command), "property_change_not_allowed")
    assert problem.status == 409
    assert problem.data["field"] == field
    assert len(world.emitted) == count


def test_a12_what_is_fixed_may_be_repeated_and_an_edit_that_changes_nothing_says_nothing() -> None:
    world = World()
    view = world.register(identifier=SKU, tags={"a": "b"}, details=Details(end_of_life=LATER))
    count = len(world.emitted)
    again = world.ask(EditImage(id=world.command_id(), actor=ADA, image="base", changes=msgspec.to_builtins(view)))
    assert isinstance(again, ImageView), again
    assert again.revision == view.revision
    assert len(world.emitted) == count


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"colour": "blue"}, "validation_failed", "colour"),
        ({"details": {"colour": "blue"}}, "validation_failed", "details.colour"),
        ({"details": {"vcpus": {"colour": 1}}}, "validation_failed", "details.vcpus.colour"),
        ({"details": {"vcpus": {"min": "two"}}}, "validation_failed", "details.vcpus.min"),
        ({"details": []}, "validation_failed", "details"),
        ({"description": "x" * 1025}, "validation_failed", "description"),
        ({"details": {"properties": {"UPPER": 1}}}, "validation_failed", "details.properties"),
        ({"details": {"end_of_life": "2031-01-01T00:00:00"}}, "validation_failed", "details.end_of_life"),
        ({"details": {"release_notes_uri": "javascript:alert(1)"}}, "validation_failed", "details.release_notes_uri"),
        ({"details": {"vcpus": {"min": 8, "max": 2}}}, "range_invalid", "details.vcpus"),
        ({"details": {"end_of_life": "2001-01-01T00:00:00Z"}}, "end_of_life_invalid", "details.end_of_life"),
        ({"details": {"features": [{"name": "IsHibernateSupported", "value": "True"}]}}, "features_locked",
         "details.features"),
    ],
)  # fmt: skip
def test_edits_that_make_no_sense_are_refused_by_field(changes: dict[str, Any], code: str, field: str) -> None:
    world = World()
    world.register()
    assert refused(edit(world, **changes), code).data["field"] == field


def test_an_edit_that_is_nested_without_end_is_refused() -> None:
    world = World()
    world.register()
    deep: Any = "end"
    for _ in range(400):
        deep = {"deeper": deep}
    refused(edit(world, details=deep), "validation_failed")
    refused(edit(world, details={"properties": {f"p{n}.x": n for n in range(1000)}}), "validation_failed")


NAMES = sorted(
    {*ImageView.__struct_fields__, *Details.__struct_fields__, "min", "max", "name", "value", "a.b", "", "?"}
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5))
def test_any_edit_is_answered_and_what_is_kept_can_be_read_again(changes: dict[str, Any]) -> None:
    world = World()
    id = world.register().id
    found = world.ask(EditImage(id=world.command_id(), actor=ADA, image=id, changes=changes))
    assert isinstance(found, ImageView | Problem)
    image: Image | None = world.get(IMAGE, id)
    assert image is not None
    msgspec.convert(msgspec.to_builtins(image.details), Details)
    assert image.revision == (found.revision if isinstance(found, ImageView) else 1)


def test_null_gives_a_field_back_its_default_and_removes_a_property() -> None:
    world = World()
    world.register(details=Details(properties={"a": 1, "b": 2}, end_of_life=LATER), description="old")
    view = edit(world, description=None, details={"properties": {"a": None}, "end_of_life": None})
    assert (view.description, view.details.properties, view.details.end_of_life) == ("", {"b": 2}, None)


def test_i9_concurrent_edits_lose_nothing() -> None:
    world = World()
    view = world.register()
    assert edit(world, revision=view.revision, description="hers").revision == 2
    problem = refused(edit(world, revision=view.revision, description="his"), "revision_mismatch")
    assert problem.status == 412
    assert problem.data["revision"] == 2
    refused(tag(world, revision=1, set={"a": "b"}), "revision_mismatch")
    assert edit(world, revision=2, details={"project": "his"}).description == "hers"


def test_f1_an_end_of_life_that_has_passed_does_not_forbid_other_edits() -> None:
    world = World()
    world.register(details=Details(end_of_life=START + timedelta(days=1)))
    world.pass_time(2 * 86_400)
    view = edit(world, description="late")
    assert view.description == "late"
    assert view.warnings


def test_h3_features_change_only_with_allow_update_image_which_the_same_edit_may_set() -> None:
    world = World()
    world.register(generation="V2")
    features = [{"name": "SecurityType", "value": "TrustedLaunchSupported", "starts_at_version": "1.2"}]
    refused(edit(world, details={"features": features}), "features_locked")
    view = edit(world, details={"features": features, "allow_update_image": True})
    assert view.details.features == (
        Feature(name="SecurityType", value="TrustedLaunchSupported", starts_at_version="1.2"),
    )
    refused(edit(world, details={"features": [], "allow_update_image": False}), "features_locked")


def test_h3_an_image_that_others_see_cannot_become_one_of_an_only_type() -> None:
    world = World()
    view = world.register(generation="V2", details=Details(allow_update_image=True))
    features = [{"name": "SecurityType", "value": "TrustedLaunch"}]
    image: Image | None = world.get(IMAGE, view.id)
    assert image is not None
    shared = msgspec.structs.replace(image, shared=("evil",))
    world.documents["image", view.id] = msgspec.json.encode(shared)
    refused(edit(world, details={"features": features}), "not_shareable")
    world.documents["image", view.id] = msgspec.json.encode(image)
    assert isinstance(edit(world, details={"features": features}), ImageView)


def test_edits_of_a_restored_catalog_have_revisions_above_those_that_were_said_before() -> None:
    world = World()
    world.register()
    world.floor = 1000
    assert edit(world, revision=1, description="new").revision == 1001
    assert tag(world, revision=1001, set={"a": "b"}).revision == 1002


# --- tags -------------------------------------------------------------------------------------------------------------


def test_a11_setting_and_removing_tags_again_changes_nothing() -> None:
    world = World()
    world.register(tags={"old": "1"})
    view = tag(world, set={"team": "blue", "tier": "prod"}, remove=("old", "never"))
    assert (view.tags, view.revision) == ({"team": "blue", "tier": "prod"}, 2)
    count = len(world.emitted)
    again = tag(world, set={"team": "blue", "tier": "prod"}, remove=("old", "never"))
    assert (again.tags, again.revision) == (view.tags, 2)
    assert len(world.emitted) == count


def test_a11_the_eleventh_tag_is_refused() -> None:
    world = World()
    ten = {f"t{n}": "" for n in range(10)}
    refused(world.register("many", tags=ten | {"t10": ""}), "tag_limit")
    world.register(tags=ten)
    problem = refused(tag(world, set={"t10": ""}), "tag_limit")
    assert (problem.data["limit"], problem.data["use"]) == (10, 11)
    assert tag(world, set={"t10": ""}, remove=("t0",)).tags.keys() == {f"t{n}" for n in range(1, 11)}


def test_a_tag_that_is_to_be_set_and_removed_is_refused() -> None:
    world = World()
    world.register()
    refused(tag(world, set={"a": ""}, remove=("a",)), "validation_failed")


# --- what a publish asks of pods --------------------------------------------------------------------------------------


def published_terms(world: World, image: str = "base", number: str = "1.0.0", **given: Any) -> Terms:
    said = world.publish(image, number, **given)
    assert not isinstance(said, Problem), said
    (event,) = [one for one in world.events() if isinstance(one, VersionPublishRequested)][-1:]
    return event.terms


def test_h2_h3_h4_a_publish_asks_pods_for_what_the_image_needs_beside_its_own_terms() -> None:
    world = World()
    world.register(
        generation="V2",
        details=Details(
            hypervisors=("kvm", "xen"),
            disallowed_disk_types=("hdd",),
            gpu_types=("nvidia",),
            capabilities=("secureboot",),
            features=(Feature(name="SecurityType", value="TrustedLaunch"),),
        ),
    )
    world.deployed(generation="V2")
    asked = Terms(requires=Requirements(hypervisors=("xen", "vsphere"), capabilities=("fast",)), priority="high")
    terms = published_terms(world, terms=asked)
    assert terms.priority == "high"
    assert terms.requires == Requirements(
        hypervisors=("xen",),
        disallowed_disk_types=("hdd",),
        gpu_types=("nvidia",),
        capabilities=("secureboot", "trusted_launch", "fast"),
    )


def test_h4_a_publish_that_no_pod_could_meet_is_refused() -> None:
    world = World()
    world.register(details=Details(hypervisors=("kvm",)))
    version = world.deployed().version
    asked = Terms(requires=Requirements(hypervisors=("vsphere",)))
    refused(world.publish(terms=asked), "targets_invalid")
    many = Terms(requires=Requirements(capabilities=tuple(f"c{n}" for n in range(17))))
    refused(world.publish(terms=many), "targets_invalid")
    assert world.state(version) == "DEPLOYMENT_DONE"
    assert world.get(VERSION, version) is not None
