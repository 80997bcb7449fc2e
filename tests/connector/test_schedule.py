"""Who fetches what from whom, with many pods at once, in simulated time: no threads, no sockets, no clock."""

import random
from dataclasses import dataclass, field

import pytest

from connector.transfer.holders import HolderFailed, Holders, LiveGrant, Standing
from connector.transfer.schedule import Errand, Schedule
from connector.transfer.shelf import SPAN_BYTES
from contracts.events.to_pods import Holder

TICK = 0.02
MB = 1_000_000


def holder(pod: str, *, complete: bool = True) -> Holder:
    return Holder(pod=pod, address=f"http://{pod}", complete=complete)


@dataclass
class Node:
    """A pod with an uplink and a downlink in bytes a second."""

    name: str
    up: float = 100 * MB
    down: float = 100 * MB
    begins: float = 0.0
    dies: float = float("inf")
    hangs: float = float("inf")
    """From then on it answers what it has, and neither fetches nor serves."""
    sent: float = 0.0
    done: float | None = None
    held: int = 0
    holders: Holders = field(init=False)
    schedule: Schedule = field(init=False)
    errands: dict[Errand, float] = field(default_factory=dict)


class World:
    """A source and pods that receive an image of ``spans`` spans from it at the same time."""

    def __init__(self, spans: int, receivers: list[Node], sources: list[Node], threads: int = 3) -> None:
        self.spans, self.threads, self.now = spans, threads, 0.0
        self.sources, self.receivers = sources, receivers
        self.nodes = {node.name: node for node in (*sources, *receivers)}
        self.all = (1 << spans) - 1
        for node in sources:
            node.held = self.all
        for node in receivers:
            named = [holder(one.name) for one in sources]
            named += [holder(one.name, complete=False) for one in receivers if one is not node]
            node.holders = Holders(LiveGrant("", named), node.name, node.begins)
            node.schedule = Schedule("root", spans, node.name, threads, node.holders, node.begins)
            for span in range(spans):
                node.schedule.want(span)

    def alive(self, name: str) -> bool:
        node = self.nodes[name]
        return node.begins <= self.now < node.dies

    def run(self, most: float) -> None:
        while any(node.done is None and self.now < node.dies for node in self.receivers):
            self.now += TICK
            assert self.now < most, "it does not come to an end"
            for node in self.receivers:
                if self.alive(node.name) and node.done is None and self.now < node.hangs:
                    self.step(node)
            self.move()

    def step(self, node: Node) -> None:
        schedule = node.schedule
        hungry = len(node.errands) < self.threads
        while (standing := schedule.whom(self.now, hungry=hungry)) is not None:
            self.ask(node, standing)
        for errand in schedule.overdue(self.now, 2.0):
            node.errands.pop(errand)
            schedule.ended(errand, self.now, whole=False)
            node.holders.left(errand.standing, self.now)
        while len(node.errands) < self.threads and (errand := schedule.take(self.now)) is not None:
            peer = self.nodes[errand.standing.pod]
            if not self.alive(peer.name):
                schedule.ended(errand, self.now, whole=False)
                failure = HolderFailed("source_unreachable", "refused", passing=True)
                node.holders.failed(errand.standing, failure, self.now)
            else:
                assert peer.held >> errand.span & 1, "asked for what the peer did not say it has"
                node.errands[errand] = SPAN_BYTES
        idle = self.threads - len(node.errands)
        assert not schedule.orphaned(self.now), f"{node.name} gave up"
        if schedule.finished:
            node.done = self.now
        else:
            schedule.idled(idle * TICK)

    def ask(self, node: Node, standing: Standing) -> None:
        if not self.alive(standing.pod):
            node.holders.failed(standing, HolderFailed("source_unreachable", "refused", passing=True), self.now)
            return
        peer = self.nodes[standing.pod]
        node.schedule.saw(peer.name, peer.held.to_bytes(self.spans // 8 + 1, "little"), self.now)

    def move(self) -> None:
        """Every transfer gets its share of the sender's uplink and of the receiver's downlink."""
        under_way = [(node, errand) for node in self.receivers for errand in node.errands]
        out: dict[str, int] = {}
        for _, errand in under_way:
            out[errand.standing.pod] = out.get(errand.standing.pod, 0) + 1
        for node, errand in under_way:
            peer = self.nodes[errand.standing.pod]
            if not self.alive(node.name) or self.now >= node.hangs:
                continue
            if not self.alive(peer.name):
                del node.errands[errand]
                node.schedule.ended(errand, self.now, whole=False)
                node.holders.failed(errand.standing, HolderFailed("source_unreachable", "cut", passing=True), self.now)
                continue
            if self.now >= peer.hangs:
                continue
            some = min(peer.up / out[peer.name], node.down / len(node.errands)) * TICK
            some = min(some, node.errands[errand])
            node.errands[errand] -= some
            errand.got += int(some)
            peer.sent += some
            if node.errands[errand] <= 0:
                del node.errands[errand]
                node.held |= 1 << errand.span
                node.schedule.ended(errand, self.now, whole=True)

    @property
    def uploaded(self) -> float:
        """What left the sources, as a multiple of the image."""
        return sum(node.sent for node in self.sources) / (self.spans * SPAN_BYTES)


@pytest.mark.parametrize("pods", [1, 2, 3, 8, 16])
def test_the_source_uploads_about_once_whatever_the_number_of_pods(pods: int) -> None:
    world = World(128, [Node(f"pod-{number}") for number in range(pods)], [Node("source")])
    world.run(600)
    assert 0.99 < world.uploaded <= 1.15
    # A chain of pods that feed each other is not much slower than one copy alone.
    alone = 128 * SPAN_BYTES / (100 * MB)
    assert max(node.done or 0 for node in world.receivers) < 3 * alone


def test_pods_that_begin_one_after_the_other_still_feed_each_other() -> None:
    world = World(128, [Node(f"pod-{number}", begins=number * 0.5) for number in range(8)], [Node("source")])
    world.run(600)
    assert world.uploaded <= 1.3


def test_a_slow_pod_holds_nobody_up_for_long() -> None:
    slow = Node("slow", down=2 * MB)
    world = World(128, [*(Node(f"pod-{number}") for number in range(5)), slow], [Node("source")])
    world.run(2000)
    assert world.uploaded <= 1.3
    others = max(node.done or 0 for node in world.receivers if node is not slow)
    assert others < 6 * 128 * SPAN_BYTES / (100 * MB)
    assert others < (slow.done or 0) / 5


def test_a_source_with_a_thin_uplink_still_uploads_about_once() -> None:
    world = World(64, [Node(f"pod-{number}") for number in range(8)], [Node("source", up=10 * MB)])
    world.run(2000)
    assert world.uploaded <= 1.3
    assert world.now < 2 * 64 * SPAN_BYTES / (10 * MB)


@pytest.mark.parametrize("end", ["dies", "hangs"])
def test_a_pod_that_dies_or_hangs_midway_is_stood_in_for(end: str) -> None:
    lost = Node("lost", **{end: 2.0})
    world = World(128, [*(Node(f"pod-{number}") for number in range(7)), lost], [Node("source")])
    if end == "hangs":
        lost.done = 0.0
    world.run(600)
    assert world.uploaded <= 1.3
    assert all(node.held == world.all for node in world.receivers if node is not lost)


def test_pods_that_were_named_but_never_begin_cost_little() -> None:
    ghosts = [Node(f"ghost-{number}", begins=1e9, dies=0.0) for number in range(6)]
    world = World(64, [Node("pod-1"), *ghosts], [Node("source")])
    world.run(60)
    assert world.uploaded == pytest.approx(1, abs=0.01)
    assert (world.receivers[0].done or 0) < 4 * 64 * SPAN_BYTES / (100 * MB) + 8


def test_peers_finish_among_themselves_what_a_source_that_died_had_given_them() -> None:
    # The image is out in parts when the source goes: together the pods have all of it.
    source = Node("source")
    world = World(32, [Node(f"pod-{number}") for number in range(4)], [source])
    for number, node in enumerate(world.receivers):
        for span in range(number, 32, 4):
            node.held |= 1 << span
            errand = Errand(span, node.holders.all(complete=True)[0], 0.0)
            node.schedule._wanted &= ~(1 << span)
            assert errand.span == span
    source.dies = 0.0
    world.run(60)
    assert source.sent == 0
    assert all(node.held == world.all for node in world.receivers)


def test_a_disk_that_nobody_has_any_more_is_given_up() -> None:
    holders = Holders(LiveGrant("", [holder("source"), holder("peer", complete=False)]), "me", 0.0)
    schedule = Schedule("root", 4, "me", 3, holders, 0.0)
    schedule.want(2)
    (source,) = holders.all(complete=True)
    holders.failed(source, HolderFailed("source_refused", "it answered 403"), 1.0)
    schedule.saw("peer", b"\0", 1.0)
    assert not schedule.orphaned(5.0)
    assert schedule.orphaned(12.0)
    text = holders.exhausted().failure.text
    assert "source: it answered 403" in text
    assert "peer: " in text


def test_several_complete_holders_share_the_load_and_a_slow_one_is_left() -> None:
    sources = [Node("near"), Node("far"), Node("slow", up=1 * MB)]
    world = World(256, [Node("pod-1", down=400 * MB)], sources, threads=4)
    world.run(120)
    image = 256 * SPAN_BYTES
    assert sources[0].sent > image / 4
    assert sources[1].sent > image / 4
    assert sources[2].sent < image / 20


def test_the_nearest_of_holders_that_are_alike_is_asked_first() -> None:
    holders = Holders(LiveGrant("", [holder("a"), holder("b")]), "me", 0.0)
    assert holders.best(holders.usable(0.0, complete=True)).pod == "a"


def test_a_holder_that_arrives_with_a_new_grant_joins_and_one_out_of_reach_gets_another_chance() -> None:
    grant = LiveGrant("t1", [holder("a"), holder("b")])
    holders = Holders(grant, "me", 0.0)
    a, b = holders.all(complete=True)
    for _ in range(4):
        holders.failed(a, HolderFailed("source_unreachable", "gone", passing=True), 0.0)
    holders.failed(b, HolderFailed("digest_mismatch", "lies"), 0.0)
    assert holders.all(complete=True) == []
    grant.replace("t2", [holder("a"), holder("b"), holder("c"), holder("me")])
    holders.refresh(1.0)
    assert [one.pod for one in holders.all(complete=True)] == ["a", "c"]


def test_the_pods_agree_on_whose_each_span_is() -> None:
    names = [f"pod-{number}" for number in range(5)]
    owners: dict[int, list[str]] = {}
    for me in names:
        named = [holder("source"), *(holder(name, complete=False) for name in names if name != me)]
        schedule = Schedule("root", 200, me, 1, Holders(LiveGrant("", named), me, 0.0), 0.0)
        for span in range(200):
            schedule.want(span)
        now = 0.0
        while (errand := schedule.take(now)) is not None:
            owners.setdefault(errand.span, []).append(me)
            schedule.ended(errand, now, whole=True)
    assert sorted(owners) == list(range(200))
    assert all(len(pods) == 1 for pods in owners.values())
    shares = [sum(pods == [name] for pods in owners.values()) for name in names]
    assert min(shares) > 20


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_of_links_and_ends_comes_to_an_end(seed: int) -> None:
    chance = random.Random(seed)
    receivers = [
        Node(
            f"pod-{number}",
            up=chance.choice([5, 50, 200]) * MB,
            down=chance.choice([5, 50, 200]) * MB,
            begins=chance.uniform(0, 3),
            dies=chance.choice([float("inf"), float("inf"), chance.uniform(1, 10)]),
        )
        for number in range(chance.randint(1, 10))
    ]
    world = World(48, receivers, [Node("source", up=50 * MB), Node("other", up=20 * MB, dies=chance.uniform(0, 9))])
    world.run(900)
    for node in receivers:
        assert node.held == world.all or node.dies < world.now
