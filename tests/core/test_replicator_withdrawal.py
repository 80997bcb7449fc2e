"""Taking back: a publish cancelled, a version unpublished, a publish of all or nothing rolled back."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.hub import CopyCancelled, PlacementRefused, PlacementRolledBack
from contracts.events.to_pods import CopyWithdrawn
from contracts.names import copy_id
from contracts.requests import PausePlacement
from contracts.terms import Targets, Terms
from core.driver import START
from core.replicating import (
    VERSION,
    House,
    announcement,
    cancelling,
    corrupted,
    dropped,
    finalised,
    heartbeat,
    kinds,
    rejected,
    unpublishing,
)
from replicator.documents import CALLED_OFF, QUEUE, ROSTER, RUN

PODS = ("pod-1", "pod-2", "pod-3")
ALL_OR_NOTHING = Terms(all_or_nothing=True)


def published(*available: str, **changes: Any) -> House:
    """A house in which a version is published, and AVAILABLE already on some pods."""
    house = House(*PODS)
    house.publish(**changes)
    for pod in available:
        house.pod(pod, finalised(pod))
    return house


def states(house: House) -> tuple[str, ...]:
    return tuple(house.state(pod) for pod in PODS)


def unsettled(house: House, pod: str) -> tuple[str, ...]:
    queue = house.get(QUEUE, pod)
    return () if queue is None else tuple(queue.copies)


# --- cancel -----------------------------------------------------------------------------------------------------------


def test_a_cancel_keeps_what_is_available_and_gives_up_the_rest_at_once() -> None:
    house = published("pod-1")
    said = house.catalog(cancelling())
    assert kinds(said) == ["copy.cancelled", "copy.withdrawn"] * 2
    assert [one.wanted for one in said if isinstance(one, CopyCancelled)] == [True, True]
    assert states(house) == ("AVAILABLE", "CANCELLED", "CANCELLED")
    assert house.pod("pod-2", finalised("pod-2")) == []
    assert house.pod("pod-2", dropped("pod-2")) == []
    assert (house.state("pod-2"), unsettled(house, "pod-2")) == ("CANCELLED", ())
    assert house.placement().state == "LIVE"


def test_a_pod_that_was_away_hears_of_the_cancel_when_it_is_back() -> None:
    house = published()
    house.pass_time(40)
    house.pod("pod-1", heartbeat())
    house.catalog(cancelling())
    assert states(house) == ("CANCELLED",) * 3
    assert house.placement().state == "WITHDRAWN"
    said = house.pod("pod-3", heartbeat())
    assert kinds(said) == ["pod.connected", "copy.withdrawn"]
    house.pod("pod-3", dropped("pod-3"))
    house.pass_time(40)
    assert kinds(house.pod("pod-3", heartbeat())) == ["pod.connected"]


def test_a_cancelled_copy_comes_with_the_next_publish() -> None:
    house = published("pod-1")
    house.catalog(cancelling())
    said = house.publish(2)
    assert {one.pod: one.attempt for one in said if one.words() == "copy.requested"} == {"pod-2": 2, "pod-3": 2}
    house.pod("pod-2", dropped("pod-2"))  # of the attempt that was cancelled
    house.pod("pod-2", finalised("pod-2", 2))
    assert house.state("pod-2") == "AVAILABLE"


def test_a_repair_goes_on_when_the_publish_is_cancelled() -> None:
    house = published("pod-1", "pod-2")
    house.pod("pod-2", corrupted("pod-2"))
    house.catalog(cancelling())
    assert states(house) == ("AVAILABLE", "REPLICATING", "CANCELLED")


def test_a_cancel_of_an_earlier_publish_or_said_twice_changes_nothing() -> None:
    house = published("pod-1")
    house.publish(2)
    before = dict(house.documents)
    assert house.catalog(cancelling(1)) == []
    assert house.documents == before
    house.catalog(cancelling(2))
    before = dict(house.documents)
    assert house.catalog(cancelling(2)) == []
    assert house.documents == before


@pytest.mark.parametrize("words", [cancelling(), unpublishing()])
def test_a_publish_that_is_overtaken_by_its_end_never_begins(words: Any) -> None:
    house = House(*PODS)
    assert house.catalog(words) == []
    (refused,) = house.publish()
    assert isinstance(refused, PlacementRefused)
    assert refused.failure.code == "called_off"
    assert house.all(CALLED_OFF) == {}
    assert house.publish() == []
    assert "copy.requested" in kinds(house.publish(2))


def test_an_end_that_overtakes_a_further_publish_ends_both() -> None:
    house = published("pod-1", "pod-2")
    house.catalog(unpublishing(2))
    assert house.publish(2) == []
    assert states(house) == ("DELETING", "DELETING", "CANCELLED")


# --- unpublish --------------------------------------------------------------------------------------------------------


def test_an_unpublish_takes_every_copy_back_and_forgets_none_until_its_pod_has() -> None:
    house = published("pod-1", "pod-2")
    said = house.catalog(unpublishing())
    assert kinds(said) == [
        "copy.retired", "copy.withdrawn", "copy.retired", "copy.withdrawn", "copy.cancelled", "copy.withdrawn",
    ]  # fmt: skip
    assert [one.wanted for one in said if isinstance(one, CopyCancelled)] == [False]
    assert states(house) == ("DELETING", "DELETING", "CANCELLED")
    assert house.placement().holders == ()
    for pod in PODS:
        assert kinds(house.pod(pod, dropped(pod))) == ["copy.removed"]
    assert states(house) == ("ABSENT",) * 3
    assert house.placement().state == "WITHDRAWN"
    assert house.pod("pod-2", finalised("pod-2")) == []


def test_a_pod_that_was_away_is_told_to_drop_its_copy_until_it_has() -> None:
    house = published(*PODS)
    house.pass_time(40)
    house.catalog(unpublishing())
    for _ in range(3):
        said = house.pod("pod-2", heartbeat())
        withdrawn = CopyWithdrawn(pod="pod-2", copy=copy_id(VERSION, "pod-2", 0), version=VERSION, attempt=1)
        assert withdrawn in said
        house.pass_time(40)
    house.pod("pod-2", heartbeat())
    assert kinds(house.pod("pod-2", dropped("pod-2"))) == ["copy.removed"]
    house.pass_time(40)
    assert "copy.withdrawn" not in kinds(house.pod("pod-2", heartbeat()))


def test_an_unpublished_version_can_be_published_again() -> None:
    house = published(*PODS)
    house.catalog(unpublishing())
    house.pod("pod-2", dropped("pod-2"))
    said = house.publish(2, targets=Targets(kind="list", pods=("pod-2",)))
    assert "copy.requested" in kinds(said)
    assert (house.placement().state, house.placement().wanted) == ("LIVE", 1)
    house.pod("pod-2", finalised("pod-2", 2))
    assert states(house) == ("DELETING", "AVAILABLE", "DELETING")


def test_what_was_skipped_or_never_asked_for_is_gone_with_the_unpublish() -> None:
    house = House("pod-1")
    house.pod("pod-2", announcement(formats=("vhd",)))
    house.pod("pod-3", announcement())
    house.pass_time(40)
    house.publish()
    said = house.catalog(unpublishing())
    assert kinds(said).count("copy.removed") == 3
    assert "copy.withdrawn" not in kinds(said)
    assert states(house) == ("ABSENT",) * 3


# --- all or nothing ---------------------------------------------------------------------------------------------------


def test_one_copy_that_fails_for_good_takes_all_of_an_all_or_nothing_publish_back() -> None:
    house = published("pod-1", terms=ALL_OR_NOTHING)
    said = house.pod("pod-2", rejected("pod-2", retry=False, code="io_error"))
    assert kinds(said)[0] == "copy.failed"
    assert "placement.rolled_back" not in kinds(said)
    assert states(house) == ("DELETING", "DELETING", "CANCELLED")
    house.pod("pod-1", dropped("pod-1"))
    house.pod("pod-2", dropped("pod-2"))
    _, rolled = house.pod("pod-3", dropped("pod-3"))
    assert isinstance(rolled, PlacementRolledBack)
    assert (rolled.failure.code, rolled.publication) == ("all_or_nothing", 1)
    assert "pod-2" in rolled.failure.text
    assert states(house) == ("ABSENT",) * 3
    assert (house.placement().state, house.placement().rolling) == ("WITHDRAWN", None)


def test_what_an_earlier_publish_made_stays_when_a_later_one_is_rolled_back() -> None:
    house = published("pod-1", "pod-2", targets=Targets(kind="list", pods=("pod-1", "pod-2")))
    house.publish(2, terms=ALL_OR_NOTHING)
    said = house.pod("pod-3", rejected("pod-3", retry=False))
    planned = [one for one in said if one.words() == "placement.planned"]
    assert [one.wanted for one in planned] == [2]
    said = house.pod("pod-3", dropped("pod-3"))
    assert kinds(said)[-2:] == ["placement.rolled_back", "placement.planned"]
    assert states(house) == ("AVAILABLE", "AVAILABLE", "ABSENT")
    assert house.placement().state == "LIVE"


def test_after_a_roll_back_the_terms_hold_that_held_before() -> None:
    house = House(*PODS)
    house.publish(targets=Targets(kind="list", pods=("pod-1",)), terms=Terms(priority="low"))
    house.pod("pod-1", finalised("pod-1"))
    terms = Terms(all_or_nothing=True, priority="urgent", exclude_from_latest=True)
    house.publish(publication=2, again=True, targets=Targets(), terms=terms, replicas=1)
    house.pod("pod-2", rejected("pod-2", retry=False))
    said = house.pod("pod-3", dropped("pod-3")) + house.pod("pod-2", dropped("pod-2"))
    assert states(house) == ("AVAILABLE", "ABSENT", "ABSENT")
    assert house.placement().terms == Terms(priority="low")
    planned = kinds(said).index("placement.planned")
    assert kinds(said).index("placement.rolled_back") < planned
    assert said[planned].terms == Terms(priority="low")
    assert not house.copy("pod-1").excluded
    roster = house.get(ROSTER, VERSION)
    assert roster is not None
    assert (roster.targets.pods, roster.former) == (("pod-1",), None)


def test_a_pod_that_is_away_does_not_hold_a_roll_back_up_and_drops_its_copy_later() -> None:
    house = published("pod-3", terms=ALL_OR_NOTHING)
    house.pass_time(40)
    house.pod("pod-1", heartbeat())
    house.pod("pod-2", heartbeat())
    house.pod("pod-2", rejected("pod-2", retry=False))
    house.pod("pod-1", dropped("pod-1"))
    assert "placement.rolled_back" in kinds(house.pod("pod-2", dropped("pod-2")))
    assert house.state("pod-3") == "DELETING"
    assert "copy.withdrawn" in kinds(house.pod("pod-3", heartbeat()))
    assert kinds(house.pod("pod-3", dropped("pod-3"))) == ["copy.removed"]


def test_a_pod_that_vanishes_while_it_is_waited_for_ends_the_wait() -> None:
    house = published(terms=ALL_OR_NOTHING)
    house.pod("pod-2", rejected("pod-2", retry=False))
    house.pod("pod-1", dropped("pod-1"))
    house.pod("pod-2", dropped("pod-2"))
    said = house.events(house.pass_time(60))  # nobody reports any more
    assert kinds(said).count("placement.rolled_back") == 1


def test_the_deadline_of_an_all_or_nothing_publish_rolls_it_back() -> None:
    house = published("pod-1", terms=ALL_OR_NOTHING, deadline=House().now + timedelta(seconds=20))
    said = house.events(house.pass_time(20))
    assert "copy.failed" in kinds(said)
    assert states(house) == ("DELETING", "DELETING", "DELETING")


def test_a_repair_that_fails_later_undoes_no_publish() -> None:
    house = published(*PODS, terms=ALL_OR_NOTHING)
    house.pod("pod-2", corrupted("pod-2"))
    house.pod("pod-2", rejected("pod-2", 2, retry=False))
    assert states(house) == ("AVAILABLE", "FAILED", "AVAILABLE")


def test_a_cancel_comes_before_a_roll_back_or_not_at_all() -> None:
    house = published("pod-1", terms=ALL_OR_NOTHING)
    house.say(rejected("pod-2", retry=False), "pod:pod-2")  # the roll-back is due
    house.catalog(cancelling())
    assert states(house) == ("AVAILABLE", "FAILED", "CANCELLED")
    house = published("pod-1", terms=ALL_OR_NOTHING)
    house.pod("pod-2", rejected("pod-2", retry=False))
    assert house.catalog(cancelling()) == []
    assert states(house) == ("DELETING", "DELETING", "CANCELLED")


@pytest.mark.parametrize("held", ["until later", "paused"])
def test_a_publish_that_was_cancelled_while_it_was_held_back_holds_no_later_one_back(held: str) -> None:
    house = House("pod-1", "pod-2", "pod-3")
    later = START + timedelta(minutes=30) if held == "until later" else None
    house.publish(terms=Terms(not_before=later))
    if held == "paused":
        house.asked(PausePlacement)
    house.catalog(cancelling())
    assert (house.state("pod-2"), house.get(RUN, VERSION)) == ("CANCELLED", None)
    house.pass_time(5)
    house.publish(2, targets=Targets(kind="list", pods=("pod-2",)))
    assert house.state("pod-2") == "REPLICATING"
