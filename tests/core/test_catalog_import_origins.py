"""Versions made from other versions: of the same image, of another gallery, of the provider's."""

from typing import Any

import msgspec
import pytest

from catalog.documents import VERSION
from contracts.definition import Capsule, Component
from contracts.events.from_pods import SourcePrepared
from contracts.events.to_pods import SourceRequested
from contracts.manifest import Source
from contracts.requests import Actor, Origin
from core.catalog_world import ADA, EVE, World, manifest, refused

OPERATOR = Actor(tenant="provider", name="root", roles=("operator",))
CAPSULE = Capsule(components=(Component(name="app", version="1", sha256="a" * 64),), install="run me", remove="gone")


def made_from(world: World, image: str, into: str = "copies/derived", actor: Actor = ADA, **given: Any) -> Any:
    about = {"number": "1.0.0"} | given.pop("origin", {})
    return world.import_(into, actor, source=None, origin=Origin(image=image, **about), **given)


def test_b8_a_version_of_another_gallery_is_made_by_the_pod_that_has_its_origin() -> None:
    world = World()
    parent = world.deployed("tools/base")
    accepted = made_from(world, "tools/base")
    requested = world.events()[-1]
    assert isinstance(requested, SourceRequested)
    assert requested.source == Source(pod="pod-1", kind="version", name=parent.version)
    assert (requested.pod, requested.mode) == ("pod-1", "clone")
    assert world.version(accepted.version).parent == parent.version
    assert world.state(parent.version) == "DEPLOYMENT_DONE", "the new one is independent"
    done = manifest(source=requested.source)
    world.say(SourcePrepared(version=accepted.version, attempt=1, manifest=done, datastore="main"), "pod:pod-1")
    assert world.state(accepted.version) == "DEPLOYMENT_DONE"


def test_a5_an_image_that_is_made_for_an_origin_is_like_the_origins_unless_the_import_says_otherwise() -> None:
    world = World()
    world.register("base", os_type="windows", os_state="specialized", generation="V2")
    world.deployed("base")
    made_from(world, "base")
    expects = world.events()[-1].expects
    assert (expects.os_type, expects.os_state, expects.generation) == ("windows", "specialized", "V2")
    refused(made_from(world, "base", "copies/other", os_type="linux"), "os_mismatch")


def test_a_pod_may_be_named_where_a_copy_is_available() -> None:
    world = World()
    world.published("base", pods=("pod-1", "pod-2"))
    accepted = made_from(world, "base", origin={"pod": "pod-2"})
    assert world.version(accepted.version).source.pod == "pod-2"
    refused(made_from(world, "base", origin={"pod": "pod-3"}), "copy_unavailable")
    refused(made_from(world, "base", origin={"pod": "pod-9"}), "copy_unavailable")


@pytest.mark.parametrize(
    ("origin", "given", "code"),
    [
        ({"number": "7.0.0"}, {}, "version_not_found"),
        ({"number": "newest"}, {}, "version_number_invalid"),
        ({}, {"mode": "convert"}, "source_invalid"),
        ({}, {"snapshot": True}, "source_invalid"),
        ({}, {"desktop_kind": "TCI"}, "file_type_mismatch"),
    ],
)
def test_what_cannot_be_made_from_a_version_is_refused_and_changes_nothing(
    origin: dict[str, Any], given: dict[str, Any], code: str
) -> None:
    world = World()
    world.deployed("base")
    before = dict(world.documents)
    refused(made_from(world, "base", origin=origin, **given), code)
    assert world.documents == before


def test_a_version_without_content_is_no_origin() -> None:
    world = World()
    world.import_("base")
    refused(made_from(world, "base"), "version_not_ready")


def test_another_tenants_version_is_not_there_and_the_providers_is_anybodys() -> None:
    world = World()
    own = world.deployed("base")
    refused(made_from(world, own.image, "mine", EVE), "image_not_found")
    standard = world.deployed("base", actor=OPERATOR, image_class="standard")
    accepted = made_from(world, standard.image, "mine", EVE)
    assert world.version(accepted.version).tenant == EVE.tenant


def test_g2_a_capsule_that_is_made_from_another_has_its_components() -> None:
    world = World()
    world.deployed("base", image_class="capsule", capsule=CAPSULE)
    accepted = made_from(world, "base", image_class="capsule")
    assert world.version(accepted.version).capsule == CAPSULE


def test_a_source_and_an_origin_at_once_are_refused() -> None:
    world = World()
    world.deployed("base")
    refused(world.import_("x", origin=Origin(image="base", number="1.0.0")), "source_invalid")


def test_an_origin_on_its_way_out_or_disabled_is_refused() -> None:
    world = World()
    parent = world.deployed("base")
    version = world.version(parent.version)
    life = msgspec.structs.replace(version.life, disabled=True)
    world.documents[VERSION.name, parent.version] = msgspec.json.encode(msgspec.structs.replace(version, life=life))
    refused(made_from(world, "base"), "version_disabled")
