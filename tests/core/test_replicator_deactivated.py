"""Versions whose data is denied, as the catalog says: copies pause, nobody reads them, what is there stays (F6)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.hub import Targets, VersionDeactivated, VersionReactivated
from contracts.events.to_pods import CopyRequested
from contracts.names import copy_id
from contracts.requests import Actor, AdmitExport, EditPlacement, PausePlacement, RemoveCopy, RepairCopy, SetPolicy
from contracts.terms import Policy, Selector
from contracts.views import CopyView, ExportGrantView, PlacementView
from core.catalog_world import refused
from core.replicating import (
    TENANT,
    VERSION,
    House,
    announcement,
    cancelling,
    corrupted,
    finalised,
    heartbeat,
    kinds,
    publishing,
    rejected,
    unpublishing,
)
from replicator.config import Config
from replicator.documents import DENIED, LANE, LIMITS, POD, QUEUE
from replicator.domain.denied import Denied
from replicator.domain.limits import PodLimits
from replicator.domain.queue import Queue
from replicator.grants import EXPORT_SECONDS
from replicator.views import waits_for

OPERATOR = Actor(tenant=TENANT, name="olga", roles=("operator",))


def deactivated(revision: int = 5) -> VersionDeactivated:
    return VersionDeactivated(version=VERSION, image="image-1", number="1.0.0", tenant=TENANT, revision=revision)


def reactivated(revision: int = 6) -> VersionReactivated:
    return VersionReactivated(version=VERSION, image="image-1", number="1.0.0", tenant=TENANT, revision=revision)


def house(*done: str) -> House:
    """A version wanted on three pods, AVAILABLE on those named and on its way to the others."""
    world = House("pod-1", "pod-2", "pod-3")
    world.publish()
    for pod in done:
        world.pod(pod, finalised(pod))
    return world


def states(world: House) -> list[str]:
    return [world.state(pod) for pod in ("pod-1", "pod-2", "pod-3")]


def reason(world: House, pod: str) -> str:
    placement = world.placement()
    return waits_for(
        copy_id(VERSION, pod, 0), world.copy(pod), placement, world.get(POD, pod),
        world.get(LIMITS, pod) or PodLimits(), world.get(QUEUE, pod) or Queue(), world.get(LANE, TENANT), world.now,
    )  # fmt: skip


def test_f6_copies_under_way_pause_what_is_available_stays_and_reactivated_they_go_on() -> None:
    world = house("pod-1")
    said = world.catalog(deactivated())
    assert kinds(said) == ["copy.paused", "copy.paused"]
    assert states(world) == ["AVAILABLE", "PENDING", "PENDING"]
    assert [reason(world, pod) for pod in ("pod-1", "pod-2")] == ["", "data_denied"]
    world.pass_time(300)
    for pod in ("pod-1", "pod-2", "pod-3"):
        assert "copy.requested" not in kinds(world.pod(pod, heartbeat()))
        assert "copy.requested" not in kinds(world.pod(pod, announcement("boot-2")))
    said = world.catalog(reactivated())
    assert sorted(kinds(said)) == ["copy.requested", "copy.requested", "copy.started", "copy.started"]
    assert {one.attempt for one in said if isinstance(one, CopyRequested)} == {2}
    for pod in ("pod-2", "pod-3"):
        world.pod(pod, finalised(pod, attempt=2))
    assert states(world) == ["AVAILABLE"] * 3


def test_f6_neither_a_persons_pause_nor_the_denial_undoes_the_other() -> None:
    world = house("pod-1")
    world.asked(PausePlacement)
    assert world.catalog(deactivated()) == [], "they stopped already"
    view, said = world.asked(PausePlacement, resume=True)
    assert isinstance(view, PlacementView)
    assert (view.state, view.denied, said) == ("PAUSED", True, [])
    assert reason(world, "pod-2") == "data_denied"
    assert "copy.requested" in kinds(world.catalog(reactivated()))
    world.asked(PausePlacement)
    world.catalog(deactivated(7))
    assert world.catalog(reactivated(8)) == [], "the person did not resume it"
    assert reason(world, "pod-2") == "paused"
    view, said = world.asked(PausePlacement, resume=True)
    assert (view.state, view.denied) == ("RUNNING", False)
    assert "copy.requested" in kinds(said)


def test_f6_the_latest_word_holds_in_whichever_order_they_come() -> None:
    world = house("pod-1")
    world.catalog(reactivated(6))
    assert world.catalog(deactivated(5)) == []
    assert not world.placement().denied
    world.catalog(deactivated(7))
    world.catalog(deactivated(7))
    assert world.placement().denied
    world.catalog(reactivated(6))
    assert world.placement().denied
    assert world.get(DENIED, VERSION) == Denied(denied=True, revision=7)


def test_f6_nobody_but_an_operator_reads_the_version() -> None:
    world = house("pod-1")

    def export(actor: Actor) -> Any:
        return world.ask(AdmitExport(actor=actor, id=world.new_id(), version=VERSION, bearer="gateway"))

    person = Actor(tenant=TENANT, name="ann", roles=("owner",))
    assert isinstance(export(person), ExportGrantView)
    world.catalog(deactivated())
    assert refused(export(person), "data_access_denied").status == 403
    assert isinstance(export(OPERATOR), ExportGrantView)
    refused(export(Actor(tenant="evil", name="eve", roles=("owner",))), "version_not_found")
    world.catalog(reactivated())
    assert isinstance(export(person), ExportGrantView)


def test_f6_an_export_under_way_when_the_data_is_denied_ends_when_its_short_ticket_does() -> None:
    world = house("pod-1")
    ann = Actor(tenant=TENANT, name="ann", roles=("reader",))
    asked = AdmitExport(actor=ann, id=world.new_id(), version=VERSION, bearer="gateway")
    grant = world.ask(asked)
    assert isinstance(grant, ExportGrantView)
    assert grant.expires == world.now + timedelta(seconds=EXPORT_SECONDS)
    assert EXPORT_SECONDS <= 900 < Config(sign=str).ticket_seconds, "the gateway asks again for the rest of the bytes"


def test_f6_no_edit_wants_more_copies_and_any_edit_may_want_fewer() -> None:
    world = House("pod-1", "pod-2", "pod-3")
    world.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    for pod in ("pod-1", "pod-2"):
        world.pod(pod, finalised(pod))
    world.catalog(deactivated())
    problem, said = world.asked(EditPlacement, add=("pod-3",))
    assert (refused(problem, "data_access_denied").data, said) == ({"version": VERSION}, [])
    refused(world.asked(EditPlacement, replicas=2)[0], "data_access_denied")
    assert isinstance(world.asked(EditPlacement, priority="urgent")[0], PlacementView)
    assert isinstance(world.asked(EditPlacement, remove=("pod-2",))[0], PlacementView)
    assert world.state("pod-2") == "DELETING"
    world.catalog(reactivated())
    assert isinstance(world.asked(EditPlacement, add=("pod-3",))[0], PlacementView)


@pytest.mark.parametrize("what", ["repair", "policy", "loss"])
def test_f6_whatever_else_wants_a_copy_waits_for_the_end_of_it(what: str) -> None:
    world = House("pod-1", "pod-2", "pod-3")
    world.publish(targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    world.pod("pod-1", finalised("pod-1"))
    world.pod("pod-2", rejected("pod-2", retry=False) if what == "repair" else finalised("pod-2"))
    world.catalog(deactivated())
    said: list[Any] = []
    pod = "pod-2"
    match what:
        case "repair":
            view, said = world.asked(RepairCopy, pod="pod-2")
            assert isinstance(view, CopyView)
        case "policy":
            pod, before = "pod-3", len(world.emitted)
            policy = Policy(selector=Selector(labels={"pod": ("pod-3",)}))
            world.ask(SetPolicy(actor=OPERATOR, id=world.new_id(), name="all", policy=policy))
            world.pass_time(5)
            said = world.events(world.emitted[before:])
        case "loss":
            said = world.pod("pod-2", corrupted("pod-2"))
    for _ in range(10):
        said += world.events(world.pass_time(10))
        for name in ("pod-1", "pod-2", "pod-3"):
            said += world.pod(name, heartbeat())
    assert "copy.requested" not in kinds(said)
    requests = [one for one in world.catalog(reactivated()) if isinstance(one, CopyRequested)]
    assert [one.pod for one in requests] == [pod]


def test_f6_a_replicator_that_starts_late_knows_it_before_it_makes_a_copy() -> None:
    world = House("pod-1", "pod-2")
    assert world.catalog(deactivated(5)) == []
    said = world.publish(revision=5)
    assert "copy.planned" in kinds(said)
    assert "copy.requested" not in kinds(said)
    assert world.placement().denied
    assert "copy.requested" in kinds(world.catalog(reactivated(6)))


def test_f6_in_the_other_order_it_stops_what_it_began() -> None:
    world = House("pod-1", "pod-2")
    world.publish(revision=5)
    assert kinds(world.catalog(deactivated(5))) == ["copy.paused", "copy.paused"]


def test_f6_a_later_publish_tells_that_the_data_is_allowed_should_that_word_have_been_lost() -> None:
    world = house("pod-1")
    world.catalog(deactivated(5))
    world.catalog(cancelling())
    said = world.publish(2, again=True, revision=8)
    assert "copy.requested" in kinds(said)
    assert not world.placement().denied
    assert world.catalog(deactivated(5)) == [], "it was said before"


def test_f6_a_publish_of_before_that_comes_late_does_not_undo_it() -> None:
    world = House("pod-1", "pod-2")
    world.catalog(deactivated(5))
    assert "copy.requested" not in kinds(world.publish(revision=3))
    assert world.placement().denied


def test_f6_what_has_no_copies_any_more_is_denied_too_and_removing_copies_is_as_ever() -> None:
    world = house("pod-1", "pod-2", "pod-3")
    world.catalog(deactivated())
    assert isinstance(world.asked(RemoveCopy, pod="pod-3")[0], CopyView)
    world.catalog(unpublishing())
    assert (states(world), world.placement().denied) == (["DELETING"] * 3, True)
    assert world.catalog(reactivated(7)) == []
    assert "copy.planned" in kinds(world.catalog(publishing(2, revision=12)))
    assert not world.placement().denied
