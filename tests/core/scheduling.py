"""A house in which only the order of the copies is at work: pods, publishes, and what becomes of attempts.

`Yard` drives the replicator's reactions to `Dispatch` and `Advance`, and three that stand for all others: a publish
plans copies, a pod's standing changes, an attempt ends. Due reminders are handed out by `settle`.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import CopyFinalised, CopyRejected, FileDigest
from contracts.limits import Limits
from contracts.manifest import Disk, Manifest, Source
from contracts.names import copy_id
from contracts.terms import Terms
from core.driver import START, Driver
from replicator import advance, dispatch, receiving, slots
from replicator.config import Config
from replicator.documents import COPY, LIMITS, PLACEMENT, POD, QUEUE, RUN
from replicator.domain.copy import Available, Copy, Failed, Pending, leaving, underway, unfinished
from replicator.domain.facts import Plan
from replicator.domain.groups import groups
from replicator.domain.limits import PodLimits
from replicator.domain.placement import Placement
from replicator.domain.pod import Connected, Draining, Offline, Pod
from replicator.domain.queue import Slots, choose
from replicator.domain.retry import Policy
from replicator.domain.verdict import Cancel, Lose, decide, judge
from replicator.messages import Advance, Dispatch, RetryDue
from replicator.moves import move, move_keys
from runtime.work import Local, Message, Reaction, Work

SIZE = 64 * 1024 * 1024
DISK = Disk(role="os", lun=0, format="raw", size=SIZE, virtual_size=SIZE, root="a" * 64, sha256="b" * 64)
FILES = (FileDigest(lun=0, format="raw", size=SIZE, root="a" * 64),)
FAILURE = Failure(code="source_unreachable", step="transfer", text="it did not work", retry=True)


class Publish(Local, frozen=True, kw_only=True, tag="publish"):
    """Copies of a version are wanted on ``pods``."""

    version: str
    pods: tuple[str, ...]
    tenant: str = "acme"
    source: str = "pod-0"
    terms: Terms = Terms()
    turn: bool = True
    replicas: int = 1


class Stands(Local, frozen=True, kw_only=True, tag="stands"):
    """A pod comes, goes, or gets limits."""

    pod: Pod
    limits: Limits | None = None


class Pause(Local, frozen=True, kw_only=True, tag="pause"):
    """A placement is paused or goes on."""

    version: str
    paused: bool


class Cancelling(Local, frozen=True, kw_only=True, tag="cancelling"):
    """What is unfinished of a version is given up."""

    version: str


class Losing(Local, frozen=True, kw_only=True, tag="losing"):
    """A copy that was AVAILABLE is gone, and is to be made again."""

    copy: str
    version: str


def version(number: int) -> str:
    """The id of a version."""
    return f"{number:032x}"


def pod(name: str, kind: type = Connected, **labels: str) -> Pod:
    """A pod of that standing."""
    found: Pod = kind(
        name=name, boot="boot", address=f"http://{name}:1", hypervisor="directory", family="kvm",
        connector_version="1", formats=("raw",), labels=labels, datastores=(),
        interval=10.0, announced=START, last_seen=START,
    )  # fmt: skip
    return found


class Yard(Driver):
    """The replicator's order of copies, and the pods in it. ``started`` are the attempts under way, oldest first."""

    def __init__(self, count: int, slots: Slots | None = None, *, policy: Policy | None = None) -> None:
        self.config = Config(
            sign=lambda _: "ticket", slots=slots or Slots(), policy=policy or Policy(max_attempts=99, backoff=(5.0,))
        )
        bound = {
            Publish: (self._publish_keys, self._publish),
            Stands: (lambda m, _: [POD(m.body.pod.name), LIMITS(m.body.pod.name)], self._stands),
            Cancelling: (self._cancel_keys, self._cancel),
            Losing: (self._lose_keys, self._lose),
            Pause: (lambda m, get: [PLACEMENT(m.body.version), RUN(m.body.version)], self._pause),
            CopyFinalised: (self._report_keys, self._report),
            CopyRejected: (self._report_keys, self._report),
            RetryDue: (self._retry_keys, self._retry),
            Dispatch: (receiving.dispatch_keys, lambda m, w: receiving.dispatched(m, w, self.config)),
            Advance: (advance.advance_keys, lambda m, w: advance.advanced(m, w, self.config)),
        }
        super().__init__({kind: Reaction(keys, handle) for kind, (keys, handle) in bound.items()})  # type: ignore[arg-type]
        self.fed: Counter[str] = Counter()
        self.pods = [f"pod-{number}" for number in range(count)]
        for name in self.pods:
            self.stands(pod(name))
        self.settle()

    # --- what happens -------------------------------------------------------------------------------------------------

    def publish(self, number: int, pods: list[str] | None = None, **changes: Any) -> str:
        """Publish a version on all pods, or on ``pods``; its id."""
        body = Publish(version=version(number), pods=tuple(self.pods if pods is None else pods), **changes)
        self.say(body, "self", saga="5" * 32)
        return body.version

    def stands(self, known: Pod, limits: Limits | None = None) -> None:
        """A pod comes or goes."""
        self.say(Stands(pod=known, limits=limits), "self")

    def settle(self) -> None:
        """Hand out what is due, until nothing is."""
        for _ in range(100_000):
            due = [one for one in self.reminders.values() if one.due is not None and one.due <= self.now]
            if not due:
                return
            first = min(due, key=lambda one: (one.due, one.name))
            del self.reminders[first.name]
            assert first.body is not None
            self.say(first.body, "self", saga=first.saga)
        raise AssertionError("the reminders never end")

    def wait(self, seconds: float) -> None:
        """Time passes, and what comes due is handed out."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            self.settle()
            due = [one.due for one in self.reminders.values() if one.due is not None and one.due <= end]
            if not due:
                break
            self.now = max(self.now, min(due))
        self.now = end

    def done(self, copy: str) -> None:
        """The copy's attempt came to a good end, and whoever waited for that starts."""
        self.say_done(self.copy(copy))
        self.settle()

    def say_done(self, known: Copy) -> None:
        """The copy's attempt came to a good end."""
        copy = copy_id(known.version, known.pod, known.replica)
        digest = self.placement(known.version).digest
        words = CopyFinalised(
            copy=copy, version=known.version, attempt=known.attempt, digest=digest, item="item", datastore="store",
            files=FILES, bytes_network=SIZE, bytes_reused=0,
        )  # fmt: skip
        self.say(words, f"pod:{known.pod}")

    def fail(self, copy: str, *, retry: bool = True) -> None:
        """The copy's attempt failed."""
        known = self.copy(copy)
        failure = msgspec.structs.replace(FAILURE, retry=retry)
        words = CopyRejected(copy=copy, version=known.version, attempt=known.attempt, failure=failure)
        self.say(words, f"pod:{known.pod}")
        self.settle()

    def pause(self, id: str, *, paused: bool) -> None:
        """A placement is paused, or goes on."""
        self.say(Pause(version=id, paused=paused), "self")
        self.settle()

    def cancel(self, id: str) -> None:
        """What is unfinished of a version is given up."""
        self.say(Cancelling(version=id), "self")
        self.settle()

    def lose(self, copy: str) -> None:
        """A copy that was AVAILABLE is gone, and is to be made again."""
        self.say(Losing(copy=copy, version=self.copy(copy).version), "self")
        self.settle()

    # --- what is asked ------------------------------------------------------------------------------------------------

    def copy(self, id: str) -> Copy:
        """A copy by its id."""
        found = self.get(COPY, id)
        assert found is not None
        return found

    def placement(self, id: str) -> Placement:
        """A placement by its version."""
        found = self.get(PLACEMENT, id)
        assert found is not None
        return found

    def running(self, id: str = "") -> list[str]:
        """The pods at work (on that version)."""
        return [copy.pod for copy in self.all(COPY).values() if underway(copy) and id in ("", copy.version)]

    def underway(self) -> list[str]:
        """The copies that pods are at work on."""
        return [id for id, copy in self.all(COPY).items() if underway(copy)]

    def states(self) -> Counter[str]:
        """How many copies there are in each state."""
        return Counter(str(copy.__struct_config__.tag) for copy in self.all(COPY).values())

    # --- the reactions that stand for others --------------------------------------------------------------------------

    def _publish_keys(self, message: Message[Publish], get: Any) -> Any:
        words = message.body
        yield PLACEMENT(words.version)
        yield POD.every
        yield from dispatch.begin_keys(words.version, words.tenant, get)
        for name in words.pods:
            for replica in range(words.replicas):
                yield from move_keys(copy_id(words.version, name, replica), words.version, name, get)

    def _publish(self, message: Message[Publish], work: Work) -> None:
        words = message.body
        manifest = Manifest(disks=(DISK,), source=Source(pod=words.source, name="golden"), created=START)
        known = work.get(PLACEMENT, words.version)
        placement = Placement(
            version=words.version, image="image", tenant=words.tenant, publication=1, saga=message.saga,
            manifest=manifest, digest=manifest.digest, deadline=message.at + timedelta(days=9), began=message.at,
            wanted=len(words.pods), terms=words.terms, replicas=words.replicas,
            holders=() if known is None else known.holders,
        )  # fmt: skip
        work.put(PLACEMENT, words.version, placement)
        pods = dict(work.every(POD))
        lacking = [
            name for name in words.pods if not isinstance(work.get(COPY, copy_id(words.version, name, 0)), Available)
        ]
        peers = groups(words.version, [name for name in lacking if name not in placement.known], pods)
        planned = {}
        for name in words.pods:
            for replica in range(words.replicas):
                id = copy_id(words.version, name, replica)
                order = Plan(
                    placement=placement,
                    pod=name,
                    replica=replica,
                    peers=() if replica else peers.get(name, ()),
                    among=words.replicas,
                )
                copy = work.get(COPY, id)
                planned[id] = move(work, self.config, copy, decide(copy, order), placement)
        dispatch.begin(work, self.config, placement, planned, pods, turn=words.turn)

    def _stands(self, message: Message[Stands], work: Work) -> None:
        known = message.body.pod
        work.put(POD, known.name, known)
        if message.body.limits is not None:
            work.put(LIMITS, known.name, PodLimits(limits=message.body.limits))
        slots.changed(work, known.name)

    def _pause(self, message: Message[Pause], work: Work) -> None:
        placement = work.get(PLACEMENT, message.body.version)
        assert placement is not None
        placement = msgspec.structs.replace(placement, paused=message.body.paused)
        work.put(PLACEMENT, placement.version, placement)
        if placement.paused:
            dispatch.halt(work, placement)
        else:
            dispatch.resume(work, self.config, placement)

    def _cancel_keys(self, message: Message[Cancelling], get: Any) -> Any:
        yield PLACEMENT(message.body.version)
        for id, copy in self.all(COPY).items():
            if copy.version == message.body.version:
                yield from move_keys(id, copy.version, copy.pod, get)

    def _cancel(self, message: Message[Cancelling], work: Work) -> None:
        placement = work.get(PLACEMENT, message.body.version)
        assert placement is not None
        for id, known in self.all(COPY).items():
            if known.version == placement.version:
                copy = work.get(COPY, id)
                move(work, self.config, copy, decide(copy, Cancel()), placement)

    def _lose_keys(self, message: Message[Losing], get: Any) -> Any:
        yield PLACEMENT(message.body.version)
        copy = self.copy(message.body.copy)
        yield from move_keys(message.body.copy, copy.version, copy.pod, get)
        yield from dispatch.wake_keys(copy, get)

    def _lose(self, message: Message[Losing], work: Work) -> None:
        copy, placement = work.get(COPY, message.body.copy), work.get(PLACEMENT, message.body.version)
        assert placement is not None
        copy = move(work, self.config, copy, decide(copy, Lose("MISSING", FAILURE)), placement)
        dispatch.wake(work, self.config, copy, work.get(PLACEMENT, copy.version) or placement)

    def _report_keys(self, message: Message[Any], get: Any) -> Any:
        yield from move_keys(message.body.copy, message.body.version, message.pod, get)

    def _report(self, message: Message[Any], work: Work) -> None:
        copy, placement = work.get(COPY, message.body.copy), work.get(PLACEMENT, message.body.version)
        assert copy is not None
        assert placement is not None
        facts = judge(copy, message.body, placement, self.config.policy, message.at)
        if facts:
            move(work, self.config, copy, facts, placement)

    def _retry_keys(self, message: Message[RetryDue], get: Any) -> Any:
        yield COPY(message.body.copy)
        copy = get(COPY, message.body.copy)
        if copy is not None:
            yield from dispatch.wake_keys(copy, get)

    def _retry(self, message: Message[RetryDue], work: Work) -> None:
        copy = work.get(COPY, message.body.copy)
        assert copy is not None
        placement = work.get(PLACEMENT, copy.version)
        assert placement is not None
        dispatch.wake(work, self.config, copy, placement)


def stuck(yard: Yard) -> list[str]:
    """What is wrong with the order at rest: slots that are exceeded, copies that could start and do not."""
    wrong = []
    queues, pods = yard.all(QUEUE), yard.all(POD)
    for name, queue in queues.items():
        if queue.receiving > yard.config.slots.pod:
            wrong.append(f"{name} receives {queue.receiving}")
        if isinstance(pods[name], Connected) and queue.receiving < yard.config.slots.pod:
            wrong += [f"{id} is queued on an idle pod" for id in choose(queue, 1)]
    for id, copy in yard.all(COPY).items():
        entry = queues[copy.pod].copies.get(id) if copy.pod in queues else None
        if (unfinished(copy) or leaving(copy)) != (entry is not None):
            wrong.append(f"{id} is {type(copy).__name__}, its queue says {entry}")
        if underway(copy) and entry is not None and entry.place != "running":
            wrong.append(f"{id} is under way, its queue says {entry.place}")
    return wrong


__all__ = ["Available", "Connected", "Draining", "Failed", "Offline", "Pending", "Yard", "pod", "stuck", "version"]
