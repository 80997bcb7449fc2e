"""The query about what a publish would do: the same rules, sources and estimate, and nothing is written."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from contracts.names import ID, copy_id
from contracts.requests import PlanPage, PlanPlacement
from contracts.views import PlanRow
from replicator.config import Config
from replicator.documents import COPY, LANE, LIMITS, POD, POLICY, QUEUE, ROSTER
from replicator.domain.copy import Available, Copy, underway
from replicator.domain.eligibility import Held, Target, resolve
from replicator.domain.estimate import Estimate, objection, outlook, queued_for
from replicator.domain.lane import Lane
from replicator.domain.placement import Placement, Roster, numbered
from replicator.domain.pod import Pod, region_of
from replicator.domain.policy import heeded
from replicator.domain.sources import choose
from replicator.domain.tenancy import known_to, usable
from replicator.queries.pages import every, fitting, now, size
from replicator.queries.sight import placement_for
from runtime.store import Reader

SOURCES = 4
"""Pods named as those that a copy would come from."""

_id = re.compile(ID)


class Present(msgspec.Struct, frozen=True):
    """What there is of the version: its pods, what is wanted of it, its copies by pod and replica."""

    pods: dict[str, Pod]
    holders: dict[str, Pod | None]
    roster: Roster
    copies: dict[tuple[str, int], Copy]
    tenant: str = ""
    public: bool = False


def planner(config: Config) -> Callable[[PlanPlacement, Reader], Awaitable[PlanPage]]:
    """The query, under the rules and slots of ``config``."""

    async def plan(request: PlanPlacement, reader: Reader) -> PlanPage:
        """What a publish would do, by pod and replica; the cursor is the last row's ``<pod>/<replica>``."""
        at = now()
        present = await _present(request, reader)
        policies = (await every(reader, POLICY)).values()
        tenant = present.tenant or request.actor.tenant
        mine = {name: pod for name, pod in present.pods.items() if present.public or usable(pod, request.actor.all)}
        targets = resolve(
            mine, request.targets, request.replicas, request.terms, request.manifest, config.rules,
            heeded(policies, tenant, request.image), held=_held(present.copies),
            source=present.pods.get(request.manifest.source.pod),
        )  # fmt: skip
        lacking = {target.pod for target, _ in _seats(targets, present) if not target.skip}
        estimate = await _estimate(request, reader, config, present, sorted(lacking), at)
        rows = [
            row
            for target in targets
            for row in _rows(request, target, present, estimate)
            if request.cursor is None or (row.pod, row.replica) > _after(request.cursor)
        ]
        limit = size(request.limit)
        page = fitting(rows[:limit])
        warning = None
        if request.deadline is not None:
            warning = objection(estimate, at + timedelta(seconds=request.deadline), request.terms, at)
        return PlanPage(
            items=page,
            next=f"{page[-1].pod}/{page[-1].replica}" if len(page) < len(rows) else None,
            estimate=estimate.whole,
            warning="" if warning is None else f"{warning.code}: {warning.text}",
        )

    return plan


async def _present(request: PlanPlacement, reader: Reader) -> Present:
    """What is known of the version, if the actor may read it."""
    pods = await every(reader, POD)
    placement: Placement | None = None
    if _id.fullmatch(request.version):
        placement = await placement_for(reader, request.actor, request.version)
    if placement is None:
        source = request.manifest.source.pod
        return Present(pods, {source: pods.get(source)}, Roster(), {})
    roster: Roster | None = await reader.get(ROSTER, request.version)
    rows = await reader.rows(
        "SELECT body FROM documents WHERE kind = ? AND id > ? AND id < ?",
        (COPY.name, f"{request.version}_", request.version + chr(ord("_") + 1)),
    )
    copies = {(copy.pod, copy.replica): copy for (body,) in rows if (copy := COPY.decode(body))}
    holders = {name: pods.get(name) for name in placement.known}
    return Present(pods, holders, roster or Roster(), copies, placement.tenant, placement.public)


def _held(copies: Mapping[tuple[str, int], Copy]) -> Held:
    held: dict[str, dict[int, str | None]] = {}
    for (pod, replica), copy in copies.items():
        if isinstance(copy, Available) or underway(copy):
            held.setdefault(pod, {})[replica] = copy.datastore
    return held


def _seats(targets: tuple[Target, ...], present: Present) -> Iterator[tuple[Target, int]]:
    """The copies of the targets that are not AVAILABLE."""
    for target in targets:
        for replica in _replicas(target, present.roster):
            if not isinstance(present.copies.get((target.pod, replica)), Available):
                yield target, replica


def _replicas(target: Target, roster: Roster) -> tuple[int, ...]:
    have = roster.wanted.get(target.pod, ())
    return numbered(have, max(len(have), 1 if target.skip else target.replicas))


def _rows(request: PlanPlacement, target: Target, present: Present, estimate: Estimate) -> Iterator[PlanRow]:
    for replica in _replicas(target, present.roster):
        if isinstance(present.copies.get((target.pod, replica)), Available):
            yield PlanRow(pod=target.pod, replica=replica, action="keep")
        elif target.skip:
            yield PlanRow(pod=target.pod, replica=replica, action="skip", reason=target.skip)
        else:
            yield PlanRow(
                pod=target.pod, replica=replica, action="copy", sources=_sources(request, target.pod, replica, present),
                estimate=estimate.pods.get(target.pod),
            )  # fmt: skip


def _sources(request: PlanPlacement, pod: str, replica: int, present: Present) -> tuple[str, ...]:
    """Who would serve the copy; the pod itself where it holds the version already."""
    if pod in present.holders or replica > 0:
        return (pod,)
    id = copy_id(request.version, pod, replica)
    found = choose(present.pods.get(pod), present.holders, {}, 1, id, request.manifest.source.pod)
    return tuple(one.name for one in found if known_to(one, request.actor))[:SOURCES]


async def _estimate(
    request: PlanPlacement, reader: Reader, config: Config, present: Present, lacking: list[str], at: datetime
) -> Estimate:
    """When the copies would be there: by the queues, windows and rates as they are."""
    source, pods = request.manifest.source.pod, present.pods
    home = region_of(pods.get(source))
    across = any(region_of(pods.get(name)) != home for name in lacking)
    lane: Lane | None = await reader.get(LANE, request.actor.tenant)
    return outlook(
        lacking, pods, await every(reader, QUEUE), await every(reader, LIMITS),
        size=request.manifest.size, source=source, holders=tuple(present.holders), slots=config.slots, at=at,
        not_before=request.terms.not_before, queued=queued_for(lane, across, config.slots, at),
    )  # fmt: skip


def _after(cursor: str) -> tuple[str, int]:
    pod, _, replica = cursor.rpartition("/")
    return pod, int(replica) if replica.isdigit() else -1
