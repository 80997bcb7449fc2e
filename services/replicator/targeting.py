"""Planning copies and taking them back: what publishes, edits and policies have in common."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import NamedTuple, TypeAlias

import msgspec

from contracts.events.hub import PlacementPlanned
from contracts.names import copy_id
from contracts.requests import Actor
from contracts.views import PlacementView
from replicator import dispatch, sight
from replicator.config import Config
from replicator.documents import COPY, LANE, PLACEMENT, POD, QUEUE, ROSTER, RUN
from replicator.domain.copy import Available, Copy, Deleting, Skipped, underway
from replicator.domain.facts import Plan
from replicator.domain.groups import groups
from replicator.domain.placement import Placement, Roster
from replicator.domain.pod import Pod
from replicator.domain.revision import next_revision
from replicator.domain.verdict import Drop, decide
from replicator.held import held_ref
from replicator.moves import move
from replicator.views import foreign, placement_view
from runtime.work import Get, Ref, Work

Seat: TypeAlias = tuple[str, int]
"""Pod and replica: a copy of a version."""


class Wish(NamedTuple):
    """A copy that is to be planned; with ``skip`` the reason why it cannot be made."""

    pod: str
    replica: int
    skip: str = ""


def copies_keys(version: str, get: Get, *, pods: Iterable[str] | None = None) -> Iterator[Ref]:
    """The placement with every copy that is remembered of it, or those on ``pods``; and what their moves touch."""
    yield PLACEMENT(version)
    yield ROSTER(version)
    yield RUN(version)
    roster = get(ROSTER, version)
    if roster is None:
        return
    for pod in roster.known if pods is None else pods:
        yield POD(pod)
        yield QUEUE(pod)
        for replica in range(roster.known.get(pod, 0)):
            id = copy_id(version, pod, replica)
            yield COPY(id)
            if isinstance(get(COPY, id), Available | Deleting):
                yield held_ref(pod, version)


def copies_of(work: Work, version: str, roster: Roster) -> dict[Seat, Copy]:
    """The copies that are remembered of a version, by pod and replica."""
    found = ((pod, replica, work.get(COPY, copy_id(version, pod, replica))) for pod, replica in roster.copies())
    return {(pod, replica): copy for pod, replica, copy in found if copy is not None}


def held(copies: Mapping[Seat, Copy]) -> dict[str, dict[int, str | None]]:
    """By pod, the copies that are there or under way and their datastores: nobody has to find room for those."""
    found: dict[str, dict[int, str | None]] = {}
    for (pod, replica), copy in copies.items():
        if isinstance(copy, Available) or underway(copy):
            found.setdefault(pod, {})[replica] = copy.datastore
    return found


def has(copy: Copy | None, placement: Placement) -> bool:
    """Whether the copy is what the placement asks for already."""
    return isinstance(copy, Available) and copy.digest == placement.digest


def lacking(wishes: Iterable[Wish], copies: Mapping[Seat, Copy], placement: Placement) -> dict[str, list[int]]:
    """By pod, the replicas among ``wishes`` that have still to be made."""
    found: dict[str, list[int]] = {}
    for wish in wishes:
        if not wish.skip and not has(copies.get((wish.pod, wish.replica)), placement):
            found.setdefault(wish.pod, []).append(wish.replica)
    return found


def settle_on(
    work: Work,
    placement: Placement,
    roster: Roster,
    copies: Mapping[Seat, Copy],
    *,
    wishes: Iterable[Wish] = (),
    noted: Iterable[Copy] = (),
    gone: Iterable[Copy] = (),
) -> Placement:
    """Keep what is wanted from now on, and say it: before the copies are said that it plans.

    ``copies`` are those of ``wishes`` that are remembered; ``noted`` get other terms, ``gone`` are not wanted any
    more. How many copies the publication has grows by those that do not carry its number yet.
    """
    skipped, fresh = placement.skipped, 0
    for wish in wishes:
        copy = copies.get((wish.pod, wish.replica))
        skipped += bool(wish.skip) and not has(copy, placement)
        skipped -= isinstance(copy, Skipped)
        fresh += copy is None or copy.publication != placement.publication
    fresh += sum(copy.publication != placement.publication for copy in noted)
    skipped -= sum(isinstance(copy, Skipped) for copy in gone)
    placement = msgspec.structs.replace(
        placement, wanted=roster.count, skipped=skipped, planned=placement.planned + fresh,
        revision=next_revision(placement.revision, work.floor),
    )  # fmt: skip
    work.put(PLACEMENT, placement.version, placement)
    work.put(ROSTER, placement.version, roster)
    planned = PlacementPlanned(
        version=placement.version, image=placement.image, tenant=placement.tenant,
        publication=placement.publication, wanted=placement.wanted, skipped=placement.skipped,
        estimate=placement.estimate, warning=placement.warning, terms=placement.terms, replicas=placement.replicas,
        revision=placement.revision,
    )  # fmt: skip
    work.emit(planned, saga=placement.saga)
    return placement


def plan(
    work: Work,
    config: Config,
    placement: Placement,
    roster: Roster,
    copies: Mapping[Seat, Copy],
    wishes: Iterable[Wish],
    pods: Mapping[str, Pod],
    *,
    foreseen: Mapping[str, float] | None = None,
    publish: bool = False,
    turn: bool = False,
    at_once: bool = True,
) -> None:
    """Plan the copies of ``wishes``, which the roster names, and let them begin.

    ``copies`` are those of them that are remembered; ``foreseen`` are the seconds in which a pod should have its
    copies. Not ``at_once``: in another message, which loads what else it takes to start them.
    """
    planned: dict[str, Copy] = {}
    wishes = list(wishes)
    # In a group feed each other those that fetch: not the holders, nor further replicas, which are made on the spot.
    fetching = [pod for pod, replicas in lacking(wishes, copies, placement).items() if 0 in replicas]
    peers = groups(placement.version, [pod for pod in fetching if pod not in placement.known], pods)
    for wish in wishes:
        seconds = None if foreseen is None or wish.skip else foreseen.get(wish.pod)
        order = Plan(
            placement=placement, pod=wish.pod, replica=wish.replica, skip=wish.skip, publish=publish,
            peers=peers.get(wish.pod, ()) if wish.replica == 0 else (), among=roster.known[wish.pod],
            estimate=None if seconds is None else work.message.at + timedelta(seconds=seconds),
        )  # fmt: skip
        known = copies.get((wish.pod, wish.replica))
        id = copy_id(placement.version, wish.pod, wish.replica)
        planned[id] = move(work, config, known, decide(known, order), placement)
    if at_once:
        current = work.get(PLACEMENT, placement.version) or placement
        dispatch.begin(work, config, current, planned, pods, turn=turn)


def view_of(work: Work, placement: Placement, roster: Roster, actor: Actor) -> PlacementView:
    """The placement as the actor sees it; every copy and pod of it is loaded, and its tenant's lane."""
    hidden = sight.hidden(work.get, actor, placement, roster.known)
    copies = copies_of(work, placement.version, roster).values()
    counts = Counter(str(copy.__struct_config__.tag) for copy in copies if copy.pod not in hidden)
    view = placement_view(placement, roster, counts, work.get(LANE, placement.tenant), work.message.at)
    return view if placement.tenant == actor.tenant else foreign(view, roster, hidden)


def take_back(work: Work, config: Config, placement: Placement, copies: Iterable[Copy], why: str) -> None:
    """These copies are not wanted any more."""
    for copy in copies:
        move(work, config, copy, decide(copy, Drop(why)), placement)
