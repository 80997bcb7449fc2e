"""A pod as the catalog knows it: whether it is enrolled, and whether it is heard of."""

import msgspec

from contracts.events.hub import PodConnected, PodDisconnected, PodEnrolled


class _Pod(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    revision: int


class Connected(_Pod, frozen=True, kw_only=True, tag="CONNECTED"):
    """Its connector reports."""


class Offline(_Pod, frozen=True, kw_only=True, tag="OFFLINE"):
    """Its connector is silent. It stays a pod: what is asked of it waits until its deadline."""


Pod = Connected | Offline


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """How many pods are enrolled: whether a publish to all has any target, without loading them all."""

    pods: int = 0


def evolve(pod: Pod | None, event: PodEnrolled | PodConnected | PodDisconnected) -> Pod:
    """The pod after an event of the replicator; one of an older revision changes nothing."""
    if pod is not None and event.revision <= pod.revision:
        return pod
    return (Offline if isinstance(event, PodDisconnected) else Connected)(revision=event.revision)
