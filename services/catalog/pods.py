"""Reactions to what the replicator says about pods: which are enrolled, and which are heard of."""

from collections.abc import Iterator

from catalog.documents import ALL_PODS, FLEET, POD
from catalog.domain import pod as pods
from catalog.domain.pod import Fleet
from contracts.events.hub import PodConnected, PodDisconnected, PodEnrolled
from runtime.work import Get, Message, Reaction, Ref, Work

PodEvent = PodEnrolled | PodConnected | PodDisconnected


def reactions() -> dict[type, Reaction]:
    """The reactions about pods."""
    reaction = Reaction(_keys, _on_pod)
    return {PodEnrolled: reaction, PodConnected: reaction, PodDisconnected: reaction}


def _keys(message: Message[PodEvent], _: Get) -> Iterator[Ref]:
    yield POD(message.body.pod)
    yield FLEET(ALL_PODS)


def _on_pod(message: Message[PodEvent], work: Work) -> None:
    event = message.body
    work.saga = ""  # said because a pod spoke, with a saga of the pod's own choosing
    before = work.get(POD, event.pod)
    after = pods.evolve(before, event)
    if after is before:
        return
    work.put(POD, event.pod, after)
    if before is None:
        fleet = work.get(FLEET, ALL_PODS) or Fleet()
        work.put(FLEET, ALL_PODS, Fleet(pods=fleet.pods + 1))
