"""What the catalog hears, says and answers is what the contracts say it does."""

from typing import Any, get_args

import msgspec

from catalog.handlers import LOCAL
from catalog.queries import queries
from contracts.events import SPEAKERS, Speaker
from contracts.requests import REPLIES, Command
from contracts.topology import HEARS
from core.catalog_world import SETTINGS, World, available, copying, delayed, failed, planned
from core.driver import Driver


def newest(types: tuple[type, ...]) -> set[type]:
    """Without the versions that decoding upcasts away."""
    return {kind for kind in types if not hasattr(kind, "upcast")}


def commands_of(service: str) -> set[type]:
    return {kind for kind in REPLIES if issubclass(kind, Command) and kind.subject().startswith(f"command.{service}.")}


def test_the_catalog_reacts_to_exactly_what_it_hears_its_commands_and_itself() -> None:
    heard = newest(HEARS[Speaker.CATALOG])
    assert set(World().reactions) == heard | commands_of("catalog") | set(get_args(LOCAL))


def test_every_query_of_the_catalog_has_an_answer() -> None:
    assert set(queries(SETTINGS)) == {kind for kind in REPLIES if kind.subject().startswith("query.catalog.")}


def test_the_catalog_says_only_what_is_its_own_to_say() -> None:
    world = World()
    version = world.published().version
    for event in (copying(version, "pod-1"), delayed(version, "pod-1"), failed(version, "pod-1")):
        world.copy(event)
    assert {type(one.event) for one in world.emitted} <= set(SPEAKERS[Speaker.CATALOG])


def test_locals_survive_the_store() -> None:
    world = World()
    world.deployed()
    world.import_()
    world.publish()
    decode = msgspec.json.Decoder(LOCAL).decode
    bodies: list[Any] = [one.body for one in world.under_way.values()]
    assert len(bodies) == 2
    assert [decode(msgspec.json.encode(body)) for body in bodies] == bodies


def test_nothing_is_done_twice_when_a_message_is_delivered_twice() -> None:
    world = World()
    accepted = world.deployed()
    world.publish()
    message = world.message(planned(accepted.version, "pod-1", wanted=2), "replicator")
    first = world.deliver(message)
    before = dict(world.documents)
    assert world.said(first) == ["version.replicating"]
    assert world.deliver(message) == []
    assert world.documents == before


def test_a_crash_before_commit_leaves_nothing_and_the_redelivery_does_it_all() -> None:
    world: Driver = World()
    assert isinstance(world, World)
    accepted = world.deployed()
    world.publish()
    before = dict(world.documents)
    message = world.message(planned(accepted.version, "pod-1", state="AVAILABLE"), "replicator")
    assert world.deliver(message, crash=True) == []
    assert world.documents == before
    assert world.said(world.deliver(message)) == ["version.replicating", "version.available"]


def test_the_same_fact_under_another_id_changes_nothing() -> None:
    world = World()
    accepted = world.deployed()
    world.publish()
    facts = [
        planned(accepted.version, "pod-1", wanted=2),
        copying(accepted.version, "pod-1"),
        available(accepted.version, "pod-1"),
        planned(accepted.version, "pod-2", wanted=2),
        failed(accepted.version, "pod-2"),
    ]
    for fact in facts:
        world.copy(fact)
    before = dict(world.documents)
    for fact in facts:
        assert world.copy(fact) == []
    assert world.documents == before
