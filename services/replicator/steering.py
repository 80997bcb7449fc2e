"""Reactions to what people ask of a placement as it runs: pause it, go on, remove one copy, make one again."""

from collections.abc import Iterator

import msgspec

from contracts.errors import Problem
from contracts.names import copy_id
from contracts.requests import PausePlacement, RemoveCopy, RepairCopy
from contracts.views import CopyView, PlacementView
from replicator import dispatch, sight
from replicator.config import Config
from replicator.documents import COPY, FIXED, LANE, PLACEMENT, POD, ROSTER, SEATED
from replicator.domain import fixed, seated
from replicator.domain.copy import Absent, Cancelled, Copy, Failed, RetryPending, lost, underway, wanted
from replicator.domain.editing import closed, no_copy, no_placement
from replicator.domain.facts import Plan
from replicator.domain.placement import Placement, Roster, with_wanted
from replicator.domain.verdict import Drop, Renew, decide
from replicator.moves import move, move_keys
from replicator.pausing import settle
from replicator.targeting import copies_keys, settle_on, view_of
from replicator.views import copy_view
from runtime.work import Get, Message, Ref, Work


def pause_keys(message: Message[PausePlacement], get: Get) -> Iterator[Ref]:
    """The placement with all of its copies."""
    command = message.body
    yield PLACEMENT(command.version)
    placement = get(PLACEMENT, command.version)
    if placement is not None:
        yield from sight.refs(placement)
        if "publish" in sight.rights(get, command.actor, placement):
            yield from copies_keys(command.version, get)
            yield LANE(placement.tenant)


def pause(message: Message[PausePlacement], work: Work, config: Config) -> PlacementView | Problem:
    """Stop making copies and keep what was verified, or go on with the next attempt of each. Twice is once."""
    command = message.body
    placement = work.get(PLACEMENT, command.version)
    problem = sight.objection(work.get, command.actor, placement, "publish", no_placement())
    if placement is None or problem is not None:
        return problem or no_placement()
    problem = closed(placement)
    if problem is not None:
        return problem
    changed = msgspec.structs.replace(placement, paused=not command.resume)
    if changed.paused != placement.paused:
        settle(work, config, placement, changed)
    return view_of(work, changed, work.get(ROSTER, command.version) or Roster(), command.actor)


def copy_keys(message: Message[RemoveCopy | RepairCopy], get: Get) -> Iterator[Ref]:
    """The copy, its placement, and what its move touches."""
    command = message.body
    id = copy_id(command.version, command.pod, command.replica)
    yield PLACEMENT(command.version)
    yield ROSTER(command.version)
    yield COPY(id)
    placement, copy = get(PLACEMENT, command.version), get(COPY, id)
    if placement is not None:
        yield from sight.refs(placement)
    if copy is None:
        return
    yield POD(copy.pod)
    yield FIXED(copy.image)
    yield SEATED(command.pod)
    yield from move_keys(id, command.version, command.pod, get)
    yield from dispatch.wake_keys(copy, get)


def remove_copy(message: Message[RemoveCopy], work: Work, config: Config) -> CopyView | Problem:
    """One copy is not wanted any more, and its bytes go. The last one that is wanted is removed by an unpublish."""
    found = _found(message, work)
    if isinstance(found, Problem):
        return found
    copy, placement = found
    problem = (
        closed(placement)
        or fixed.objection(work.get(FIXED, copy.image), (copy.pod,))
        or (seated.objection(copy.version, [(copy.pod, work.get(SEATED, copy.pod))]) if copy.replica == 0 else None)
    )  # seats are made from the first copy
    if problem is not None:
        return problem
    roster = work.get(ROSTER, copy.version) or Roster()
    replicas = roster.wanted.get(copy.pod, ())
    if wanted(copy) and copy.replica in replicas:
        left = tuple(number for number in replicas if number != copy.replica)
        after = with_wanted(roster, {**roster.wanted, copy.pod: left})
        if not after.wanted:
            return Problem(
                code="copy_state",
                detail="it is the only copy that is wanted of the version",
                hint="Unpublish the version to remove all of its copies.",
            )
        if not left:
            removed = tuple(sorted({*roster.removed, copy.pod}))
            after = msgspec.structs.replace(after, removed=removed)
        placement = settle_on(work, placement, after, {}, gone=(copy,))
        copy = move(work, config, copy, decide(copy, Drop("removed by hand")), placement)
    return _view(copy, placement)


def repair_copy(message: Message[RepairCopy], work: Work, config: Config) -> CopyView | Problem:
    """Make one copy again at once, with all of its attempts before it."""
    found = _found(message, work)
    if isinstance(found, Problem):
        return found
    copy, placement = found
    problem = closed(placement)
    if problem is not None:
        return problem
    roster = work.get(ROSTER, copy.version) or Roster()
    if isinstance(copy, Failed | Cancelled) and copy.replica in roster.wanted.get(copy.pod, ()):
        placement = settle_on(work, placement, roster, {}, noted=(copy,))
        plan = Plan(
            placement=placement, pod=copy.pod, replica=copy.replica, peers=copy.peers, publish=False, among=copy.among
        )
        copy = move(work, config, copy, decide(copy, Renew(plan)), placement)
    elif not (isinstance(copy, RetryPending) or lost(copy)):
        state = str(copy.__struct_config__.tag)
        return Problem(
            code="copy_state",
            detail=f"the copy is {state}, there is nothing to repair",
            hint="It is made already; wait for it." if underway(copy) else "Look at the copy's state.",
            data={"state": state},
        )
    dispatch.wake(work, config, copy, placement)
    return _view(work.get(COPY, copy_id(copy.version, copy.pod, copy.replica)) or copy, placement)


def _found(message: Message[RemoveCopy | RepairCopy], work: Work) -> tuple[Copy, Placement] | Problem:
    """The copy and its placement; what is not there for the actor, or is gone, is not found."""
    command = message.body
    absent = no_copy(command.pod, command.replica)
    placement = work.get(PLACEMENT, command.version)
    copy = work.get(COPY, copy_id(command.version, command.pod, command.replica))
    if placement is None or copy is None or isinstance(copy, Absent):
        return absent
    if sight.hidden(work.get, command.actor, placement, (copy.pod,)):
        return absent
    return sight.objection(work.get, command.actor, placement, "publish", absent) or (copy, placement)


def _view(copy: Copy, placement: Placement) -> CopyView:
    return copy_view(copy_id(copy.version, copy.pod, copy.replica), copy, placement.manifest.size)
