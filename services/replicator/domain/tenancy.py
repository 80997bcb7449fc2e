"""Whom a pod is there for: one that is bound to tenants, accounts or organisations is nothing to everybody else."""

from collections.abc import Iterable, Mapping

from contracts.requests import Actor
from replicator.domain.pod import Pod


def usable(pod: Pod, principals: Iterable[str]) -> bool:
    """Whether somebody who is all this may use the pod."""
    return not pod.tenants or any(one in pod.tenants for one in principals)


def known_to(pod: Pod | None, actor: Actor) -> bool:
    """Whether the pod is there for the actor; all pods are for operators."""
    return pod is not None and (actor.operator or usable(pod, actor.all))


def seen_by(pods: Mapping[str, Pod], actor: Actor) -> dict[str, Pod]:
    """Those of ``pods`` that are there for the actor."""
    return {name: pod for name, pod in pods.items() if known_to(pod, actor)}


def for_tenant(tenant: str, principals: tuple[str, ...]) -> tuple[str, ...]:
    """What a tenant is to those who share; of one that did not say so, the tenant alone."""
    return principals or (tenant,)
