"""Reactions to a publish, to what pods report of their copies, and to the deadlines of both."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import CopyContinued, CopyCorrupted, CopyFinalised, CopyRejected, CopyTransferred
from contracts.events.hub import PlacementRefused, VersionPublishRequested
from contracts.names import copy_id
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT, POD, ROSTER
from replicator.domain.copy import Available, Copy, Corrupt, Pending, Plan, RetryPending
from replicator.domain.groups import groups
from replicator.domain.placement import Placement, Roster, resolve
from replicator.domain.pod import Connected
from replicator.domain.verdict import Expire, Start, Wait, decide, goes_on, judge, judge_loss, judge_stall
from replicator.messages import PublishOverdue, RepairStalled, RetryDue, remind_overdue, remind_repair
from replicator.moves import move
from replicator.serving import extend, repairable, serving
from runtime.work import Get, Message, Ref, Work

REPLICA = 0
"""The only replica of a version on a pod; more ask for a datastore each, which the catalog refuses."""


def publish_keys(message: Message[VersionPublishRequested], get: Get) -> Iterator[Ref]:
    """All pods, and the copies that the version has already."""
    version = message.body.version
    yield PLACEMENT(version)
    yield POD.every
    yield ROSTER(version)
    roster = get(ROSTER, version)
    if roster is not None:
        for pod in roster.pods:
            yield COPY(copy_id(version, pod, REPLICA))


def publish(message: Message[VersionPublishRequested], work: Work, config: Config) -> None:
    """Resolve the targets, plan a copy for each, and start those whose pod is there.

    A publish that is not newer than the latest one was heard before, or was overtaken.
    """
    words = message.body
    known = work.get(PLACEMENT, words.version)
    if known is not None and words.publication <= known.publication:
        return
    pods = dict(work.every(POD))
    targets = resolve(pods, words.targets, words.manifest)
    placement = Placement(
        version=words.version, image=words.image, tenant=words.tenant, publication=words.publication,
        saga=message.saga, manifest=words.manifest, digest=words.manifest.digest, deadline=words.deadline,
        wanted=len(targets), holders=() if known is None else known.holders, bare=known is not None and known.bare,
    )  # fmt: skip
    work.put(PLACEMENT, words.version, placement)
    if not targets:
        _refuse(work, words)
        return
    roster = work.get(ROSTER, words.version) or Roster()
    enlisted = set(roster.pods)
    copies = {
        target.pod: work.get(COPY, copy_id(words.version, target.pod, REPLICA)) if target.pod in enlisted else None
        for target in targets
    }
    lacking = [target.pod for target in targets if not target.skip and not _has(copies[target.pod], placement)]
    peers = groups(words.version, [name for name in lacking if name not in placement.known], pods)
    for target in targets:
        name = target.pod
        plan = Plan(placement=placement, pod=name, replica=REPLICA, skip=target.skip, peers=peers.get(name, ()))
        copies[name] = move(work, config, copies[name], decide(copies[name], plan), placement)
    for name, copy in copies.items():  # all are planned by now: a request names peers
        if isinstance(copy, Pending) and isinstance(pods.get(name), Connected):
            move(work, config, copy, decide(copy, Start()), placement)
    everyone = tuple(sorted(enlisted | {target.pod for target in targets}))
    work.put(ROSTER, words.version, msgspec.structs.replace(roster, pods=everyone))
    remind_overdue(work, words.version, words.publication, words.deadline)


def _refuse(work: Work, words: VersionPublishRequested) -> None:
    failure = Failure(
        code="no_target",
        step="place",
        text="no enrolled pod that accepts copies matches the targets",
        hint="look at the pods' states, then publish to one that is CONNECTED or OFFLINE",
    )
    work.emit(PlacementRefused(version=words.version, publication=words.publication, failure=failure))


def _has(copy: Copy | None, placement: Placement) -> bool:
    return isinstance(copy, Available) and copy.digest == placement.digest


Report = CopyTransferred | CopyFinalised | CopyRejected


def report_keys(message: Message[Report], _: Get) -> Iterator[Ref]:
    """The copy and what it is held against; three documents, however many pods there are."""
    yield COPY(message.body.copy)
    yield PLACEMENT(message.body.version)
    yield POD(message.pod)


def report(message: Message[Report], work: Work, config: Config) -> None:
    """Hold a report against what was asked. A pod is heard about its own copies only."""
    words = message.body
    copy, placement = _own(message, work)
    if copy is None or placement is None:
        return
    facts = judge(copy, words, placement, config.policy, message.at)
    if facts:
        move(work, config, copy, facts, placement)


def _own(
    message: Message[Report | CopyContinued | CopyCorrupted], work: Work
) -> tuple[Copy, Placement] | tuple[None, None]:
    """The speaking pod's own copy that the message names, and its placement."""
    words = message.body
    copy, placement = work.get(COPY, words.copy), work.get(PLACEMENT, words.version)
    if copy is None or placement is None or copy.pod != message.pod or copy.version != words.version:
        return None, None
    return copy, placement


def serving_keys(message: Message[CopyContinued | CopyCorrupted | RetryDue | RepairStalled], get: Get) -> Iterator[Ref]:
    """The copy, its pod, and who may serve it."""
    if isinstance(message.body, CopyContinued | CopyCorrupted):
        yield PLACEMENT(message.body.version)
    yield COPY(message.body.copy)
    copy = get(COPY, message.body.copy)
    if copy is not None:
        yield from serving(copy, get)


def continued(message: Message[CopyContinued], work: Work, config: Config) -> None:
    """The attempt goes on for longer than its ticket: give it another. An attempt that is over gets none."""
    copy, placement = _own(message, work)
    if copy is not None and placement is not None and goes_on(copy, message.body.attempt):
        extend(work, config, copy, placement)


def corrupted(message: Message[CopyCorrupted], work: Work, config: Config) -> None:
    """A pod's bytes changed at rest: they count no more, and are made anew from another holder."""
    copy, placement = _own(message, work)
    if copy is None or placement is None:
        return
    facts = judge_loss(copy, message.body)
    if facts:
        copy = move(work, config, copy, facts, placement)
        if isinstance(copy, Corrupt):
            again(work, config, copy)


def retry(message: Message[RetryDue], work: Work, config: Config) -> None:
    """The time of the next attempt came."""
    copy = work.get(COPY, message.body.copy)
    if isinstance(copy, RetryPending | Corrupt) and copy.attempt == message.body.attempt:
        again(work, config, copy)


def stalled(message: Message[RepairStalled], work: Work, config: Config) -> None:
    """Nothing was heard of a repair for as long as its ticket lived."""
    copy = work.get(COPY, message.body.copy)
    placement = None if copy is None else work.get(PLACEMENT, copy.version)
    facts = judge_stall(copy, message.body.attempt, config.policy, message.at)
    if facts and placement is not None:
        move(work, config, copy, facts, placement)


def again(work: Work, config: Config, copy: RetryPending | Corrupt) -> None:
    """Make the next attempt, or let the copy wait: for its pod, whose return leads here again, or in a repair for a
    pod in touch that holds the version. A repair has no deadline, so it shall not use up its attempts on nobody.
    """
    placement, pod = work.get(PLACEMENT, copy.version), work.get(POD, copy.pod)
    if placement is None:
        return
    if not isinstance(pod, Connected):
        move(work, config, copy, decide(copy, Wait()), placement)
    elif copy.repairing and not repairable(work, copy, placement):
        remind_repair(work, copy, config.repair_seconds)
    else:
        move(work, config, copy, decide(copy, Start()), placement)


def overdue_keys(message: Message[PublishOverdue], get: Get) -> Iterator[Ref]:
    """Every copy of the version and its pod: once for each publish."""
    version = message.body.version
    yield PLACEMENT(version)
    yield ROSTER(version)
    roster = get(ROSTER, version)
    if roster is not None:
        for pod in roster.pods:
            yield COPY(copy_id(version, pod, REPLICA))
            yield POD(pod)


def overdue(message: Message[PublishOverdue], work: Work, config: Config) -> None:
    """Bring what a publish left unfinished to its end."""
    version = message.body.version
    placement, roster = work.get(PLACEMENT, version), work.get(ROSTER, version)
    if placement is None or roster is None:
        return
    for name in roster.pods:
        copy = work.get(COPY, copy_id(version, name, REPLICA))
        pod = work.get(POD, name)
        facts = decide(copy, Expire(message.body.publication, offline=not isinstance(pod, Connected)))
        if facts:
            move(work, config, copy, facts, placement)
