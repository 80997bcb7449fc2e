"""Reactions to what the catalog asks for: a publish, its cancellation, an unpublish; and to a publish's deadline."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from contracts.errors import Failure
from contracts.events.hub import (
    PlacementRefused,
    VersionCancelRequested,
    VersionPublishRequested,
    VersionUnpublishRequested,
)
from contracts.terms import Targets
from replicator import deliveries, denying, dispatch, fixing, policies
from replicator.config import Config
from replicator.documents import CALLED_OFF, DELIVERIES, DENIED, FIXED, PLACEMENT, POD, POLICY, ROSTER
from replicator.domain.copy import Available, Copy, unfinished, wanted
from replicator.domain.eligibility import Target, resolve
from replicator.domain.estimate import objection
from replicator.domain.placement import CalledOff, Former, Placement, Roster, numbered, with_wanted
from replicator.domain.pod import Pod, reporting
from replicator.domain.policy import heeded
from replicator.domain.run import name_of
from replicator.domain.tenancy import for_tenant, usable
from replicator.domain.verdict import Cancel, Expire, decide
from replicator.held import look_again
from replicator.messages import PublishOverdue, forget_roll_back, remind_overdue
from replicator.moves import move
from replicator.refusals import called_off, refusal
from replicator.targeting import Seat, Wish, copies_keys, copies_of, held, lacking, plan, settle_on, take_back
from runtime.work import Get, Message, Ref, Work


def publish_keys(message: Message[VersionPublishRequested], get: Get) -> Iterator[Ref]:
    """All pods, and the copies that the version has already."""
    words = message.body
    yield POD.every
    yield POLICY.every
    yield CALLED_OFF(words.version)
    yield FIXED(words.image)
    yield DENIED(words.version)
    yield DELIVERIES(words.image)
    yield from copies_keys(words.version, get)
    yield from dispatch.begin_keys(words.version, words.tenant, get)
    yield from policies.published_keys(words.image, words.tenant)


def publish(message: Message[VersionPublishRequested], work: Work, config: Config) -> None:
    """Resolve the targets, plan a copy for each, and start those that can. A publish only adds targets; what it
    touches is what is not AVAILABLE.

    A publish that is not newer than the latest one was heard before, or was overtaken. One that is heard for the first
    time after its deadline was sought: then nothing of it is overdue, what pods hold of it has still to be found.
    """
    words = message.body
    known, roster = work.get(PLACEMENT, words.version), work.get(ROSTER, words.version) or Roster()
    if known is not None and words.publication <= known.heard:
        return
    fixing.note(work, words.image, fixed=words.fixed)
    pods = dict(work.every(POD))
    copies = copies_of(work, words.version, roster)
    targets = _targets(work, config, words, roster, copies, pods)
    placement = _placement(message, known, roster)
    off = work.get(CALLED_OFF, words.version)
    if off is not None:
        work.put(CALLED_OFF, words.version, None)
    ends = words.deadline > message.at
    if off is not None and words.publication <= off.publication and ends:
        # Not of one that was sought: the catalog would not say it if nothing of it were wanted any more.
        _refuse(work, known or msgspec.structs.replace(placement, state="WITHDRAWN"), placement, called_off())
        return
    failure = refusal(words, targets)
    if failure is not None:
        _refuse(work, known, placement, failure)
        return
    have = {target.pod: roster.wanted.get(target.pod, ()) for target in targets}
    seats = {target.pod: _seats(have[target.pod], target, words) for target in targets}
    wishes = [Wish(target.pod, replica, target.skip) for target in targets for replica in seats[target.pod]]
    turn = ends and (known is None or known.state != "LIVE")
    outlook = dispatch.outlook(work, config, placement, lacking(wishes, copies, placement), pods, turn=turn)
    late = objection(outlook, words.deadline, words.terms, message.at) if ends else None
    if late is not None and late.code == "deadline_unreachable":
        _refuse(work, known, placement, late)
        return
    estimate = None if outlook.whole is None else message.at + timedelta(seconds=outlook.whole)
    away = tuple(seat for seat in words.left if "/" not in seat and not seats.get(seat))
    removed = roster.removed if words.again else away
    former = _former(known, roster) if words.terms.all_or_nothing else None
    roster = msgspec.structs.replace(roster, targets=words.targets, removed=removed, former=former)
    roster = with_wanted(roster, {**roster.wanted, **seats})
    denied = denying.published(work, words)
    placement = msgspec.structs.replace(placement, estimate=estimate, warning=late, denied=denied)
    placement = settle_on(work, placement, roster, copies, wishes=wishes)
    plan(work, config, placement, roster, copies, wishes, pods, foreseen=outlook.pods, publish=ends, turn=turn)
    named = words.more if words.again else [target.pod for target in targets if not target.skip]
    deliveries.owned(work, config, placement, named)
    policies.published(work, config, work.get(PLACEMENT, words.version) or placement)
    if ends:
        remind_overdue(work, words.version, words.publication, words.deadline)


def _targets(
    work: Work,
    config: Config,
    words: VersionPublishRequested,
    roster: Roster,
    copies: Mapping[Seat, Copy],
    pods: Mapping[str, Pod],
) -> tuple[Target, ...]:
    """Who the publish is for. Published ``again`` it is for those that have the version beside its targets, and not for
    those from which an edit took it. A pod that is not for the tenant is none, unless the version was brought there, or
    is for everybody."""
    mine = for_tenant(words.tenant, words.principals)
    there = roster.wanted if words.again else {}
    usable_pods = {name: pod for name, pod in pods.items() if name in there or words.public or usable(pod, mine)}
    heed = heeded((one for _, one in work.every(POLICY)), words.tenant, words.image)
    terms, manifest, replicas = words.terms, words.manifest, words.replicas
    present = held(copies)

    def resolved(targets: Targets, more: tuple[str, ...]) -> tuple[Target, ...]:
        return resolve(
            usable_pods, targets, replicas, terms, manifest, config.rules, heed, held=present, more=more,
            source=pods.get(manifest.source.pod),
        )  # fmt: skip

    if not words.again:
        return resolved(words.targets, words.more)
    found = resolved(words.targets, (*words.more, *roster.wanted))
    return tuple(one for one in found if one.pod not in roster.removed or one.pod in words.more)


def _placement(message: Message[VersionPublishRequested], known: Placement | None, roster: Roster) -> Placement:
    words = message.body
    return Placement(
        version=words.version, image=words.image, number=words.number, tenant=words.tenant,
        publication=words.publication, saga=message.saga, manifest=words.manifest, digest=words.manifest.digest,
        deadline=words.deadline, began=message.at, heard=words.publication, replicas=words.replicas, terms=words.terms,
        skipped=0 if known is None else known.skipped,
        wanted=roster.count,
        revision=0 if known is None else known.revision,
        paused=known is not None and known.paused and known.state == "LIVE",
        holders=() if known is None else known.holders,
        denied=known is not None and known.denied,
        bare=known is not None and known.bare,
        gallery=words.gallery, principals=words.principals, public=words.public,
    )  # fmt: skip


def _former(known: Placement | None, roster: Roster) -> Former | None:
    if known is None or known.state != "LIVE":
        return None
    return Former(terms=known.terms, replicas=known.replicas, targets=roster.targets, removed=roster.removed)


def _seats(have: tuple[int, ...], target: Target, words: VersionPublishRequested) -> tuple[int, ...]:
    """The replicas of a target: never fewer than there are, and of one that cannot have its copies a single one that
    says so; without those that had left before it was sought."""
    replicas = numbered(have, max(len(have), 1 if target.skip else target.replicas))
    if not words.left and not words.cancelled:
        return replicas
    gone = {*words.left, *words.cancelled}
    return tuple(number for number in replicas if name_of(target.pod, number) not in gone)


def _refuse(work: Work, known: Placement | None, placement: Placement, failure: Failure) -> None:
    """Nothing is planned, and what was wanted before stays as it was; then the publish is not heard a second time. Of a
    version that is not known nothing is kept: it is no tombstone, and whatever pods hold of it may still be sought."""
    if known is not None:
        work.put(PLACEMENT, placement.version, msgspec.structs.replace(known, heard=placement.publication))
    work.emit(PlacementRefused(version=placement.version, publication=placement.publication, failure=failure))


def cancel_keys(message: Message[VersionCancelRequested | VersionUnpublishRequested], get: Get) -> Iterator[Ref]:
    """Every copy of the version, and the image's shelf."""
    version = message.body.version
    yield CALLED_OFF(version)
    yield DELIVERIES(message.body.image)
    yield from copies_keys(version, get)
    yield from policies.published_keys(message.body.image, message.body.tenant)


def cancel(message: Message[VersionCancelRequested], work: Work, config: Config) -> None:
    """What is unfinished is CANCELLED at once, also on pods that are not there: they hear it when they are back.

    What is AVAILABLE stays, and what was and is being repaired. A publish that is being taken back goes on with that.
    """
    words = message.body
    placement, roster = work.get(PLACEMENT, words.version), work.get(ROSTER, words.version)
    if not _called_off(work, placement, words.version, words.publication) or placement is None or roster is None:
        return
    if placement.state != "LIVE" or placement.rolling is not None:
        return
    forget_roll_back(work, words.version)
    left = []
    for copy in copies_of(work, words.version, roster).values():
        left.append(move(work, config, copy, decide(copy, Cancel()), placement))
    current = work.get(PLACEMENT, words.version) or placement
    alive = any(isinstance(copy, Available) or unfinished(copy) for copy in left)
    current = msgspec.structs.replace(current, state="LIVE" if alive else "WITHDRAWN")
    work.put(PLACEMENT, words.version, current)
    if not alive:
        for copy in left:  # what a pod has of a copy that failed or is paused is to go from now on
            look_again(work, copy.pod, copy.version)
        work.put(ROSTER, words.version, msgspec.structs.replace(roster, wanted={}, policies=()))
        deliveries.forgotten(work, current)
        policies.published(work, config, current)


def unpublish(message: Message[VersionUnpublishRequested], work: Work, config: Config) -> None:
    """Nothing of the version is wanted any more: every copy goes; the version's source is no copy, and stays."""
    words = message.body
    placement, roster = work.get(PLACEMENT, words.version), work.get(ROSTER, words.version)
    if not _called_off(work, placement, words.version, words.publication) or placement is None or roster is None:
        return
    forget_roll_back(work, words.version)
    copies = copies_of(work, words.version, roster).values()
    take_back(work, config, placement, [copy for copy in copies if wanted(copy)], "unpublished")
    current = work.get(PLACEMENT, words.version) or placement
    current = msgspec.structs.replace(
        current, state="WITHDRAWN", wanted=0, skipped=0, paused=False, rolling=None, estimate=None, warning=None
    )
    work.put(PLACEMENT, words.version, current)
    work.put(ROSTER, words.version, msgspec.structs.replace(roster, wanted={}, removed=(), policies=()))
    deliveries.forgotten(work, current)
    policies.published(work, config, current)


def _called_off(work: Work, placement: Placement | None, version: str, publication: int) -> bool:
    """Remember that a publish was given up, should it not have been heard yet; False when a later one was."""
    if placement is None:
        work.put(CALLED_OFF, version, CalledOff(publication))
    elif publication < placement.publication:
        return False
    elif publication > placement.heard:
        work.put(PLACEMENT, version, msgspec.structs.replace(placement, heard=publication))
    return True


def overdue_keys(message: Message[PublishOverdue], get: Get) -> Iterator[Ref]:
    """Every copy of the version and its pod: once for each publish."""
    yield from copies_keys(message.body.version, get)


def overdue(message: Message[PublishOverdue], work: Work, config: Config) -> None:
    """Bring what a publish left unfinished to its end."""
    version = message.body.version
    placement, roster = work.get(PLACEMENT, version), work.get(ROSTER, version)
    if placement is None or roster is None:
        return
    for copy in copies_of(work, version, roster).values():
        pod = work.get(POD, copy.pod)
        offline = pod is None or not reporting(pod)
        facts = decide(copy, Expire(message.body.publication, offline=offline))
        if facts:
            move(work, config, copy, facts, placement)
