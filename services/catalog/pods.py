"""Reactions to what the replicator says about pods: which are enrolled, which are heard of, what they are."""

from collections.abc import Iterator

from catalog.documents import ALL_PODS, FLEET, HOSTED, POD
from catalog.domain import pod as pods
from catalog.domain.pod import Fleet, PodEvent, reporting
from catalog.pools import PodBack
from contracts.events.hub import (
    PodConnected,
    PodDisconnected,
    PodDrained,
    PodEnrolled,
    PodReadmitted,
    PodRelabelled,
    PodRemoved,
)
from runtime.work import Get, Message, Reaction, Ref, Work


def reactions() -> dict[type, Reaction]:
    """The reactions about pods."""
    reaction = Reaction(_keys, _on_pod)
    kinds = (PodEnrolled, PodConnected, PodDisconnected, PodDrained, PodReadmitted, PodRelabelled, PodRemoved)
    return dict.fromkeys(kinds, reaction)


def _keys(message: Message[PodEvent], _: Get) -> Iterator[Ref]:
    yield POD(message.body.pod)
    yield HOSTED(message.body.pod)
    yield FLEET(ALL_PODS)


def _on_pod(message: Message[PodEvent], work: Work) -> None:
    event = message.body
    work.saga = ""  # said because a pod spoke, with a saga of the pod's own choosing
    before = work.get(POD, event.pod)
    after = pods.evolve(before, event)
    if after is before:
        return
    work.put(POD, event.pod, after)
    back = reporting(after) and not reporting(before)
    if work.get(HOSTED, event.pod) is not None and (back or not pods.enrolled(after)):
        # Its pools are told again what is wanted; those of a pod that was removed are gone with it.
        work.remind(f"pod/{event.pod}", message.at, PodBack(pod=event.pod))
    more = pods.enrolled(after) - pods.enrolled(before)
    if more:
        fleet = work.get(FLEET, ALL_PODS) or Fleet()
        work.put(FLEET, ALL_PODS, Fleet(pods=fleet.pods + more))
