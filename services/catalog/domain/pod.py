"""A pod as the catalog knows it: whether it is enrolled, whether it is heard of, what it is, what it accepts."""

from collections.abc import Collection, Iterable

import msgspec

from catalog.domain.states import become
from contracts.events.hub import (
    PodConnected,
    PodDisconnected,
    PodDrained,
    PodEnrolled,
    PodReadmitted,
    PodRelabelled,
    PodRemoved,
)
from contracts.requests import Actor

PodEvent = PodEnrolled | PodConnected | PodDisconnected | PodDrained | PodReadmitted | PodRelabelled | PodRemoved


class _Pod(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """``labels`` are the effective ones. ``draining``: it accepts nothing new, whether it is heard of or not."""

    revision: int
    hypervisor: str = ""
    labels: dict[str, str] = {}
    draining: bool = False
    tenants: tuple[str, ...] = ()
    """Who may use it, as principals; none: every tenant."""


class Connected(_Pod, frozen=True, kw_only=True, tag="CONNECTED"):
    """Its connector reports."""


class Offline(_Pod, frozen=True, kw_only=True, tag="OFFLINE"):
    """Its connector is silent. It stays a pod: what is asked of it waits until its deadline."""


class Removed(_Pod, frozen=True, kw_only=True, tag="REMOVED"):
    """It is no longer part of the house. One that is enrolled again under its name is a new pod."""


Pod = Connected | Offline | Removed


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """How many pods are enrolled: whether a publish to all has any target, without loading them all."""

    pods: int = 0


def enrolled(pod: Pod | None) -> bool:
    """Whether there is such a pod."""
    return pod is not None and not isinstance(pod, Removed)


def seen_by(pod: Pod | None, actor: Actor) -> Pod | None:
    """The pod as ``actor`` knows it: one that only others may use is not there for him. Operators know all."""
    return pod if pod is None or actor.operator or usable_by(pod.tenants, actor.all) else None


def usable_by(tenants: Collection[str], principals: Iterable[str]) -> bool:
    """Whether a pod that is for ``tenants`` is for somebody who is all this."""
    return not tenants or any(one in tenants for one in principals)


def reporting(pod: Pod | None) -> bool:
    """Whether the pod is heard of, so that what is asked of it may be done."""
    return isinstance(pod, Connected)


def selectable(name: str, pod: Pod) -> dict[str, str]:
    """What a selector is held against: labels, and what can be selected by beside them (`contracts.terms.Selector`)."""
    return pod.labels | {"pod": name, "hypervisor": pod.hypervisor}


def evolve(pod: Pod | None, event: PodEvent) -> Pod:
    """The pod after an event of the replicator; one of an older revision changes nothing."""
    if pod is not None and event.revision <= pod.revision:
        return pod
    known = pod or Connected(revision=0)
    revision = event.revision
    match event:
        case PodEnrolled():
            return Connected(revision=revision, hypervisor=event.hypervisor, labels=event.labels, tenants=event.tenants)
        case PodConnected():
            return become(Connected, known, revision=revision, labels=event.labels, tenants=event.tenants)
        case PodDisconnected():
            return become(Offline, known, revision=revision)
        case PodDrained():
            return msgspec.structs.replace(known, revision=revision, draining=True)
        case PodReadmitted():
            return msgspec.structs.replace(known, revision=revision, draining=False)
        case PodRelabelled():
            return msgspec.structs.replace(known, revision=revision, labels=event.labels, tenants=event.tenants)
        case PodRemoved():
            return become(Removed, known, revision=revision)
