"""Flavours: sets of endpoint models that a Dedicated image is offered to."""

from typing import Any

import msgspec
import pytest

from catalog.documents import DEFINED, FLAVOUR, IMAGE, flavour_key
from catalog.domain.flavour import MOST_FLAVOURS, SYSTEM, counted, models_of
from contracts.definition import Flavour
from contracts.requests import Done, DropFlavour, SetFlavour
from contracts.views import FlavourView, ImageView
from core.catalog_world import ADA, EVE, World, refused

LAB = Flavour(name="lab", models=("L1", "L2"))


def set_flavour(world: World, flavour: Flavour = LAB, actor: Any = ADA, revision: int | None = None) -> Any:
    return world.ask(SetFlavour(id=world.command_id(), actor=actor, flavour=flavour, revision=revision))


def drop_flavour(world: World, name: str = "lab", actor: Any = ADA, revision: int | None = None) -> Any:
    return world.ask(DropFlavour(id=world.command_id(), actor=actor, name=name, revision=revision))


def test_b6_a_flavour_is_defined_replaced_and_forgotten() -> None:
    world = World()
    assert set_flavour(world) == FlavourView(flavour=LAB, images=0, revision=1)
    more = Flavour(name="lab", models=("L3",), description="new")
    assert set_flavour(world, more).flavour == more
    defined = world.get(DEFINED, "acme")
    assert defined is not None
    assert defined.flavours == ("lab",)
    assert isinstance(drop_flavour(world), Done)
    assert world.get(FLAVOUR, flavour_key("acme", "lab")) is None
    refused(drop_flavour(world), "flavour_not_found")


def test_b6_a_dedicated_image_names_a_flavour_that_is_there_and_a_general_one_none() -> None:
    world = World()
    refused(world.register("a", desktop_kind="VOI", flavour="lab"), "flavour_not_found")
    set_flavour(world)
    refused(world.register("a", EVE, desktop_kind="VOI", flavour="lab"), "flavour_not_found")
    view = world.register("a", desktop_kind="VOI", flavour="lab")
    assert view.flavour == "lab"
    kept = world.get(FLAVOUR, flavour_key("acme", "lab"))
    assert models_of(view.flavour, kept) == ("L1", "L2")
    general = world.register("b", desktop_kind="VOI")
    assert models_of(general.flavour, None) is None


def test_b6_a_flavour_that_somebody_else_changed_meanwhile_is_neither_replaced_nor_dropped() -> None:
    world = World()
    refused(set_flavour(world, revision=1), "revision_mismatch")
    set_flavour(world, revision=0)
    more, other = (Flavour(name="lab", models=models) for models in (("L3",), ("L4",)))
    refused(set_flavour(world, more, revision=0), "revision_mismatch")
    assert set_flavour(world, more, revision=1).revision == 2
    assert refused(set_flavour(world, other, revision=1), "revision_mismatch").data["revision"] == 2
    refused(drop_flavour(world, revision=1), "revision_mismatch")
    assert isinstance(drop_flavour(world, revision=2), Done)


def test_b6_neither_the_same_again_nor_an_image_that_names_it_is_a_change_of_a_flavour() -> None:
    world = World()
    first = set_flavour(world)
    assert set_flavour(world) == first
    world.register("a", desktop_kind="VOI", flavour="lab")
    assert set_flavour(world) == msgspec.structs.replace(first, images=1)
    assert set_flavour(world, Flavour(name="lab", models=("L3",)), revision=1).revision == 2


def test_b6_a_flavour_that_is_made_anew_has_no_revision_that_was_known_before() -> None:
    world = World()
    set_flavour(world)
    set_flavour(world, Flavour(name="lab", models=("L3",)))
    set_flavour(world, Flavour(name="other", models=("L1",)))
    drop_flavour(world)
    drop_flavour(world, "other")
    assert set_flavour(world, revision=0).revision == 3
    world.floor = 5000
    assert set_flavour(world, Flavour(name="lab", models=("L4",)), revision=3).revision == 5001
    assert set_flavour(world, Flavour(name="new", models=("L4",))).revision == 5001


@pytest.mark.parametrize("name", sorted(SYSTEM))
def test_b6_system_defaults_can_be_named_and_not_changed(name: str) -> None:
    world = World()
    refused(set_flavour(world, Flavour(name=name, models=("mine",))), "flavour_system")
    refused(drop_flavour(world, name), "flavour_system")
    assert isinstance(world.register(desktop_kind="VOI", flavour=name), ImageView)
    kept = world.get(FLAVOUR, flavour_key("acme", name))
    assert kept is not None
    assert (kept.images, kept.flavour) == (1, SYSTEM[name])
    assert models_of(name, kept) == models_of(name, None) == SYSTEM[name].models
    assert counted(name, kept, -1) is None
    refused(set_flavour(world, Flavour(name=name, models=("mine",)), revision=1), "flavour_system")


def test_b6_nobody_makes_a_system_default() -> None:
    world = World()
    assert not set_flavour(world, Flavour(name="lab", models=("L1",), system=True)).flavour.system


def test_b6_a_flavour_that_images_name_stays_and_may_be_replaced() -> None:
    world = World()
    set_flavour(world)
    for name in ("a", "b"):
        world.register(name, desktop_kind="VOI", flavour="lab")
    problem = refused(drop_flavour(world), "flavour_in_use")
    assert problem.data["images"] == 2
    assert set_flavour(world, Flavour(name="lab", models=("L3",))).images == 2
    refused(drop_flavour(world, actor=EVE), "flavour_not_found")


@pytest.mark.parametrize("kind", [None, "VDI"])
def test_b6_only_images_for_endpoints_have_a_flavour(kind: Any) -> None:
    world = World()
    refused(world.register(desktop_kind=kind, flavour="notebook"), "desktop_kind_invalid")
    for other in ("IDV", "VOI", "TCI"):
        view = world.register(f"x-{other}", desktop_kind=other, flavour="notebook")
        image = world.get(IMAGE, view.id)
        assert image is not None
        assert image.flavour == "notebook"


def test_flavours_without_models_with_a_model_twice_and_one_too_many_are_refused() -> None:
    world = World()
    refused(set_flavour(world, Flavour(name="lab", models=())), "validation_failed")
    refused(set_flavour(world, Flavour(name="lab", models=("L1", "L1"))), "validation_failed")
    long = tuple(f"{n:064}" for n in range(256))
    refused(set_flavour(world, Flavour(name="lab", models=long)), "validation_failed")
    for n in range(MOST_FLAVOURS):
        set_flavour(world, Flavour(name=f"f{n}", models=("L1",)))
    refused(set_flavour(world), "limit_exceeded")
    assert isinstance(set_flavour(world, Flavour(name="f1", models=("L9",))), FlavourView)
    assert isinstance(set_flavour(world, actor=EVE), FlavourView)
