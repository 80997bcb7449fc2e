"""Reactions to what pods say of themselves, and to their silence."""

from collections.abc import Iterable, Iterator

import msgspec

from contracts.events.from_pods import InventoryReported, PodAnnounced, PodReported
from contracts.events.hub import PodConnected, PodDisconnected, PodEnrolled
from contracts.events.to_pods import InventoryRequested
from replicator.config import Config
from replicator.copies import again
from replicator.documents import COPY, INVENTORY, LIMITS, PLACEMENT, POD
from replicator.domain.copy import Corrupt, Finalizing, Pending, Replicating
from replicator.domain.inventory import collect, wanted
from replicator.domain.pod import (
    Announced,
    Connected,
    Draining,
    Enrolled,
    Fact,
    Offline,
    Pod,
    Returned,
    Seen,
    Silence,
    Vanished,
    decide,
    evolve,
    silent_at,
    with_inventory,
)
from replicator.domain.verdict import Start
from replicator.domain.verdict import decide as decide_copy
from replicator.limits import tell_limits
from replicator.messages import PodSilent, remind_silence
from replicator.moves import move
from replicator.serving import request, serving
from runtime.work import Get, Message, Ref, Work

PUT_VM = "INSERT OR REPLACE INTO vms (pod, generation, name, body) VALUES (?, ?, ?, ?)"
PUT_ITEM = "INSERT OR REPLACE INTO items (pod, generation, version, datastore, body) VALUES (?, ?, ?, ?, ?)"
DROP_VMS = "DELETE FROM vms WHERE pod = ? AND generation < ?"
DROP_UNFINISHED_VMS = "DELETE FROM vms WHERE pod = ? AND generation > ? AND generation < ?"
DROP_UNFINISHED_ITEMS = "DELETE FROM items WHERE pod = ? AND generation > ? AND generation < ?"
DROP_ITEMS = "DELETE FROM items WHERE pod = ? AND generation < ?"
# The statements of a batch run one kind after the other, whatever the order of its messages: rows of a generation are
# only ever put, and only generations older than a complete one are dropped, so the order does not matter.


def announced_keys(message: Message[PodAnnounced], get: Get) -> Iterator[Ref]:
    """The pod and its limits, its unfinished copies, and who may serve them."""
    return _return_keys(message.pod, get)


def reported_keys(message: Message[PodReported], get: Get) -> Iterator[Ref]:
    """The pod alone; when it comes back, its limits and its unfinished copies too."""
    if isinstance(get(POD, message.pod), Offline):
        return _return_keys(message.pod, get)
    return iter([POD(message.pod)])


def _return_keys(name: str, get: Get) -> Iterator[Ref]:
    yield POD(name)
    yield LIMITS(name)
    pod = get(POD, name)
    if pod is None:
        return
    for id in pod.waiting:
        yield COPY(id)
        copy = get(COPY, id)
        if copy is not None:
            yield from serving(copy, get)


def announced(message: Message[PodAnnounced], work: Work, config: Config) -> None:
    """A connector started: enrol its pod, and repeat what it may have missed."""
    pod = work.get(POD, message.pod)
    facts = decide(pod, message.pod, message.body, message.at)
    if not facts:
        return
    pod = _apply(work, pod, message.pod, facts)
    _resume(work, config, pod)
    if isinstance(pod, Connected):
        remind_silence(work, pod.name, silent_at(pod))


def reported(message: Message[PodReported], work: Work, config: Config) -> None:
    """A heartbeat: the pod is there. An unknown inventory is asked for until it came."""
    pod = work.get(POD, message.pod)
    facts = decide(pod, message.pod, message.body, message.at)
    if not facts:
        return
    pod = _apply(work, pod, message.pod, facts)
    if wanted(pod, message.body.root):
        work.emit(InventoryRequested(pod=pod.name, root=message.body.root), saga="")
    if any(isinstance(fact, Returned) for fact in facts):
        _resume(work, config, pod)
        remind_silence(work, pod.name, silent_at(pod))


def _apply(work: Work, pod: Pod | None, name: str, facts: Iterable[Fact]) -> Pod:
    for fact in facts:
        pod = evolve(pod, fact)
        match fact:
            case Enrolled():
                enrolled = PodEnrolled(pod=name, hypervisor=pod.hypervisor, revision=pod.revision)
                work.emit(enrolled, saga="")
            case Returned():
                work.emit(PodConnected(pod=name, revision=pod.revision), saga="")
            case Vanished():
                work.emit(PodDisconnected(pod=name, revision=pod.revision), saga="")
            case Announced() | Seen():
                pass  # known to the replicator alone
    if pod is None:
        raise ValueError("a pod without facts was not changed")
    work.put(POD, name, pod)
    return pod


def _resume(work: Work, config: Config, pod: Pod) -> None:
    """Tell its limits again, ask again for what is under way, with the same attempt; start what waited for the pod."""
    tell_limits(work, pod.name)
    if not isinstance(pod, Connected | Draining):
        return
    for id in pod.waiting:
        copy = work.get(COPY, id)
        placement = work.get(PLACEMENT, copy.version) if copy is not None else None
        if placement is None:
            continue
        match copy:
            case Replicating() | Finalizing():
                request(work, config, copy, placement)
            case Pending() if isinstance(pod, Connected):
                move(work, config, copy, decide_copy(copy, Start()), placement)
            case Corrupt():
                again(work, config, copy)


def silent_keys(message: Message[PodSilent], _: Get) -> Iterator[Ref]:
    """The pod."""
    yield POD(message.body.pod)


def silent(message: Message[PodSilent], work: Work, _: Config) -> None:
    """The pod is OFFLINE if it did not report; otherwise ask again when it would be."""
    name = message.body.pod
    pod = work.get(POD, name)
    facts = decide(pod, name, Silence(), message.at)
    if facts:
        _apply(work, pod, name, facts)
    elif isinstance(pod, Connected):
        remind_silence(work, name, silent_at(pod))


def inventory_keys(message: Message[InventoryReported], _: Get) -> Iterator[Ref]:
    """The pod and what came of its inventory so far."""
    yield POD(message.pod)
    yield INVENTORY(message.pod)


def inventory(message: Message[InventoryReported], work: Work, _: Config) -> None:
    """Keep a page; with the last one the whole inventory takes the place of the one before."""
    name, words = message.pod, message.body
    pod = work.get(POD, name)
    if pod is None:
        return
    before = work.get(INVENTORY, name)
    collecting = collect(before, pod, words, message.at)
    if collecting is None:
        return
    if before is not None and before.generation != collecting.generation:
        # The pod began anew: what it left unfinished goes, so that a pod can never fill the tables.
        for statement in (DROP_UNFINISHED_VMS, DROP_UNFINISHED_ITEMS):
            work.write(statement, name, pod.generation, collecting.generation)
    for vm in words.vms:
        work.write(PUT_VM, name, collecting.generation, vm.name, msgspec.json.encode(vm).decode())
    for item in words.items:
        body = msgspec.json.encode(item).decode()
        work.write(PUT_ITEM, name, collecting.generation, item.version, item.datastore, body)
    if not collecting.complete:
        work.put(INVENTORY, name, collecting)
        return
    work.put(INVENTORY, name, None)
    work.put(POD, name, with_inventory(pod, collecting.root, collecting.generation, message.at))
    work.write(DROP_VMS, name, collecting.generation)
    work.write(DROP_ITEMS, name, collecting.generation)
