"""All or nothing: a publish of which one copy failed for good is taken back as a whole (features.md C10)."""

from collections.abc import Iterator

import msgspec

from contracts.events.hub import PlacementRolledBack
from replicator import policies
from replicator.config import Config
from replicator.documents import PLACEMENT, POD, ROSTER
from replicator.domain.facts import Plan
from replicator.domain.placement import Former, Placement, Roster, with_wanted
from replicator.domain.pod import reporting
from replicator.domain.undoing import holds_up, taken_back
from replicator.domain.verdict import Note, decide
from replicator.messages import RollBack, remind_roll_back
from replicator.moves import move
from replicator.targeting import copies_keys, copies_of, settle_on, take_back
from runtime.work import Get, Message, Ref, Work

WATCH = 15.0
"""Seconds after which it is looked again whether a pod that was to drop its copy is gone itself."""


def roll_back_keys(message: Message[RollBack], get: Get) -> Iterator[Ref]:
    """Every copy of the version, its pods, and the image's shelf."""
    version = message.body.version
    yield from copies_keys(version, get)
    placement = get(PLACEMENT, version)
    if placement is not None:
        yield from policies.published_keys(placement.image, placement.tenant)


def roll_back(message: Message[RollBack], work: Work, config: Config) -> None:
    """Take back what the publish made, and say so once all of it is gone from every pod that is in touch."""
    words = message.body
    placement, roster = work.get(PLACEMENT, words.version), work.get(ROSTER, words.version)
    if placement is None or roster is None or placement.publication != words.publication or placement.state != "LIVE":
        return
    if placement.rolling is None:
        placement, roster = _begin(message, work, config, placement, roster)
    copies = copies_of(work, words.version, roster).values()
    if any(holds_up(copy, reporting(work.get(POD, copy.pod))) for copy in copies):
        remind_roll_back(work, words.version, words.publication, words.failure, WATCH)
        return
    work.emit(
        PlacementRolledBack(
            version=placement.version, image=placement.image, tenant=placement.tenant,
            publication=placement.publication, failure=placement.rolling or words.failure,
        ),
        saga=placement.saga,
    )  # fmt: skip
    placement = msgspec.structs.replace(placement, rolling=None, state="LIVE" if roster.wanted else "WITHDRAWN")
    work.put(PLACEMENT, words.version, placement)
    if roster.wanted and roster.former is not None:
        placement = _restore(work, config, placement, roster, roster.former)
    policies.published(work, config, placement)


def _restore(work: Work, config: Config, placement: Placement, roster: Roster, former: Former) -> Placement:
    """What was there before the publish is wanted under the terms of that time again. Said after the roll-back: under
    other terms than all or nothing, failed copies would be the end of the publish."""
    placement = msgspec.structs.replace(placement, terms=former.terms, replicas=former.replicas)
    roster = msgspec.structs.replace(roster, targets=former.targets, removed=former.removed, former=None)
    placement = settle_on(work, placement, roster, {})
    for copy in copies_of(work, placement.version, roster).values():
        if copy.replica in roster.wanted.get(copy.pod, ()):
            plan = Plan(placement=placement, pod=copy.pod, replica=copy.replica, among=copy.among)
            move(work, config, copy, decide(copy, Note(plan)), placement)
    return work.get(PLACEMENT, placement.version) or placement


def _begin(
    message: Message[RollBack], work: Work, config: Config, placement: Placement, roster: Roster
) -> tuple[Placement, Roster]:
    """The publish's copies are not wanted any more; what was there before it stays."""
    version = placement.version
    going = [copy for copy in copies_of(work, version, roster).values() if taken_back(copy, placement)]
    left: dict[str, tuple[int, ...]] = dict(roster.wanted)
    for copy in going:
        left[copy.pod] = tuple(number for number in left.get(copy.pod, ()) if number != copy.replica)
    roster = with_wanted(roster, left)
    rolling = msgspec.structs.replace(placement, rolling=message.body.failure, estimate=None, warning=None)
    if roster.wanted:
        settle_on(work, rolling, roster, {}, gone=going)
    else:
        work.put(PLACEMENT, version, msgspec.structs.replace(rolling, wanted=0, skipped=0))
        work.put(ROSTER, version, roster)
    take_back(work, config, rolling, going, f"all or nothing: {message.body.failure.text}")
    return work.get(PLACEMENT, version) or rolling, roster
