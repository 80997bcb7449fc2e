"""Reactions to a publish, to what pods report of their copies, and to the deadlines of both."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Failure
from contracts.events.from_pods import CopyFinalised, CopyRejected, CopyTransferred
from contracts.events.hub import PlacementRefused, VersionPublishRequested
from contracts.names import copy_id
from replicator.config import Config
from replicator.documents import COPY, PLACEMENT, POD, ROSTER
from replicator.domain.copy import Copy, Pending, Plan, RetryPending
from replicator.domain.placement import Placement, Roster, Target, resolve
from replicator.domain.pod import Connected, Pod
from replicator.domain.verdict import Expire, Start, Wait, decide, judge
from replicator.messages import PublishOverdue, RetryDue, remind_overdue
from replicator.moves import move, serving
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
        wanted=len(targets), holders=() if known is None else known.holders,
    )  # fmt: skip
    work.put(PLACEMENT, words.version, placement)
    if not targets:
        _refuse(work, words)
        return
    roster = work.get(ROSTER, words.version) or Roster()
    enlisted = set(roster.pods)
    for target in targets:
        copy = work.get(COPY, copy_id(words.version, target.pod, REPLICA)) if target.pod in enlisted else None
        _place(work, config, placement, target, copy, pods.get(target.pod))
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


def _place(
    work: Work, config: Config, placement: Placement, target: Target, copy: Copy | None, pod: Pod | None
) -> None:
    plan = Plan(placement=placement, pod=target.pod, replica=REPLICA, skip=target.skip)
    copy = move(work, config, copy, decide(copy, plan), placement)
    if isinstance(copy, Pending) and isinstance(pod, Connected):
        move(work, config, copy, decide(copy, Start()), placement)


Report = CopyTransferred | CopyFinalised | CopyRejected


def report_keys(message: Message[Report], _: Get) -> Iterator[Ref]:
    """The copy and what it is held against; three documents, however many pods there are."""
    yield COPY(message.body.copy)
    yield PLACEMENT(message.body.version)
    yield POD(message.pod)


def report(message: Message[Report], work: Work, config: Config) -> None:
    """Hold a report against what was asked. A pod is heard about its own copies only."""
    words = message.body
    copy = work.get(COPY, words.copy)
    placement = work.get(PLACEMENT, words.version)
    if copy is None or placement is None or copy.pod != message.pod or copy.version != words.version:
        return
    facts = judge(copy, words, placement, config.policy, message.at)
    if facts:
        move(work, config, copy, facts, placement)


def retry_keys(message: Message[RetryDue], get: Get) -> Iterator[Ref]:
    """The copy, its pod, and who may serve it."""
    yield COPY(message.body.copy)
    copy = get(COPY, message.body.copy)
    if copy is not None:
        yield POD(copy.pod)
        yield from serving(copy.version, get)


def retry(message: Message[RetryDue], work: Work, config: Config) -> None:
    """Make the next attempt, or let the copy wait for its pod."""
    copy = work.get(COPY, message.body.copy)
    if not isinstance(copy, RetryPending) or copy.attempt != message.body.attempt:
        return
    placement, pod = work.get(PLACEMENT, copy.version), work.get(POD, copy.pod)
    if placement is None:
        return
    order = Start() if isinstance(pod, Connected) else Wait()
    move(work, config, copy, decide(copy, order), placement)


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
