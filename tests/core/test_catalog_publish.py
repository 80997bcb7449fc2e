"""The publish saga of the catalog: what is refused, what is asked of the replicator, and what its copies add up to."""

import itertools
import math
import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from catalog.documents import COPY, VERSION
from catalog.domain import importing, publishing
from catalog.domain.asked import asked
from catalog.domain.happening import evolve
from catalog.domain.states import TransitionError
from catalog.domain.version import Version
from contracts.errors import Failure
from contracts.events.from_pods import SourcePrepared, SourceRejected, SourceStarted
from contracts.events.hub import PlacementRefused, PodConnected, PodDisconnected, PodEnrolled, Targets, VersionStarted
from contracts.names import copy_id
from contracts.requests import PublishVersion
from contracts.terms import MOST_PODS, Terms
from core.catalog_world import (
    ADA,
    BROKEN,
    EVE,
    SETTINGS,
    World,
    available,
    copying,
    delayed,
    failed,
    manifest,
    planned,
    refused,
    vouched,
)
from core.driver import START

REFUSED = PlacementRefused(
    version="", publication=1, failure=Failure(code="no_target", step="place", text="all pods drain")
)


def pods(*names: str) -> Targets:
    return Targets(kind="list", pods=names)


def test_a_publish_asks_the_replicator_for_copies_of_the_manifest() -> None:
    world = World()
    accepted = world.deployed()
    job = world.publish(targets=pods("pod-1", "pod-3"), deadline=60)
    event = world.events()[-1]
    content = vouched(accepted.version, manifest())
    assert (event.publication, event.manifest, event.targets.pods) == (1, content, ("pod-1", "pod-3"))
    assert event.deadline == START + timedelta(seconds=60)
    assert world.emitted[-1].saga == job.job
    assert job.job != accepted.job
    assert world.state(accepted.version) == "PUBLISHING"
    assert world.job_state(job.job) == "PENDING"


def test_a_version_that_was_imported_before_there_were_signatures_is_signed_when_it_is_published() -> None:
    world = World()
    id = world.deployed().version
    unsigned = msgspec.structs.replace(world.version(id), manifest=manifest())
    world.documents[VERSION.name, id] = msgspec.json.encode(unsigned)
    world.publish()
    assert world.events()[-1].manifest == vouched(id, manifest())
    assert world.version(id).manifest == vouched(id, manifest())


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"image": "none"}, "image_not_found"),
        ({"actor": EVE}, "image_not_found"),
        ({"number": "9.9.9"}, "version_not_found"),
        ({"number": "latest"}, "version_number_invalid"),
        ({"targets": pods("pod-1", "pod-9")}, "pod_unknown"),
        ({"targets": pods("../pod")}, "pod_unknown"),
        ({"targets": pods()}, "no_target"),
        ({"targets": Targets(kind="all", pods=("pod-1",))}, "targets_invalid"),
        ({"targets": pods("pod-1", "pod-1")}, "validation_failed"),
        ({"targets": pods(*(f"pod-{n}" for n in range(MOST_PODS + 1)))}, "validation_failed"),
        ({"deadline": 0}, "validation_failed"),
        ({"deadline": -1}, "validation_failed"),
        ({"deadline": math.nan}, "validation_failed"),
        ({"deadline": 1e300}, "validation_failed"),
        ({"again": True}, "version_not_ready"),
    ],
)
def test_what_the_hub_knows_is_refused_at_once_and_changes_nothing(given: dict[str, Any], code: str) -> None:
    world = World()
    world.deployed()
    before, said = dict(world.documents), len(world.emitted)
    refused(world.publish(**given), code)
    assert world.documents == before
    assert len(world.emitted) == said


def test_an_unknown_pod_is_named_in_the_refusal() -> None:
    world = World()
    world.deployed()
    assert refused(world.publish(targets=pods("pod-1", "pod-9")), "pod_unknown").data == {"pod": "pod-9"}


def test_without_any_pod_there_is_no_target() -> None:
    world = World(pods=0)
    world.say(PodEnrolled(pod="pod-1", hypervisor="qemu", revision=1), "replicator")
    world.deployed()
    for key in [key for key in world.documents if key[0] in ("pod", "fleet")]:
        del world.documents[key]
    refused(world.publish(), "no_target")


def test_a_pod_is_counted_once_whatever_is_said_of_it_and_an_offline_one_stays_a_target() -> None:
    world = World(pods=0)
    world.say(PodConnected(pod="pod-1", revision=2), "replicator")
    world.say(PodEnrolled(pod="pod-1", hypervisor="qemu", revision=1), "replicator")
    world.say(PodDisconnected(pod="pod-1", revision=3), "replicator")
    world.say(PodConnected(pod="pod-1", revision=2), "replicator")
    assert world.documents["fleet", "all"] == b'{"pods":1}'
    assert b"OFFLINE" in world.documents["pod", "pod-1"]
    world.deployed()
    assert world.publish(targets=pods("pod-1")).number == "1.0.0"


def the_states() -> dict[str, tuple[World, str]]:
    """A world with a version in each state that a version can have."""
    found: dict[str, tuple[World, str]] = {}

    def reach(state: str, *copies: Any, do: Any = None) -> None:
        world = World()
        accepted = world.import_() if do is not None else world.deployed()
        if do is not None:
            do(world, accepted.version)
        elif copies:
            world.publish()
            for copy in copies:
                world.copy(copy(accepted.version))
        found[state] = (world, accepted.version)

    reach("PENDING", do=lambda world, version: None)
    reach("DEPLOYING_VM", do=lambda world, version: world.started(version))
    reach("FAILED by import", do=lambda world, version: world.rejected(version))
    reach("DEPLOYMENT_DONE")
    reach("REPLICATING", lambda v: planned(v, "pod-1", wanted=2))
    reach("AVAILABLE", lambda v: planned(v, "pod-1", state="AVAILABLE"))
    reach(
        "PARTIALLY_AVAILABLE",
        lambda v: planned(v, "pod-1", wanted=2, state="AVAILABLE"),
        lambda v: planned(v, "pod-2", wanted=2),
        lambda v: failed(v, "pod-2"),
    )
    reach("FAILED by publish", lambda v: planned(v, "pod-1"), lambda v: failed(v, "pod-1"))
    world = World()
    version = world.deployed().version
    world.publish()
    found["PUBLISHING"] = (world, version)
    return found


STATES = the_states()
FIRST = {"DEPLOYMENT_DONE"}
AGAIN = {"AVAILABLE", "PARTIALLY_AVAILABLE", "FAILED by publish"}


def test_every_state_is_what_it_is_called() -> None:
    for name, (world, version) in STATES.items():
        assert world.state(version) == name.partition(" ")[0]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("state", STATES)
def test_a_publish_is_for_deployed_versions_and_a_republish_for_published_ones(state: str, again: bool) -> None:
    world, id = STATES[state]
    version: Version = world.version(id)
    command = PublishVersion(id="c", actor=ADA, image="base", number="1.0.0", again=again)
    wanted = asked(command, None, START, 60.0)
    decided = publishing.decide_request(version, id, command, wanted)
    if state in (AGAIN if again else FIRST):
        assert isinstance(decided, list)
        assert decided[0].revision == version.revision + 1
    else:
        problem = refused(decided, "version_not_ready")
        assert problem.data["state"] == state.partition(" ")[0]


REPORTS = {
    "started": SourceStarted(version="v", attempt=1),
    "prepared": SourcePrepared(version="v", attempt=1, manifest=manifest(), datastore="main"),
    "rejected": SourceRejected(version="v", attempt=1, failure=BROKEN),
}
EXPECTED = {
    ("PENDING", "started"): ["version.started"],
    ("PENDING", "prepared"): ["version.started", "version.deployed"],
    ("PENDING", "rejected"): ["version.failed"],
    ("DEPLOYING_VM", "prepared"): ["version.deployed"],
    ("DEPLOYING_VM", "rejected"): ["version.failed"],
    ("FAILED by import", "prepared"): ["source.discarded"],
}


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("state", STATES)
def test_what_a_report_of_the_source_pod_means_in_each_state(state: str, report: str) -> None:
    world, id = STATES[state]
    events = importing.decide(world.version(id), id, "pod-1", REPORTS[report])
    assert [type(event).words() for event in events] == EXPECTED.get((state, report), [])
    assert importing.decide(world.version(id), id, "pod-2", REPORTS[report]) == []


@pytest.mark.parametrize("state", STATES)
def test_only_an_import_under_way_can_be_overdue(state: str) -> None:
    world, id = STATES[state]
    said = [type(event).words() for event in importing.decide_overdue(world.version(id), id)]
    assert said == (["version.failed", "source.discarded"] if state in ("PENDING", "DEPLOYING_VM") else [])


@pytest.mark.parametrize("state", STATES)
def test_only_a_publish_under_way_can_be_overdue_or_refused(state: str) -> None:
    world, id = STATES[state]
    running = state in ("PUBLISHING", "REPLICATING")
    assert (publishing.decide_overdue(world.version(id), 1) is not None) == running
    assert publishing.decide_overdue(world.version(id), 2) is None
    assert (publishing.decide_refused(world.version(id), REFUSED, None) is not None) == (state == "PUBLISHING")


@pytest.mark.parametrize("state", sorted(set(STATES) - {"PENDING"}))
def test_an_event_that_cannot_happen_in_a_state_is_an_error_not_a_silent_change(state: str) -> None:
    world, id = STATES[state]
    with pytest.raises(TransitionError):
        evolve(world.version(id), VersionStarted(version=id, image="i", number="1.0.0", revision=9), START, "job")


def test_copies_move_the_version_from_publishing_to_available() -> None:
    world = World()
    version = world.deployed().version
    job = world.publish(targets=pods("pod-1", "pod-2")).job
    assert world.said(world.copy(planned(version, "pod-1", wanted=2))) == ["version.replicating"]
    assert world.job_state(job) == "PROCESSING"
    for event in (planned(version, "pod-2", wanted=2), copying(version, "pod-1"), available(version, "pod-1")):
        assert world.copy(event) == []
    assert world.state(version) == "REPLICATING"
    said = world.copy(available(version, "pod-2"))
    assert world.said(said) == ["version.available"]
    assert said[0].saga == job
    assert said[0].event.available == 2  # type: ignore[attr-defined]
    assert world.state(version) == "AVAILABLE"
    assert world.job_state(job) == "SUCCESS"
    assert world.job(job).copies.available == 2
    assert world.under_way == {}


OUTCOMES = {
    ("available", "available", "available"): "AVAILABLE",
    ("available", "available", "skipped"): "AVAILABLE",
    ("available", "available", "failed"): "PARTIALLY_AVAILABLE",
    ("available", "skipped", "failed"): "PARTIALLY_AVAILABLE",
    ("failed", "failed", "failed"): "FAILED",
    ("failed", "failed", "skipped"): "FAILED",
    ("skipped", "skipped", "skipped"): "FAILED",
    ("already", "already", "already"): "AVAILABLE",
    ("already", "failed", "healed"): "PARTIALLY_AVAILABLE",
    ("healed", "healed", "healed"): "AVAILABLE",
    ("delayed", "available", "skipped"): "AVAILABLE",
}


def a_copy(version: str, pod: str, fate: str) -> list[Any]:
    """What is said about a copy with this fate, in the order in which it is said."""
    if fate in ("skipped", "already"):
        return [planned(version, pod, wanted=3, state={"skipped": "SKIPPED", "already": "AVAILABLE"}[fate])]
    events: list[Any] = [planned(version, pod, wanted=3), copying(version, pod)]
    match fate:
        case "available":
            events.append(available(version, pod))
        case "failed":
            events.append(failed(version, pod))
        case "healed":
            events += [failed(version, pod), available(version, pod, revision=4)]
        case "delayed":
            events += [delayed(version, pod), copying(version, pod, revision=4), available(version, pod, revision=5)]
    return events


@pytest.mark.parametrize("fates", OUTCOMES)
def test_the_order_of_copy_events_does_not_matter(fates: tuple[str, str, str]) -> None:
    world = World()
    version = world.deployed().version
    job = world.publish().job
    events = [event for n, fate in enumerate(fates, 1) for event in a_copy(version, f"pod-{n}", fate)]
    start, reminders = dict(world.documents), dict(world.reminders)
    orders = list(itertools.permutations(events)) if len(events) <= 5 else []
    shuffled = random.Random(7)
    while len(orders) < 120:
        orders.append(tuple(shuffled.sample(events, len(events))))
    ends = set()
    for order in orders[:400]:
        world.documents, world.reminders = dict(start), dict(reminders)
        for event in (*order, *order[::2]):
            world.copy(event)
        found = world.version(version)
        ends.add(
            msgspec.json.encode(
                (
                    world.state(version),
                    found.publication,
                    found.usable,
                    world.job_state(job),
                    world.job(job).copies,
                    world.job(job).failure,
                )
            )
        )
    assert len(ends) == 1
    assert world.state(version) == OUTCOMES[fates]
    assert world.under_way == {}


def test_the_counts_told_are_those_of_the_publish() -> None:
    world = World()
    version = world.deployed().version
    world.publish()
    said = []
    for n, fate in enumerate(("available", "failed", "skipped"), 1):
        for event in a_copy(version, f"pod-{n}", fate):
            said += world.copy(event)
    told = said[-1].event
    assert (told.available, told.failed, told.skipped) == (1, 1, 1)  # type: ignore[attr-defined]


def test_a_copy_that_comes_late_moves_the_version_and_its_job_up() -> None:
    world = World()
    version = world.deployed().version
    job = world.publish(targets=pods("pod-1", "pod-2")).job
    for pod in ("pod-1", "pod-2"):
        world.copy(planned(version, pod, wanted=2))
        world.copy(failed(version, pod))
    assert (world.state(version), world.job_state(job)) == ("FAILED", "FAILURE")
    assert world.version(version).failure.code == "all_copies_failed"
    assert world.copy(copying(version, "pod-1", revision=4)) == []
    assert world.said(world.copy(available(version, "pod-1", revision=5))) == ["version.partially_available"]
    assert (world.state(version), world.job_state(job)) == ("PARTIALLY_AVAILABLE", "PARTIAL")
    assert world.said(world.copy(available(version, "pod-2", revision=5))) == ["version.available"]
    assert (world.state(version), world.job_state(job)) == ("AVAILABLE", "SUCCESS")


def test_an_available_copy_that_is_lost_moves_the_version_down() -> None:
    world = World()
    version = world.published().version
    assert world.said(world.copy(failed(version, "pod-2", revision=4))) == ["version.partially_available"]
    assert world.state(version) == "PARTIALLY_AVAILABLE"


def test_an_older_word_about_a_copy_is_dropped() -> None:
    world = World()
    version = world.published().version
    before = world.version(version)
    assert world.copy(failed(version, "pod-1", revision=2)) == []
    assert world.copy(failed(version, "pod-1", revision=3)) == []
    assert world.version(version) == before
    assert world.get(COPY, copy_id(version, "pod-1", 0)).state == "AVAILABLE"  # type: ignore[union-attr]


def test_copies_of_a_version_that_was_never_published_are_nobodys() -> None:
    world = World()
    version = world.deployed().version
    before = dict(world.documents)
    assert world.copy(available(version, "pod-1")) == []
    assert world.copy(available("0" * 32, "pod-1")) == []
    assert world.documents == before


def test_a_republish_starts_a_new_publication_in_which_only_its_own_copies_count() -> None:
    world = World()
    version = world.deployed().version
    world.publish(targets=pods("pod-1", "pod-2"))
    world.copy(planned(version, "pod-1", wanted=2, state="AVAILABLE"))
    world.copy(planned(version, "pod-2", wanted=2))
    world.copy(failed(version, "pod-2"))
    job = world.publish(again=True).job
    assert world.events()[-1].publication == 2
    assert world.state(version) == "PUBLISHING"
    assert world.version(version).usable, "what is available stays available while it is published again"
    world.copy(planned(version, "pod-1", wanted=3, state="AVAILABLE", publication=2, revision=1))
    world.copy(planned(version, "pod-3", wanted=3, publication=2))
    world.copy(available(version, "pod-3"))
    world.copy(failed(version, "pod-2", revision=3))
    assert world.state(version) == "REPLICATING"
    world.copy(planned(version, "pod-2", wanted=3, publication=2, revision=4))
    assert world.said(world.copy(available(version, "pod-2", revision=6))) == ["version.available"]
    assert world.job(job).copies.available == 3
    assert world.job_state(job) == "SUCCESS"


def test_a_late_word_of_an_earlier_publish_does_not_take_a_copy_out_of_the_later_one() -> None:
    world = World()
    version = world.deployed().version
    world.publish(targets=pods("pod-1"))
    world.copy(msgspec.structs.replace(REFUSED, version=version))
    world.publish(targets=pods("pod-1"))
    world.copy(planned(version, "pod-1", publication=2, revision=2))
    assert world.copy(planned(version, "pod-1", publication=1, revision=1)) == []
    assert world.said(world.copy(available(version, "pod-1"))) == ["version.available"]


def test_a_republish_to_other_pods_keeps_the_copies_that_are_there() -> None:
    world = World()
    version = world.published(pods=("pod-1",)).version
    job = world.publish(again=True, targets=pods("pod-2")).job
    world.copy(planned(version, "pod-2", publication=2))
    said = world.copy(failed(version, "pod-2"))
    assert world.said(said) == ["version.partially_available"]
    assert (said[0].event.available, said[0].event.failed) == (1, 1)  # type: ignore[attr-defined]
    assert world.job_state(job) == "PARTIAL"


def test_a_refused_placement_fails_the_job_and_leaves_the_version_as_it_was() -> None:
    world = World()
    version = world.deployed().version
    job = world.publish(terms=Terms(exclude_from_latest=True)).job
    said = world.copy(msgspec.structs.replace(REFUSED, version=version))
    assert world.said(said) == ["version.withdrawn"]
    assert (said[0].event.reason, said[0].event.failure.code) == ("refused", "no_target")  # type: ignore[attr-defined]
    assert world.state(version) == "DEPLOYMENT_DONE"
    assert world.version(version).failure.code == "no_target"
    assert (world.job_state(job), world.job(job).failure.code) == ("FAILURE", "no_target")
    assert world.under_way == {}
    world.publish()
    assert world.events()[-1].publication == 2
    assert not world.events()[-1].terms.exclude_from_latest


def test_a_refused_republish_leaves_what_is_available_and_what_was_asked_for_before() -> None:
    world = World()
    version = world.published(pods=("pod-1", "pod-3")).version
    job = world.publish(again=True, targets=pods("pod-2"), terms=Terms(exclude_from_latest=True), deadline=9).job
    assert world.version(version).publication.excluded
    refusal = Failure(code="deadline_unreachable", step="plan", text="it takes an hour")
    said = world.copy(PlacementRefused(version=version, publication=2, failure=refusal))
    assert world.said(said) == ["version.available"]
    assert world.state(version) == "AVAILABLE"
    assert not world.version(version).publication.excluded
    assert (world.job_state(job), world.job(job).failure.code) == ("FAILURE", "deadline_unreachable")
    world.publish(again=True)
    assert world.events()[-1].targets == pods("pod-1", "pod-3")
    assert not world.events()[-1].terms.exclude_from_latest


@pytest.mark.parametrize(
    ("copies", "state", "job_state"),
    [
        ([], "FAILED", "FAILURE"),
        (["planned"], "FAILED", "FAILURE"),
        (["planned", "available"], "PARTIALLY_AVAILABLE", "PARTIAL"),
    ],
)
def test_the_catalog_ends_a_publish_itself_when_the_replicator_never_does(
    copies: list[str], state: str, job_state: str
) -> None:
    world = World()
    version = world.deployed().version
    job = world.publish(deadline=600).job
    for said in copies:
        make: Any = {
            "planned": lambda: planned(version, "pod-1", wanted=3),
            "available": lambda: available(version, "pod-1"),
        }
        world.copy(make[said]())
    assert world.pass_time(600 + SETTINGS.publish_margin - 1) == []
    world.pass_time(2)
    assert (world.state(version), world.job_state(job)) == (state, job_state)
    assert world.job(job).failure.code == "deadline_exceeded"
    if copies == ["planned", "available"]:
        assert world.job(job).copies.failed == 2


def test_copies_that_come_after_the_deadline_still_move_the_version_up() -> None:
    world = World()
    version = world.deployed().version
    job = world.publish(deadline=600, targets=pods("pod-1", "pod-2")).job
    world.copy(planned(version, "pod-1", wanted=2))
    world.pass_time(600 + SETTINGS.publish_margin)
    assert world.state(version) == "FAILED"
    world.copy(available(version, "pod-1"))
    assert world.state(version) == "PARTIALLY_AVAILABLE"
    world.copy(planned(version, "pod-2", wanted=2))
    world.copy(available(version, "pod-2"))
    assert (world.state(version), world.job_state(job)) == ("AVAILABLE", "SUCCESS")
    assert world.job(job).failure is None


def test_the_deadline_of_an_earlier_publish_does_not_end_a_later_one() -> None:
    world = World()
    version = world.deployed().version
    world.publish(deadline=600)
    first = world.reminders[f"publish/{version}"]
    world.copy(msgspec.structs.replace(REFUSED, version=version))
    world.publish(deadline=600)
    assert world.say(first.body, "self", saga=first.saga) == []
    assert world.state(version) == "PUBLISHING"
