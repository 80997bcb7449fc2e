"""A pod: whether its connector reports, what it can hold, and which of its copies are unfinished (features.md b.5)."""

import re
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar, assert_never

import msgspec

from contracts.events.from_pods import Datastore, PodAnnounced, PodReported

LONGEST_SILENCE = 75.0
"""Seconds after which a pod is OFFLINE at the latest, however rarely it reports."""
SHORTEST_SILENCE = 0.2
"""Seconds: a pod that names a smaller (or negative) interval must not flap."""
ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class _Pod(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """What is known of a pod in every state. ``waiting`` names its unfinished copies, oldest first.

    ``root`` is that of the last complete inventory, kept in the tables under ``generation``; ``revision`` counts
    what was said about the pod.
    """

    name: str
    boot: str
    address: str
    """Base URL of its data-plane server; empty when what it announced is no such URL: then it serves nobody."""
    hypervisor: str
    family: str
    connector_version: str
    formats: tuple[str, ...]
    labels: dict[str, str]
    datastores: tuple[Datastore, ...]
    interval: float
    announced: datetime
    last_seen: datetime
    dead_letters: int = 0
    root: str | None = None
    inventory_at: datetime | None = None
    generation: int = 0
    waiting: tuple[str, ...] = ()
    revision: int = 0


class Connected(_Pod, frozen=True, kw_only=True, tag="CONNECTED"):
    """Its connector reports."""


class Offline(_Pod, frozen=True, kw_only=True, tag="OFFLINE"):
    """Its connector has been silent for longer than `silence`; copies for it wait."""


class Draining(_Pod, frozen=True, kw_only=True, tag="DRAINING"):
    """It accepts nothing new, whether it reports or not."""


class Removed(_Pod, frozen=True, kw_only=True, tag="REMOVED"):
    """It is no longer part of the house; what it still says is not heard."""


Pod: TypeAlias = Connected | Offline | Draining | Removed
P = TypeVar("P", Connected, Offline, Draining, Removed)


# --- what happens to a pod --------------------------------------------------------------------------------------------


class Announced(msgspec.Struct, frozen=True):
    """Its connector started and said what it is."""

    name: str
    words: PodAnnounced
    at: datetime


class Enrolled(msgspec.Struct, frozen=True):
    """It is known from now on. Said to the house."""


class Seen(msgspec.Struct, frozen=True):
    """It reported."""

    words: PodReported
    at: datetime


class Returned(msgspec.Struct, frozen=True):
    """It is CONNECTED (again). Said to the house."""


class Vanished(msgspec.Struct, frozen=True):
    """It is OFFLINE. Said to the house."""


Fact: TypeAlias = Announced | Enrolled | Seen | Returned | Vanished


class Silence(msgspec.Struct, frozen=True):
    """The question whether the pod has been silent for too long."""


def decide(pod: Pod | None, name: str, message: PodAnnounced | PodReported | Silence, at: datetime) -> tuple[Fact, ...]:
    """What an announcement, a heartbeat or its absence changes. What is older than the last word changes nothing."""
    match pod, message:
        case (Removed(), _) | (None, PodReported() | Silence()):
            return ()
        case None, PodAnnounced():
            return Announced(name, message, at), Enrolled(), Returned()
        case (Connected() | Offline() | Draining(), PodAnnounced()) if at < pod.announced:
            return ()
        case (Connected(), PodAnnounced()) if pod.boot == message.boot:
            return (Announced(name, message, at),)
        case Connected() | Offline(), PodAnnounced():
            return Announced(name, message, at), Returned()
        case Draining(), PodAnnounced():
            return (Announced(name, message, at),)
        case (Offline(), PodReported()) if at > pod.last_seen:
            return Seen(message, at), Returned()
        case (Connected() | Draining(), PodReported()) if at > pod.last_seen:
            return (Seen(message, at),)
        case (Connected(), Silence()) if silent_at(pod) <= at:
            return (Vanished(),)
    return ()


def evolve(pod: Pod | None, fact: Fact) -> Pod:
    """The pod after ``fact``."""
    if isinstance(fact, Announced):
        return _announced(pod, fact)
    if pod is None:
        raise ValueError("a pod begins with its announcement")
    match fact:
        case Enrolled():
            return msgspec.structs.replace(pod, revision=pod.revision + 1)
        case Seen(words, at):
            return msgspec.structs.replace(
                pod, last_seen=at, datastores=words.datastores, dead_letters=words.dead_letters
            )
        case Returned():
            return _become(Connected, pod, revision=pod.revision + 1)
        case Vanished():
            return _become(Offline, pod, revision=pod.revision + 1)
        case _:
            assert_never(fact)


def _announced(pod: Pod | None, fact: Announced) -> Pod:
    words = fact.words
    known: dict[str, Any] = {
        "boot": words.boot,
        "address": words.address if ADDRESS.fullmatch(words.address) else "",
        "hypervisor": words.hypervisor,
        "family": words.family,
        "connector_version": words.connector_version,
        "formats": words.formats,
        "labels": words.labels,
        "datastores": words.datastores,
        "interval": words.interval,
        "announced": fact.at,
    }
    if pod is None:
        return Offline(name=fact.name, last_seen=fact.at, **known)
    return msgspec.structs.replace(pod, last_seen=max(fact.at, pod.last_seen), **known)


def _become(kind: type[P], pod: Pod, **changes: Any) -> P:
    return kind(**(msgspec.structs.asdict(pod) | changes))


# --- what others want to know -----------------------------------------------------------------------------------------


def silent_at(pod: Pod) -> datetime:
    """When the pod is OFFLINE unless it reports: three intervals after its last word, 75 s at most."""
    limit = min(max(3 * pod.interval, SHORTEST_SILENCE), LONGEST_SILENCE)
    return pod.last_seen + timedelta(seconds=limit)


def site_of(pod: Pod | None) -> str:
    """Where the pod is, by its label ``site``, else ``region``; empty when it tells neither."""
    if pod is None:
        return ""
    return pod.labels.get("site") or pod.labels.get("region") or ""


def accepts(pod: Pod) -> bool:
    """Whether the pod is a target for what is new (features.md, Settled)."""
    return isinstance(pod, Connected | Offline)


def with_waiting(pod: Pod, copy: str) -> Pod:
    """``copy`` is unfinished on the pod."""
    return pod if copy in pod.waiting else msgspec.structs.replace(pod, waiting=(*pod.waiting, copy))


def without_waiting(pod: Pod, copy: str) -> Pod:
    """``copy`` came to an end on the pod."""
    if copy not in pod.waiting:
        return pod
    return msgspec.structs.replace(pod, waiting=tuple(one for one in pod.waiting if one != copy))


def with_inventory(pod: Pod, root: str, generation: int, at: datetime) -> Pod:
    """The inventory with ``root`` is complete, in the tables under ``generation``."""
    return msgspec.structs.replace(pod, root=root, generation=generation, inventory_at=at)
