"""Who starts when: a publish to many pods begins with one group, slots are handed on, and nobody is forgotten."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from contracts.limits import Limits, Window
from contracts.names import copy_id
from contracts.terms import Terms
from core.scheduling import Connected, Draining, Offline, Yard, pod, stuck
from replicator.documents import COPY, LANE, PLACEMENT, QUEUE, RUN
from replicator.domain.copy import Available, Pending, Replicating, RetryPending, unfinished
from replicator.domain.queue import Slots


def _run_to_the_end(yard: Yard, id: str) -> tuple[Counter[str], int]:
    """Wave after wave, every attempt ends well: the images that each holder uploaded to groups, and the waves."""
    fed: Counter[str] = Counter()
    seen: set[tuple[str, object]] = set()
    waves = 0
    while todo := yard.underway():
        waves += 1
        yard.wait(1.0)
        for copy in todo:
            yard.done(copy)
            run = yard.get(RUN, id)
            for group, hold in ({} if run is None else run.holds).items():
                if (group, hold.until) not in seen:
                    seen.add((group, hold.until))
                    fed[hold.feeder] += 1
    return fed, waves


# --- staged starts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("targets", "waves"), [(1, 2), (9, 2), (10, 2), (100, 4), (2000, 17)])
def test_the_source_uploads_one_image_however_many_targets(targets: int, waves: int) -> None:
    yard = Yard(targets + 1)
    id = yard.publish(1)
    run = yard.get(RUN, id)
    assert run is not None
    assert [hold.feeder for hold in run.holds.values()] == ["pod-0"], "one group draws on the source"
    fed, took = _run_to_the_end(yard, id)
    assert yard.states() == {"AVAILABLE": targets + 1}
    assert fed["pod-0"] <= 1
    assert took <= waves, "each wave has more holders to draw on"
    assert yard.all(RUN) == {}, "nothing is left of a run that is over"
    assert yard.all(LANE) == {}


def test_the_first_group_alone_starts_at_once_and_the_next_when_a_member_has_the_version() -> None:
    yard = Yard(28)
    id = yard.publish(1)
    first = [name for name in yard.running() if name != "pod-0"]
    assert len(first) == 9
    assert stuck(yard) == []
    yard.done(copy_id(id, "pod-0", 0))
    assert len(yard.running()) == 9, "the source's own copy is no news: it was a holder before"
    yard.done(copy_id(id, first[0], 0))
    assert len(yard.running()) == 8 + 9, "who has the version feeds the next group"
    yard.done(copy_id(id, first[1], 0))
    assert len(yard.running()) == 7 + 18


def test_a_group_that_stalls_gives_its_feeder_to_the_next() -> None:
    yard = Yard(19, Slots(patience=60.0))
    id = yard.publish(1)
    first = yard.running(id)
    yard.wait(59.0)
    assert yard.running(id) == first
    yard.wait(2.0)
    assert len(yard.running(id)) > len(first)


def test_a_group_of_slow_pods_has_longer_before_it_counts_as_stalled() -> None:
    yard = Yard(2, Slots(patience=60.0))
    first = yard.publish(1, ["pod-1"])
    yard.wait(1000.0)
    yard.done(copy_id(first, "pod-1", 0))
    run = yard.get(RUN, yard.publish(2, ["pod-1"]))
    assert run is not None
    assert [hold.until - yard.now for hold in run.holds.values()] == [timedelta(seconds=3000)]


def test_a_group_whose_pods_are_away_holds_up_nobody_and_starts_when_they_are_back() -> None:
    yard = Yard(20)
    for number in range(1, 10):
        yard.stands(pod(f"pod-{number}", Offline))
    id = yard.publish(1)
    _run_to_the_end(yard, id)
    assert yard.states() == {"AVAILABLE": 11, "PENDING": 9}
    assert yard.all(LANE) == {}, "pods that are away keep no turn"
    for number in range(1, 10):
        yard.stands(pod(f"pod-{number}"))
    yard.settle()
    assert len(yard.running(id)) == 9
    _run_to_the_end(yard, id)
    assert yard.states() == {"AVAILABLE": 20}


def test_a_pod_that_goes_away_in_the_middle_lets_its_feeder_go() -> None:
    yard = Yard(3, Slots())
    id = yard.publish(1, ["pod-1"])
    assert yard.running(id) == ["pod-1"]
    yard.stands(pod("pod-1", Offline))
    yard.settle()
    run = yard.get(RUN, id)
    assert run is not None
    assert run.holds == {}
    assert yard.all(LANE) == {}
    yard.stands(pod("pod-1"))
    yard.settle()
    yard.done(copy_id(id, "pod-1", 0))
    assert yard.states() == {"AVAILABLE": 1}
    assert yard.all(RUN) == {}


def test_without_a_holder_in_touch_nothing_starts_until_one_is_back() -> None:
    yard = Yard(3)
    yard.stands(pod("pod-0", Offline))
    yard.settle()
    id = yard.publish(1, ["pod-1", "pod-2"])
    yard.wait(3600.0)
    assert yard.states() == {"PENDING": 2}
    assert all(copy.attempt == 0 for copy in yard.all(COPY).values())
    assert yard.all(LANE) == {}
    yard.stands(pod("pod-0"))
    yard.settle()
    assert len(yard.running(id)) == 2


def test_a_draining_source_serves_but_receives_nothing() -> None:
    yard = Yard(3)
    yard.stands(pod("pod-0", Draining))
    yard.settle()
    id = yard.publish(1)
    assert sorted(yard.running(id)) == ["pod-1", "pod-2"]


def test_further_replicas_wait_for_the_first_one_on_their_pod() -> None:
    yard = Yard(3)
    id = yard.publish(1, ["pod-1"], replicas=3)
    assert yard.underway() == [copy_id(id, "pod-1", 0)]
    yard.done(copy_id(id, "pod-1", 0))
    assert yard.underway() == [copy_id(id, "pod-1", 1)]
    yard.done(copy_id(id, "pod-1", 1))
    yard.done(copy_id(id, "pod-1", 2))
    assert yard.states() == {"AVAILABLE": 3}


# --- a pod's slots ----------------------------------------------------------------------------------------------------


def test_a_pod_receives_as_many_as_it_has_slots_and_a_freed_one_is_handed_on() -> None:
    yard = Yard(2, Slots(pod=2, tenant=9))
    ids = [yard.publish(number, ["pod-1"]) for number in range(1, 5)]
    assert [copy.version for copy in yard.all(COPY).values() if isinstance(copy, Replicating)] == ids[:2]
    yard.done(copy_id(ids[0], "pod-1", 0))
    assert [copy.version for copy in yard.all(COPY).values() if isinstance(copy, Replicating)] == ids[1:3]
    yard.fail(copy_id(ids[1], "pod-1", 0))
    assert [copy.version for copy in yard.all(COPY).values() if isinstance(copy, Replicating)] == ids[2:4]
    assert stuck(yard) == []


def test_the_limits_of_a_pod_say_how_many_it_receives() -> None:
    yard = Yard(2, Slots(pod=2, tenant=9))
    yard.stands(pod("pod-1"), Limits(copies=1))
    for number in range(1, 5):
        yard.publish(number, ["pod-1"])
    assert len(yard.underway()) == 1
    yard.stands(pod("pod-1"), Limits(copies=3))
    yard.settle()
    assert len(yard.underway()) == 3


def test_many_ends_in_one_batch_cost_one_look_at_the_queue() -> None:
    yard = Yard(2, Slots(pod=3, tenant=99))
    for number in range(1, 9):
        yard.publish(number, ["pod-1"])
    for id in yard.underway():
        copy = yard.copy(id)
        yard.say_done(copy)
    assert sum(name == "dispatch:pod-1" for name in yard.reminders) == 1
    yard.settle()
    assert len(yard.underway()) == 3


def test_outside_its_windows_a_pod_queues_and_is_woken_when_they_open() -> None:
    yard = Yard(2)
    yard.stands(pod("pod-1"), Limits(windows=(Window(begin="02:00", end="03:00"),)))
    yard.settle()
    id = yard.publish(1, ["pod-1"])
    assert yard.running() == []
    assert yard.all(LANE) == {}
    yard.wait(2 * 3600 - 1)
    assert yard.running() == []
    yard.wait(2)
    assert yard.running(id) == ["pod-1"]


# --- turns ------------------------------------------------------------------------------------------------------------


def test_a_publish_after_the_last_slot_of_its_tenant_waits_and_an_urgent_one_goes_first() -> None:
    yard = Yard(5, Slots(tenant=1))
    first = yard.publish(1, ["pod-1"])
    later = yard.publish(2, ["pod-2"])
    sooner = yard.publish(3, ["pod-3"], terms=Terms(priority="urgent"))
    other = yard.publish(4, ["pod-4"], tenant="other")
    assert sorted(yard.running()) == ["pod-1", "pod-4"]
    yard.done(copy_id(first, "pod-1", 0))
    assert sorted(yard.running()) == ["pod-3", "pod-4"]
    yard.done(copy_id(sooner, "pod-3", 0))
    yard.done(copy_id(other, "pod-4", 0))
    assert yard.running(later) == ["pod-2"]
    yard.done(copy_id(later, "pod-2", 0))
    assert yard.all(LANE) == {}


def test_what_takes_no_turn_starts_beside_a_full_lane() -> None:
    yard = Yard(5, Slots(tenant=1))
    yard.publish(1, ["pod-1"])
    yard.publish(2, ["pod-2"], turn=False)
    assert sorted(yard.running()) == ["pod-1", "pod-2"]


def test_publishes_across_regions_are_counted_apart() -> None:
    yard = Yard(1, Slots(tenant=1, tenant_across=2))
    yard.stands(pod("pod-0", region="east"))
    for number, region in enumerate(("east", "west", "west", "west"), 1):
        yard.stands(pod(f"pod-{number}", region=region))
    yard.settle()
    for number in range(1, 5):
        yard.publish(number, [f"pod-{number}"])
    assert sorted(yard.running()) == ["pod-1", "pod-2", "pod-3"]


def test_a_publish_before_its_time_takes_no_slot_and_starts_when_it_comes() -> None:
    yard = Yard(3, Slots(tenant=1))
    begin = yard.now + timedelta(minutes=5)
    early = yard.publish(1, ["pod-1"], terms=Terms(not_before=begin))
    other = yard.publish(2, ["pod-2"])
    assert yard.running() == ["pod-2"]
    yard.done(copy_id(other, "pod-2", 0))
    yard.wait(299)
    assert yard.running() == []
    yard.wait(2)
    assert yard.running(early) == ["pod-1"]


def test_a_paused_publish_starts_nothing_more_and_gives_its_turn_away_until_it_goes_on() -> None:
    yard = Yard(21, Slots(tenant=1))
    id = yard.publish(1)
    other = yard.publish(2, ["pod-1"])
    yard.pause(id, paused=True)
    for copy in yard.underway():
        if copy.startswith(id):
            yard.done(copy)
    assert yard.running(id) == [], "what was under way came to its end, nothing followed"
    assert yard.running(other) == ["pod-1"]
    yard.pause(id, paused=False)
    assert yard.running(id) == [], "it waits for its turn like any other"
    yard.done(copy_id(other, "pod-1", 0))
    assert yard.running(id) != []
    _run_to_the_end(yard, id)
    assert set(yard.states()) == {"AVAILABLE"}


def test_a_publish_that_is_cancelled_while_it_waits_leaves_the_lane() -> None:
    yard = Yard(3, Slots(tenant=1))
    first, second, third = (yard.publish(number, [f"pod-{number % 3}"]) for number in (1, 2, 4))
    yard.cancel(second)
    lane = yard.get(LANE, "acme")
    assert lane is not None
    assert (list(lane.running), list(lane.queued)) == ([first], [third])
    yard.cancel(first)
    assert yard.running() == ["pod-1"], "a cancelled copy gives its slot and its turn away"
    assert yard.running(third) == ["pod-1"]


# --- repairs ----------------------------------------------------------------------------------------------------------


def test_a_lost_copy_is_made_again_without_a_turn_and_from_another_pod() -> None:
    yard = Yard(4, Slots(tenant=1))
    id = yard.publish(1)
    _run_to_the_end(yard, id)
    yard.publish(2, ["pod-3"])
    yard.lose(copy_id(id, "pod-1", 0))
    assert yard.running(id) == ["pod-1"]
    yard.done(copy_id(id, "pod-1", 0))
    assert yard.get(RUN, id) is None


def test_a_lost_copy_that_nobody_else_has_waits_for_a_holder() -> None:
    yard = Yard(3)
    id = yard.publish(1, ["pod-1"])
    yard.done(copy_id(id, "pod-1", 0))
    yard.stands(pod("pod-0", Offline))
    yard.lose(copy_id(id, "pod-1", 0))
    yard.wait(3600.0)
    assert yard.states() == {"MISSING": 1}
    assert yard.copy(copy_id(id, "pod-1", 0)).attempt == 1
    yard.stands(pod("pod-0"))
    yard.settle()
    assert yard.running(id) == ["pod-1"]


# --- retries ----------------------------------------------------------------------------------------------------------


def test_a_copy_whose_pod_is_away_when_its_next_attempt_is_due_waits_for_it() -> None:
    yard = Yard(2)
    id = copy_id(yard.publish(1, ["pod-1"]), "pod-1", 0)
    yard.fail(id)
    assert isinstance(yard.copy(id), RetryPending)
    yard.stands(pod("pod-1", Offline))
    yard.wait(60.0)
    assert isinstance(yard.copy(id), Pending)
    yard.stands(pod("pod-1"))
    yard.settle()
    assert isinstance(yard.copy(id), Replicating)
    assert yard.copy(id).attempt == 2


def test_a_copy_whose_next_attempt_finds_no_slot_waits_for_one() -> None:
    yard = Yard(2, Slots(pod=1, tenant=9))
    first, second = (copy_id(yard.publish(number, ["pod-1"]), "pod-1", 0) for number in (1, 2))
    yard.fail(first)
    assert isinstance(yard.copy(second), Replicating)
    yard.wait(60.0)
    assert isinstance(yard.copy(first), Pending)
    yard.done(second)
    assert isinstance(yard.copy(first), Replicating)


# --- anything, in any order -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_slots_hold_and_nobody_is_forgotten(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(3, 24)
    slots = Slots(
        pod=rng.randint(1, 3), source=rng.randint(1, 2), tenant=rng.randint(1, 3), tenant_across=2, patience=600.0
    )
    yard = Yard(count, slots)
    published: list[str] = []
    paused: set[str] = set()
    for _ in range(rng.randint(30, 120)):
        dice = rng.random()
        todo = yard.underway()
        if dice < 0.15 and len(published) < 12:
            targets = rng.sample(yard.pods, rng.randint(1, count))
            terms = Terms(priority=rng.choice(["urgent", "high", "normal", "low"]))
            if rng.random() < 0.2:
                terms = Terms(not_before=yard.now + timedelta(seconds=rng.randint(1, 500)))
            given = {"tenant": rng.choice(["a", "b", "c"]), "source": rng.choice(yard.pods), "turn": rng.random() < 0.8}
            published.append(
                yard.publish(len(published) + 1, targets, terms=terms, replicas=rng.choice([1, 1, 2]), **given)
            )
        elif dice < 0.55 and todo:
            yard.done(rng.choice(todo))
        elif dice < 0.65 and todo:
            yard.fail(rng.choice(todo), retry=rng.random() < 0.8)
        elif dice < 0.8:
            yard.stands(pod(rng.choice(yard.pods), rng.choice([Connected, Connected, Offline, Draining])))
        elif dice < 0.83 and (there := [id for id, one in yard.all(COPY).items() if isinstance(one, Available)]):
            yard.lose(rng.choice(there))
        elif dice < 0.85 and published:
            yard.cancel(rng.choice(published))
        elif dice < 0.9 and published:
            id = rng.choice(published)
            paused ^= {id}
            yard.pause(id, paused=id in paused)
        else:
            yard.wait(rng.random() * 20)
        if rng.random() < 0.7:
            yard.settle()
        for name, queue in yard.all(QUEUE).items():
            assert queue.receiving <= slots.pod, name
        for lane in yard.all(LANE).values():
            assert sum(not turn.across for turn in lane.running.values()) <= slots.tenant
        for id, run in yard.all(RUN).items():
            assert max(Counter(hold.feeder for hold in run.holds.values()).values(), default=0) <= slots.source, id
        yard.settle()
        assert stuck(yard) == []
    # In the end everybody is there and everything goes well: every copy comes to its end.
    for name in yard.pods:
        yard.stands(pod(name))
    for id in paused:
        yard.pause(id, paused=False)
    yard.wait(700.0)
    for _ in range(3000):
        todo = yard.underway()
        if not todo:
            break
        yard.done(rng.choice(todo))
        yard.wait(1.0)
    orphans = {id for id, placement in yard.all(PLACEMENT).items() if not placement.known}  # nobody has them any more
    left = {copy.version for copy in yard.all(COPY).values() if unfinished(copy)}
    assert left <= orphans
    assert yard.all(RUN).keys() == left
    assert yard.all(LANE) == {}
    queues = yard.all(QUEUE).values()
    assert all(one.place == "leaving" or one.version in left for queue in queues for one in queue.copies.values())
