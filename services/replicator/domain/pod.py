"""A pod: whether its connector reports, what it can hold, and which of its copies are unfinished (features.md b.5)."""

import re
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar, assert_never

import msgspec

from contracts.events.from_pods import Datastore, PodAnnounced, PodReported
from contracts.terms import Labels
from replicator.domain.revision import next_revision

LONGEST_SILENCE = 75.0
"""Seconds after which a pod is OFFLINE at the latest, however rarely it reports."""
SHORTEST_SILENCE = 0.2
"""Seconds: a pod that names a smaller (or negative) interval must not flap."""
LONGEST_INTERVAL = 86_400.0
"""Seconds between two reports that a pod is believed to mean: with any number, times would end that are reckoned with
it."""
MOST_LABELS = 32
"""Announced labels that are kept, as many as an operator may give (`contracts.terms.Labels`)."""
MOST_FORMATS = 32
"""Formats that a pod is believed to take."""
MOST_CAPABILITIES = 64
"""Capabilities that a pod is believed to have."""
WORD = 80
"""Characters of a word with which a pod describes itself, as many as a name has (`contracts.names.Name`)."""
ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


class _Pod(msgspec.Struct, frozen=True, kw_only=True, tag_field="state"):
    """What is known of a pod in every state.

    ``labels`` are those that it announced, ``own`` those of its operator in the hub, which stand above them;
    ``labels_revision`` counts the changes of ``own``. ``tenants`` are the principals that may use it, none: all, and
    ``tenants_revision`` counts the changes of that. ``root`` is that of the last complete inventory; its VMs are in
    the tables under ``generation``. ``drift`` counts the items that nobody asked for. ``unheard`` are copies that the
    pod should be at work on and did not name in its reports, and those it was told to drop, with the time since when.
    ``revision`` counts what was said about the pod.
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
    own: dict[str, str] = {}
    labels_revision: int = 0
    tenants: tuple[str, ...] = ()
    tenants_revision: int = 0
    datastores: tuple[Datastore, ...]
    virtual_limit: int | None = None
    capabilities: tuple[str, ...] = ()
    """What its hosts can do (features.md H3, H4, H6)."""
    interval: float
    announced: datetime
    last_seen: datetime
    dead_letters: int = 0
    root: str | None = None
    inventory_at: datetime | None = None
    generation: int = 0
    drift: int = 0
    unheard: dict[str, datetime] = {}
    revision: int = 0


class Connected(_Pod, frozen=True, kw_only=True, tag="CONNECTED"):
    """Its connector reports."""


class Offline(_Pod, frozen=True, kw_only=True, tag="OFFLINE"):
    """Its connector has been silent for longer than `silence`; copies for it wait."""


class Draining(_Pod, frozen=True, kw_only=True, tag="DRAINING"):
    """It accepts nothing new, and finishes what it has. ``silent``: its connector does not report."""

    silent: bool = False


class Removed(_Pod, frozen=True, kw_only=True, tag="REMOVED"):
    """It is no longer part of the house since ``removed``; what it still says is not heard, unless it joins anew."""

    removed: datetime


Pod: TypeAlias = Connected | Offline | Draining | Removed
P = TypeVar("P", Connected, Offline, Draining, Removed)


# --- what happens to a pod --------------------------------------------------------------------------------------------


class Announced(msgspec.Struct, frozen=True):
    """Its connector started and said what it is."""

    name: str
    words: PodAnnounced
    at: datetime


class Enrolled(msgspec.Struct, frozen=True):
    """It is known from now on, with its operator's labels. Said to the house."""

    own: dict[str, str] = {}


class Seen(msgspec.Struct, frozen=True):
    """It reported."""

    words: PodReported
    at: datetime


class Returned(msgspec.Struct, frozen=True):
    """It reports (again): CONNECTED, or DRAINING and not silent. Said to the house."""


class Vanished(msgspec.Struct, frozen=True):
    """It reports no more: OFFLINE, or DRAINING and silent. Said to the house."""


class Drained(msgspec.Struct, frozen=True):
    """It is DRAINING. Said to the house."""


class Readmitted(msgspec.Struct, frozen=True):
    """It is DRAINING no more. Said to the house."""


class Relabelled(msgspec.Struct, frozen=True):
    """Its operator gave it other labels. Said to the house."""

    own: dict[str, str]


class Bound(msgspec.Struct, frozen=True):
    """Its operator said who may use it: these principals, or all. Said to the house."""

    tenants: tuple[str, ...]


class Expelled(msgspec.Struct, frozen=True):
    """It is REMOVED. Said to the house."""

    at: datetime


Fact: TypeAlias = (
    Announced | Enrolled | Seen | Returned | Vanished | Drained | Readmitted | Relabelled | Bound | Expelled
)


class Silence(msgspec.Struct, frozen=True):
    """The question whether the pod has been silent for too long."""


def decide(
    pod: Pod | None, name: str, message: PodAnnounced | PodReported | Silence, at: datetime, own: dict[str, str]
) -> tuple[Fact, ...]:
    """What an announcement, a heartbeat or its absence changes. What is older than the last word changes nothing.

    A pod that announces itself and is not enrolled joins with its operator's labels ``own``: whether it may was asked
    before (`domain.enrolment`).
    """
    match pod, message:
        case (None | Removed(), PodReported() | Silence()):
            return ()
        case None, PodAnnounced():
            return Announced(name, message, at), Enrolled(own), Returned()
        case Removed(), PodAnnounced():
            if at < pod.removed:
                return ()
            return Announced(name, message, at), Enrolled(own), Returned()
        case (Connected() | Offline() | Draining(), PodAnnounced()) if at < pod.announced:
            return ()
        case (Connected() | Draining(), PodAnnounced()) if pod.boot == message.boot and reporting(pod):
            return (Announced(name, message, at),)
        case Connected() | Offline() | Draining(), PodAnnounced():
            return Announced(name, message, at), Returned()
        case (Connected() | Offline() | Draining(), PodReported()) if at > pod.last_seen:
            seen = Seen(message, at)
            return (seen,) if reporting(pod) else (seen, Returned())
        case (Connected() | Draining(), Silence()) if reporting(pod) and silent_at(pod) <= at:
            return (Vanished(),)
    return ()


def evolve(pod: Pod | None, fact: Fact, floor: int = 0) -> Pod:
    """The pod after ``fact``; what is said of it has a revision above ``floor``."""
    if isinstance(fact, Announced):
        return _announced(pod, fact)
    if pod is None:
        raise ValueError("a pod begins with its announcement")
    said = next_revision(pod.revision, floor)
    match fact:
        case Enrolled(own):
            revision = pod.labels_revision + (own != pod.own)
            return _become(Offline, pod, own=own, labels_revision=revision, revision=said)
        case Seen(words, at):
            return msgspec.structs.replace(
                pod, last_seen=at, datastores=words.datastores, dead_letters=words.dead_letters
            )
        case Returned():
            if isinstance(pod, Draining):
                return msgspec.structs.replace(pod, silent=False, unheard={}, revision=said)
            return _become(Connected, pod, unheard={}, revision=said)
        case Vanished():
            if isinstance(pod, Draining):
                return msgspec.structs.replace(pod, silent=True, revision=said)
            return _become(Offline, pod, revision=said)
        case Drained():
            return _become(Draining, pod, silent=not reporting(pod), revision=said)
        case Readmitted():
            return _become(Connected, pod, revision=said) if reporting(pod) else _become(Offline, pod, revision=said)
        case Relabelled(own):
            return msgspec.structs.replace(pod, own=own, labels_revision=pod.labels_revision + 1, revision=said)
        case Bound(tenants):
            changed = pod.tenants_revision + 1
            return msgspec.structs.replace(pod, tenants=tenants, tenants_revision=changed, revision=said)
        case Expelled(at):
            return _become(Removed, pod, removed=at, root=None, drift=0, unheard={}, revision=said)
        case _:
            assert_never(fact)


def _announced(pod: Pod | None, fact: Announced) -> Pod:
    words = fact.words
    known: dict[str, Any] = {
        "boot": words.boot,
        "address": words.address if ADDRESS.fullmatch(words.address) else "",
        "hypervisor": _plain(words.hypervisor),
        "family": _plain(words.family),
        "connector_version": _plain(words.connector_version),
        "formats": tuple(map(_plain, words.formats[:MOST_FORMATS])),
        "labels": _shapely(words.labels),
        "datastores": words.datastores,
        "virtual_limit": words.virtual_limit,
        "capabilities": tuple(map(_plain, words.capabilities[:MOST_CAPABILITIES])),
        "interval": min(max(words.interval, 0.0), LONGEST_INTERVAL),
        "announced": fact.at,
    }
    if pod is None:
        return Offline(name=fact.name, last_seen=fact.at, **known)
    return msgspec.structs.replace(pod, last_seen=max(fact.at, pod.last_seen), **known)


def _plain(text: str) -> str:
    """A pod's word for what it is, as it can be listed beside those of others: not too long, nothing that a terminal
    would obey."""
    return "".join(one for one in text[:WORD] if one.isprintable())


def _shapely(labels: dict[str, str]) -> dict[str, str]:
    """Those of ``labels`` that a selector could name: no more than an operator may give, of the same shapes."""
    return {key: value for key, value in list(labels.items())[:MOST_LABELS] if _label(key, value)}


def _label(key: str, value: str) -> bool:
    try:
        msgspec.convert({key: value}, Labels)
    except msgspec.ValidationError:
        return False
    return True


def _become(kind: type[P], pod: Pod, **changes: Any) -> P:
    known = {name: getattr(pod, name) for name in _COMMON}
    return kind(**(known | changes))


_COMMON = _Pod.__struct_fields__


# --- what others want to know -----------------------------------------------------------------------------------------


def silent_at(pod: Pod) -> datetime:
    """When the pod is OFFLINE unless it reports: three intervals after its last word, 75 s at most."""
    limit = min(max(3 * pod.interval, SHORTEST_SILENCE), LONGEST_SILENCE)
    return pod.last_seen + timedelta(seconds=limit)


def effective_labels(pod: Pod) -> dict[str, str]:
    """The labels by which the pod is selected: the operator's over those that it announced."""
    return {**pod.labels, **pod.own}


def region_of(pod: Pod | None) -> str:
    """The region that the pod is in, by its label ``region``; empty when it has none."""
    return "" if pod is None else pod.own.get("region") or pod.labels.get("region") or ""


def site_of(pod: Pod | None) -> str:
    """Where the pod is, by its label ``site``, else ``region``; empty when it tells neither."""
    return "" if pod is None else pod.own.get("site") or pod.labels.get("site") or region_of(pod)


def accepts(pod: Pod) -> bool:
    """Whether the pod is a target for what is new (features.md, Settled)."""
    return isinstance(pod, Connected | Offline)


def reporting(pod: Pod | None) -> bool:
    """Whether the pod is in touch: it can be asked, and can serve others."""
    return isinstance(pod, Connected) or (isinstance(pod, Draining) and not pod.silent)


def with_drift(pod: Pod, drift: int) -> Pod:
    """Its library holds ``drift`` items that nobody asked for."""
    return pod if drift == pod.drift else msgspec.structs.replace(pod, drift=max(drift, 0))


def with_inventory(pod: Pod, root: str | None, generation: int, at: datetime) -> Pod:
    """An inventory came whole, and the VMs are those of ``generation``; ``root`` None when another is needed all the
    same."""
    return msgspec.structs.replace(pod, root=root, generation=generation, inventory_at=at)
