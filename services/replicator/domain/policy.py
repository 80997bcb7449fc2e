"""Placement policies: where a tenant's published versions belong, also on pods that join later (features.md C12)."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from contracts.errors import Problem
from contracts.requests import SetPolicy, SuspendPolicy
from contracts.terms import Policy
from replicator.domain.pod import Pod, effective_labels
from replicator.domain.revision import next_revision

MOST = 100
"""Policies of one tenant: each is looked at whenever a pod joins."""
LARGEST = 32 * 1024
"""Bytes of the largest policy: it is said in one message."""


class NamedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy in force, or suspended. ``revision`` counts its changes, and goes on where a dropped one of the same
    name ended: ``body`` is None then."""

    tenant: str
    name: str
    body: Policy | None
    revision: int
    updated: datetime


def policy_id(tenant: str, name: str) -> str:
    """The id of a tenant's policy."""
    return f"{tenant}.{name}"


def policy_token(tenant: str, name: str) -> str:
    """What events about a policy have in their subject: one token, whatever tenant and name are."""
    return hashlib.sha256(f"{tenant}\0{name}".encode()).hexdigest()[:32]


def selectable(pod: Pod) -> dict[str, str]:
    """What a selector is held against: the pod's effective labels, its name, its hypervisor, its family."""
    return effective_labels(pod) | {"pod": pod.name, "hypervisor": pod.hypervisor, "family": pod.family}


def heeded(policies: Iterable[NamedPolicy], tenant: str, image: str) -> tuple[tuple[str, Policy], ...]:
    """The policies, by name, that are about an image of a tenant; suspended ones are left out of account."""
    return tuple(
        (one.name, one.body)
        for one in policies
        if one.tenant == tenant
        and one.body is not None
        and not one.body.suspended
        and (not one.body.images or image in one.body.images)
    )


def forbidding(policies: Iterable[tuple[str, Policy]], labels: Mapping[str, str]) -> str:
    """The name of a HARD policy outside of which a pod with ``labels`` is, empty when there is none.

    Each HARD policy holds for itself: of two that select different pods, an image may be on those alone that both
    select.
    """
    known = dict(labels)
    for name, policy in policies:
        if policy.kind == "HARD" and not policy.selector.matches(known):
            return name
    return ""


def decide(
    known: NamedPolicy | None, command: SetPolicy | SuspendPolicy, others: int, at: datetime, floor: int = 0
) -> NamedPolicy | Problem:
    """The policy after a command, the same when it changes nothing; or why it is refused. ``others`` counts the
    tenant's policies of other names; the policy's revision is above ``floor``."""
    name, revision = command.name, 0 if known is None else known.revision
    body = None if known is None else known.body
    if isinstance(command, SuspendPolicy):
        if known is None or body is None:
            return no_policy(name)
        wanted = msgspec.structs.replace(body, suspended=not command.resume)
    else:
        in_force = 0 if body is None else revision
        if command.revision is not None and command.revision != in_force:
            return Problem(
                code="revision_mismatch",
                detail=f"policy {name} is at revision {in_force}, not {command.revision}",
                hint="Read the policy again, decide anew, and send the revision that it has now.",
                data={"revision": in_force},
            )
        if body is None and others >= MOST:
            return Problem(
                code="policy_invalid",
                detail=f"the tenant has {others} policies, which is as many as are allowed",
                hint="Drop one, or have one policy name several images.",
                data={"limit": MOST},
            )
        wanted = command.policy
        if len(msgspec.json.encode(wanted)) > LARGEST:
            return Problem(
                code="policy_invalid",
                detail=f"a policy has at most {LARGEST} bytes",
                hint="Give the pods a label of their own, and select by that.",
                data={"limit": LARGEST},
            )
    if known is not None and wanted == body:
        return known
    said = next_revision(revision, floor)
    return NamedPolicy(tenant=command.actor.tenant, name=name, body=wanted, revision=said, updated=at)


def no_policy(name: str) -> Problem:
    """The refusal when the tenant has no policy of this name."""
    return Problem(
        code="policy_not_found",
        detail=f"there is no policy named {name[:80]!r}",
        hint="List the policies.",
    )
