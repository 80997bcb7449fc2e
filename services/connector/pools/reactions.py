"""The words about pools, around the pure decisions: load what is kept, decide, keep it, say what follows."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from connector import messages
from connector.domain import pools
from connector.domain.pools import Decision, Gone, Pool, Told
from contracts.events.to_pods import AssignmentRequested, AssignmentWithdrawn
from runtime.work import Get, Kind, Message, Reaction, Ref, Work

POOL: Final[Kind[Pool]] = Kind("pool", Pool)
"""What each pool is to be, by assignment."""
TOLD: Final[Kind[Told]] = Kind("pool_told", Told)
"""What was said of each last."""
GONE: Final[Kind[Gone]] = Kind("pool_gone", Gone)
KEPT: Final = timedelta(days=8)
"""A message is in its stream for a day at most; with a margin for a hub that was restored."""


def reactions() -> dict[type, Reaction]:
    """The reactions about pools."""
    return {
        AssignmentRequested: Reaction(_keys, _on_requested),
        AssignmentWithdrawn: Reaction(_keys, _on_withdrawn),
        messages.PoolSeen: Reaction(_keys, _on_seen),
        messages.PoolForgotten: Reaction(lambda m, _: [GONE(m.body.assignment)], _on_forgotten),
    }


def _keys(message: Message[AssignmentRequested | AssignmentWithdrawn | messages.PoolSeen], _: Get) -> Iterator[Ref]:
    id = message.body.assignment
    yield from (POOL(id), TOLD(id), GONE(id))


def _kept(work: Work, id: str) -> tuple[Pool | None, Told | None, Gone | None]:
    return work.get(POOL, id), work.get(TOLD, id), work.get(GONE, id)


def _on_requested(message: Message[AssignmentRequested], work: Work) -> None:
    id = message.body.assignment
    _apply(work, id, pools.requested(*_kept(work, id), message.body, message.saga, message.at))


def _on_withdrawn(message: Message[AssignmentWithdrawn], work: Work) -> None:
    id = message.body.assignment
    _apply(work, id, pools.withdrawn(*_kept(work, id), message.body, message.saga, message.at))


def _on_seen(message: Message[messages.PoolSeen], work: Work) -> None:
    id = message.body.assignment
    _apply(work, id, pools.seen(*_kept(work, id), message.body.told, message.body.asked))


def _on_forgotten(message: Message[messages.PoolForgotten], work: Work) -> None:
    work.put(GONE, message.body.assignment, None)


def _apply(work: Work, id: str, decision: Decision) -> None:
    if decision.pool != work.get(POOL, id):
        work.put(POOL, id, decision.pool)
    if decision.told != work.get(TOLD, id):
        work.put(TOLD, id, decision.told)
    if decision.gone != work.get(GONE, id):
        work.put(GONE, id, decision.gone)
        if decision.gone is None:
            work.forget(f"pool:{id}")
        else:
            work.remind(f"pool:{id}", work.message.at + KEPT, messages.PoolForgotten(assignment=id))
    if (event := pools.report(id, decision)) is not None:
        work.emit(event)
