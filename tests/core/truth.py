"""What must be true in every history, checked against what the simulated pods really did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.documents import JOB, VERSION
from catalog.documents import ROSTER as CATALOGUED
from catalog.domain import job as jobs
from catalog.domain import version as versions
from contracts.events.hub import CopyAvailable, CopyLost, VersionAvailable, VersionPartiallyAvailable
from contracts.events.to_pods import CopyRequested
from core.driver import Driver
from core.simulated_pod import SimulatedPod
from replicator.documents import COPY, LANE, PLACEMENT, POD, QUEUE, ROSTER, RUN
from replicator.domain import copy as copies
from replicator.domain.pod import Connected

ENDED = (jobs.Success, jobs.Partial, jobs.Failed, jobs.Cancelled)


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
            told = pods[event.pod].wiped if event.state == "MISSING" else pods[event.pod].noticed
            if event.copy not in told:
                raise Violation(f"{event.copy} is lost, its connector did not say so")
            counted.lost[event.copy] = counted.available[event.copy]
        case VersionAvailable() | VersionPartiallyAvailable():
            finished = {copy for pod in pods.values() for copy, _, _ in pod.spoken}
            if not 0 < event.available <= len(finished):
                raise Violation(f"{event.available} copies are called AVAILABLE, {len(finished)} were finished")


def check_access(event: Any, replicator: Driver) -> None:
    """No pod is asked for a copy of which the data is denied."""
    if isinstance(event, CopyRequested):
        placement = replicator.get(PLACEMENT, event.version)
        if placement is None or placement.denied:
            raise Violation(f"{event.copy} is asked for, and the data of its version is denied")


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
    for id, run in replicator.all(RUN).items():
        if not run.groups:
            raise Violation(f"nobody waits in the run of {id}, and it is kept: {run}")
    lanes = {
        version: tenant for tenant, lane in replicator.all(LANE).items() for version in (*lane.running, *lane.queued)
    }
    if lanes.keys() - replicator.all(RUN).keys():
        raise Violation(f"publishes that are over have a place in their lane: {lanes}")
    for name, queue in replicator.all(QUEUE).items():
        for id, entry in queue.copies.items():
            copy = stored.get(id)
            if copy is None or not (copies.unfinished(copy) or copies.leaving(copy)):
                raise Violation(f"{id} is {entry.place} in the queue of {name}, and is {type(copy).__name__}")
    for id in replicator.all(PLACEMENT):
        _check_desired(replicator, id, stored)
    for id, version in catalog.all(VERSION).items():
        _check_gone(catalog, id, version, pods)
        placement = replicator.get(PLACEMENT, id)
        if placement is not None and placement.denied != version.life.deactivated:
            raise Violation(f"access to the data of {id} is {placement.denied} and {version.life.deactivated} denied")
        if versions.publication_of(version) is not None:
            roster = replicator.get(ROSTER, id)
            wanted = {} if roster is None else roster.wanted
            mine = [copy for copy in stored.values() if copy.version == id]
            _check_state(version, [copy for copy in mine if copy.replica in wanted.get(copy.pod, ())])


def hopeless(replicator: Driver, copy: copies.Copy) -> bool:
    """Whether a copy that no deadline ends cannot be made, because nobody has the version any more."""
    placement = replicator.get(PLACEMENT, copy.version)
    assert placement is not None
    others = [replicator.get(POD, name) for name in placement.known if name != copy.pod]
    return copies.endless(copy) and not any(isinstance(pod, Connected) for pod in others)


def differs(id: str, copy: copies.Copy, pod: SimulatedPod) -> bool:
    """Whether the pod does not have what is AVAILABLE there, or has what was taken back."""
    if isinstance(copy, copies.Available):
        return not pod.holds(id, copy.digest)
    taken_back = not copies.wanted(copy) or copy.withdrawn >= copy.attempt
    return taken_back and id in pod.library and not pod.library[id].rotten


def _check_copy(id: str, copy: copies.Copy, pod: SimulatedPod, *, hopeless: bool) -> None:
    if copies.unfinished(copy) and not hopeless:
        raise Violation(f"{id} is still {type(copy).__name__}")
    if copies.leaving(copy):
        raise Violation(f"{id} is {type(copy).__name__}, and {copy.pod} did not drop it")
    if isinstance(copy, copies.Available):
        if not pod.holds(id, copy.digest):
            raise Violation(f"{id} is AVAILABLE and {copy.pod} does not hold it")
    elif differs(id, copy, pod):
        raise Violation(f"{id} was withdrawn and {copy.pod} holds it")
    if isinstance(copy, copies.Absent | copies.Cancelled) and pod.partial(id):
        raise Violation(f"{id} is {type(copy).__name__}, and {copy.pod} keeps a part of it")


def _check_desired(replicator: Driver, version: str, stored: Mapping[str, copies.Copy]) -> None:
    """What is wanted is there or came to an end, and nothing else is."""
    placement, roster = replicator.get(PLACEMENT, version), replicator.get(ROSTER, version)
    if placement is None or roster is None:
        return
    seats = {(pod, replica) for pod, replicas in roster.wanted.items() for replica in replicas}
    mine = {(copy.pod, copy.replica): copy for copy in stored.values() if copy.version == version}
    if placement.state == "LIVE" and placement.wanted != len(seats):
        raise Violation(f"{placement.wanted} copies are wanted, the roster names {len(seats)}")
    for seat, copy in mine.items():
        if seat in seats and not copies.wanted(copy):
            raise Violation(f"the copy on {seat} is wanted, and is {type(copy).__name__}")
        if seat not in seats and (isinstance(copy, copies.Available) or copies.unfinished(copy)):
            raise Violation(f"the copy on {seat} is not wanted, and is {type(copy).__name__}")
    for seat in seats - mine.keys():
        raise Violation(f"the copy on {seat} is wanted, and nobody knows of it")


def _check_gone(catalog: Driver, id: str, version: Any, pods: Mapping[str, SimulatedPod]) -> None:
    """What is deleted is nowhere any more, and what is not is among the versions of its image."""
    listed = catalog.get(CATALOGUED, version.image)
    removal = version.life.removal
    if removal is not None and removal.stage == "DELETING":
        raise Violation(f"version {version.number} is still being deleted")
    if removal is None or removal.stage != "DELETED":
        if versions.manifest_of(version) is not None and (listed is None or id not in listed.versions):
            raise Violation(f"version {version.number} exists, and is none of its image's")
        return
    if listed is not None and id in listed.versions:
        raise Violation(f"version {version.number} is deleted, and is one of its image's")
    for name, pod in pods.items():
        if id in pod.prepared:
            raise Violation(f"version {version.number} is deleted, and {name} has its source")


def _check_state(version: Any, live: list[copies.Copy]) -> None:
    """The catalog's sums and the version's state are those that the copies themselves give."""
    publication = versions.publication_of(version)
    assert publication is not None
    available = sum(isinstance(copy, copies.Available) for copy in live)
    failed = sum(isinstance(copy, copies.Failed) for copy in live)
    skipped = sum(isinstance(copy, copies.Skipped) for copy in live)
    if isinstance(version, versions.DeploymentDone):
        if available:
            raise Violation(f"the version has no copies by the catalog, and {available} by the replicator")
        return
    counted = (publication.available, publication.failed, publication.skipped)
    if counted != (available, failed, skipped):
        raise Violation(f"the catalog counts {counted}, there are {(available, failed, skipped)}")
    missing = len(live) - available - skipped
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
