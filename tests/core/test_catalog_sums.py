"""The sums of a version's copies: the same in whatever order the words come, and those that the copies themselves give.

The first half proves it of the pure functions, over histories of single copies in every order. The second plays the
replicator: a model of copies that publishes, edits, cancels and removes at random, beside a catalog that hears of it
in order, twice, or late, and that must agree with the model whenever everything was heard.
"""

import itertools
import random
from typing import Any

import pytest

from catalog.documents import COPY
from catalog.domain import copies
from catalog.domain.copies import Copy, CopyEvent
from catalog.domain.publication import Publication, announce, recount
from contracts.events.hub import CopyPlanned, PlacementPlanned, Targets
from contracts.names import copy_id
from core.catalog_world import (
    SETTINGS,
    World,
    announced,
    available,
    cancelled,
    copying,
    delayed,
    failed,
    lost,
    planned,
    removed,
    retired,
)

POD = "pod-1"
HISTORIES: dict[str, tuple[CopyEvent, ...]] = {
    "repaired": (
        planned("v", POD), available("v", POD, revision=2), lost("v", POD, revision=3), copying("v", POD, revision=4),
        available("v", POD, revision=5),
    ),
    "given up": (
        planned("v", POD), copying("v", POD), failed("v", POD), copying("v", POD, revision=4),
        cancelled("v", POD, revision=5),
    ),
    "cancelled and published again": (
        planned("v", POD), copying("v", POD), cancelled("v", POD, revision=3),
        planned("v", POD, publication=2, revision=4), copying("v", POD, revision=5),
    ),
    "its target removed before it was there": (
        planned("v", POD), copying("v", POD), cancelled("v", POD, revision=3, wanted=False), removed("v", POD),
    ),
    "unpublished": (
        planned("v", POD), available("v", POD), retired("v", POD), removed("v", POD),
    ),
    "unpublished and published again": (
        planned("v", POD), available("v", POD, revision=2), retired("v", POD, revision=3),
        removed("v", POD, revision=4), planned("v", POD, publication=2, revision=5, excluded=True),
    ),
    "an exclusion taken back": (
        planned("v", POD, excluded=True), available("v", POD, revision=2),
        planned("v", POD, state="AVAILABLE", revision=3),
    ),
    "skipped, then made": (
        planned("v", POD, state="SKIPPED"), planned("v", POD, publication=2, revision=2), delayed("v", POD),
        available("v", POD, revision=4),
    ),
}  # fmt: skip


def told(events: tuple[CopyEvent, ...], number: int, since: int) -> tuple[Publication, Copy | None]:
    publication, copy = Publication(number=number, since=since), None
    for event in events:
        away = isinstance(event, type(retired("v", POD))) and number == 3
        after = copies.evolve(copy, event, away=away)
        ours = isinstance(event, CopyPlanned) and event.publication == number
        publication = recount(publication, copy, after, event.wanted if ours else 0)  # type: ignore[union-attr]
        copy = after
    return publication, copy


@pytest.mark.parametrize(("number", "since"), [(1, 1), (2, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_copy_and_its_sums_are_the_same_in_whatever_order_the_words_come(
    history: tuple[CopyEvent, ...], number: int, since: int
) -> None:
    expected = told(history, number, since)
    for order in itertools.permutations(history):
        assert told(order, number, since) == expected
        assert told((*order, *order), number, since) == expected, "and however often"


def test_an_excluded_copy_is_excluded_by_its_latest_plan() -> None:
    assert told(HISTORIES["unpublished and published again"], 2, 2)[1].excluded  # type: ignore[union-attr]
    assert not told(HISTORIES["an exclusion taken back"], 1, 1)[1].excluded  # type: ignore[union-attr]


def test_what_is_announced_is_the_highest_word() -> None:
    words: list[PlacementPlanned] = [
        announced("v", 3), announced("v", 5, revision=2), announced("v", 4, revision=3),
        announced("v", 6, publication=2, revision=1), announced("v", 9, publication=3, revision=9),
    ]  # fmt: skip
    for order in itertools.permutations(words):
        publication = Publication(number=2)
        for word in order:
            publication = announce(publication, word)
        assert publication.announced == 6, "one of a publish that is not known is none"


class Model:
    """A replicator in miniature: copies with a state and a revision, and everything it said and was not heard yet."""

    def __init__(self, rng: random.Random, pods: int) -> None:
        self.rng = rng
        self.pods = [f"pod-{n}" for n in range(1, pods + 1)]
        self.states: dict[str, str] = {}
        self.revisions: dict[str, int] = {}
        self.numbers: dict[str, int] = {}
        self.again: set[str] = set()
        """Whose copy failed, was lost or given up since it was planned."""
        self.publication = 0
        self.placement = 0
        self.version = ""
        self.pending: list[Any] = []

    def _next(self, pod: str) -> int:
        self.revisions[pod] = self.revisions.get(pod, 0) + 1
        return self.revisions[pod]

    @property
    def wanted(self) -> list[str]:
        return [pod for pod, state in self.states.items() if state not in ("ABSENT", "DELETING", "DROPPED")]

    def plan(self, pods: list[str]) -> None:
        """Want copies on ``pods``, and say so: first how many there are, then each."""
        states = {pod: self.states.get(pod) for pod in pods}
        for pod in pods:
            if states[pod] != "AVAILABLE":
                self.states[pod] = self.rng.choice(["PENDING"] * 5 + ["SKIPPED"])
            self.numbers[pod] = self.publication
        self.again -= set(pods)
        self.placement += 1
        word = announced(self.version, len(self.wanted), publication=self.publication, revision=self.placement)
        self.pending.append(word)
        ours = sum(number == self.publication for number in self.numbers.values())
        for pod in pods:
            self.pending.append(
                planned(
                    self.version,
                    pod,
                    wanted=ours,
                    state=self.states[pod],
                    publication=self.publication,
                    revision=self._next(pod),
                )
            )

    def take_back(self, pods: list[str]) -> None:
        """Want no copies on ``pods``."""
        for pod in pods:
            state = self.states[pod]
            if state == "AVAILABLE":
                self.states[pod] = "DELETING"
                self.pending.append(retired(self.version, pod, revision=self._next(pod)))
            elif state in ("PENDING", "REPLICATING", "LOST"):
                self.states[pod] = "DROPPED"
                self.again.add(pod)
                self.pending.append(cancelled(self.version, pod, revision=self._next(pod), wanted=False))
            elif state in ("FAILED", "SKIPPED", "CANCELLED"):
                self.states[pod] = "ABSENT"
                self.pending.append(removed(self.version, pod, revision=self._next(pod)))
        self.placement += 1
        word = announced(self.version, len(self.wanted), publication=self.publication, revision=self.placement)
        self.pending.insert(max(len(self.pending) - len(pods), 0), word)

    def cancel(self) -> None:
        """Give up what is under way; a repair is none of that."""
        for pod, state in self.states.items():
            if state in ("PENDING", "REPLICATING") and pod not in self.again:
                self.states[pod] = "CANCELLED"
                self.again.add(pod)
                self.pending.append(cancelled(self.version, pod, revision=self._next(pod)))

    def step(self) -> None:
        """Something happens to a copy."""
        if not self.states:
            return
        pod = self.rng.choice(sorted(self.states))
        moves: dict[str, dict[str, Any]] = {
            "PENDING": {"REPLICATING": copying},
            "REPLICATING": {"AVAILABLE": available, "FAILED": failed, "REPLICATING": delayed},
            "AVAILABLE": {"LOST": lost},
            "LOST": {"AVAILABLE": available, "FAILED": failed, "REPLICATING": copying},
            "FAILED": {"REPLICATING": copying},
            "DELETING": {"ABSENT": removed},
            "DROPPED": {"ABSENT": removed},
        }
        choices = moves.get(self.states[pod])
        if choices is None or (self.states[pod] in ("AVAILABLE", "FAILED") and self.rng.random() < 0.8):
            return
        state = self.rng.choice(sorted(choices))
        self.states[pod] = state
        if state in ("LOST", "FAILED"):
            self.again.add(pod)
        self.pending.append(choices[state](self.version, pod, revision=self._next(pod)))

    def count(self, *states: str) -> int:
        return sum(state in states for state in self.states.values())


OPEN = ("PENDING", "REPLICATING", "LOST")


def expected_state(states: dict[str, str], again: set[str]) -> str:
    """What its copies make of a version of which no publish is under way."""
    if "AVAILABLE" not in states.values():
        return "FAILED"
    short = any(state in ("FAILED", "CANCELLED") or (state in OPEN and pod in again) for pod, state in states.items())
    return "PARTIALLY_AVAILABLE" if short else "AVAILABLE"


def check(world: World, model: Model) -> None:
    """Everything was heard: the catalog's sums are the model's, and nothing is held for a copy that is not there."""
    publication = world.version(model.version).publication
    since = publication.since
    dead = [pod for pod in model.states if model.numbers[pod] < since]
    live = {pod: state for pod, state in model.states.items() if pod not in dead or state in ("AVAILABLE", *OPEN)}

    def count(*states: str) -> int:
        return sum(state in states for state in live.values())

    found = (publication.available, publication.failed, publication.skipped, publication.cancelled)
    assert found == (count("AVAILABLE"), count("FAILED"), count("SKIPPED"), count("CANCELLED"))
    missing = sum(state in OPEN and pod in model.again for pod, state in live.items())
    assert (publication.missing, publication.moving) == (missing, count(*OPEN) - missing)
    state = world.state(model.version)
    if state in ("AVAILABLE", "PARTIALLY_AVAILABLE", "FAILED"):
        assert state == expected_state(live, model.again), live
    elif state == "REPLICATING":
        assert publication.open, "it is over when nothing of it is under way"
    for pod, state in model.states.items():
        copy = world.get(COPY, copy_id(model.version, pod, 0))
        assert copy is not None
        assert (copy.state == "AVAILABLE") == (state == "AVAILABLE")


def hear(world: World, model: Model, rng: random.Random, *, in_order: bool) -> None:
    said, model.pending = model.pending, []
    if not in_order:
        said = rng.sample(said, len(said)) + said[::3]
    for event in said:
        world.copy(event)


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("seed", range(120))
def test_the_catalog_agrees_with_the_replicator_whatever_is_done(seed: int, in_order: bool) -> None:
    rng = random.Random(seed)
    world, model = World(pods=5), Model(rng, 5)
    model.version = world.deployed().version
    jobs: list[str] = []
    for _ in range(rng.randint(4, 12)):
        state = world.state(model.version)
        action = rng.choice(["publish", "cancel", "unpublish", "edit", "trim", "steps"])
        pods: list[str] = []
        if action == "publish" and state in ("DEPLOYMENT_DONE", "AVAILABLE", "PARTIALLY_AVAILABLE", "FAILED"):
            pods = sorted(rng.sample(model.pods, rng.randint(1, 5)))
            again = state != "DEPLOYMENT_DONE"
            jobs.append(world.publish(again=again, targets=Targets(kind="list", pods=tuple(pods))).job)
            model.publication += 1
            if not again:
                model.numbers = dict.fromkeys(model.numbers, 0)
                model.states = {pod: "ABSENT" if s in ("FAILED", "SKIPPED", "CANCELLED") else s
                                for pod, s in model.states.items()}  # fmt: skip
            model.plan(pods)
        elif action == "cancel" and state in ("PUBLISHING", "REPLICATING"):
            world.cancel()
            model.cancel()
        elif action == "unpublish" and state in ("REPLICATING", "AVAILABLE", "PARTIALLY_AVAILABLE"):
            jobs.append(world.unpublish().job)
            model.take_back(model.wanted)
        elif action == "edit" and model.wanted and state in ("AVAILABLE", "PARTIALLY_AVAILABLE", "REPLICATING"):
            model.plan(sorted(rng.sample(model.pods, 1)))
        elif action == "trim" and len(model.wanted) > 1:
            model.take_back([rng.choice(model.wanted)])
        else:
            for _ in range(rng.randint(1, 8)):
                model.step()
        hear(world, model, rng, in_order=in_order)
        if any(model.states[pod] in OPEN for pod in pods):
            assert world.state(model.version) == "REPLICATING", "its copies are under way"
        if model.publication:
            check(world, model)
    for _ in range(400):
        model.step()
    hear(world, model, rng, in_order=in_order)
    while model.count(*OPEN, "DELETING", "DROPPED"):
        model.step()
    hear(world, model, rng, in_order=in_order)
    if not model.publication:
        return
    check(world, model)
    end = world.state(model.version)
    assert end in ("DEPLOYMENT_DONE", "AVAILABLE", "PARTIALLY_AVAILABLE", "FAILED")
    if end != "DEPLOYMENT_DONE":
        assert not world.version(model.version).publication.converging
    else:
        assert not model.count("AVAILABLE")
    assert all(world.job_state(job) in ("SUCCESS", "PARTIAL", "FAILURE", "CANCELLED") for job in jobs)
    assert world.version(model.version).usable == (end in ("AVAILABLE", "PARTIALLY_AVAILABLE"))
    assert world.under_way == {}


def test_a_size_that_is_told_after_the_copies_moves_a_version_of_which_the_deadline_passed() -> None:
    world = World()
    made = world.deployed()
    world.publish(targets=Targets(kind="list", pods=("pod-2", "pod-3")))
    world.copy(announced(made.version, 2))
    for pod in ("pod-2", "pod-3"):
        world.copy(planned(made.version, pod, wanted=2))
    world.copy(available(made.version, "pod-2"))
    world.pass_time(SETTINGS.publish_deadline + SETTINGS.publish_margin)
    assert world.state(made.version) == "PARTIALLY_AVAILABLE"
    world.copy(cancelled(made.version, "pod-3", wanted=False))
    assert world.state(made.version) == "PARTIALLY_AVAILABLE", "as far as is known another one is to come"
    world.copy(announced(made.version, 1, revision=2))
    assert world.state(made.version) == "AVAILABLE"
