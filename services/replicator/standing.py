"""Reactions to the operator's word about a pod's standing: drained, readmitted, removed.

The versions of which a removed pod has copies may be many: they are taken from it some at a time, one message each.
"""

from collections.abc import Iterator

from contracts.errors import Problem
from contracts.inventory import SECTIONS
from contracts.requests import SetPodState
from contracts.views import PodView
from replicator import editing, policies
from replicator.config import Config
from replicator.documents import HELD, INVENTORY, LEDGER, LIMITS, PLACEMENT, POD, QUEUE, SEATED
from replicator.domain.held import Held, held_id, held_of, without_copy
from replicator.domain.limits import PodLimits
from replicator.domain.pod import Removed
from replicator.domain.queue import Queue, with_ended, without
from replicator.domain.standing import depends_on, order
from replicator.held import put_held
from replicator.inventory import forget_all
from replicator.moves import move_keys
from replicator.pods import apply
from replicator.slots import put_queue
from replicator.upkeep import Leaving, remind_leaving
from replicator.views import no_pod, pod_view
from runtime.work import Get, Message, Ref, Work

WHY = "the pod was removed"
OF_THE_QUEUE = 0
"""The step of a removal that takes the copies which are not AVAILABLE; step n takes those of section n."""
AT_ONCE = 8
"""Versions that are taken from the pod in one message: each is read with all pods that are to have it."""


def state_keys(message: Message[SetPodState], get: Get) -> Iterator[Ref]:
    """The pod, what its view tells, and for a removal what it holds."""
    name = message.body.pod
    yield POD(name)
    yield LIMITS(name)
    yield QUEUE(name)
    if message.body.verb == "remove":
        for section in range(1, SECTIONS):
            yield HELD(held_id(name, section))
        for version in _held(name, get):
            yield PLACEMENT(version)
            placement = get(PLACEMENT, version)
            if placement is not None:
                for holder in placement.known:
                    yield POD(holder)


def _held(pod: str, get: Get) -> list[str]:
    """The versions that the pod holds, or is to hold."""
    found = [id for section in range(1, SECTIONS) for id in _copies(pod, section, get)]
    return sorted({_version(id) for id in (*found, *_copies(pod, OF_THE_QUEUE, get))})


def _copies(pod: str, step: int, get: Get) -> tuple[str, ...]:
    """The copies that a step of the removal takes."""
    if step == OF_THE_QUEUE:
        queue: Queue | None = get(QUEUE, pod)
        return () if queue is None else (*queue.copies, *queue.ended)
    held: Held | None = get(HELD, held_id(pod, step))
    return () if held is None else tuple(held.copies)


def _version(id: str) -> str:
    return id.partition("_")[0]


def set_state(message: Message[SetPodState], work: Work, _: Config) -> PodView | Problem:
    """Drain, readmit or remove a pod, or refuse and change nothing. What is so already is no change."""
    command = message.body
    pod = work.get(POD, command.pod)
    if pod is None:
        return no_pod(command.pod)
    alone: list[str] = []
    if command.verb == "remove":
        alone = [version for version in _held(pod.name, work.get) if _alone(work, pod.name, version)]
    facts = order(pod, command, alone, message.at)
    if isinstance(facts, Problem):
        return facts
    if facts:
        pod = apply(work, pod, pod.name, facts)
        if command.verb == "readmit":
            policies.joined(work, pod.name)
        if isinstance(pod, Removed):
            remind_leaving(work, pod.name, OF_THE_QUEUE, pod.removed)
    limits = work.get(LIMITS, pod.name) or PodLimits()
    return pod_view(pod, limits, work.get(QUEUE, pod.name), actor=command.actor, at=message.at)


def _alone(work: Work, pod: str, version: str) -> bool:
    placement = work.get(PLACEMENT, version)
    known = () if placement is None else placement.known
    return depends_on(pod, placement, {name: work.get(POD, name) for name in known})


def leaving_keys(message: Message[Leaving], get: Get) -> Iterator[Ref]:
    """The step's first few versions, with all that taking the pod from them touches."""
    name = message.body.pod
    yield POD(name)
    yield QUEUE(name)
    if message.body.section == SECTIONS:
        yield LEDGER(name)
        yield INVENTORY(name)
        return
    yield HELD(held_id(name, message.body.section))
    for version, ids in _next(message.body, get).items():
        yield PLACEMENT(version)
        yield from editing.target_keys(version, [name], get)
        for id in ids:
            yield from move_keys(id, version, name, get)


def _next(body: Leaving, get: Get) -> dict[str, list[str]]:
    """The copies of the step's first few versions."""
    found: dict[str, list[str]] = {}
    for id in _copies(body.pod, body.section, get):
        if _version(id) in found or len(found) < AT_ONCE:
            found.setdefault(_version(id), []).append(id)
    return found


def leave(message: Message[Leaving], work: Work, config: Config) -> None:
    """Take the removed pod from what is wanted of some versions; its copies of them are ABSENT. Then come back for the
    rest. A pod that joined anew in the meantime is left as it is."""
    body = message.body
    pod = work.get(POD, body.pod)
    if not isinstance(pod, Removed) or pod.removed != body.removal:
        return
    if body.section == SECTIONS:
        forget_all(work, pod)
        work.put(SEATED, pod.name, None)
        return
    chosen = _next(body, work.get)
    for version, ids in chosen.items():
        placement = work.get(PLACEMENT, version)
        if placement is not None:
            editing.forget_pod(work, config, placement, pod.name, why=WHY)
        for id in ids:
            _forget(work, pod.name, id)
    rest = bool(_copies(pod.name, body.section, work.get))
    remind_leaving(work, pod.name, body.section if rest else body.section + 1, body.removal)


def _forget(work: Work, pod: str, id: str) -> None:
    """Take the copy off the pod's lists, whatever is known of it: nothing is to be asked about it again."""
    queue = work.get(QUEUE, pod)
    if queue is not None:
        put_queue(work, pod, with_ended(without(queue, id), id, nothing=False))
    section = held_of(pod, _version(id))
    held = work.get(HELD, section)
    if held is not None:
        put_held(work, section, without_copy(held, id))
