"""Who serves a copy, for how long a ticket opens doors, and how an attempt goes on when it takes longer."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from contracts.events.hub import Targets
from contracts.events.to_pods import CopyExtended, CopyRequested
from contracts.names import copy_id
from contracts.topology import MAX_MESSAGE
from core.replicating import (
    DEADLINE,
    VERSION,
    House,
    announcement,
    continued,
    finalised,
    heartbeat,
    kinds,
    plainly,
    rejected,
)
from replicator.domain.groups import LARGEST
from replicator.domain.retry import Policy
from replicator.handlers import Config, reactions

PODS = ("pod-1", "pod-2", "pod-3", "pod-4")
"""The first of them has the source."""


def asked(said: list[Any]) -> dict[str, CopyRequested]:
    return {one.pod: one for one in said if isinstance(one, CopyRequested)}


def holders(request: CopyRequested | CopyExtended) -> dict[str, bool]:
    """Who is named, and whether as one that has everything."""
    return {holder.pod: holder.complete for holder in request.holders}


def test_pods_that_are_asked_together_are_told_of_each_other_behind_the_source() -> None:
    house = House(*PODS)
    requests = asked(house.publish())
    assert holders(requests["pod-1"]) == {}, "it has the source itself"
    for pod in PODS[1:]:
        others = dict.fromkeys((one for one in PODS[1:] if one != pod), False)
        assert holders(requests[pod]) == {"pod-1": True, **others}
        assert requests[pod].holders[0].pod == "pod-1"


def test_a_peer_out_of_touch_is_not_named_and_is_fed_by_the_others_when_it_is_back() -> None:
    house = House(*PODS)
    house.pass_time(40)
    for pod in PODS[:3]:
        house.pod(pod, heartbeat())
    assert holders(asked(house.publish())["pod-2"]) == {"pod-1": True, "pod-3": False}
    back = asked(house.pod("pod-4", heartbeat()))
    assert holders(back["pod-4"]) == {"pod-1": True, "pod-2": False, "pod-3": False}


def test_a_peer_that_finished_is_a_holder_like_any_other_and_one_that_failed_is_none() -> None:
    house = House(*PODS, policy=Policy(backoff=(5.0,)))
    house.publish()
    house.pod("pod-3", finalised("pod-3"))
    house.pod("pod-4", rejected("pod-4", retry=False))
    house.pod("pod-2", rejected("pod-2"))
    again = asked(house.events(house.pass_time(7)))["pod-2"]
    assert holders(again) == {"pod-1": True, "pod-3": True}


def test_pods_that_have_the_version_already_are_in_no_group() -> None:
    house = House(*PODS)
    house.publish()
    house.pod("pod-2", finalised("pod-2"))
    for pod in ("pod-1", "pod-3", "pod-4"):
        house.pod(pod, rejected(pod, retry=False))
    requests = asked(house.publish(2))
    assert "pod-2" not in requests
    assert holders(requests["pod-3"]) == {"pod-1": True, "pod-2": True, "pod-4": False}


def test_a_pod_that_the_publish_skips_is_nobodys_peer() -> None:
    house = House(*PODS[:3])
    house.pod("pod-4", announcement(formats=("vhd",)))
    assert holders(asked(house.publish())["pod-2"]) == {"pod-1": True, "pod-3": False}


def test_of_many_pods_each_is_told_of_one_group_and_all_of_a_group_of_the_same() -> None:
    house = House(*(f"pod-{number}" for number in range(1, 101)))
    requests = asked(house.publish())
    for pod, request in requests.items():
        peers = {one for one, complete in holders(request).items() if not complete}
        assert len(peers) < LARGEST
        for peer in peers:
            theirs = {one for one, complete in holders(requests[peer]).items() if not complete}
            assert theirs | {peer} == peers | {pod}


def test_a_request_fits_a_message_whatever_pods_call_themselves() -> None:
    house = House("pod-1")
    pods = [f"{number:02}" + "p" * 30 for number in range(16 + 4 * LARGEST)]
    for pod in pods:
        house.pod(pod, announcement(address="https://" + "a" * 253 + ":65535"))
    requests = list(asked(house.publish()).values())
    for request in requests:  # each that is finished lets others be asked
        if request.pod in pods[: 16 + LARGEST]:
            requests += asked(house.pod(request.pod, finalised(request.pod))).values()
    assert max(len(request.holders) for request in requests) > 8 + LARGEST / 2
    assert max(len(msgspec.json.encode(request)) for request in requests) < MAX_MESSAGE // 4


def test_planning_reads_for_each_copy_a_fixed_number_of_documents() -> None:
    house = House(*(f"pod-{number}" for number in range(1, 201)))
    first = next(iter(asked(house.publish())))
    house.pod(first, rejected(first))
    (reminder,) = (one for name, one in house.reminders.items() if name.startswith("retry:"))
    message = house.message(reminder.body, "self")
    batch = house._load(house.reactions[type(reminder.body)], message)
    assert len(batch.documents) < 3 * (LARGEST + 16) + 8


# --- tickets ----------------------------------------------------------------------------------------------------------


def patient(seconds: float, *pods: str) -> House:
    """A house whose tickets live for ``seconds``."""
    house = House()
    house.reactions = reactions(Config(sign=plainly, policy=Policy(backoff=(5.0,)), ticket_seconds=seconds))
    for pod in pods:
        house.pod(pod, announcement())
    return house


def test_an_attempt_that_goes_on_gets_a_fresh_ticket_and_the_holders_of_now() -> None:
    house = patient(600, *PODS)
    first = asked(house.publish())["pod-2"]
    assert first.ticket_expires == house.now + timedelta(seconds=600)
    house.pod("pod-3", finalised("pod-3"))
    house.pass_time(500)
    for pod in PODS:
        house.pod(pod, heartbeat())
    (extended,) = house.pod("pod-2", continued("pod-2"))
    assert isinstance(extended, CopyExtended)
    assert (extended.pod, extended.copy, extended.attempt) == ("pod-2", copy_id(VERSION, "pod-2", 0), 1)
    assert extended.ticket_expires == house.now + timedelta(seconds=600)
    assert extended.ticket_expires.isoformat() in extended.ticket
    assert holders(extended) == {"pod-1": True, "pod-3": True, "pod-4": False}


def test_no_ticket_outlives_the_deadline_of_its_publish() -> None:
    house = patient(3000, *PODS)
    house.publish()
    house.pass_time(2900)
    (extended,) = house.pod("pod-2", continued("pod-2"))
    assert extended.ticket_expires == DEADLINE


@pytest.mark.parametrize(
    ("speaker", "words"),
    [
        ("pod-3", continued("pod-2")),
        ("pod-2", continued("pod-2", attempt=2)),
        ("pod-2", continued("pod-2", attempt=0)),
        ("pod-2", msgspec.structs.replace(continued("pod-2"), version="0" * 32)),
        ("pod-2", msgspec.structs.replace(continued("pod-2"), copy="nothing")),
        ("pod-4", continued("pod-4")),
    ],
)
def test_who_has_no_attempt_under_way_gets_no_ticket(speaker: str, words: Any) -> None:
    house = House(*PODS)
    house.publish()
    house.pod("pod-4", rejected("pod-4", retry=False))
    assert house.pod(speaker, words) == []


def test_a_pod_that_starts_anew_is_asked_again_with_a_fresh_ticket() -> None:
    house = patient(600, "pod-1", "pod-2")
    house.publish()
    house.pass_time(550)
    said = house.pod("pod-2", announcement("boot-2"))
    assert kinds(said)[-1] == "copy.requested"
    assert said[-1].ticket_expires == house.now + timedelta(seconds=600)


def test_a_list_of_two_pods_makes_a_group_of_two() -> None:
    house = House(*PODS)
    requests = asked(house.publish(targets=Targets(kind="list", pods=("pod-2", "pod-3"))))
    assert holders(requests["pod-2"]) == {"pod-1": True, "pod-3": False}
