"""Asking a pod for a copy: who serves it, and the ticket that opens their doors."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts.events.to_pods import CopyExtended, CopyRequested, Holder
from contracts.names import copy_id
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT, POD
from replicator.domain.copy import Available, Copy, receiving
from replicator.domain.placement import Placement, sources
from replicator.domain.pod import Connected
from replicator.messages import remind_stall
from runtime.tickets import Ticket
from runtime.work import Get, Ref, Work


def serving(copy: Copy, get: Get) -> Iterator[Ref]:
    """The documents from which the holders for a copy are chosen; a bounded number, however many pods there are."""
    yield POD(copy.pod)
    for peer in copy.peers:
        yield POD(peer)
        yield COPY(copy_id(copy.version, peer, copy.replica))
    yield PLACEMENT(copy.version)
    placement = get(PLACEMENT, copy.version)
    if placement is not None:
        for name in placement.known:
            yield POD(name)


def holders(work: Work, copy: Copy, placement: Placement) -> tuple[Holder, ...]:
    """Who serves the copy's next or latest attempt at this moment, complete holders first.

    A peer whose copy is AVAILABLE is a complete holder; one that still receives and is in touch serves what it has.
    """
    id = copy_id(copy.version, copy.pod, copy.replica)
    complete: list[str] = list(placement.known)
    partial: list[str] = []
    for peer in copy.peers:
        theirs = work.get(COPY, copy_id(copy.version, peer, copy.replica))
        if isinstance(theirs, Available) and theirs.digest == placement.digest:
            complete.append(peer)
        elif receiving(theirs):
            partial.append(peer)
    names = dict.fromkeys(complete)
    pods = {name: work.get(POD, name) for name in (copy.pod, *names, *partial)}
    found = [Holder(pod=pod.name, address=pod.address) for pod in sources(names, pods, id, copy.pod, copy.attempt)]
    for name in partial:
        pod = pods[name]
        if name not in names and isinstance(pod, Connected) and pod.address:
            found.append(Holder(pod=name, address=pod.address, complete=False))
    return tuple(found)


def repairable(work: Work, copy: Copy, placement: Placement) -> bool:
    """Whether a pod in touch holds the whole version, so that an attempt can succeed."""
    pods = [work.get(POD, holder.pod) for holder in holders(work, copy, placement) if holder.complete]
    return any(isinstance(pod, Connected) for pod in pods)


def request(work: Work, config: Config, copy: Copy, placement: Placement) -> None:
    """Ask the copy's pod for the latest attempt. Saying it again is harmless: the attempt is the same."""
    id = copy_id(copy.version, copy.pod, copy.replica)
    ticket, expires = _ticket(work, config, id, copy, placement)
    asked = CopyRequested(
        pod=copy.pod, copy=id, version=copy.version, image=copy.image,
        tenant=placement.tenant, attempt=copy.attempt, manifest=placement.manifest,
        holders=holders(work, copy, placement), ticket=ticket, ticket_expires=expires,
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
    anyway. A repair has no deadline but its tickets: who lets one end is not at work any more."""
    expires = work.message.at + timedelta(seconds=config.ticket_seconds)
    if copy.repairing:
        remind_stall(work, id, copy, expires)
    else:
        expires = min(expires, placement.deadline)
    roots = tuple(disk.root for disk in placement.manifest.disks)
    return config.sign(Ticket(pod=copy.pod, version=copy.version, roots=roots, expires=expires)), expires
