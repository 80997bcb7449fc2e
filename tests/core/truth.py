"""What must be true in every history, checked against what the simulated pods really did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.documents import JOB, VERSION
from catalog.domain import job as jobs
from catalog.domain import version as versions
from contracts.events.hub import CopyAvailable, CopyLost, VersionAvailable, VersionPartiallyAvailable
from core.driver import Driver
from core.simulated_pod import SimulatedPod
from replicator.documents import COPY, PLACEMENT, POD
from replicator.domain import copy as copies
from replicator.domain.pod import Connected

ENDED = (jobs.Success, jobs.Partial, jobs.Failed)


class Violation(AssertionError):
    """A history in which something is wrong."""


@dataclass
class Counted:
    """The attempt with which each copy was last AVAILABLE, and the one with which it was last lost."""

    available: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)


def check_word(event: Any, pods: Mapping[str, SimulatedPod], counted: Counted) -> None:
    """No copy, and no version, is called AVAILABLE before its connectors said so, nor lost; and what was lost is not
    AVAILABLE again but by another attempt."""
    match event:
        case CopyAvailable():
            if (event.copy, event.attempt, event.digest) not in pods[event.pod].spoken:
                raise Violation(f"{event.copy} is AVAILABLE, its connector did not say so")
            if event.attempt <= counted.lost.get(event.copy, 0):
                raise Violation(f"{event.copy} was lost with attempt {event.attempt}, and is AVAILABLE with it again")
            counted.available[event.copy] = event.attempt
        case CopyLost():
            if event.copy not in pods[event.pod].noticed:
                raise Violation(f"{event.copy} is lost, its connector did not say so")
            counted.lost[event.copy] = counted.available[event.copy]
        case VersionAvailable() | VersionPartiallyAvailable():
            finished = {copy for pod in pods.values() for copy, _, _ in pod.spoken}
            if not 0 < event.available <= len(finished):
                raise Violation(f"{event.available} copies are called AVAILABLE, {len(finished)} were finished")


def check_end(catalog: Driver, replicator: Driver, pods: Mapping[str, SimulatedPod], *, commands: int) -> None:
    """Every saga ended, and what the hub believes is what is so."""
    found = catalog.all(JOB).values()
    if len(found) != commands:
        raise Violation(f"{commands} commands made {len(found)} jobs")
    if not all(isinstance(job, ENDED) for job in found):
        raise Violation("a job is still open")
    stored = replicator.all(COPY)
    for id, copy in stored.items():
        _check_copy(id, copy, pods[copy.pod], hopeless=hopeless(replicator, copy))
    for id, version in catalog.all(VERSION).items():
        publication = versions.publication_of(version)
        if publication is not None:
            _check_sums(version, publication, [copy for copy in stored.values() if copy.version == id])


def hopeless(replicator: Driver, copy: copies.Copy) -> bool:
    """Whether a copy that was lost cannot be repaired, because nobody has the version any more."""
    placement = replicator.get(PLACEMENT, copy.version)
    assert placement is not None
    others = [replicator.get(POD, name) for name in placement.known if name != copy.pod]
    return copy.repairing and not any(isinstance(pod, Connected) for pod in others)


def _check_copy(id: str, copy: copies.Copy, pod: SimulatedPod, *, hopeless: bool) -> None:
    if copies.unfinished(copy) and not hopeless:
        raise Violation(f"{id} is still {type(copy).__name__}")
    if isinstance(copy, copies.Available):
        if not pod.holds(id, copy.digest):
            raise Violation(f"{id} is AVAILABLE and {copy.pod} does not hold it")
    elif id in pod.library and not pod.library[id].rotten and copy.withdrawn >= copy.attempt:
        raise Violation(f"{id} was withdrawn and {copy.pod} holds it")


def _check_sums(version: Any, publication: Any, mine: list[copies.Copy]) -> None:
    """The catalog's sums and the version's state are those that the copies themselves give."""
    available = sum(isinstance(copy, copies.Available) for copy in mine)
    failed = sum(isinstance(copy, copies.Failed) for copy in mine)
    skipped = sum(isinstance(copy, copies.Skipped) for copy in mine)
    counted = (publication.wanted, publication.available, publication.failed, publication.skipped)
    if counted != (len(mine), available, failed, skipped):
        raise Violation(f"the catalog counts {counted}, there are {(len(mine), available, failed, skipped)}")
    missing = len(mine) - available - skipped
    expected = versions.Failed if not available else versions.PartiallyAvailable if missing else versions.Available
    if not isinstance(version, expected):
        raise Violation(f"the version is {type(version).__name__}, its copies say {expected.__name__}")


def outcome(catalog: Driver, replicator: Driver, pods: Mapping[str, SimulatedPod]) -> tuple[Any, ...]:
    """The end state without what may differ between orders: ids, times, revisions."""
    return (
        sorted((job.kind, type(job).__name__, job.number) for job in catalog.all(JOB).values()),
        sorted((one.number, type(one).__name__) for one in catalog.all(VERSION).values()),
        sorted((copy.pod, type(copy).__name__, copy.attempt) for copy in replicator.all(COPY).values()),
        sorted((name, len(pod.library)) for name, pod in pods.items()),
    )
