"""When copies will be there: from the rates that were measured, the queues, the windows, and the waves of the start.

An estimate is no promise: it takes the rates of the past for those to come. Nothing measured, nothing said.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from math import ceil
from statistics import median

import msgspec

from contracts.errors import Failure
from contracts.limits import Limits
from contracts.terms import Terms
from replicator.domain.groups import LARGEST
from replicator.domain.lane import Lane
from replicator.domain.limits import PodLimits
from replicator.domain.placement import HOLDERS_KNOWN
from replicator.domain.pod import Connected, Pod
from replicator.domain.queue import Queue, Slots
from replicator.domain.sources import feeders
from replicator.domain.windows import open_at


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod has to do before a new copy: ``ahead`` copies that are there already for ``slots`` at once, beginning
    in ``opens`` seconds (None: nobody knows when, the pod is out of touch). ``rate`` in bytes a second, None while it
    was not measured; ``fed``: the copy needs no network, the pod holds the version."""

    ahead: int = 0
    slots: int = 3
    opens: float | None = 0.0
    rate: float | None = None
    fed: bool = False


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from now until the copies of each pod are there, pods without a guess left out; ``whole`` until the last
    of them. ``begins`` is how long none can start, whatever was measured."""

    pods: dict[str, float] = {}
    whole: float | None = None
    begins: float = 0.0


def load_of(
    pod: Pod | None, queue: Queue | None, limits: Limits, slots: Slots, at: datetime, *, holds: bool = False
) -> Load:
    """What is known of a pod when a copy is planned for it."""
    queue = queue or Queue()
    now, change = open_at(limits, at)
    opens: float | None = 0.0
    if not isinstance(pod, Connected) or (not now and change is None):
        opens = None
    elif not now and change is not None:
        opens = (change - at).total_seconds()
    rate = queue.rate
    if limits.receive is not None:
        rate = float(limits.receive) if rate is None else min(rate, float(limits.receive))
    return Load(
        ahead=queue.receiving + queue.queued,
        slots=slots.pod if limits.copies is None else limits.copies,
        opens=opens,
        rate=rate,
        fed=holds,
    )


def outlook(
    targets: Iterable[str],
    pods: Mapping[str, Pod],
    queues: Mapping[str, Queue],
    limits: Mapping[str, PodLimits],
    *,
    size: int,
    source: str,
    holders: Collection[str],
    slots: Slots,
    at: datetime,
    not_before: datetime | None = None,
    queued: float = 0.0,
) -> Estimate:
    """The estimate for copies of ``size`` bytes on ``targets``, when ``holders`` (the ``source`` among them) have the
    version, nothing may begin before ``not_before``, and the tenant's lane lets it begin in ``queued`` seconds."""
    begins = 0.0 if not_before is None else max(0.0, (not_before - at).total_seconds())
    none = PodLimits()
    loads = {
        name: load_of(pods.get(name), queues.get(name), limits.get(name, none).limits, slots, at, holds=name in holders)
        for name in dict.fromkeys(targets)
    }
    rate = typical(queue.rate for queue in queues.values())
    found = feeders(source, {name: pods.get(name) for name in holders})
    return foresee(loads, size, len(found), slots, begins=max(begins, queued), rate=rate)


def queued_for(lane: Lane | None, across: bool, slots: Slots, at: datetime) -> float:
    """Seconds until a new publish of the tenant has its turn, by the estimates of those before it; 0 when it has it at
    once or nothing was measured."""
    if lane is None:
        return 0.0
    before = [one for one in (*lane.running.values(), *lane.queued.values()) if one.across == across]
    room = slots.tenant_across if across else slots.tenant
    if len(before) < room:
        return 0.0
    ends = sorted(max(0.0, (one.estimate - at).total_seconds()) for one in before if one.estimate is not None)
    return ends[min(len(before) - room, len(ends) - 1)] if ends else 0.0


def typical(rates: Iterable[float | None]) -> float | None:
    """The rate of a pod that was not measured: the median of those that were."""
    return median(known) if (known := [rate for rate in rates if rate]) else None


def foresee(
    loads: Mapping[str, Load], size: int, feeders: int, slots: Slots, *, begins: float = 0.0, rate: float | None = None
) -> Estimate:
    """The estimate for a publish of ``size`` bytes to these pods, when ``feeders`` pods can feed a group each at first
    and it cannot begin for ``begins`` seconds. ``rate`` stands for pods that were not measured; without it, the median
    of those that were.

    Groups start in waves, each as wide as there are holders by then; a wave lasts as long as a pod takes on average.
    """
    rate = rate or typical(load.rate for load in loads.values())
    reachable = sorted(name for name, load in loads.items() if load.opens is not None)
    if rate is None:
        return Estimate(begins=begins)
    seconds = {name: size / (loads[name].rate or rate) for name in reachable}
    receiving = [name for name in reachable if not loads[name].fed]
    each = median(seconds[name] for name in receiving) if receiving else 0.0
    waves = _waves(len(receiving), feeders * slots.source, slots.source)
    pods: dict[str, float] = {}
    for name, wave in zip(receiving, waves, strict=True):
        load = loads[name]
        busy = ceil((load.ahead + 1) / load.slots) - 1
        pods[name] = begins + (load.opens or 0.0) + wave * each + busy * each + seconds[name]
    for name in reachable:
        if loads[name].fed:
            pods[name] = begins + (loads[name].opens or 0.0)
    return Estimate(pods=pods, whole=max(pods.values(), default=None), begins=begins)


def _waves(count: int, first: int, source: int) -> list[int]:
    """The wave in which each of ``count`` copies starts."""
    found: list[int] = []
    wide, wave, holders = max(first, 1), 0, 0
    while len(found) < count:
        started = min(wide * LARGEST, count - len(found))
        found += [wave] * started
        holders = min(holders + started, HOLDERS_KNOWN)
        wide, wave = holders * source, wave + 1
    return found


def objection(estimate: Estimate, deadline: datetime, terms: Terms, at: datetime) -> Failure | None:
    """What is to be said of a deadline that will not be met: ``deadline_unreachable`` refuses the publish, where the
    terms ask for that or where nothing can even begin in time; ``deadline_at_risk`` warns. None: it will be met, or
    nothing was measured (features.md, Settled)."""
    left = (deadline - at).total_seconds()
    if estimate.begins >= left:
        return Failure(
            code="deadline_unreachable",
            step="plan",
            text="the publish may not begin before its deadline",
            hint="name an earlier not_before, or a later deadline",
        )
    if estimate.whole is None or estimate.whole <= left:
        return None
    last = max(estimate.pods, key=lambda name: estimate.pods[name])
    late = sum(seconds > left for seconds in estimate.pods.values())
    text = (
        f"{late} of {len(estimate.pods)} pods will not have it in {left:.0f} s: "
        f"{last} needs {estimate.whole:.0f} s at the measured rates"
    )
    refused = terms.on_deadline == "refuse"
    return Failure(
        code="deadline_unreachable" if refused else "deadline_at_risk",
        step="plan",
        text=text,
        hint=f"a deadline of {estimate.whole * 1.2:.0f} s is within reach; or publish to fewer pods",
    )
