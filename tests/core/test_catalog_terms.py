"""The terms of a publish: what may be asked for, what a republish keeps, and what policies and pods forbid."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from contracts.events.hub import (
    PlacementRefused,
    PodConnected,
    PodDrained,
    PodReadmitted,
    PodRelabelled,
    PodRemoved,
    PolicyDropped,
    PolicySet,
    Targets,
)
from contracts.terms import MOST_PODS, Override, Policy, Requirements, Selector, Terms
from core.catalog_world import BROKEN, SETTINGS, World, announced, available, planned, refused
from core.driver import START

EU = Selector(labels={"region": ("eu",)})
HUGE = Selector(labels={f"key{key}": tuple(f"{value:060}" for value in range(64)) for key in range(16)})


def pods(*names: str) -> Targets:
    return Targets(kind="list", pods=names)


def asked(world: World) -> Any:
    """The last publish that was asked of the replicator."""
    return next(event for event in reversed(world.events()) if type(event).words() == "version.publish_requested")


def test_a_first_publish_that_names_nothing_is_one_copy_on_each_pod() -> None:
    world = World()
    world.deployed()
    world.publish()
    said = asked(world)
    assert (said.targets, said.replicas, said.terms, said.more, said.again) == (Targets(), 1, Terms(), (), False)
    assert said.deadline == START + timedelta(seconds=SETTINGS.publish_deadline)


def test_a_publish_hands_its_terms_on_as_they_are() -> None:
    world = World()
    world.deployed()
    terms = Terms(
        overrides={"pod-2": Override(replicas=3, exclude_from_latest=True)},
        all_or_nothing=True,
        priority="urgent",
        not_before=START + timedelta(seconds=5),
        on_deadline="refuse",
        requires=Requirements(hypervisors=("qemu",)),
    )
    world.publish(targets=Targets(kind="selector", selector=EU), terms=terms, replicas=2, deadline=60)
    said = asked(world)
    assert (said.targets.selector, said.replicas, said.terms) == (EU, 2, terms)
    assert said.deadline == START + timedelta(seconds=60)


def test_a_republish_that_names_nothing_is_as_the_last_publish_and_more_pods_come_on_top() -> None:
    world = World(pods=4)
    version = world.deployed().version
    terms = Terms(priority="high")
    world.publish(targets=pods("pod-1", "pod-2"), terms=terms, replicas=2, deadline=60)
    world.pass_time(60 + SETTINGS.publish_margin)
    world.publish(again=True, more=("pod-3",))
    said = asked(world)
    assert (said.targets, said.more, said.again) == (pods("pod-1", "pod-2"), ("pod-3",), True)
    assert (said.replicas, said.terms) == (2, terms)
    assert said.deadline == world.now + timedelta(seconds=SETTINGS.publish_deadline), "a deadline is for one publish"
    world.pass_time(SETTINGS.publish_deadline + SETTINGS.publish_margin)
    world.publish(again=True)
    assert (asked(world).targets, asked(world).more) == (pods("pod-1", "pod-2", "pod-3"), ())
    world.pass_time(SETTINGS.publish_deadline + SETTINGS.publish_margin)
    world.publish(again=True, targets=pods("pod-4"), replicas=1)
    assert (asked(world).targets, asked(world).replicas, asked(world).again) == (pods("pod-4"), 1, False)
    assert world.version(version).publication.number == 4


def test_a_first_publish_after_an_unpublish_begins_with_the_ordinary_thing() -> None:
    world = World()
    world.deployed()
    world.publish(targets=pods("pod-1"), terms=Terms(exclude_from_latest=True), deadline=60)
    world.pass_time(60 + SETTINGS.publish_margin)
    world.unpublish()
    world.publish()
    assert (asked(world).targets, asked(world).terms) == (Targets(), Terms())


def test_pods_that_were_removed_since_are_left_out_of_a_republish() -> None:
    world = World()
    world.deployed()
    terms = Terms(overrides={"pod-2": Override(replicas=2)})
    world.publish(targets=pods("pod-1", "pod-2"), terms=terms, deadline=60)
    world.pass_time(60 + SETTINGS.publish_margin)
    world.say(PodRemoved(pod="pod-2", revision=2), "replicator")
    world.say(PodDrained(pod="pod-1", revision=2), "replicator")
    world.publish(again=True)
    assert (asked(world).targets, asked(world).terms.overrides) == (pods("pod-1"), {})
    refused(world.publish(again=True, targets=pods("pod-2")), "pod_unknown")


def test_what_an_edit_changed_holds_for_the_republish_after_it() -> None:
    world = World()
    version = world.published().version
    edited = Terms(overrides={"pod-2": Override(replicas=2)}, priority="low", exclude_from_latest=True)
    world.copy(announced(version, 4, revision=3, terms=edited, replicas=1))
    assert world.version(version).publication.excluded
    world.copy(announced(version, 3, revision=2, terms=Terms(), replicas=5))
    world.publish(again=True)
    assert (asked(world).terms, asked(world).replicas) == (edited, 1)


def test_a_late_edit_of_an_earlier_publish_does_not_undo_the_terms_of_this_one() -> None:
    world = World()
    version = world.published().version
    world.publish(again=True, terms=Terms(exclude_from_latest=True))
    world.copy(announced(version, 4, revision=3, terms=Terms(), replicas=1))
    assert world.version(version).publication.excluded


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"targets": Targets(kind="selector")}, "targets_invalid"),
        ({"targets": Targets(kind="selector", selector=EU, pods=("pod-1",))}, "targets_invalid"),
        ({"targets": Targets(kind="list", pods=("pod-1",), selector=EU)}, "targets_invalid"),
        ({"targets": Targets(selector=EU)}, "targets_invalid"),
        ({"more": ("pod-9",)}, "pod_unknown"),
        ({"more": ("pod-1", "pod-1")}, "validation_failed"),
        ({"more": tuple(f"pod-{n}" for n in range(MOST_PODS + 1))}, "validation_failed"),
        ({"terms": Terms(overrides={"pod-9": Override(replicas=2)})}, "pod_unknown"),
        ({"terms": Terms(not_before=START + timedelta(seconds=60)), "deadline": 60}, "validation_failed"),
        ({"terms": Terms(not_before=START + timedelta(days=31))}, "validation_failed"),
        ({"terms": Terms(not_before=datetime(2030, 1, 1))}, "validation_failed"),  # noqa: DTZ001 - that is the point
        ({"terms": Terms(mode="shallow"), "targets": pods("pod-2")}, "targets_invalid"),
        ({"targets": Targets(kind="selector", selector=HUGE)}, "targets_invalid"),
    ],
)
def test_terms_that_cannot_be_met_are_refused_at_once_and_change_nothing(given: dict[str, Any], code: str) -> None:
    world = World()
    world.deployed()
    before, said = dict(world.documents), len(world.emitted)
    refused(world.publish(**given), code)
    assert (world.documents, len(world.emitted)) == (before, said)


def test_a_publish_that_may_begin_later_has_its_time_from_then_on() -> None:
    world = World()
    world.deployed()
    begin = START + timedelta(days=1)
    world.publish(terms=Terms(not_before=begin))
    assert asked(world).deadline == begin + timedelta(seconds=SETTINGS.publish_deadline)


def test_a_shallow_publish_is_for_the_source_pod_and_not_for_a_version_whose_source_is_gone() -> None:
    world = World()
    version = world.deployed().version
    world.publish(terms=Terms(mode="shallow"), targets=pods("pod-2"), more=("pod-1",))
    assert world.version(version).publication.mode == "shallow"
    converted = world.import_(mode="convert")
    world.prepared(converted.version)
    refused(world.publish(number="1.1.0", terms=Terms(mode="shallow")), "shallow_convert")


def test_a_draining_pod_that_is_named_is_refused_and_a_removed_one_is_unknown() -> None:
    world = World()
    world.deployed()
    world.say(PodDrained(pod="pod-2", revision=2), "replicator")
    world.say(PodRemoved(pod="pod-3", revision=2), "replicator")
    assert refused(world.publish(targets=pods("pod-1", "pod-2")), "pod_draining").data == {"pod": "pod-2"}
    refused(world.publish(more=("pod-2",)), "pod_draining")
    refused(world.publish(targets=pods("pod-3")), "pod_unknown")
    refused(world.import_(source=msgspec.structs.replace(asked_source(world), pod="pod-3")), "pod_unknown")
    world.say(PodReadmitted(pod="pod-2", revision=3), "replicator")
    assert world.publish(targets=pods("pod-1", "pod-2")).number == "1.0.0"


def asked_source(world: World) -> Any:
    return next(event.source for event in world.events() if type(event).words() == "version.requested")


def test_when_the_last_pod_is_removed_there_is_no_target() -> None:
    world = World(pods=1)
    world.deployed()
    world.say(PodRemoved(pod="pod-1", revision=2), "replicator")
    refused(world.publish(), "no_target")


def policy(world: World, name: str, *, tenant: str = "acme", revision: int = 1, **body: Any) -> None:
    body = {"selector": EU, "kind": "HARD", **body}
    event = PolicySet(policy=f"{tenant}.{name}", tenant=tenant, name=name, body=Policy(**body), revision=revision)
    world.say(event, "replicator")


def europe(world: World) -> None:
    world.say(PodConnected(pod="pod-1", labels={"region": "eu"}, revision=2), "replicator")
    world.say(PodRelabelled(pod="pod-2", labels={"region": "eu", "tier": "gold"}, revision=2), "replicator")


def test_a_pod_that_a_hard_policy_forbids_cannot_be_named() -> None:
    world = World()
    image = world.deployed().image
    europe(world)
    policy(world, "home", images=(image,))
    problem = refused(world.publish(targets=pods("pod-1", "pod-3")), "policy_forbids")
    assert (problem.status, problem.data) == (403, {"pod": "pod-3", "policy": "home"})
    refused(world.publish(more=("pod-3",)), "policy_forbids")
    world.publish(targets=pods("pod-1", "pod-2"))
    assert asked(world).targets == pods("pod-1", "pod-2")


@pytest.mark.parametrize(
    "harmless",
    [
        {"kind": "SOFT"},
        {"suspended": True},
        {"images": ("0" * 32,)},
        {"tenant": "evil"},
        {"selector": Selector(labels={"pod": ("pod-3",)})},
        {"selector": Selector(labels={"hypervisor": ("qemu",)})},
        {"selector": Selector(labels={"family": ("any",)})},
    ],
)
def test_a_policy_that_does_not_forbid_refuses_nothing(harmless: dict[str, Any]) -> None:
    world = World()
    world.deployed()
    policy(world, "home", **harmless)
    assert world.publish(targets=pods("pod-3")).number == "1.0.0"


def test_each_hard_policy_holds_for_itself_and_until_it_is_dropped() -> None:
    world = World()
    world.deployed()
    europe(world)
    policy(world, "home")
    policy(world, "gold", selector=Selector(labels={"tier": ("gold",)}))
    assert refused(world.publish(targets=pods("pod-1")), "policy_forbids").data["policy"] == "gold"
    world.say(PolicyDropped(policy="acme.gold", tenant="acme", name="gold", revision=3), "replicator")
    policy(world, "gold", revision=2, selector=Selector(labels={"tier": ("gold",)}))
    assert world.publish(targets=pods("pod-1")).number == "1.0.0", "an older word does not bring it back"


def test_a_refused_publish_is_not_what_the_next_one_repeats() -> None:
    world = World()
    version = world.published(pods=("pod-1",)).version
    world.publish(again=True, more=("pod-2",))
    world.copy(PlacementRefused(version=version, publication=2, failure=BROKEN))
    world.publish(again=True)
    assert (asked(world).targets, asked(world).publication) == (pods("pod-1"), 3)


def test_a_jobs_estimate_and_warning_are_what_was_said_when_it_was_planned() -> None:
    world = World()
    version = world.deployed().version
    job = world.publish().job
    at = START + timedelta(hours=5)
    world.copy(announced(version, 1, estimate=at, warning=BROKEN))
    world.copy(planned(version, "pod-1"))
    assert (world.job(job).estimate, world.job(job).warning) == (at, BROKEN)
    world.copy(available(version, "pod-1"))
    world.copy(announced(version, 2, revision=2))
    assert world.job(job).estimate == at, "an edit is not the job's"
