"""How copies come into the order: a publish or an edit that begins, a placement that goes on, a copy that is woken."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from contracts.names import copy_id
from contracts.terms import URGENCY
from replicator import slots
from replicator.advance import advance
from replicator.config import Config
from replicator.documents import LANE, LIMITS, PLACEMENT, QUEUE, RUN
from replicator.domain import queue as queues
from replicator.domain import run as runs
from replicator.domain.copy import Copy, Pending
from replicator.domain.estimate import Estimate, queued_for
from replicator.domain.estimate import outlook as foreseen
from replicator.domain.placement import Placement
from replicator.domain.pod import Connected, Pod, region_of, site_of
from replicator.domain.queue import Queue
from replicator.domain.run import Run
from replicator.domain.verdict import Wait, decide
from replicator.messages import remind_advance, remind_dispatch
from replicator.moves import move
from replicator.starting import behind, free, holder_keys, receives, start_keys, startable, try_start
from runtime.work import Get, Ref, Work

ALL = 1_000_000
"""Groups that may begin with a publish, whose documents are all loaded."""


# --- a publish or an edit ---------------------------------------------------------------------------------------------


def begin_keys(version: str, tenant: str, _: Get) -> Iterator[Ref]:
    """The queues and limits of all pods, once for each publish."""
    yield RUN(version)
    yield LANE(tenant)
    yield QUEUE.every
    yield LIMITS.every


def outlook(
    work: Work, config: Config, placement: Placement, targets: Iterable[str], pods: Mapping[str, Pod], *, turn: bool
) -> Estimate:
    """When copies on ``targets``, which lack the version, would be there. `begin_keys` names what it reads."""
    slots, at = config.slots, work.message.at
    queued = 0.0
    if turn:
        across = _across(placement, targets, pods)
        queued = queued_for(work.get(LANE, placement.tenant), across, slots, at)
    return foreseen(
        targets,
        pods,
        dict(work.every(QUEUE)),
        dict(work.every(LIMITS)),
        size=placement.manifest.size,
        source=placement.source,
        holders=placement.known,
        slots=slots,
        at=at,
        not_before=placement.terms.not_before,
        queued=queued,
    )


def _across(placement: Placement, targets: Iterable[str], pods: Mapping[str, Pod]) -> bool:
    """Whether some of ``targets`` are in another region than the version's source."""
    home = region_of(pods.get(placement.source))
    return any(region_of(pods.get(name)) != home for name in targets)


def begin(
    work: Work,
    config: Config,
    placement: Placement,
    copies: Mapping[str, Copy],
    pods: Mapping[str, Pod],
    *,
    turn: bool = False,
) -> None:
    """A publish or an edit planned ``copies``: put them into their order, and start those that may start at once.

    With ``turn`` it waits for one in its tenant's lane; what is made up later (a publish again, an edit, a repair, a
    policy) needs none.
    """
    run, terms = work.get(RUN, placement.version), placement.terms
    if run is None:
        return
    changes: dict[str, object] = {"paused": placement.halted, "feeds": config.slots.source}
    if turn and run.turn == "free":
        across = _across(placement, (copy.pod for copy in copies.values() if isinstance(copy, Pending)), pods)
        changes |= {"turn": "asked", "across": across, "since": placement.began, "estimate": placement.estimate}
        changes["urgency"] = URGENCY[terms.priority]
    early = terms.not_before is not None and work.message.at < terms.not_before
    changes["not_before"] = terms.not_before if early else None  # also where an earlier publish had another
    run = msgspec.structs.replace(run, **changes)
    slots.put_run(work, placement.version, _in_order(run, placement, pods))
    work.forget(f"advance:{placement.version}")
    advance(work, config, placement, ALL)


def _in_order(run: Run, placement: Placement, pods: Mapping[str, Pod]) -> Run:
    """The groups that can start before those whose pods are away, then those near the source."""
    source = pods.get(placement.source)
    ranks: dict[str, tuple[int, bool, bool]] = {}
    for name, group in run.groups.items():
        members = [pods.get(runs.pod_of(member)[0]) for member in group.members]
        away = sum(not isinstance(pod, Connected) for pod in members)
        ranks[name] = (
            away,
            all(site_of(pod) != site_of(source) for pod in members),
            all(region_of(pod) != region_of(source) for pod in members),
        )
    return runs.ordered(run, ranks)


def halt_keys(version: str) -> Iterator[Ref]:
    """The run."""
    yield RUN(version)


def halt(work: Work, placement: Placement) -> None:
    """Nothing more of the version starts while its placement is halted; its turn goes to the next one."""
    _set_paused(work, placement, paused=placement.halted)


def resume(work: Work, _: Config, placement: Placement) -> None:
    """What waited because the placement was halted may start."""
    _set_paused(work, placement, paused=False)


def _set_paused(work: Work, placement: Placement, *, paused: bool) -> None:
    run = work.get(RUN, placement.version)
    if run is not None:
        slots.put_run(work, placement.version, msgspec.structs.replace(run, paused=paused))
        remind_advance(work, placement.version)


# --- one copy ---------------------------------------------------------------------------------------------------------


def wake_keys(copy: Copy, get: Get) -> Iterator[Ref]:
    """What it takes to start the copy, or to let it wait."""
    yield from start_keys(copy, get)
    yield from holder_keys(get(PLACEMENT, copy.version))


def wake(work: Work, config: Config, copy: Copy, placement: Placement) -> None:
    """The copy is to have its next attempt: now if its pod has a slot and nobody is before it, else in its turn."""
    if not startable(copy):
        return
    slots.settled(work, copy, copy, placement)  # it is known to the queue and the run, whatever came before
    run = work.get(RUN, copy.version)
    if run is not None and not run.may_start(work.message.at):
        slots.put_place(work, copy, "held", "waiting")
        remind_advance(work, copy.version)
    elif not receives(work, copy.pod) or behind(work, copy):
        slots.put_place(work, copy, "queued", "away")
    else:
        slots.put_place(work, copy, "queued", "ready")
        next_one = queues.choose(work.get(QUEUE, copy.pod) or Queue(), 1)
        if free(work, config, copy.pod) > 0 and next_one == [copy_id(copy.version, copy.pod, copy.replica)]:
            if try_start(work, config, copy, placement):
                return
        else:
            remind_dispatch(work, copy.pod)
    move(work, config, copy, decide(copy, Wait()), placement)
