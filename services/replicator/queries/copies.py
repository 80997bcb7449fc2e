"""Queries about the copies of a version."""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from contracts.errors import FAILURES
from contracts.names import ID
from contracts.requests import CopyPage, ListCopies
from contracts.views import CopyView
from replicator.config import Config
from replicator.documents import COPY, LANE, LIMITS, POD, QUEUE, ROSTER
from replicator.domain.copy import Copy, underway, unfinished
from replicator.domain.estimate import outlook
from replicator.domain.lane import Lane
from replicator.domain.limits import PodLimits
from replicator.domain.placement import Placement, Roster
from replicator.domain.pod import Pod
from replicator.domain.queue import Queue, without
from replicator.queries.pages import fitting, named, now, size
from replicator.queries.sight import hidden, placement_for
from replicator.views import copy_view, waits_for
from runtime.store import Reader

PAGE = """
    SELECT id, body FROM documents
    WHERE kind = 'copy' AND id > ? AND id < ?
    AND (? OR json_extract(body, '$.pod') NOT IN (SELECT value FROM json_each(?)))
    ORDER BY id LIMIT ?"""

_id = re.compile(ID)


class Known(NamedTuple):
    """The pods of a page of copies, their limits and their queues."""

    pods: Mapping[str, Pod]
    limits: Mapping[str, PodLimits]
    queues: Mapping[str, Queue]


def lister(config: Config) -> Callable[[ListCopies, Reader], Awaitable[CopyPage]]:
    """The query, with estimates by the slots of ``config``."""

    async def copies(request: ListCopies, reader: Reader) -> CopyPage:
        """The copies of a version by pod; none when the version is unknown or is none that the actor may read. Of
        another tenant's he sees those on pods that are there for him."""
        return await _page(request, reader, config)

    return copies


async def _page(request: ListCopies, reader: Reader, config: Config) -> CopyPage:
    """The ids of a version's copies are neighbours in the primary key, so no further index is needed. The cursor is
    what follows the version in the last id, so that it cannot point into another version.
    """
    if not _id.fullmatch(request.version):
        return CopyPage(items=())
    placement = await placement_for(reader, request.actor, request.version)
    if placement is None:
        return CopyPage(items=())
    roster = await reader.get(ROSTER, request.version) or Roster()
    unseen = await hidden(reader, request.actor, placement, roster.known)
    limit, prefix = size(request.limit), f"{request.version}_"
    rows = await reader.rows(
        PAGE,
        (
            prefix + (request.cursor or ""),
            request.version + chr(ord("_") + 1),
            not unseen,
            msgspec.json.encode(sorted(unseen)).decode(),
            limit + 1,
        ),
    )
    found = {id: COPY.decode(body) for id, body in rows[:limit]}
    views = await _views(reader, config, placement, found, now())
    if placement.tenant != request.actor.tenant:
        views = [_told(view, unseen) for view in views]
    items = fitting(views)
    more = len(rows) > limit or len(items) < len(found)
    return CopyPage(items=items, next=items[-1].id.removeprefix(prefix) if more else None)


def _told(view: CopyView, unseen: Collection[str]) -> CopyView:
    """A copy as it is told to another tenant's people: nothing of pods that are not there for them, nor of what else
    its owner has on this one."""
    failure = view.failure
    if failure is not None:
        failure = msgspec.structs.replace(failure, text=FAILURES.get(failure.code, failure.code))
    return msgspec.structs.replace(
        view,
        bytes_network=view.bytes_network + view.bytes_reused,
        bytes_reused=0,
        failure=failure,
        history=(),
        source="" if view.source in unseen else view.source,
    )


async def _views(
    reader: Reader, config: Config, placement: Placement, found: dict[str, Copy], at: datetime
) -> list[CopyView]:
    """The copies of a page; what they wait for and when they should be there is told by the pods of those that are not
    settled, which come in one statement for each kind."""
    names = sorted({copy.pod for copy in found.values() if unfinished(copy)})
    known = Known(
        pods=await named(reader, POD, sorted({*names, *placement.known}) if names else []),
        limits=await named(reader, LIMITS, names),
        queues=await named(reader, QUEUE, names),
    )
    lane: Lane | None = await reader.get(LANE, placement.tenant)
    ends = _estimates(placement, found, known, config, at)
    views = []
    for id, copy in found.items():
        bounds, queue = known.limits.get(copy.pod, PodLimits()), known.queues.get(copy.pod)
        waits = waits_for(id, copy, placement, known.pods.get(copy.pod), bounds, queue, lane, at)
        views.append(copy_view(id, copy, placement.manifest.size, waits=waits, estimate=ends.get(id)))
    return views


def _estimates(
    placement: Placement, found: Mapping[str, Copy], known: Known, config: Config, at: datetime
) -> dict[str, datetime]:
    """By id, when the copies that are not settled should be AVAILABLE, by the rates that were measured: those under way
    as long after their start as their bytes take, the others after what is before them in their pods' queues."""
    if placement.halted:
        return {}
    size, ends = placement.manifest.size, dict[str, datetime]()
    waiting = {copy.pod: id for id, copy in found.items() if unfinished(copy) and not underway(copy)}
    queues = {pod: without(queue, waiting.get(pod, "")) for pod, queue in known.queues.items()}
    guess = outlook(
        waiting, known.pods, queues, known.limits, size=size, source=placement.source, holders=placement.known,
        slots=config.slots, at=at, not_before=placement.terms.not_before,
    )  # fmt: skip
    for pod, id in waiting.items():
        if pod in guess.pods:
            ends[id] = at + timedelta(seconds=guess.pods[pod])
    for id, copy in found.items():
        queue = known.queues.get(copy.pod)
        if underway(copy) and copy.started is not None and queue is not None and queue.rate:
            ends[id] = max(copy.started + timedelta(seconds=size / queue.rate), at)
    return ends
