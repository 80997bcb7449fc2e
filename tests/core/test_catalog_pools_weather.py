"""Pools in any weather: markers move, pods go and come, words are late, doubled, lost or lies. In the end all is well.

After each step who uses what is what the pools say, and what the assignment says of its pools is so. When the weather
is over and pods do what they are told, every pool comes to an end, and those that did not fail have what is wanted.
"""

import random

import pytest

from catalog.documents import ASSIGNMENT, HOSTED, MARKERS, POOL, USES
from catalog.domain import uses as using
from catalog.domain.assignment import stand_of
from catalog.domain.pool import Pool
from contracts.desktops import Seat
from contracts.errors import Failure, Problem
from contracts.events.from_pods import AssignmentReported
from contracts.events.hub import PodConnected, PodDisconnected
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn
from contracts.requests.lives import Ring
from core.catalog_world import SETTINGS, available, lost
from core.pools_world import BROKEN, Pools
from runtime.work import Emitted

PODS = ("pod-1", "pod-2", "pod-3")
RINGS = (Ring(pods=("pod-1",)), Ring(pods=("pod-2",)), Ring())
NO_COPY = Failure(code="version_missing", step="open", text="no such item")


class Weather(Pools):
    """A house with two assignments of three versions, and pods that do as they like."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.chance = random.Random(seed)
        self.versions = [self.published(pods=PODS) for _ in range(3)]
        self.revisions = dict.fromkeys(PODS, 1)
        self.copies: dict[tuple[str, str], int] = {}
        self.away: set[str] = set()
        self.told: dict[tuple[str, str], AssignmentRequested | AssignmentWithdrawn] = {}
        self.heard = 0
        self.move(number="1.0.0")
        self.names = ("desks", "more")
        for name in self.names:
            self.assign(name, pods=PODS)

    def listen(self) -> None:
        """Pods hear what was said to them: of each pool the highest attempt."""
        for one in self.emitted[self.heard :]:
            event = one.event
            if isinstance(event, AssignmentRequested | AssignmentWithdrawn):
                key = (event.assignment, event.pod)
                known = self.told.get(key)
                if known is None or event.attempt >= known.attempt:
                    self.told[key] = event
        self.heard = len(self.emitted)

    def step(self) -> None:
        """Something happens."""
        pick = self.chance
        pod, name = pick.choice(PODS), pick.choice(self.names)
        number = pick.choice(self.versions).number
        match pick.randrange(24):
            case 0:
                self.move(number=number, rings=RINGS if pick.random() < 0.5 else (), failures=pick.randrange(3))
            case 1:
                self.roll_back()
            case 2:
                self.steer(pick.choice(("halt", "resume", "cancel")))
            case 3:
                self.edit(name, seats=pick.randrange(4))
            case 4:
                self.edit(name, **({"number": number} if pick.random() < 0.3 else {"marker": "prod"}))
            case 5:
                self.edit(name, pods=pick.sample(PODS, pick.randrange(1, 4)))
            case 6:
                self.rebuild(name)
            case 7:
                self.toggle(pod)
            case 8:
                self.toggle_copy(pick.choice(self.versions).version, pod)
            case 9:
                self.pass_time(pick.choice((0, 1, SETTINGS.pool_interval)))
            case 10 if pick.random() < 0.3:
                if isinstance(self.drop(name, force=pick.random() < 0.5), Problem):
                    self.assign(name, pods=PODS)
            case 11:
                for assignment in self.all(ASSIGNMENT).values():
                    if pick.random() < 0.5:
                        self.cancel_job(assignment.job)
            case _:
                self.some_report()
        if pick.random() < 0.8:
            self.pass_time(0)
        self.listen()

    def toggle(self, pod: str) -> None:
        self.revisions[pod] += 1
        if pod in self.away:
            self.away.remove(pod)
            self.say(PodConnected(pod=pod, labels={}, revision=self.revisions[pod]), "replicator")
        else:
            self.away.add(pod)
            self.say(PodDisconnected(pod=pod, revision=self.revisions[pod]), "replicator")

    def toggle_copy(self, version: str, pod: str) -> None:
        revision = self.copies.get((version, pod), 3) + 1
        self.copies[version, pod] = revision
        self.copy((lost if revision % 2 == 0 else available)(version, pod, revision=revision))

    def some_report(self) -> None:
        """A pod says something of one of its pools, true or not."""
        pick = self.chance
        if not self.told:
            return
        (assignment, pod), told = pick.choice(sorted(self.told.items()))
        versions = [one.version for one in self.versions]
        states = ("VALIDATING", "UPDATING", "IN_SYNC", "IN_SYNC", "UPDATE_FAILED", "REMOVED")
        state = pick.choice(states)
        version = told.wanted.version if isinstance(told, AssignmentRequested) else ""
        seats = tuple(
            Seat(name=f"s-{n}", state="READY", version=pick.choice((version, *versions)), user=pick.choice(("", "bob")))
            for n in range(pick.randrange(3))
        )
        event = AssignmentReported(
            assignment=assignment,
            attempt=max(0, told.attempt - pick.choice((0, 0, 0, 1, -1))),
            state=state,  # type: ignore[arg-type]
            version=version if pick.random() < 0.9 else pick.choice(versions),
            seats=seats,
            failure=pick.choice((BROKEN, NO_COPY)) if state == "UPDATE_FAILED" else None,
        )
        message = self.message(event, f"pod:{pod}", saga="the pod's own")
        self.deliver(message, crash=pick.random() < 0.1)
        self.deliver(message)

    def settle(self) -> None:
        """The weather is over: every copy is there, every pod, and each does as it is told."""
        for version in self.versions:
            for pod in PODS:
                if self.copies.get((version.version, pod), 3) % 2 == 0:
                    self.toggle_copy(version.version, pod)
        for pod in sorted(self.away):
            self.toggle(pod)
        for _ in range(40):
            self.pass_time(SETTINGS.pool_interval)
            self.listen()
            for (assignment, pod), told in sorted(self.told.items()):
                self.obey(assignment, pod, told)
            self.pass_time(0)
            self.listen()

    def obey(self, assignment: str, pod: str, told: AssignmentRequested | AssignmentWithdrawn) -> list[Emitted]:
        gone = isinstance(told, AssignmentWithdrawn)
        version = "" if gone else told.wanted.version
        event = AssignmentReported(
            assignment=assignment,
            attempt=told.attempt,
            state="REMOVED" if gone else "IN_SYNC",
            version=version,
            seats=() if gone else tuple(Seat(name=f"s-{n}", state="READY", version=version) for n in range(2)),
        )
        return self.say(event, f"pod:{pod}")

    def check(self) -> None:
        """What is kept about pools is what the pools are."""
        pools = self.all(POOL)
        for id, assignment in self.all(ASSIGNMENT).items():
            own = {key.partition("/")[2]: pool for key, pool in pools.items() if key.startswith(f"{id}/")}
            assert assignment.pods == {pod: stand_of(pool) for pod, pool in sorted(own.items())}
            for key in (f"{id}/{pod}" for pod in own):
                self.check_uses(key, pools[key], assignment.name)
        for version, uses in self.all(USES).items():
            assert all(using.use_of(pools[key], version, use.name, use.tenant) == use for key, use in uses.by.items())
        hosted = {(id, pod) for pod, one in self.all(HOSTED).items() for id in one.assignments}
        assert hosted == {(key.partition("/")[0], key.partition("/")[2]) for key in pools}
        bound = {id for markers in self.all(MARKERS).values() for marker in markers.by.values() for id in marker.bound}
        assert bound == {id for id, one in self.all(ASSIGNMENT).items() if one.marker and not one.leaving}

    def check_uses(self, key: str, pool: Pool, name: str) -> None:
        for version in using.versions(pool):
            assert self.uses(version).by.get(key) == using.use_of(pool, version, name, "acme")


def weather(seed: int, steps: int = 60) -> None:
    world = Weather(seed)
    world.listen()
    for _ in range(steps):
        world.step()
        world.check()
    rollout = world.marker().rollout
    if rollout is not None and rollout.state == "HALTED":
        world.steer("cancel")
    world.settle()
    world.check()
    rollout = world.marker().rollout
    assert rollout is None or rollout.state in ("DONE", "CANCELLED", "HALTED"), rollout
    for key, pool in world.all(POOL).items():
        assert not pool.open, (key, pool)
        assert pool.failed or pool.version == pool.wanted, (key, pool)
        if pool.state == "IN_SYNC":
            assert using.versions(pool) == {pool.wanted}
    for assignment in world.all(ASSIGNMENT).values():
        job = world.job(assignment.job)
        assert job.__struct_config__.tag in ("SUCCESS", "PARTIAL", "FAILURE", "CANCELLED"), job
    assert not [name for name in world.reminders if name.startswith(("pools/", "follow/", "rollout/", "stands/"))]


@pytest.mark.parametrize("seed", range(40))
def test_b5_f13_pools_come_to_rest_after_any_weather(seed: int) -> None:
    weather(seed)
