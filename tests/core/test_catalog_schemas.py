"""Namespaces: schemas of free properties, protected ones, and predefined tags."""

from typing import Any

import msgspec
import pytest

from catalog.documents import DEFINED
from catalog.domain.schema import MOST_NAMESPACES, objection_to_properties
from contracts.definition import Details, Namespace, Property
from contracts.requests import Actor, Done, DropNamespace, EditImage, EditTags, SetNamespace
from contracts.views import ImageView, NamespaceView
from core.catalog_world import ADA, EVE, World, refused

ROOT = Actor(tenant="acme", name="root", roles=("operator",))
OPEN = Namespace(
    name="hw",
    properties={
        "sockets": Property(type="integer", minimum=1, maximum=8),
        "bus": Property(enum=("virtio", "scsi")),
        "boost": Property(type="number", maximum=2.5),
        "uefi": Property(type="boolean"),
        "note": Property(max_length=4),
    },
)
CLOSED = msgspec.structs.replace(OPEN, closed=True)
GUARDED = Namespace(name="bill", properties={"centre": Property(protected=True)})
TAGS = Namespace(name="house", tags={"tier": ("gold", "silver"), "team": ()})


def define(world: World, namespace: Namespace, actor: Actor = ROOT, revision: int | None = None) -> Any:
    return world.ask(SetNamespace(id=world.command_id(), actor=actor, namespace=namespace, revision=revision))


def drop(world: World, name: str, actor: Actor = ROOT, revision: int | None = None) -> Any:
    return world.ask(DropNamespace(id=world.command_id(), actor=actor, name=name, revision=revision))


def register(world: World, actor: Actor = ADA, /, **properties: Any) -> Any:
    named = {key.replace("__", "."): value for key, value in properties.items()}
    return world.register(actor=actor, details=Details(properties=named))


def write(world: World, actor: Actor = ADA, /, **properties: Any) -> Any:
    named = {key.replace("__", "."): value for key, value in properties.items()}
    changes = {"details": {"properties": named}}
    return world.ask(EditImage(id=world.command_id(), actor=actor, image="base", changes=changes))


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"hw.sockets": 2, "hw.bus": "scsi", "hw.boost": 1, "hw.uefi": True, "hw.note": "four"}, ""),
        ({"hw.sockets": 0}, "property_invalid"),
        ({"hw.sockets": 9}, "property_invalid"),
        ({"hw.sockets": 1.0}, "property_invalid"),
        ({"hw.sockets": True}, "property_invalid"),
        ({"hw.sockets": "2"}, "property_invalid"),
        ({"hw.bus": "ide"}, "property_invalid"),
        ({"hw.boost": 2.6}, "property_invalid"),
        ({"hw.boost": False}, "property_invalid"),
        ({"hw.uefi": 1}, "property_invalid"),
        ({"hw.note": "fives"}, "property_invalid"),
        ({"hw.colour": "blue"}, "property_unknown"),
        ({"hw": "blue", "colour": 1, "sw.colour": "blue"}, ""),
    ],
)
def test_a15_properties_of_a_closed_namespace_fit_its_schema(properties: dict[str, Any], code: str) -> None:
    problem = objection_to_properties({}, properties, {"hw": CLOSED}, operator=False)
    if not code:
        assert problem is None
    else:
        assert refused(problem, code).status == 422


def test_a15_an_unknown_property_in_a_closed_namespace_is_refused_and_in_an_open_one_taken() -> None:
    world = World()
    define(world, CLOSED)
    refused(register(world, hw__colour="blue"), "property_unknown")
    define(world, OPEN)
    assert isinstance(register(world, hw__colour="blue"), ImageView)


def test_a15_a_protected_property_is_written_by_operators_only() -> None:
    world = World()
    define(world, GUARDED)
    assert refused(register(world, bill__centre="7"), "property_protected").status == 403
    register(world)
    assert refused(write(world, bill__centre="7"), "property_protected").status == 403
    assert write(world, ROOT, bill__centre="7").details.properties == {"bill.centre": "7"}
    refused(write(world, bill__centre=None), "property_protected")
    assert write(world, colour="blue").details.properties == {"bill.centre": "7", "colour": "blue"}


def test_a15_who_may_not_write_a_protected_property_may_not_take_its_protection() -> None:
    world = World()
    refused(define(world, GUARDED, ADA), "property_protected")
    define(world, GUARDED)
    refused(define(world, Namespace(name="bill"), ADA), "property_protected")
    refused(drop(world, "bill", ADA), "property_protected")
    more = msgspec.structs.replace(GUARDED, properties=GUARDED.properties | {"note": Property()})
    assert isinstance(define(world, more, ADA), NamespaceView)
    assert isinstance(drop(world, "bill"), Done)


def test_a15_what_images_have_already_stays_when_a_schema_comes_later() -> None:
    world = World()
    register(world, hw__colour="blue", hw__bus="ide")
    define(world, CLOSED)
    view = write(world, hw__sockets=4)
    assert view.details.properties == {"hw.colour": "blue", "hw.bus": "ide", "hw.sockets": 4}
    refused(write(world, hw__bus="sata"), "property_invalid")
    refused(write(world, hw__colour="red"), "property_unknown")
    assert "hw.colour" not in write(world, hw__colour=None).details.properties
    assert isinstance(drop(world, "hw"), Done)
    assert write(world, hw__bus="sata").details.properties["hw.bus"] == "sata"


def test_a15_namespaces_are_each_tenants_own() -> None:
    world = World()
    define(world, CLOSED)
    assert isinstance(register(world, EVE, hw__colour="blue"), ImageView)
    refused(drop(world, "hw", EVE), "namespace_not_found")


@pytest.mark.parametrize(
    "schema",
    [
        Property(type="integer", minimum=2, maximum=1),
        Property(minimum=1),
        Property(type="boolean", maximum=1),
        Property(type="integer", max_length=3),
        Property(type="integer", enum=("one",)),
        Property(type="integer", enum=(1, 9), maximum=8),
        Property(enum=("long",), max_length=3),
        Property(type="boolean", enum=(1,)),
    ],
)
def test_a15_a_schema_that_contradicts_itself_is_refused(schema: Property) -> None:
    problem = refused(define(World(), Namespace(name="hw", properties={"x": schema})), "namespace_invalid")
    assert problem.data["field"] == "properties.x"


def test_a11_a_predefined_tag_takes_one_of_its_values() -> None:
    world = World()
    define(world, TAGS)
    problem = refused(world.register(tags={"tier": "bronze"}), "tag_invalid")
    assert (problem.data["field"], problem.data["namespace"]) == ("tags.tier", "house")
    world.register(tags={"tier": "gold", "team": "any", "free": "too"})

    def tag(**given: str) -> Any:
        return world.ask(EditTags(id=world.command_id(), actor=ADA, image="base", set=given))

    refused(tag(tier="bronze"), "tag_invalid")
    assert tag(tier="silver").tags["tier"] == "silver"
    define(world, Namespace(name="house"))
    assert tag(tier="bronze").tags["tier"] == "bronze"


def test_a11_a_tag_is_predefined_by_one_namespace() -> None:
    world = World()
    define(world, TAGS)
    refused(define(world, Namespace(name="other", tags={"tier": ("x",)})), "namespace_invalid")
    define(world, msgspec.structs.replace(TAGS, tags={"team": ()}))
    assert isinstance(define(world, Namespace(name="other", tags={"tier": ("x",)})), NamespaceView)
    drop(world, "house")
    defined = world.get(DEFINED, "acme")
    assert defined is not None
    assert (defined.namespaces, list(defined.tags)) == (("other",), ["tier"])


def test_a15_a_namespace_that_somebody_else_changed_meanwhile_is_neither_replaced_nor_dropped() -> None:
    world = World()
    refused(define(world, OPEN, revision=1), "revision_mismatch")
    assert define(world, OPEN, revision=0) == NamespaceView(namespace=OPEN, revision=1)
    refused(define(world, CLOSED, revision=0), "revision_mismatch")
    assert define(world, CLOSED, revision=1) == NamespaceView(namespace=CLOSED, revision=2)
    assert define(world, CLOSED).revision == 2, "the same again changes nothing"
    assert refused(define(world, OPEN, revision=1), "revision_mismatch").data["revision"] == 2
    refused(drop(world, "hw", revision=1), "revision_mismatch")
    refused(register(world, hw__unknown=1), "property_unknown")
    assert isinstance(drop(world, "hw", revision=2), Done)


def test_a15_a_namespace_that_is_made_anew_has_no_revision_that_was_known_before() -> None:
    world = World()
    define(world, OPEN)
    define(world, CLOSED)
    define(world, TAGS)
    drop(world, "hw")
    drop(world, "house")
    assert define(world, OPEN, revision=0).revision == 3
    world.floor = 5000
    assert define(world, CLOSED, revision=3).revision == 5001


def test_a_namespace_that_is_too_large_for_a_list_of_all_is_refused() -> None:
    wide = {f"p{n}": Property(description="x" * 1000) for n in range(20)}
    refused(define(World(), Namespace(name="wide", properties=wide)), "namespace_invalid")


def test_one_namespace_too_many_is_refused() -> None:
    world = World()
    for n in range(MOST_NAMESPACES):
        define(world, Namespace(name=f"n{n}"))
    refused(define(world, Namespace(name="more")), "limit_exceeded")
    assert isinstance(define(world, Namespace(name="n1", closed=True)), NamespaceView)
