"""What people see of the replicator's documents."""

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec

from contracts.errors import Problem
from contracts.requests import Actor
from contracts.views import CopyView, PlacementView, PodView, PolicyView
from replicator.domain.copy import (
    Available,
    Cancelled,
    Copy,
    Corrupt,
    Deleting,
    Failed,
    Finalizing,
    Missing,
    Pending,
    RetryPending,
    Skipped,
    wanted,
)
from replicator.domain.lane import Lane, position
from replicator.domain.limits import PodLimits
from replicator.domain.placement import Placement, Roster
from replicator.domain.pod import Pod, effective_labels, reporting
from replicator.domain.policy import NamedPolicy
from replicator.domain.queue import Queue
from replicator.domain.windows import open_at

UNFINISHED = ("PENDING", "REPLICATING", "RETRY_PENDING", "FINALIZING", "MISSING", "CORRUPT", "DELETING")
"""States in which something of a copy is on its way."""


def no_pod(name: str) -> Problem:
    """The refusal when no pod of this name is enrolled."""
    return Problem(
        code="pod_not_found",
        detail=f"no pod named {name[:64]!r} is enrolled",
        hint="list the pods; a pod joins when its connector starts with an enrolment token made for it",
    )


def no_placement(version: str) -> Problem:
    """The refusal when the version was never published, or is not the actor's."""
    return Problem(
        code="placement_not_found",
        detail=f"version {version[:64]!r} was never published",
        hint="Publish it first: what is wanted of a version is known from then on.",
    )


def pod_view(pod: Pod, limits: PodLimits, queue: Queue | None = None, *, actor: Actor, at: datetime) -> PodView:
    """A pod with its limits and what waits for it, as of ``at``; who else may use it is for operators."""
    open_, change = open_at(limits.limits, at)
    return PodView(
        name=pod.name,
        state=_tag(pod),
        hypervisor=pod.hypervisor,
        family=pod.family,
        connector_version=pod.connector_version,
        address=pod.address,
        formats=pod.formats,
        labels=effective_labels(pod),
        own_labels=pod.own,
        labels_revision=pod.labels_revision,
        datastores=pod.datastores,
        dead_letters=pod.dead_letters,
        last_seen=pod.last_seen,
        limits=limits.limits,
        limits_revision=limits.revision,
        open=open_,
        opens=None if open_ else change,
        receiving=0 if queue is None else queue.receiving,
        queued=0 if queue is None else queue.queued,
        rate=None if queue is None else queue.rate,
        inventory_at=pod.inventory_at,
        drift=pod.drift,
        capabilities=pod.capabilities,
        tenants=pod.tenants if actor.operator else (),
        tenants_revision=pod.tenants_revision if actor.operator else 0,
    )


def waits_for(
    id: str,
    copy: Copy,
    placement: Placement,
    pod: Pod | None,
    limits: PodLimits,
    queue: Queue | None,
    lane: Lane | None,
    at: datetime,
) -> str:
    """What a PENDING copy waits for; empty for every other one."""
    if not isinstance(copy, Pending):
        return ""
    if placement.denied:
        return "data_denied"
    if placement.paused:
        return "paused"
    if placement.terms.not_before is not None and placement.terms.not_before > at:
        return "not_before"
    if lane is not None and placement.version in lane.queued:
        return "turn"
    if not reporting(pod):
        return "pod_offline"
    if not open_at(limits.limits, at)[0]:
        return "window"
    entry = None if queue is None else queue.copies.get(id)
    return "source" if entry is not None and entry.place == "held" else "slot"


def copy_view(id: str, copy: Copy, size: int, *, waits: str = "", estimate: datetime | None = None) -> CopyView:
    """A copy of a version of ``size`` bytes; ``waits`` is what it waits for (`waits_for`)."""
    moved = isinstance(copy, Finalizing | Available)
    return CopyView(
        id=id,
        version=copy.version,
        pod=copy.pod,
        replica=copy.replica,
        datastore=copy.datastore,
        state=_tag(copy),
        attempt=copy.attempt,
        digest=copy.digest if isinstance(copy, Available) else None,
        bytes_total=size,
        bytes_done=size if moved else 0,
        bytes_network=copy.bytes_network,
        bytes_reused=copy.bytes_reused,
        failure=copy.failure if isinstance(copy, Failed | RetryPending | Corrupt | Missing) else None,
        history=copy.history,
        next_attempt=copy.next_attempt if isinstance(copy, RetryPending) else None,
        reason=copy.reason if isinstance(copy, Skipped | Cancelled | Deleting) else waits,
        excluded=copy.excluded,
        estimate=estimate,
        wanted=wanted(copy),
        source=max(sorted(copy.bytes_from), key=lambda pod: copy.bytes_from[pod], default=""),
        publication=copy.publication,
        updated=copy.updated,
    )


def placement_view(
    placement: Placement,
    roster: Roster,
    counts: Mapping[str, int],
    lane: Lane | None,
    at: datetime,
) -> PlacementView:
    """What is wanted of a version and how it stands at ``at``; ``counts`` are its copies by state."""
    return PlacementView(
        version=placement.version,
        image=placement.image,
        tenant=placement.tenant,
        publication=placement.publication,
        targets=roster.targets,
        pods=tuple(roster.wanted),
        replicas=placement.replicas,
        terms=placement.terms,
        deadline=placement.deadline,
        state=_standing(placement, counts, lane, at),
        position=None if lane is None else position(lane, placement.version),
        copies={state: count for state, count in sorted(counts.items()) if state != "ABSENT"},
        wanted=roster.count,
        estimate=placement.estimate,
        warning=placement.warning,
        policies=roster.policies,
        denied=placement.denied,
        revision=placement.revision,
    )


def foreign(view: PlacementView, roster: Roster, hidden: Collection[str]) -> PlacementView:
    """The placement as another tenant's people see it, who may read the version: nothing of the pods that are not there
    for them, of the owner's other publishes, of his policies. ``view`` counts the copies that they see."""
    replace = msgspec.structs.replace
    terms, targets = view.terms, view.targets
    return replace(
        view,
        pods=tuple(pod for pod in view.pods if pod not in hidden),
        targets=replace(targets, pods=tuple(pod for pod in targets.pods if pod in roster.known and pod not in hidden)),
        terms=replace(
            terms,
            overrides={pod: one for pod, one in terms.overrides.items() if pod in roster.known and pod not in hidden},
        ),
        state="RUNNING" if view.state == "QUEUED" else view.state,
        wanted=sum(len(replicas) for pod, replicas in roster.wanted.items() if pod not in hidden),
        position=None,
        warning=None,
        policies=(),
    )


def _standing(placement: Placement, counts: Mapping[str, int], lane: Lane | None, at: datetime) -> str:
    if placement.state == "WITHDRAWN":
        return "WITHDRAWN"
    if placement.halted:
        return "PAUSED"
    if not any(counts.get(state) for state in UNFINISHED):
        return "SETTLED"
    if placement.terms.not_before is not None and placement.terms.not_before > at:
        return "WAITING"
    return "QUEUED" if lane is not None and placement.version in lane.queued else "RUNNING"


def policy_view(policy: NamedPolicy, pods: tuple[str, ...]) -> PolicyView:
    """A policy, and the pods that match it.

    Raises:
        ValueError: the policy was dropped.
    """
    if policy.body is None:
        raise ValueError("a dropped policy has no view")
    return PolicyView(
        name=policy.name, policy=policy.body, pods=pods, revision=policy.revision, updated=policy.updated
    )  # fmt: skip


def _tag(state: Pod | Copy) -> str:
    return str(state.__struct_config__.tag)
