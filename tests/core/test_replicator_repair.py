"""A copy whose bytes changed at rest: it counts no more, and is made anew from another holder."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.hub import CopyLost
from contracts.events.to_pods import CopyRequested
from contracts.names import copy_id
from core.replicating import (
    DEADLINE,
    VERSION,
    House,
    announcement,
    continued,
    corrupted,
    finalised,
    heartbeat,
    kinds,
    plainly,
    rejected,
    transferred,
)
from replicator.documents import PLACEMENT, QUEUE
from replicator.domain.retry import Policy
from replicator.handlers import Config, reactions

REPAIR = 60.0


def published(*pods: str, policy: Policy | None = None) -> House:
    """A house in which a version is AVAILABLE on ``pods``; the source is on pod-1."""
    house = House(*pods, policy=policy)
    house.publish()
    for pod in pods:
        house.pod(pod, finalised(pod))
    return house


def known(house: House) -> tuple[str, ...]:
    placement = house.get(PLACEMENT, VERSION)
    assert placement is not None
    return placement.known


def served(said: list[Any]) -> set[str]:
    (asked,) = (one for one in said if isinstance(one, CopyRequested))
    return {holder.pod for holder in asked.holders}


def test_a_corrupt_copy_is_lost_at_once_and_asked_for_anew_from_the_others() -> None:
    house = published("pod-1", "pod-2", "pod-3")
    said = house.pod("pod-2", corrupted("pod-2"))
    assert kinds(said) == ["copy.lost", "copy.started", "copy.requested"]
    lost, _, asked = said
    assert isinstance(lost, CopyLost)
    assert (lost.pod, lost.state, lost.failure.code, lost.revision) == ("pod-2", "CORRUPT", "bit_rot", 4)
    assert asked.attempt == 2
    assert served(said) == {"pod-1", "pod-3"}
    assert "pod-2" not in known(house)
    said = house.pod("pod-2", finalised("pod-2", 2))
    assert kinds(said) == ["copy.available"]
    assert "pod-2" in known(house)
    assert [failure.code for failure in house.copy("pod-2").history] == ["bit_rot"]


def test_a_repair_has_no_deadline_and_its_ticket_lives_as_long_as_any() -> None:
    house = published("pod-1", "pod-2")
    house.pass_time((DEADLINE - house.now) / timedelta(seconds=1) + 3600)
    for pod in ("pod-1", "pod-2"):
        house.pod(pod, heartbeat())
    said = house.pod("pod-2", corrupted("pod-2"))
    assert said[-1].ticket_expires == house.now + timedelta(hours=6)


def test_the_deadline_of_the_publish_does_not_end_a_repair() -> None:
    house = published("pod-1", "pod-2")
    house.pod("pod-2", corrupted("pod-2"))
    said = house.events(house.pass_time((DEADLINE - house.now) / timedelta(seconds=1) + 1))
    assert not [one for one in said if one.words().startswith("copy.")]
    assert house.state("pod-2") == "REPLICATING"


@pytest.mark.parametrize(
    ("speaker", "words"),
    [
        ("pod-3", corrupted("pod-2")),
        ("pod-2", corrupted("pod-2", version="0" * 32)),
        ("pod-2", corrupted("pod-2", copy="nothing")),
        ("pod-4", corrupted("pod-4")),
    ],
)
def test_a_finding_that_is_not_about_what_we_count_on_changes_nothing(speaker: str, words: Any) -> None:
    house = published("pod-1", "pod-2", "pod-3")
    house.pod("pod-4", announcement())
    before = dict(house.documents)
    assert house.pod(speaker, words) == []
    assert house.documents == before


def test_a_finding_said_twice_and_words_about_the_lost_attempt_change_nothing() -> None:
    house = published("pod-1", "pod-2")
    house.pod("pod-2", corrupted("pod-2"))
    before = dict(house.documents)
    for words in (corrupted("pod-2"), finalised("pod-2"), transferred("pod-2"), rejected("pod-2")):
        assert house.pod("pod-2", words) == []
    assert house.documents == before


def test_without_another_holder_in_touch_it_stays_corrupt_until_one_is_there() -> None:
    house = published("pod-1", "pod-2")
    house.pass_time(40)
    house.pod("pod-2", heartbeat())  # pod-1, the only other holder, is out of touch
    assert kinds(house.pod("pod-2", corrupted("pod-2"))) == ["copy.lost"]
    assert house.state("pod-2") == "CORRUPT"
    assert house.copy("pod-2").attempt == 1
    for _ in range(10):
        house.pod("pod-2", heartbeat())
        assert house.events(house.pass_time(REPAIR / 3)) == []
    said: list[Any] = []
    for _ in range(3):
        house.pod("pod-1", heartbeat())
        house.pod("pod-2", heartbeat())
        said += house.events(house.pass_time(REPAIR / 3))
    assert kinds(said) == ["copy.started", "copy.requested"]
    assert served(said) == {"pod-1"}


def test_a_pod_that_went_away_is_repaired_on_its_return() -> None:
    house = published("pod-1", "pod-2")
    house.pass_time(40)
    house.pod("pod-1", heartbeat())
    assert kinds(house.pod("pod-2", corrupted("pod-2"))) == ["copy.lost"]  # what it said before it went
    assert not [name for name in house.reminders if name.startswith("retry:")], "nothing is planned for who is away"
    assert kinds(house.pod("pod-2", heartbeat())) == ["pod.connected", "copy.started", "copy.requested"]


def test_the_source_pod_is_not_asked_for_what_it_lost_and_is_repaired_by_the_others() -> None:
    house = published("pod-1", "pod-2", "pod-3")
    assert served(house.pod("pod-1", corrupted("pod-1"))) == {"pod-2", "pod-3"}
    assert served(house.pod("pod-2", corrupted("pod-2"))) == {"pod-3"}
    house.publish(2)
    assert known(house) == ("pod-3",), "a further publish does not forget what was lost"
    house.pod("pod-1", finalised("pod-1", house.copy("pod-1").attempt))
    assert set(known(house)) == {"pod-1", "pod-3"}


def test_when_everything_is_lost_nobody_is_asked_in_vain() -> None:
    house = published("pod-1", "pod-2")
    house.pod("pod-1", corrupted("pod-1"))
    assert kinds(house.pod("pod-2", corrupted("pod-2"))) == ["copy.lost"]
    assert known(house) == ()
    attempts = [house.copy(pod).attempt for pod in ("pod-1", "pod-2")]
    for _ in range(40):
        for pod in ("pod-1", "pod-2"):
            house.pod(pod, heartbeat())
        house.pass_time(20)
    assert [house.copy(pod).attempt for pod in ("pod-1", "pod-2")] == attempts
    house.pod("pod-1", rejected("pod-1", house.copy("pod-1").attempt))
    for _ in range(40):
        for pod in ("pod-1", "pod-2"):
            house.pod(pod, heartbeat())
        house.pass_time(20)
    assert house.state("pod-1") == "RETRY_PENDING", "its attempts are for when somebody holds the version"


def test_a_repair_whose_attempts_run_out_fails() -> None:
    house = published("pod-1", "pod-2", policy=Policy(max_attempts=2, backoff=(5.0,)))
    house.pod("pod-2", corrupted("pod-2"))
    assert kinds(house.pod("pod-2", rejected("pod-2", 2, code="io_error"))) == ["copy.delayed"]
    house.pass_time(7)
    assert kinds(house.pod("pod-2", rejected("pod-2", 3, code="io_error"))) == ["copy.failed"]
    assert house.state("pod-2") == "FAILED"
    queue = house.get(QUEUE, "pod-2")
    assert queue is None or not queue.copies


def test_a_republish_takes_a_corrupt_copy_along() -> None:
    house = published("pod-1", "pod-2")
    house.pod("pod-1", corrupted("pod-1"))
    house.pod("pod-2", corrupted("pod-2"))
    said = house.publish(2)
    assert [(one.pod, one.state) for one in said if one.words() == "copy.planned"] == [
        ("pod-1", "PENDING"), ("pod-2", "PENDING"),
    ]  # fmt: skip
    assert not [name for name in house.reminders if name.startswith(f"retry:{copy_id(VERSION, 'pod-2', 0)}")]
    assert house.pod("pod-2", finalised("pod-2")) == [], "that is what it lost"
    assert house.state("pod-2") == "PENDING", "nobody holds the version"


def stalls(house: House) -> list[str]:
    return [name for name in house.reminders if name.startswith("stall:")]


def test_a_repair_of_which_nothing_is_heard_until_its_ticket_ends_is_a_failed_attempt() -> None:
    house = published("pod-1", "pod-2", policy=Policy(backoff=(5.0,)))
    house.reactions = reactions(Config(sign=plainly, policy=Policy(backoff=(5.0,)), ticket_seconds=20))
    house.pod("pod-2", corrupted("pod-2"))
    house.pass_time(15)
    assert kinds(house.pod("pod-2", continued("pod-2", 2))) == ["copy.extended"]
    house.pod("pod-1", heartbeat())
    house.pod("pod-2", heartbeat())
    assert house.events(house.pass_time(15)) == [], "it said in time that it goes on"
    said = house.events(house.pass_time(6))
    assert kinds(said) == ["copy.delayed"]
    assert said[0].failure.code == "deadline_exceeded"
    assert stalls(house) == []
    house.pod("pod-1", heartbeat())
    house.pod("pod-2", heartbeat())
    assert kinds(house.events(house.pass_time(8))) == ["copy.started", "copy.requested"]


@pytest.mark.parametrize("words", [finalised("pod-2", 2), rejected("pod-2", 2), rejected("pod-2", 2, retry=False)])
def test_a_repair_that_ended_is_not_waited_for(words: Any) -> None:
    house = published("pod-1", "pod-2")
    house.pod("pod-2", corrupted("pod-2"))
    assert stalls(house)
    house.pod("pod-2", words)
    assert stalls(house) == []


def test_a_copy_of_a_publish_has_its_deadline_and_no_other() -> None:
    house = House("pod-1", "pod-2")
    house.publish()
    assert stalls(house) == []
    house.pod("pod-2", finalised("pod-2"))
    house.pod("pod-2", corrupted("pod-2"))
    house.publish(2)
    assert stalls(house) == []


def test_a_corrupt_item_of_another_digest_is_not_what_we_count_on_either() -> None:
    house = published("pod-1", "pod-2")
    assert "copy.lost" in kinds(house.pod("pod-2", corrupted("pod-2", digest="0" * 64)))
