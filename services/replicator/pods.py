"""Reactions to what pods say of themselves, and to their silence."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import structlog

from contracts.events.from_pods import PodAnnounced, PodReported
from contracts.events.hub import (
    PodConnected,
    PodDisconnected,
    PodDrained,
    PodEnrolled,
    PodReadmitted,
    PodRelabelled,
    PodRemoved,
)
from replicator import copies, policies, slots
from replicator.config import Config
from replicator.documents import LEDGER, LIMITS, POD, QUEUE
from replicator.domain.enrolment import Leave, admitted
from replicator.domain.inventory import wanted
from replicator.domain.listening import listened, patience, unnamed
from replicator.domain.pod import (
    Announced,
    Bound,
    Drained,
    Enrolled,
    Expelled,
    Fact,
    Pod,
    Readmitted,
    Relabelled,
    Removed,
    Returned,
    Seen,
    Silence,
    Vanished,
    decide,
    effective_labels,
    evolve,
    reporting,
    silent_at,
)
from replicator.domain.queue import Queue
from replicator.inventory import ask, doubt
from replicator.limits import tell_limits
from replicator.upkeep import PodSilent, remind_silence
from runtime.tickets import TicketError
from runtime.work import Get, Message, Ref, Work

log = structlog.get_logger()


def announced_keys(message: Message[PodAnnounced], get: Get) -> Iterator[Ref]:
    """The pod, its limits, and the copies of which it is to hear again."""
    return _return_keys(message.pod, get)


def reported_keys(message: Message[PodReported], get: Get) -> Iterator[Ref]:
    """The pod and its queue; the copies of which it is to hear again, when it comes back or does not name them."""
    name = message.pod
    yield POD(name)
    yield QUEUE(name)
    pod = get(POD, name)
    if pod is None:
        return
    if wanted(pod, message.body.root) or _untold(pod, get(QUEUE, name), message.at):
        yield LEDGER(name)
    if not reporting(pod):
        yield from _return_keys(name, get)
        return
    for id in listened(pod, _unnamed(name, message.body, get), message.at)[1]:
        yield from copies.resume_keys(id, get)


def _return_keys(name: str, get: Get) -> Iterator[Ref]:
    yield POD(name)
    yield LIMITS(name)
    yield QUEUE(name)
    for id in (*_at(name, get, "running"), *_at(name, get, "leaving")):
        yield from copies.resume_keys(id, get)


def _at(name: str, get: Get, place: str) -> tuple[str, ...]:
    """The pod's copies in one place of its queue."""
    queue = get(QUEUE, name)
    return () if queue is None else tuple(id for id, entry in queue.copies.items() if entry.place == place)


def _unnamed(name: str, words: PodReported, get: Get) -> Iterator[str]:
    return unnamed(_at(name, get, "running"), _at(name, get, "leaving"), words)


def _untold(pod: Pod, queue: Queue | None, at: datetime) -> list[int]:
    """The sections in which something came or went, and of which the pod has told nothing for too long."""
    if queue is None:
        return []
    return [section for section, since in queue.unseen.items() if at - since >= patience(pod)]


def announced(message: Message[PodAnnounced], work: Work, config: Config) -> None:
    """A connector started: enrol its pod if it may join, and repeat what it may have missed."""
    pod = work.get(POD, message.pod)
    leave = _leave(message, config) if pod is None or isinstance(pod, Removed) else None
    if not admitted(pod, leave):
        # Once for each start of a connector: that is how often it announces itself.
        log.warning("pod_not_admitted", pod=message.pod, boot=message.body.boot, removed=pod is not None)
        return
    facts = decide(pod, message.pod, message.body, message.at, {} if leave is None else leave.labels)
    if not facts:
        return
    pod = apply(work, pod, message.pod, facts)
    policies.joined(work, pod.name)
    _resume(work, config, pod)


def _leave(message: Message[PodAnnounced], config: Config) -> Leave | None:
    """With whose leave the pod would join."""
    token, signer = message.body.token, config.enrolment
    if token and signer is not None:
        try:
            enrolment = signer.check(token, message.at)
        except TicketError as error:
            log.warning("enrolment_token_refused", pod=message.pod, reason=error.reason)
        else:
            if enrolment.pod == message.pod:
                return Leave(enrolment.labels, enrolment.issued)
            log.warning("enrolment_token_refused", pod=message.pod, reason="made for another pod")
    return Leave() if config.open_house else None


def reported(message: Message[PodReported], work: Work, config: Config) -> None:
    """A heartbeat: the pod is there. What it does not seem to know is said again, an unknown inventory asked for."""
    name = message.pod
    pod = work.get(POD, name)
    facts = decide(pod, name, message.body, message.at, {})
    if pod is None or not facts:
        return
    overdue: tuple[str, ...] = ()
    if reporting(pod):
        pod, overdue = listened(pod, _unnamed(name, message.body, work.get), message.at)
    if untold := _untold(pod, work.get(QUEUE, name), message.at):
        pod = doubt(work, pod, untold)
    pod = apply(work, pod, name, facts)
    if wanted(pod, message.body.root):
        ask(work, pod, message.body.root)
    for id in overdue:
        copies.resume(work, config, id, name)
    if any(isinstance(fact, Returned) for fact in facts):
        policies.joined(work, name)
        _resume(work, config, pod)


def apply(work: Work, pod: Pod | None, name: str, facts: Iterable[Fact]) -> Pod:
    """Keep the pod after ``facts``, and say those that concern others. Whose turn it is may be another's by them."""
    for fact in facts:
        pod = evolve(pod, fact, work.floor)
        _say(work, pod, fact)
    if pod is None:
        raise ValueError("a pod without facts was not changed")
    work.put(POD, name, pod)
    return pod


def _say(work: Work, pod: Pod, fact: Fact) -> None:
    name, revision = pod.name, pod.revision
    match fact:
        case Enrolled():
            labels = effective_labels(pod)
            said = PodEnrolled(
                pod=name, hypervisor=pod.hypervisor, labels=labels, tenants=pod.tenants, revision=revision
            )
            work.emit(said, saga="")
        case Returned():
            labels = effective_labels(pod)
            work.emit(PodConnected(pod=name, labels=labels, tenants=pod.tenants, revision=revision), saga="")
        case Vanished():
            work.emit(PodDisconnected(pod=name, revision=revision), saga="")
        case Drained():
            work.emit(PodDrained(pod=name, revision=revision), saga="")
        case Readmitted():
            work.emit(PodReadmitted(pod=name, revision=revision), saga="")
        case Relabelled() | Bound():
            labels = effective_labels(pod)
            work.emit(PodRelabelled(pod=name, labels=labels, tenants=pod.tenants, revision=revision), saga="")
        case Expelled():
            work.emit(PodRemoved(pod=name, revision=revision), saga="")
        case Announced() | Seen():
            return  # known to the replicator alone
    slots.changed(work, name)


def _resume(work: Work, config: Config, pod: Pod) -> None:
    """Tell the pod its limits again, and what it is at work on or has to drop; look after it when it goes silent."""
    remind_silence(work, pod.name, silent_at(pod))
    tell_limits(work, pod.name)
    slots.changed(work, pod.name)
    for id in (*_at(pod.name, work.get, "running"), *_at(pod.name, work.get, "leaving")):
        copies.resume(work, config, id, pod.name)


def silent_keys(message: Message[PodSilent], _: Get) -> Iterator[Ref]:
    """The pod."""
    yield POD(message.body.pod)


def silent(message: Message[PodSilent], work: Work, _: Config) -> None:
    """The pod is OFFLINE if it did not report; otherwise ask again when it would be."""
    name = message.body.pod
    pod = work.get(POD, name)
    facts = decide(pod, name, Silence(), message.at, {})
    if facts:
        apply(work, pod, name, facts)
    elif pod is not None and reporting(pod):
        remind_silence(work, name, silent_at(pod))
