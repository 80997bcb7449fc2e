"""Asking a pod for a copy: who serves it, where it is to lie, and the ticket that opens the holders' doors."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts.events.to_pods import CopyExtended, CopyRequested, Holder
from contracts.names import copy_id
from contracts.terms import Requirements
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT, POD, RUN
from replicator.domain.copy import Available, Copy, RetryPending, endless, receiving, siblings, wanted
from replicator.domain.eligibility import rooms, suitable
from replicator.domain.placement import Placement
from replicator.domain.pod import reporting
from replicator.domain.run import group_of, loads_of
from replicator.domain.sources import choose
from replicator.messages import remind_stall
from runtime.tickets import Ticket
from runtime.work import Get, Ref, Work

HOLDERS_OFFERED = 8
"""Complete holders named in one request: a message stays far below its limit of 64 KiB."""


def serving(copy: Copy, get: Get) -> Iterator[Ref]:
    """The documents from which the holders for a copy are chosen; a bounded number, however many pods there are."""
    yield POD(copy.pod)
    yield RUN(copy.version)
    for peer in copy.peers:
        yield POD(peer)
        yield COPY(copy_id(copy.version, peer, copy.replica))
    yield PLACEMENT(copy.version)
    for id in siblings(copy):
        yield COPY(id)
    placement = get(PLACEMENT, copy.version)
    if placement is not None:
        for name in placement.known:
            yield POD(name)


def holders(work: Work, copy: Copy, placement: Placement) -> tuple[Holder, ...]:
    """Who serves the copy's next or latest attempt at this moment, complete holders first.

    A peer whose copy is AVAILABLE is a complete holder; one that still receives and is in touch serves what it has.
    Nobody serves a shallow copy.
    """
    if placement.shallow:
        return ()
    id = copy_id(copy.version, copy.pod, copy.replica)
    complete: list[str] = list(placement.known)
    partial: list[str] = []
    for peer in copy.peers:
        theirs = work.get(COPY, copy_id(copy.version, peer, copy.replica))
        if isinstance(theirs, Available) and theirs.digest == placement.digest:
            complete.append(peer)
        elif receiving(theirs):
            partial.append(peer)
    pods = {name: work.get(POD, name) for name in dict.fromkeys(complete)}
    run = work.get(RUN, copy.version)
    loads = {} if run is None else loads_of(run)
    chosen = choose(work.get(POD, copy.pod), pods, loads, copy.attempt, id, placement.source)
    hold = None if run is None else run.holds.get(group_of(copy.pod, copy.replica, copy.peers))
    if hold is not None and copy.attempt <= copy.first:  # the group's feeder, until an attempt with it failed
        chosen.sort(key=lambda pod: pod.name != hold.feeder)
    found = [Holder(pod=pod.name, address=pod.address) for pod in chosen[:HOLDERS_OFFERED]]
    for name in partial:
        pod = work.get(POD, name)
        if name not in pods and pod is not None and reporting(pod) and pod.address:
            found.append(Holder(pod=name, address=pod.address, complete=False))
    return tuple(found)


def repairable(work: Work, copy: Copy, placement: Placement) -> bool:
    """Whether an attempt can succeed: a pod in touch holds the whole version, or another copy on the same pod is
    AVAILABLE. The source pod makes its own from what it has."""
    pod = work.get(POD, copy.pod)
    if copy.pod == placement.source and not placement.bare:
        return True
    others = [work.get(COPY, id) for id in siblings(copy)]
    if any(isinstance(one, Available) for one in others):
        return True
    pods = [work.get(POD, holder.pod) for holder in holders(work, copy, placement) if holder.complete]
    return any(one is not None and reporting(one) for one in pods if one is not pod)


def datastore_for(work: Work, copy: Copy, placement: Placement) -> str | None:
    """Where the copy's next attempt is to lie; None leaves it to the pod.

    The copies of a version on a pod lie on a datastore each. One that was there before goes where it was, unless that
    is gone or turned out to be full.
    """
    others = [work.get(COPY, id) for id in siblings(copy)]
    taken = {one.datastore for one in others if one is not None and wanted(one) and one.datastore}
    pod = work.get(POD, copy.pod)
    stores = () if pod is None else pod.datastores
    full = isinstance(copy, RetryPending) and copy.failure.code in ("no_space", "quota_exceeded", "datastore_taken")
    kept = copy.datastore and copy.datastore not in taken and not full
    if kept and any(store.name == copy.datastore for store in stores):
        return copy.datastore
    if pod is None or (copy.among == 1 and not _choosy(copy, placement)):
        return None
    found = rooms(pod, placement.manifest, placement.terms, taken=frozenset(taken))
    other = [store.name for store in found if not (full and store.name == copy.datastore)]
    if other:
        return other[0]
    left = [store.name for store in suitable(pod, placement.terms) if store.name not in taken]
    return left[0] if left else None


def _choosy(copy: Copy, placement: Placement) -> bool:
    """Whether it matters on which of the pod's datastores its only copy lies. What the source pod has stays there."""
    requires = placement.terms.requires
    elsewhere = copy.pod != placement.manifest.source.pod
    return elsewhere and bool(requires.disk_types or requires.disallowed_disk_types)


def request(work: Work, config: Config, copy: Copy, placement: Placement) -> None:
    """Ask the copy's pod for the latest attempt. Saying it again is harmless: the attempt is the same."""
    id = copy_id(copy.version, copy.pod, copy.replica)
    ticket, expires = _ticket(work, config, id, copy, placement)
    requires = Requirements() if copy.pod == placement.manifest.source.pod else placement.terms.requires
    asked = CopyRequested(
        pod=copy.pod, copy=id, version=copy.version, image=copy.image,
        tenant=placement.tenant, attempt=copy.attempt, manifest=placement.manifest,
        holders=holders(work, copy, placement), ticket=ticket, ticket_expires=expires, datastore=copy.datastore,
        replica=copy.replica, priority=placement.terms.priority, shallow=placement.shallow,
        capabilities=requires.capabilities, gpu_types=requires.gpu_types,
    )  # fmt: skip
    work.emit(asked, saga=copy.saga)


def extend(work: Work, config: Config, copy: Copy, placement: Placement) -> None:
    """Give the copy's pod a fresh ticket for the attempt that is under way, and the holders as they are now."""
    id = copy_id(copy.version, copy.pod, copy.replica)
    ticket, expires = _ticket(work, config, id, copy, placement)
    extended = CopyExtended(
        pod=copy.pod, copy=id, version=copy.version, attempt=copy.attempt,
        holders=holders(work, copy, placement), ticket=ticket, ticket_expires=expires,
    )  # fmt: skip
    work.emit(extended, saga=copy.saga)


def _ticket(work: Work, config: Config, id: str, copy: Copy, placement: Placement) -> tuple[str, datetime]:
    """A ticket opens doors for the configured time, and never beyond the publish's deadline, when a copy is withdrawn
    anyway. A copy without a deadline has its tickets instead: who lets one end is not at work any more."""
    expires = work.message.at + timedelta(seconds=config.ticket_seconds)
    if endless(copy):
        remind_stall(work, id, copy, expires)
    else:
        expires = min(expires, placement.deadline)
    roots = tuple(disk.root for disk in placement.manifest.disks)
    return config.sign(Ticket(pod=copy.pod, version=copy.version, roots=roots, expires=expires)), expires
