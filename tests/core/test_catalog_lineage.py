"""What a version was made from, and what that means for deleting it (features.md A10; Settled: Lineage)."""

from typing import Any

from catalog.documents import CHILDREN
from contracts.requests import Accepted, Origin
from contracts.terms import Terms
from core.catalog_world import available, manifest, planned, refused
from core.lives_world import Lives


def made_from(world: Lives, number: str = "1.0.0", image: str = "derived") -> Accepted:
    """A version of another image that is made from a version of ``base``, up to DEPLOYMENT_DONE."""
    accepted: Any = world.import_(image, source=None, origin=Origin(image="base", number=number))
    assert isinstance(accepted, Accepted), accepted
    world.started(accepted.version)
    source = world.version(accepted.version).source
    world.prepared(accepted.version, pod=source.pod, of=manifest(source=source))
    assert world.state(accepted.version) == "DEPLOYMENT_DONE"
    return accepted


def test_a10_a_version_knows_what_it_was_made_from_and_what_was_made_from_it() -> None:
    world = Lives()
    parent = world.deployed().version
    first, second = made_from(world).version, made_from(world, image="another").version
    assert world.version(first).parent == parent
    children = world.get(CHILDREN, parent)
    assert children is not None
    assert children.versions == (first, second)
    assert world.get(CHILDREN, first) is None


def test_a10_a_child_with_bytes_of_its_own_keeps_only_the_record_of_its_ancestor() -> None:
    world = Lives()
    parent = world.deployed().version
    child = made_from(world).version
    assert isinstance(world.delete(), Accepted)
    assert world.stage(parent) == "DELETED"
    assert world.version(child).parent == parent
    assert world.version(parent).number == "1.0.0", "the number of a deleted ancestor is remembered"
    assert world.state(child) == "DEPLOYMENT_DONE"


def test_a10_deleting_a_version_is_refused_as_long_as_a_shallow_child_lives_on_its_bytes() -> None:
    world = Lives()
    world.deployed()
    child = made_from(world)
    world.publish("derived", terms=Terms(mode="shallow"))
    world.copy(planned(child.version, "pod-1"))
    world.copy(available(child.version, "pod-1"))
    problem = refused(world.delete(), "version_has_children")
    assert (problem.status, problem.data["children"]) == (409, "1.0.0")
    world.unpublish("derived")
    world.pass_time(1000)
    assert world.state(child.version) == "DEPLOYMENT_DONE"
    assert isinstance(world.delete(), Accepted)


def test_a10_an_import_that_failed_is_nobodys_child() -> None:
    world = Lives()
    parent = world.deployed().version
    accepted: Any = world.import_("derived", source=None, origin=Origin(image="base", number="1.0.0"))
    world.rejected(accepted.version)
    assert world.get(CHILDREN, parent) is None
