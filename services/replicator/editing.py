"""Reactions to edits of what is wanted: targets, replicas and terms of a placement."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from contracts.errors import Problem
from contracts.names import copy_id
from contracts.requests import EditPlacement
from contracts.views import PlacementView
from replicator import deliveries, dispatch, policies, sight
from replicator.config import Config
from replicator.documents import COPY, DELIVERIES, FIXED, PLACEMENT, POD, POLICY, ROSTER, SEATED
from replicator.domain import denied, fixed, seated
from replicator.domain.copy import Cancelled, Copy, Failed, Skipped, wanted
from replicator.domain.editing import Edit, decide, no_placement
from replicator.domain.eligibility import Case, target
from replicator.domain.facts import Plan
from replicator.domain.placement import Placement, Roster, numbered, with_wanted
from replicator.domain.pod import Pod
from replicator.domain.policy import heeded
from replicator.domain.tenancy import seen_by
from replicator.domain.verdict import Forget, Note
from replicator.domain.verdict import decide as decide_copy
from replicator.moves import move
from replicator.reordering import reorder
from replicator.targeting import Seat, Wish, copies_keys, copies_of, held, plan, settle_on, take_back, view_of
from runtime.work import Get, Message, Ref, Work


def edit_keys(message: Message[EditPlacement], get: Get) -> Iterator[Ref]:
    """The placement with all of its copies and all pods; nothing of a placement that the actor may not edit."""
    command = message.body
    yield PLACEMENT(command.version)
    placement = get(PLACEMENT, command.version)
    if placement is not None:
        yield from sight.refs(placement)
    if placement is None or "publish" not in sight.rights(get, command.actor, placement):
        return
    yield FIXED(placement.image)
    yield DELIVERIES(placement.image)
    yield POD.every
    yield POLICY.every
    yield from map(SEATED, command.remove)
    yield from copies_keys(command.version, get)
    yield from dispatch.begin_keys(command.version, placement.tenant, get)
    yield from policies.published_keys(placement.image, placement.tenant)


def edit(message: Message[EditPlacement], work: Work, config: Config) -> PlacementView | Problem:
    """Change what is wanted, or refuse and change nothing. An edit that changes nothing is none."""
    command = message.body
    placement = work.get(PLACEMENT, command.version)
    problem = sight.objection(work.get, command.actor, placement, "publish", no_placement())
    if placement is None or problem is not None:
        return problem or no_placement()
    roster = work.get(ROSTER, command.version) or Roster()
    pods = dict(work.every(POD))
    hidden = sight.hidden(work.get, command.actor, placement, roster.known)
    edited = decide(placement, roster, command, seen_by(pods, command.actor), hidden)
    if not isinstance(edited, Problem):
        edited = (
            fixed.objection(work.get(FIXED, placement.image), command.remove)
            or seated.objection(command.version, [(pod, work.get(SEATED, pod)) for pod in command.remove])
            or denied.objection_to_copies(placement, roster.wanted, edited.wanted)
            or edited
        )
    if isinstance(edited, Problem):
        return edited
    copies = copies_of(work, command.version, roster)
    changed = msgspec.structs.replace(placement, terms=edited.terms, replicas=edited.replicas)
    skips = _skips(work, config, changed, roster, edited, copies, pods)
    if isinstance(skips, Problem):
        return skips
    wishes = _wishes(roster, edited, copies, skips)
    leaving = [
        copy for (pod, replica), copy in copies.items() if wanted(copy) and replica not in edited.wanted.get(pod, ())
    ]
    if changed == placement and edited.wanted == roster.wanted and not wishes:
        deliveries.owned(work, config, placement, command.add)
        return view_of(work, placement, roster, command.actor)
    removed = {*roster.removed, *command.remove} - set(command.add)
    after = with_wanted(msgspec.structs.replace(roster, removed=tuple(sorted(removed))), edited.wanted)
    planned = {(wish.pod, wish.replica) for wish in wishes}
    orders = _notes(changed, after, copies, planned)
    noted = [copy for copy, order in orders if decide_copy(copy, order) and order.plan.among == copy.among]
    settled = settle_on(work, changed, after, copies, wishes=wishes, noted=noted, gone=leaving)
    take_back(work, config, settled, leaving, "removed from what is wanted")
    for copy, order in _notes(settled, after, copies, planned):
        move(work, config, copy, decide_copy(copy, order), settled)
    if edited.terms.priority != placement.terms.priority:
        reorder(work, settled, copies.values())
    plan(work, config, settled, after, copies, wishes, pods)
    policies.published(work, config, work.get(PLACEMENT, command.version) or settled)
    deliveries.owned(work, config, settled, command.add)
    return view_of(work, settled, after, command.actor)


def _skips(
    work: Work,
    config: Config,
    placement: Placement,
    roster: Roster,
    edited: Edit,
    copies: Mapping[Seat, Copy],
    pods: Mapping[str, Pod],
) -> dict[str, str] | Problem:
    """By pod, why it cannot have what the edit gives it. Of pods that were named it is a refusal, where the person can
    do something about it: ask for fewer replicas, or another pod."""
    case = _case(work, config, placement, pods)
    present, found = held(copies), {}
    named = {*edited.added, *(pod for pod in edited.wanted if edited.terms.overrides.get(pod) is not None)}
    for pod, replicas in edited.wanted.items():
        if pod not in edited.added and set(replicas) <= set(roster.wanted.get(pod, ())):
            continue
        skip = target(pod, pods.get(pod), len(replicas), case, present).skip
        if skip and pod in named:
            code, _, text = skip.partition(": ")
            if code == "replicas":
                return Problem(
                    code="replicas_unsupported", detail=f"pod {pod}: {text}", hint="Ask for fewer replicas there.",
                    data={"pod": pod},
                )  # fmt: skip
            if code == "policy_forbids":
                return Problem(
                    code="policy_forbids", detail=f"pod {pod}: {text}", hint="Change the policy, or choose other pods.",
                    data={"pod": pod},
                )  # fmt: skip
        found[pod] = skip
    return found


def _case(work: Work, config: Config, placement: Placement, pods: Mapping[str, Pod]) -> Case:
    return Case(
        manifest=placement.manifest, terms=placement.terms, rules=config.rules, source=pods.get(placement.source),
        policies=heeded((one for _, one in work.every(POLICY)), placement.tenant, placement.image),
    )  # fmt: skip


def _wishes(roster: Roster, edited: Edit, copies: Mapping[Seat, Copy], skips: Mapping[str, str]) -> list[Wish]:
    """The copies that an edit plans: those that were not wanted, and on pods that were named to be added also those
    that came to an end without being there."""
    found = []
    for pod, replicas in edited.wanted.items():
        before = roster.wanted.get(pod, ())
        for replica in replicas:
            copy = copies.get((pod, replica))
            again = pod in edited.added and isinstance(copy, Failed | Cancelled | Skipped)
            if replica not in before or again:
                found.append(Wish(pod, replica, skips.get(pod, "")))
    return found


def _notes(
    placement: Placement, roster: Roster, copies: Mapping[Seat, Copy], planned: set[Seat]
) -> list[tuple[Copy, Note]]:
    """The copies that stay as they are, under the placement's terms."""
    return [
        (copy, Note(Plan(placement=placement, pod=pod, replica=replica, among=roster.known[pod])))
        for (pod, replica), copy in copies.items()
        if replica in roster.wanted.get(pod, ()) and (pod, replica) not in planned
    ]


# --- what policies and the removal of pods do -------------------------------------------------------------------------


def target_keys(version: str, pods: Iterable[str], get: Get) -> Iterator[Ref]:
    """What adding or removing these pods needs: the placement and their copies, however many others there are."""
    yield from copies_keys(version, get, pods=list(pods))


def add_targets(
    work: Work,
    config: Config,
    placement: Placement,
    pods: Mapping[str, int],
    *,
    why: str,
    anew: bool = False,
    saga: str | None = None,
) -> None:
    """These pods are to have so many copies each, beside what they have; what was cancelled or failed there stays,
    unless it is to be made ``anew``. What it plans belongs to ``saga``, else to the publish."""
    roster = work.get(ROSTER, placement.version) or Roster()
    wanted_now = dict(roster.wanted)
    wishes: list[Wish] = []
    copies: dict[Seat, Copy] = {}
    for pod, count in pods.items():
        have = roster.wanted.get(pod, ())
        wanted_now[pod] = have if len(have) >= count else numbered(have, count)
        for replica, copy in _copies_on(work, placement.version, roster, pod):
            copies[pod, replica] = copy
        for replica in wanted_now[pod]:
            known = copies.get((pod, replica))
            if replica not in have or isinstance(known, Skipped) or (anew and isinstance(known, Failed | Cancelled)):
                wishes.append(Wish(pod, replica))
    if not wishes:
        return
    named = tuple(sorted({*roster.policies, why.removeprefix("policy ")})) if why.startswith("policy ") else ()
    removed = tuple(pod for pod in roster.removed if pod not in pods)
    after = msgspec.structs.replace(roster, policies=named or roster.policies, removed=removed)
    after = with_wanted(after, wanted_now)
    settled = settle_on(work, placement, after, copies, wishes=wishes)
    planned = {(wish.pod, wish.replica) for wish in wishes}
    for copy, order in _notes(settled, after, copies, planned):
        move(work, config, copy, decide_copy(copy, order), settled)
    there = {name: found for name in pods if (found := work.get(POD, name)) is not None}
    if saga is not None:
        settled = msgspec.structs.replace(settled, saga=saga)
    plan(work, config, settled, after, copies, wishes, there, at_once=False)


def remove_targets(work: Work, config: Config, placement: Placement, pods: Iterable[str], *, why: str) -> None:
    """These pods are to have nothing of the version any more."""
    roster = work.get(ROSTER, placement.version) or Roster()
    names = [pod for pod in pods if pod in roster.wanted]
    if not names:
        return
    found = [copy for pod in names for _, copy in _copies_on(work, placement.version, roster, pod) if wanted(copy)]
    left = {pod: replicas for pod, replicas in roster.wanted.items() if pod not in names}
    settled = settle_on(work, placement, with_wanted(roster, left), {}, gone=found)
    take_back(work, config, settled, found, why)


def forget_pod(work: Work, config: Config, placement: Placement, pod: str, *, why: str) -> None:
    """The pod is no more: what it had of the version is gone, without a word from it."""
    roster = work.get(ROSTER, placement.version) or Roster()
    found = [copy for _, copy in _copies_on(work, placement.version, roster, pod)]
    if pod in roster.wanted:
        left = {name: replicas for name, replicas in roster.wanted.items() if name != pod}
        gone = [copy for copy in found if wanted(copy)]
        placement = settle_on(work, placement, with_wanted(roster, left), {}, gone=gone)
    for copy in found:
        move(work, config, copy, decide_copy(copy, Forget(why)), placement)


def _copies_on(work: Work, version: str, roster: Roster, pod: str) -> Iterator[tuple[int, Copy]]:
    for replica in range(roster.known.get(pod, 0)):
        copy = work.get(COPY, copy_id(version, pod, replica))
        if copy is not None:
            yield replica, copy
