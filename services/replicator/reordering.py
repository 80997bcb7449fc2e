"""A placement's priority changed: what waits of it takes another place in the order."""

from collections.abc import Iterable

import msgspec

from contracts.terms import URGENCY
from replicator.documents import LANE, QUEUE, RUN
from replicator.domain.copy import Copy
from replicator.domain.placement import Placement
from replicator.messages import remind_advance, remind_dispatch
from runtime.work import Work


def reorder(work: Work, placement: Placement, copies: Iterable[Copy]) -> None:
    """Have the queues of the pods, the run and the tenant's lane know the placement's priority. Their documents are
    loaded. What is under way goes on."""
    version, urgency = placement.version, URGENCY[placement.terms.priority]
    run = work.get(RUN, version)
    if run is not None:
        work.put(RUN, version, msgspec.structs.replace(run, urgency=urgency))
    lane = work.get(LANE, placement.tenant)
    if lane is not None and version in lane.queued:
        turn = msgspec.structs.replace(lane.queued[version], urgency=urgency)
        work.put(LANE, placement.tenant, msgspec.structs.replace(lane, queued=lane.queued | {version: turn}))
        remind_advance(work, version)
    for pod in sorted({copy.pod for copy in copies}):
        queue = work.get(QUEUE, pod)
        if queue is None:
            continue
        changed = {
            id: msgspec.structs.replace(entry, urgency=urgency)
            for id, entry in queue.copies.items()
            if entry.version == version and entry.urgency != urgency
        }
        if changed:
            work.put(QUEUE, pod, msgspec.structs.replace(queue, copies=queue.copies | changed))
            remind_dispatch(work, pod)
